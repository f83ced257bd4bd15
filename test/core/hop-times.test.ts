/** How long a mail lay where, from stamps of clocks that may be wrong: nothing is said that the stamps do not carry. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hopTimes, slowestHop } from '../../lambdas/core/hop-times.ts';
import type { Hop } from '../../lambdas/core/words.ts';

const sentAt = Date.UTC(2025, 10, 6, 10, 0, 0);
const [gw, relay, mx, imap] = ['mail-gw.example.com', 'relay.example.com', 'mx.example.net', 'imap.example.net'];

/** Hops by name and seconds after sending. */
const way = (...steps: readonly (readonly [string | undefined, number | undefined])[]): Hop[] =>
  steps.map(([by = 'unknown', seconds]) => ({ by, at: seconds === undefined ? undefined : sentAt + seconds * 1000 }));
const within = (seconds: number) => ({ sentAt, arrivedAt: sentAt + seconds * 1000 });

describe('seconds', () => {
  test.each([
    ['a plain way', way([gw, 1], [mx, 3]), within(4), [[2], [1]]],
    ['without bounds the last has none', way([gw, 1], [mx, 3]), undefined, [[2], []]],
    ['a stamp that is missing', way([gw, 1], [relay, undefined], [mx, 3]), within(3), [[], [], [0]]],
    ['a clock that is ahead', way([gw, 1], [relay, 7200], [mx, 3]), within(4), [[7199, 'skew'], [-7197, 'skew'], [1]]],
    [
      'the same, found without bounds',
      way([gw, 1], [relay, 7200], [mx, 3], [imap, 4]),
      undefined,
      [[7199, 'skew'], [-7197, 'skew'], [1], []],
    ],
    ['a clock that is behind', way([gw, 1], [relay, -500], [mx, 3]), within(4), [[-501, 'skew'], [503, 'skew'], [1]]],
    [
      'a second back is skew, and spoils nothing else',
      way([gw, 2], [mx, 1], [imap, 60]),
      within(60),
      [[-1, 'skew'], [59], [0]],
    ],
    ['more than a day, without bounds', way([gw, 1], [mx, 90_000]), undefined, [[89_999, 'skew'], []]],
    ['more than a day, which sending and arrival allow', way([gw, 1], [mx, 90_000]), within(90_001), [[89_999], [1]]],
    [
      'more than sending and arrival allow',
      way([gw, 1], [mx, 900]),
      within(60),
      [
        [899, 'skew'],
        [-840, 'skew'],
      ],
    ],
    // Either clock may be the wrong one: neither is believed.
    [
      'two that contradict each other',
      way([gw, 1], [relay, 50], [mx, 5], [imap, 58]),
      within(60),
      [[49, 'skew'], [-45, 'skew'], [53, 'skew'], [2]],
    ],
    ['no hops', [], within(4), []],
  ] as const)('%s', (_, hops, bounds, expected) => {
    const found = hopTimes(hops, bounds).map(({ seconds, skew }) => [
      ...(seconds === undefined ? [] : [seconds]),
      ...(skew ? ['skew'] : []),
    ]);
    expect(found).toEqual(expected);
  });

  test('what else is known of a hop stays', () => {
    const hop = { by: mx, from: 'a [192.0.2.1]', address: '192.0.2.1', with: 'ESMTPS', tls: 'TLSv1.3' };
    expect(hopTimes([{ ...hop, at: sentAt }])).toEqual([hop]);
  });
});

