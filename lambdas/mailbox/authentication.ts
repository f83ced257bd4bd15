/** What the mailbox's own server found of the sender (RFC 8601): its words, and never those of anybody else. */
import type { Authentication, AuthResult } from '../core/words.ts';
import type { Field } from './header.ts';
import { byOf } from './hops.ts';
import { asWords } from './said.ts';

/** Longer values and more fields are not read: no server needs them to say what it found. */
const longest = 10_000;
const mostFields = 50;
const mostStatements = 100;
const longestWords = 300;

/** A part of a value between semicolons: as it came, and without its comments. */
type Statement = { readonly raw: string; readonly bare: string };

/** Cuts a value at the semicolons that stand neither in a comment (they nest) nor in a quoted string (RFC 5322 3.2). */
const statementsIn = (value: string): Statement[] => {
  const statements: Statement[] = [];
  const special = /[()";\\]/g;
  let depth = 0;
  let quoted = false;
  let start = 0;
  /** Where the text outside of comments goes on. */
  let bareFrom = 0;
  let bare = '';
  const cut = (end: number) => {
    bare += depth > 0 ? '' : value.slice(bareFrom, end);
    statements.push({ raw: value.slice(start, end).trim(), bare: bare.trim() });
    start = end + 1;
    bareFrom = start;
    bare = '';
  };
  for (
    let match = special.exec(value);
    match !== null && statements.length < mostStatements;
    match = special.exec(value)
  ) {
    const at = match.index;
    const char = match[0];
    if (char === '\\') special.lastIndex += quoted || depth > 0 ? 1 : 0;
    else if (char === '"') quoted = depth > 0 ? quoted : !quoted;
    else if (quoted) continue;
    else if (char === '(') {
      if (depth === 0) bare += `${value.slice(bareFrom, at)} `;
      depth += 1;
    } else if (char === ')') {
      if (depth === 1) bareFrom = at + 1;
      depth = Math.max(0, depth - 1);
    } else if (depth === 0) cut(at);
  }
  cut(value.length);
  return statements;
};

const results: readonly AuthResult[] = [
  'pass',
  'temperror',
  'fail',
  'permerror',
  'softfail',
  'policy',
  'neutral',
  'none',
  'unknown',
];

const asResult = (word: string): AuthResult => {
  const lower = word.toLowerCase();
  // RFC 5451 called it so.
  return results.find((result) => result === lower) ?? (lower === 'hardfail' ? 'fail' : 'unknown');
};

const methods = ['spf', 'dkim', 'dmarc'] as const;
type Method = (typeof methods)[number];

type Finding = Statement & { readonly method: string; readonly result: AuthResult };

/** "dkim=pass", "dkim/1 = pass": what was examined, and what came of it. */
const findingIn = (statement: Statement): Finding | undefined => {
  const [, method, result] =
    /^([a-z][a-z0-9-]{0,40})\s*(?:\/\s*\d{1,3}\s*)?=\s*([a-z0-9-]{1,40})/i.exec(statement.bare) ?? [];
  if (method === undefined || result === undefined) return undefined;
  return { ...statement, method: method.toLowerCase(), result: asResult(result) };
};

/** Of several findings of one method the one that counts: any signature that passes, the envelope sender before HELO. */
const chosen = (method: Method, findings: readonly Finding[]): Finding | undefined => {
  const all = findings.filter((finding) => finding.method === method);
  if (all.length < 2) return all[0];
  if (method === 'dkim') return results.flatMap((result) => all.find((one) => one.result === result) ?? [])[0];
  return all.find(({ bare }) => /\bsmtp\.mail(?:from)?\b/i.test(bare)) ?? all[0];
};

/** One field, read. Without an id it does not say who wrote it (Microsoft). */
type Results = { readonly id: string | undefined; readonly findings: readonly Finding[]; readonly value: string };

const read = (whole: string): Results => {
  const value = whole.slice(0, longest);
  const [first, ...rest] = statementsIn(value);
  const isFinding = first !== undefined && findingIn(first) !== undefined;
  const [, quoted, word] = isFinding ? [] : (/^(?:"([^"]{1,255})"|([^\s";=]{1,255}))/.exec(first?.bare ?? '') ?? []);
  const id = (quoted ?? word ?? (isFinding ? undefined : ''))?.toLowerCase();
  const statements = isFinding ? [first, ...rest] : rest;
  return { id, findings: statements.flatMap((statement) => findingIn(statement) ?? []), value };
};

