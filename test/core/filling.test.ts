/** How a mailbox fills up: which samples are kept, the date at their pace, and when it rings. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fullOn, quotaSeverity, type Sample, sampling, usedPercent, withSample } from '../../lambdas/core/filling.ts';
import type { Severity } from '../../lambdas/core/incident.ts';

const hour = 3_600_000;
const day = 24 * hour;
const now = Date.UTC(2026, 10, 17, 9);
const limit = 10_000;

/** Samples this many hours before now. */
const samples = (...pairs: readonly (readonly [hoursAgo: number, used: number])[]): Sample[] =>
  pairs.map(([hoursAgo, used]) => ({ at: now - hoursAgo * hour, used, limit }));

const gathered = (pairs: readonly Sample[]): readonly Sample[] =>
  pairs.reduce<readonly Sample[]>((kept, one) => withSample(kept, one), []);

const ranks = { page: 3, ticket: 2, note: 1, none: 0 } as const;
const rank = (severity: Severity | undefined) => ranks[severity ?? 'none'];

test('the percentage is of the limit, and may be more than 100', () => {
  expect(usedPercent({ used: 850, limit: 1000 })).toBe(85);
  expect(usedPercent({ used: 1100, limit: 1000 })).toBeCloseTo(110);
});

describe('the samples', () => {
  test('of a mailbox that is asked once an hour are 8, and reach back a day', () => {
    const kept = gathered(Array.from({ length: 60 }, (_, index) => ({ at: now + index * hour, used: index, limit })));
    expect(kept).toHaveLength(8);
    expect(kept.at(-1)?.used).toBe(59);
    expect(59 - (kept[0]?.used ?? 0)).toBeGreaterThanOrEqual(20);
    // Spread over the day, not the last hours of it.
    const gaps = kept.slice(1).map(({ at }, index) => (at - (kept[index]?.at ?? 0)) / hour);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(8);
  });

  test('asked again within the hour, the newest stands in for the one before', () => {
    expect(gathered(samples([2, 100], [1.5, 110], [1.2, 120], [0, 130]))).toEqual(samples([2, 100], [0, 130]));
    expect(gathered(samples([2, 100], [1.5, 110]))).toEqual(samples([2, 100], [1.5, 110]));
  });

  test('begin anew when somebody emptied the mailbox, not when our own canaries went', () => {
    expect(gathered(samples([3, 1000], [2, 1100], [1, 870]))).toEqual(samples([1, 870]));
    expect(gathered(samples([3, 1000], [2, 1100], [1, 890]))).toHaveLength(3);
  });

  test('begin anew with another limit, after a day of darkness, and when the clock was wrong', () => {
    const other = { at: now, used: 1000, limit: limit * 2 };
    expect(withSample(samples([1, 1000]), other)).toEqual([other]);
    expect(gathered(samples([30, 1000], [0, 1100]))).toEqual(samples([0, 1100]));
    expect(gathered(samples([-50, 1000], [0, 1100]))).toEqual(samples([0, 1100]));
  });

  test('keep what else stands in them', () => {
    expect(withSample([], { at: now, used: 1, limit, resource: 'STORAGE' })).toEqual([
      { at: now, used: 1, limit, resource: 'STORAGE' },
    ]);
  });

  test('in any order and number: at most 8, ascending, within a day, the newest last, the others an hour apart', () => {
    const one = fc.record({
      at: fc.integer({ min: 0, max: 4 * day }),
      used: fc.integer({ min: 0, max: 100 }),
      limit: fc.constantFrom(100, 200),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60, minLength: 1 }), (all) => {
        const kept = gathered(all);
        expect(kept.at(-1)).toEqual(all.at(-1));
        expect(kept.length).toBeLessThanOrEqual(8);
        const times = kept.map(({ at }) => at);
        const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
        expect(gaps.every((gap) => gap > 0)).toBe(true);
        expect(gaps.slice(0, -1).every((gap) => gap >= sampling.apart)).toBe(true);
        expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThanOrEqual(day);
      }),
    );
  });
});

