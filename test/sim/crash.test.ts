/**
 * A death before and after every call to the world, exhaustively: of one confirm, plan, send and discover round here,
 * of the whole story with SIM_CRASH=all, of the n-th machines with SIM_CRASH=n.
 */
import { describe, expect, it } from 'vitest';
import { tryStory } from './checker.ts';
import { deathsOf, withDeath } from './crash.ts';
import type { Kind } from './machine.ts';
import { crashStory } from './scenarios.ts';

const chosen = process.env.SIM_CRASH ?? '';
/** The rounds in which most happens: an incident opens, its routes are tried again, mail is removed. */
const busy: Readonly<Record<Kind, number>> = { discover: 2, plan: 6, send: 6, note: 3, confirm: 8 };

const isChosen = (kind: Kind, number: number) =>
  chosen === 'all' || (chosen === '' ? busy[kind] === number : Number(chosen) === number);

describe('a death before and after every call', () => {
  it('has a story in which enough happens', async () => {
    const { truth } = await tryStory(crashStory());
    expect(truth.violations).toEqual([]);
    for (const word of ['refused', 'lost', 'blind', 'delivered'])
      expect(truth.counts.get(`verdict ${word}`), word).toBeGreaterThan(0);
    expect(truth.counts.get('incidents')).toBeGreaterThan(1);
    expect(truth.counts.get('corrections')).toBeGreaterThan(0);
  });

  it.each(['confirm', 'plan', 'send', 'note', 'discover'] as const)(
    '%s loses nothing and counts nothing twice',
    { timeout: 3_600_000 },
    async (kind) => {
      const story = crashStory();
      const deaths = await deathsOf(story, (whose, number) => whose === kind && isChosen(whose, number));
      expect(deaths.length).toBeGreaterThan(kind === 'note' ? 1 : 3);
      const broken: string[] = [];
      for (const death of deaths) {
        const { truth } = await withDeath(story, death);
        if (truth.violations.length > 0) broken.push(`${JSON.stringify(death)}: ${truth.violations[0]}`);
        if ((truth.counts.get(`${kind} died`) ?? 0) === 0) broken.push(`${JSON.stringify(death)}: nobody died`);
      }
      expect(broken).toEqual([]);
    },
  );
});
