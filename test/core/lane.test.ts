/** A route's state is a fold over slot → verdict: repetition and order change nothing, forgetting changes no state. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fold,
  type Health,
  hostSays,
  initial,
  kept,
  lastJudged,
  nothing,
  type Record,
  setRecord,
  stateOf,
} from '../../lambdas/core/lane.ts';
import type { Verdict } from '../../lambdas/core/words.ts';
import { limits, remembered, slot0 } from './fleet.ts';

const verdictOf: { readonly [letter: string]: Verdict } = {
  g: 'delivered',
  b: 'refused',
  x: 'lost',
  l: 'late',
  j: 'junked',
  r: 'bounced',
  u: 'unsent',
  i: 'blind',
};
const recordAt = (slot: number, letter: string): Record => ({ slot, verdict: verdictOf[letter] ?? 'blind' });
const records = (story: string) => [...story].map((letter, index) => recordAt(slot0 + index, letter));
const folded = (story: string) => fold(initial, records(story), limits);

describe('the state table', () => {
  type Case = { what: string; story: string; health: Health; since?: number; failedAt?: number };
  const cases: readonly Case[] = [
    { what: 'nothing known', story: '', health: 'new' },
    { what: 'only unknown', story: 'uiiu', health: 'new' },
    { what: 'one good', story: 'g', health: 'healthy' },
    { what: 'late is good', story: 'l', health: 'healthy' },
    { what: 'junked is good', story: 'j', health: 'healthy' },
    { what: 'one bad makes a suspect', story: 'gb', health: 'suspected', since: 1 },
    { what: 'lost is bad', story: 'gx', health: 'suspected', since: 1 },
    { what: 'bounced is bad', story: 'gr', health: 'suspected', since: 1 },
    { what: 'a good one clears it', story: 'gbg', health: 'healthy' },
    { what: 'unknown does not clear it', story: 'gbui', health: 'suspected', since: 1 },
    { what: 'unknown does not accuse', story: 'giiiiuuuu', health: 'healthy' },
    { what: 'two bad in a row', story: 'gbb', health: 'failing', since: 1, failedAt: 2 },
    { what: 'two bad around a blind one', story: 'gbiub', health: 'failing', since: 1, failedAt: 4 },
    { what: 'two bad from the beginning', story: 'bb', health: 'failing', since: 0, failedAt: 1 },
    { what: 'three of the last ten', story: 'bgggbgggb', health: 'failing', since: 8, failedAt: 8 },
    { what: 'three of the last ten, not of eleven', story: 'bggggbggggb', health: 'suspected', since: 10 },
    { what: 'failing stays after two good', story: 'bbgg', health: 'failing', since: 0, failedAt: 1 },
    { what: 'failing ends after three good in a row', story: 'bbggg', health: 'healthy' },
    { what: 'a bad one between restarts the count', story: 'bbggbgg', health: 'failing', since: 0, failedAt: 1 },
    { what: 'unknown between does not', story: 'bbgigug', health: 'healthy' },
  ];

  test('a refused login is believed at once: a second try within the hour might lock the account', () => {
    const refused: Record = { slot: slot0, verdict: 'refused', cause: 'auth-failed' };
    expect(fold(initial, [refused], limits)).toMatchObject({ health: 'failing', since: slot0, failedAt: slot0 });
    const unasked: Record = { slot: slot0, verdict: 'unsent', cause: 'trigger-unauthorised' };
    expect(fold(initial, [unasked], limits)).toMatchObject({ health: 'new' });
    expect(fold(initial, [{ ...refused, cause: 'relay-denied' }], limits)).toMatchObject({ health: 'suspected' });
  });

  test('so is a server that relays for a stranger: the next one goes to it in a day', () => {
    const relayed: Record = { slot: slot0, verdict: 'relayed', cause: 'open-relay' };
    expect(fold(initial, [relayed], limits)).toMatchObject({ health: 'failing', failedAt: slot0 });
    expect(fold(initial, [{ slot: slot0, verdict: 'denied' }], limits)).toMatchObject({ health: 'healthy' });
  });

  test.each(cases)('$what', ({ story, health, since, failedAt }) => {
    expect(folded(story)).toMatchObject({
      health,
      ...(since === undefined ? {} : { since: slot0 + since }),
      ...(failedAt === undefined ? {} : { failedAt: slot0 + failedAt }),
    });
    if (since === undefined) expect(folded(story)).not.toHaveProperty('since');
  });

  test('mail that was called lost, refused or returned and arrived still counts as bad', () => {
    for (const was of ['lost', 'refused', 'bounced'] as const)
      expect(hostSays({ slot: slot0, verdict: 'delivered', was })).toBe('bad');
  });

  test('mail that was not known about and arrived counts as good', () => {
    for (const was of ['blind', 'unsent'] as const)
      expect(hostSays({ slot: slot0, verdict: 'delivered', was })).toBe('good');
  });

  test('a correction heals nothing', () => {
    const lost = records('xx');
    const corrected = lost.map((record): Record => ({ ...record, verdict: 'late', was: 'lost' }));
    expect(fold(initial, corrected, limits)).toEqual(fold(initial, lost, limits));
  });

  test('the newest judged record is the newest that is known', () => {
    expect(lastJudged(remembered(records('gbui')))?.slot).toBe(slot0 + 1);
    expect(lastJudged(remembered(records('ui')))).toBeUndefined();
  });
});

describe('the memory', () => {
  const letter = fc.constantFrom(...'gbxlui');
  const story = fc.array(letter, { maxLength: 40 });
  /** A history that ended before `open`, and the records of the slots that are still read. */
  const histories = fc.record({ old: story, present: story });
  const built = ({ old, present }: { old: readonly string[]; present: readonly string[] }) => {
    const open = slot0 + old.length;
    const history = old.map((one, index) => recordAt(slot0 + index, one));
    const now = present.map((one, index) => recordAt(open + index, one));
    const before = history.reduce((memory, one, index) => setRecord(memory, one, slot0 + index, limits), nothing);
    const set = (list: readonly Record[], start = before) =>
      list.reduce((memory, one) => setRecord(memory, one, open, limits), start);
    return { open, history, now, before, set };
  };
  const shuffled = histories.chain((history) => {
    const { now } = built(history);
    const repeated = now.length === 0 ? fc.constant([]) : fc.array(fc.constantFrom(...now), { maxLength: 20 });
    return fc
      .tuple(fc.shuffledSubarray(now, { minLength: now.length }), repeated)
      .map(([order, again]) => ({ ...history, order: [...order, ...again] }));
  });

  test('is the same in whatever order, and however often, the records of open slots are set', () => {
    fc.assert(
      fc.property(shuffled, ({ order, ...history }) => {
        const { now, set } = built(history);
        expect(set(order)).toEqual(set(now));
      }),
    );
  });

  test('forgets nothing that the state depends on', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { history: old, now, set } = built(history);
        expect(stateOf(set(now), limits)).toEqual(fold(initial, [...old, ...now], limits));
      }),
    );
  });

  test('keeps every record of an open slot, and at least twelve', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { now, open, set } = built(history);
        const memory = set(now);
        expect(memory.records.filter(({ slot }) => slot >= open)).toEqual(now);
        const all = history.old.length + now.length;
        expect(memory.records.length).toBeGreaterThanOrEqual(Math.min(all, kept));
      }),
    );
  });

  test('a slot that was forgotten is left as it was', () => {
    const memory = remembered(records('g'.repeat(100)), slot0 + 100);
    const forgotten = memory.forgotten ?? 0;
    expect(forgotten).toBeGreaterThanOrEqual(slot0);
    expect(setRecord(memory, recordAt(forgotten, 'b'), slot0 + 100, limits)).toBe(memory);
    expect(setRecord(memory, recordAt(forgotten + 1, 'b'), slot0 + 100, limits)).not.toEqual(memory);
  });

  test('a correction replaces the record of its slot', () => {
    const memory = setRecord(remembered(records('gx')), { slot: slot0 + 1, verdict: 'late', was: 'lost' }, 0, limits);
    expect(memory.records).toHaveLength(2);
    expect(memory.records.at(-1)).toMatchObject({ verdict: 'late', was: 'lost' });
  });
});