describe('the date at this pace', () => {
  test.each<[string, readonly Sample[], number | undefined]>([
    ['a tenth of it a day', samples([24, 7000], [12, 7500], [0, 8000]), 2 * day],
    ['by the first and the last alone', samples([24, 7000], [12, 7990], [0, 8000]), 2 * day],
    ['only the last day counts', samples([48, 0], [24, 7000], [0, 8000]), 2 * day],
    ['it does not grow', samples([24, 8000], [0, 8000]), undefined],
    ['it shrinks', samples([24, 8500], [0, 8000]), undefined],
    ['one sample is no pace', samples([0, 8000]), undefined],
    ['none at all', [], undefined],
    ['less than six hours are none either', samples([5, 7000], [0, 8000]), undefined],
    ['six hours are', samples([6, 7000], [0, 8000]), 12 * hour],
    ['in more than a year', samples([24, 8000], [0, 8005]), undefined],
    ['just within a year', samples([24, 7994], [0, 8000]), (2000 / 6) * day],
    ['it is full already', samples([24, 9000], [0, 10_500]), 0],
  ])('%s', (_, of, after) => {
    expect(fullOn(of, now)).toBe(after === undefined ? undefined : Math.round(now + after));
  });

  test('does not move while nobody asks', () => {
    const of = samples([24, 7000], [0, 8000]);
    expect(fullOn(of, now + 30 * hour)).toBe(fullOn(of, now));
  });
});

describe('it rings', () => {
  test.each<[percent: number, fullAfter: number | undefined, Severity | undefined]>([
    [79.9, undefined, undefined],
    [80, undefined, 'ticket'],
    [94.9, undefined, 'ticket'],
    [95, undefined, 'page'],
    [120, undefined, 'page'],
    [50, 7 * day, 'ticket'],
    [49.9, hour, undefined],
    [50, 7 * day + 1, undefined],
    [79.9, hour, 'ticket'],
    [80, day, 'page'],
    [80, day + 1, 'ticket'],
    [99, 100 * day, 'page'],
    [80, -hour, 'page'],
  ])('%s %% used, full after %s ms: %s', (percent, after, severity) => {
    expect(quotaSeverity(percent, after === undefined ? undefined : now + after, now)).toBe(severity);
  });

  test.each<[held: Severity, percent: number, fullAfter: number | undefined, Severity | undefined]>([
    ['ticket', 75, undefined, 'ticket'],
    ['ticket', 74.9, undefined, undefined],
    ['page', 90, undefined, 'page'],
    ['page', 89.9, undefined, 'ticket'],
    ['page', 75, undefined, 'ticket'],
    ['ticket', 90, undefined, 'ticket'],
    ['ticket', 45, 10.5 * day, 'ticket'],
    ['ticket', 45, 10.6 * day, undefined],
    ['page', 75, 36 * hour, 'page'],
    ['note', 79, undefined, undefined],
  ])('it was a %s: %s %% used, full after %s ms is still %s', (held, percent, after, severity) => {
    expect(quotaSeverity(percent, after === undefined ? undefined : now + after, now, held)).toBe(severity);
  });

  const percent = fc.double({ min: 0, max: 130, noNaN: true });
  const fullAt = fc.option(fc.integer({ min: now - day, max: now + 400 * day }), { nil: undefined });
  const held = fc.constantFrom<Severity | undefined>('page', 'ticket', 'note', undefined);

  test('never less for more used, for a sooner date, later, or for having rung', () => {
    fc.assert(
      fc.property(percent, percent, fullAt, fc.nat(30 * day), held, (one, more, at, later, before) => {
        const [low, high] = [Math.min(one, more), Math.max(one, more)];
        const base = rank(quotaSeverity(low, at, now, before));
        expect(rank(quotaSeverity(high, at, now, before))).toBeGreaterThanOrEqual(base);
        expect(rank(quotaSeverity(low, at, now + later, before))).toBeGreaterThanOrEqual(base);
        expect(
          rank(quotaSeverity(low, at === undefined ? now + later : at - later, now, before)),
        ).toBeGreaterThanOrEqual(at === undefined ? 0 : base);
        expect(base).toBeGreaterThanOrEqual(rank(quotaSeverity(low, at, now)));
      }),
    );
  });

  test('near any threshold it does not open and close with every mail', () => {
    const wobble = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(fc.constantFrom(80, 95, 50), wobble, (threshold, offsets) => {
        let before: Severity | undefined;
        let changes = 0;
        for (const offset of offsets) {
          const next = quotaSeverity(threshold + offset, undefined, now, before);
          if (next !== before) changes += 1;
          before = next;
        }
        // It may begin below the threshold (a ticket at 95 %), and rise once.
        expect(changes).toBeLessThanOrEqual(2);
      }),
    );
  });
});