/** `*.example.net` names every server of that domain, for those whose machines each write their own name. */
const namesIt = (trusted: string, id: string): boolean =>
  trusted.startsWith('*.') ? id.endsWith(trusted.slice(1)) : id === trusted;

const isWithin = (trusted: string, host: string): boolean => {
  const domain = trusted.replace(/^\*\./, '');
  const name = host.toLowerCase();
  return name === domain || name.endsWith(`.${domain}`);
};

/** The fields between two `Received`: what one server wrote on top of what it got, and the trace of the one who got it. */
type Stack = { readonly values: readonly string[]; readonly received: string | undefined };

const stacksOf = (fields: readonly Field[]): Stack[] => {
  const stacks: Stack[] = [];
  let values: string[] = [];
  let left = mostFields;
  for (const { name, value } of fields) {
    if (name === 'received') {
      stacks.push({ values, received: value });
      values = [];
      if (stacks.length >= mostFields) return stacks;
    } else if (name === 'authentication-results' && left > 0) {
      left -= 1;
      values.push(value);
    }
  }
  return [...stacks, { values, received: undefined }];
};

/**
 * The fields that the trusted server wrote: the topmost, and those below it that are its own, down to the next `Received`
 * (OpenDKIM and OpenDMARC write one each, Fastmail four, Apple one per method). Below that it is what the sender brought.
 *
 * A field without an id counts for the server whose `Received` stands next below it, if that server is the trusted one and
 * has not taken the mail once more above: a sender can write a field, but not on top of the trace of the one who took it.
 */
const ownOf = (fields: readonly Field[], trusted: string): readonly Results[] => {
  const stacks = stacksOf(fields);
  /** Whether the trusted server took the mail below this stack. */
  const isTaken = ({ received }: Stack) => received !== undefined && isWithin(trusted, byOf(received));
  for (const [at, stack] of stacks.entries()) {
    const own: Results[] = [];
    /** Found out once, and only where a field does not say whose it is. */
    let isOnTop: boolean | undefined;
    for (const value of stack.values) {
      const one = read(value);
      if (one.id === undefined) isOnTop ??= isTaken(stack) && !stacks.slice(0, at).some(isTaken);
      const isOwn = one.id === undefined ? isOnTop === true : namesIt(trusted, one.id);
      if (isOwn) own.push(one);
      else if (own.length > 0) break;
    }
    if (own.length > 0) return own;
  }
  return [];
};

/** The words in which it says so: each a fair share of the room. */
const wordsOf = (id: string | undefined, findings: readonly Finding[]): string => {
  const parts = [...(id === undefined ? [] : [id]), ...findings.map(({ raw }) => raw)].map(asWords);
  const whole = parts.join('; ');
  if (whole.length <= longestWords) return whole;
  const room = Math.floor((longestWords + 2) / parts.length) - 2;
  return parts.map((part) => (part.length <= room ? part : `${part.slice(0, room - 3)}...`)).join('; ');
};

/**
 * What the server with this authserv-id found, of the fields of a header, topmost first. Undefined when it wrote nothing.
 * A field further down adds what those above leave out, and never contradicts them; RFC 8601 5 has the server remove what
 * others wrote in its name. `authservId` may be `*.messagingengine.com` (any server of that domain), and for Microsoft, who
 * writes no id, `protection.outlook.com`, the name in the `Received` of its edge. Never throws; linear in the input.
 */
export const authenticationOf = (fields: readonly Field[], authservId: string): Authentication | undefined => {
  const own = ownOf(fields, authservId.trim().toLowerCase());
  const [top] = own;
  if (top === undefined) return undefined;
  const found = methods.flatMap((method) => {
    const finding = own.map(({ findings }) => chosen(method, findings)).find((one) => one !== undefined);
    return finding === undefined ? [] : [finding];
  });
  const result = (method: Method) => found.find((finding) => finding.method === method)?.result;
  const [spf, dkim, dmarc] = [result('spf'), result('dkim'), result('dmarc')];
  const [shown] = found;
  const speaker = own.find(({ findings }) => shown !== undefined && findings.includes(shown));
  const words = speaker === undefined ? asWords(top.value).slice(0, longestWords) : wordsOf(speaker.id, found);
  return { ...(spf && { spf }), ...(dkim && { dkim }), ...(dmarc && { dmarc }), words: words.toWellFormed() };
};
