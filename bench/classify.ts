/** What it costs to classify replies of servers: a million of them, beside one simple pattern over the same replies. */
import { classify } from '../lambdas/core/replies.ts';
import { replies } from '../test/core/replies-table.ts';
import { median, spread, table } from './numbers.ts';

/** A million replies take less than this. */
export const allowedSeconds = 2;

/** Servers' real words, each time about another recipient and another client, so that no two of them are the same string. */
const made = (count: number): string[] => {
  const words = replies.map(([, reply]) => reply).filter((reply) => reply !== '');
  return Array.from({ length: count }, (_, index) => {
    const reply = (words[index % words.length] ?? '')
      .replaceAll(/\b(?:canary|x)@/g, `customer-${index}@`)
      .replaceAll('198.51.100.7', `198.51.${index % 251}.${index % 241}`);
    // As it comes from a socket: flat, and one byte a character.
    return Buffer.from(reply, 'latin1').toString('latin1');
  });
};

const seconds = (work: () => number): number => {
  const begun = performance.now();
  if (work() < 0) throw new Error('nothing was counted');
  return (performance.now() - begun) / 1000;
};

/** Classifies `count` replies in each of several turns; `missed` says which limit was. */
export const classification = (count = 1_000_000, turns = 3): { readonly text: string; readonly missed: string[] } => {
  const all = made(count);
  const simple = /relay access denied/i;
  const ours = () => all.reduce((known, reply) => known + (classify(reply).cause === 'unknown' ? 0 : 1), 0);
  const baseline = () => all.reduce((found, reply) => found + (simple.test(reply) ? 1 : 0), 0);
  const measured = Array.from({ length: turns }, () => [seconds(ours), seconds(baseline)] as const);
  const [classified = [], matched = []] = [0, 1].map((column) => measured.map((turn) => turn[column] ?? Number.NaN));
  const characters = all.reduce((sum, reply) => sum + reply.length, 0) / count;
  const million = median(classified) * (1_000_000 / count);
  const text = `${table(
    ['', 'seconds'],
    [
      ['classified', spread(classified, 2)],
      ['one pattern, for comparison', spread(matched, 2)],
    ],
  )}

${count.toLocaleString('en')} replies of ${characters.toFixed(0)} characters on average, ${turns} turns; median, least and most. Allowed: ${allowedSeconds} s for a million.`;
  return {
    text,
    missed: million < allowedSeconds ? [] : [`a million replies took ${million.toFixed(2)} s to classify`],
  };
};