describe('the slowest hop', () => {
  test.each([
    ['held by a relay', way([gw, 1], [mx, 841]), within(842), `${gw} held it for 14 min (until ${mx} took it)`],
    [
      'held by the last server',
      way([gw, 1], [mx, 2]),
      within(842),
      `${mx} held it for 14 min (until it was in the mailbox)`,
    ],
    ['before the first server', way([gw, 300], [mx, 301]), within(301), `5 min passed before ${gw} took it`],
    ['inside one machine', way([gw, 1], [mx, 2], [mx, 5000]), within(5001), `${mx} held it for 83 min`],
    ['for hours', way([gw, 1], [mx, 7501]), within(7502), `${gw} held it for 2 h 5 min (until ${mx} took it)`],
    ['for days', way([gw, 1], [mx, 259_201]), within(259_202), `${gw} held it for 3 days (until ${mx} took it)`],
    ['for seconds', way([gw, 1], [mx, 46]), within(47), `${gw} held it for 45 s (until ${mx} took it)`],
    [
      'a server without a name',
      way([undefined, 1], [mx, 841]),
      within(842),
      `a server without a name held it for 14 min (until ${mx} took it)`,
    ],
    [
      'a clock that is ahead, in between',
      way([gw, 1], [relay, 7800], [mx, 601]),
      within(602),
      `10 min passed between ${gw} and ${mx}; clock of ${relay} is 2 h ahead`,
    ],
    [
      'a clock that is behind, at the end',
      way([gw, 1], [mx, -3599]),
      within(900),
      `15 min passed between ${gw} and the mailbox; clock of ${mx} is 60 min behind`,
    ],
    [
      'a stamp that is missing',
      way([gw, 1], [relay, undefined], [mx, 601]),
      within(602),
      `10 min passed between ${gw} and ${mx}`,
    ],
    [
      'clocks that contradict each other',
      way([relay, 500], [mx, 30]),
      within(900),
      `clocks of ${relay} and ${mx} disagree`,
    ],
    ['every clock is wrong', way([gw, 90_000]), within(900), `clock of ${gw} is 24 h 45 min ahead`],
    ['nothing took long', way([gw, 1], [mx, 3]), within(8), undefined],
    ['no stamps', way([gw, undefined], [mx, undefined]), within(900), undefined],
    ['no hops', [], within(900), undefined],
  ] as const)('%s', (_, hops, bounds, expected) => {
    expect(slowestHop(hops, bounds)).toBe(expected);
  });

  test('a hostile name stays one short line', () => {
    const words = slowestHop(
      [
        { by: `a\n\u001b[31m\u202e${'x'.repeat(5000)}`, at: sentAt },
        { by: mx, at: sentAt + 900_000 },
      ],
      within(901),
    );
    expect(words).toMatch(/^a \[31mx+ held it for 15 min \(until mx\.example\.net took it\)$/);
    expect(words?.length).toBeLessThan(160);
  });
});

/** Anything that a header can make of a stamp, and what a caller can make of the bounds. */
const stamp = fc.oneof(
  fc.integer({ min: -100, max: 4000 }).map((seconds) => sentAt + seconds * 1000),
  fc.integer({ min: -8.6e15, max: 8.6e15 }),
  fc.constantFrom(undefined, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0),
);
const chain = fc.array(fc.record({ by: fc.constantFrom(gw, relay, mx, imap, 'unknown'), at: stamp }), {
  maxLength: 50,
});
const bounds = fc.option(fc.integer({ min: 0, max: 4000 }).map(within), { nil: undefined });

describe('whatever the stamps are', () => {
  test('never NaN; trustworthy seconds never come to more than sending and arrival allow', () => {
    fc.assert(
      fc.property(chain, bounds, (hops, limits) => {
        const times = hopTimes(hops, limits);
        expect(times.map(({ by }) => by)).toEqual(hops.map(({ by }) => by));
        for (const { seconds } of times) if (seconds !== undefined) expect(Number.isFinite(seconds)).toBe(true);
        const known = times.flatMap(({ seconds, skew }) => (seconds === undefined || skew ? [] : [seconds]));
        for (const seconds of known) expect(seconds).toBeGreaterThanOrEqual(0);
        if (limits === undefined) for (const seconds of known) expect(seconds).toBeLessThanOrEqual(86_400);
        else {
          const total = (limits.arrivedAt - limits.sentAt) / 1000;
          // Each stamp may be off by the tolerance of five seconds.
          expect(known.reduce((sum, seconds) => sum + seconds, 0)).toBeLessThanOrEqual(total + 5 * (hops.length + 2));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('words never hold NaN, Infinity or a negative span, and never name more time than passed', () => {
    fc.assert(
      fc.property(chain, fc.integer({ min: 0, max: 4000 }), (hops, seconds) => {
        const words = slowestHop(hops, within(seconds)) ?? '';
        expect(words).not.toMatch(/NaN|Infinity|-\d|\n/);
        const held = /(?:held it for|^)\s?(\d+) s\b/.exec(words)?.[1];
        if (held !== undefined) expect(Number(held)).toBeLessThanOrEqual(seconds + 10);
        if (seconds < 0.9 * 10) expect(words).not.toMatch(/held|passed \d/);
      }),
      { numRuns: 2000 },
    );
  });

  test('clocks that are right are all believed, and the longest wait is the one that is named', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 2, maxLength: 12 }), (waits) => {
        let at = 0;
        const stamps = waits.map((wait) => {
          at += wait;
          return at;
        });
        const hops = stamps
          .slice(0, -1)
          .map((second, index): Hop => ({ by: `h${index}.example`, at: sentAt + second * 1000 }));
        const limits = within(at);
        const times = hopTimes(hops, limits);
        expect(times.map(({ seconds, skew }) => [seconds, skew])).toEqual(
          waits.slice(1).map((wait) => [wait, undefined]),
        );
        const longest = Math.max(...waits);
        const words = slowestHop(hops, limits);
        if (longest < 10) expect(words).toBeUndefined();
        else {
          const index = waits.indexOf(longest);
          expect(words).toContain(
            index === 0 ? 'passed before h0.example took it' : `h${index - 1}.example held it for`,
          );
        }
      }),
    );
  });

  test('one clock that is far off among three that are right is found, and no other is called wrong', () => {
    const off = fc.oneof(fc.integer({ min: 7200, max: 1e6 }), fc.integer({ min: -1e6, max: -7200 }));
    fc.assert(
      fc.property(off, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 60, max: 3600 }), (by, wrong, total) => {
        const right = [0.1, 0.3, 0.6, 0.9].map((part) => Math.floor(part * total));
        const names = [gw, relay, mx, imap];
        const hops = way(...right.map((second, index) => [names[index], second + (index === wrong ? by : 0)] as const));
        const words = slowestHop(hops, within(total)) ?? '';
        expect(words.match(/clock of (\S+) is .*? (ahead|behind)/)?.slice(1)).toEqual([
          names[wrong],
          by > 0 ? 'ahead' : 'behind',
        ]);
        expect(words.split('clock of')).toHaveLength(2);
      }),
    );
  });
});
