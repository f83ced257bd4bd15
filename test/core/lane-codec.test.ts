/** How a lane is written down, and that nothing is lost by it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cause, causes } from '../../lambdas/core/causes.ts';
import { type Lane, nothing, type Record } from '../../lambdas/core/lane.ts';
import { decodeLane, encodeLane } from '../../lambdas/core/lane-codec.ts';
import { type Product, products } from '../../lambdas/core/products.ts';
import { type Verdict, verdicts } from '../../lambdas/core/words.ts';
import { slot0 } from './fleet.ts';

const verdict = fc.constantFrom(...(Object.keys(verdicts) as Verdict[]));
const words = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
const record = fc.record(
  {
    slot: fc.integer({ min: slot0, max: slot0 + 10_000 }),
    verdict,
    round: fc.nat(),
    took: fc.nat(),
    cause: fc.constantFrom(...(Object.keys(causes) as Cause[])),
    evidence: words,
    answeredBy: words,
    seenAs: words,
    ownServer: fc.constant(true),
    product: fc.constantFrom(...(Object.keys(products) as Product[])),
    sentAt: fc.nat(),
    leftFrom: fc.oneof(fc.ipV4(), fc.ipV6()),
    altered: fc.constant(true),
    moved: words,
    unauthenticated: words,
    appFailures: fc.integer({ min: 1, max: 1_000_000 }),
    was: verdict,
  },
  { requiredKeys: ['slot', 'verdict'] },
);
const records = fc
  .uniqueArray(record, { selector: ({ slot }) => slot, maxLength: 12 })
  .map((list) => [...list].sort((a, b) => a.slot - b.slot));
const base = fc.record(
  {
    health: fc.constantFrom('new', 'healthy', 'suspected', 'failing'),
    recent: fc.string({ unit: fc.constantFrom('g', 'b'), maxLength: 10 }),
    since: fc.nat(),
    failedAt: fc.nat(),
  },
  { requiredKeys: ['health', 'recent'] },
);
const memory = fc.record({ base, forgotten: fc.nat(), records }, { requiredKeys: ['base', 'records'] });
const lanes: fc.Arbitrary<Lane> = fc.dictionary(words, memory, { maxKeys: 5 }).map((routes) => ({ routes }));

const throughJson = (lane: Lane, tallied = -1) =>
  decodeLane(JSON.parse(JSON.stringify(encodeLane(lane, tallied))) as unknown);

describe('a lane', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(lanes, (lane) => {
        expect(throughJson(lane)).toEqual(lane);
      }),
    );
  });

  test('keeps how a canary arrived for the newest record of a route, and no other', () => {
    const one = (slot: number): Record => ({ slot, verdict: 'junked', took: 2000, shown: `score ${slot}` });
    const lane: Lane = { routes: { a: { ...nothing, records: [one(slot0), one(slot0 + 1)] } } };
    expect(throughJson(lane).routes.a?.records.map(({ shown }) => shown)).toEqual([undefined, `score ${slot0 + 1}`]);
  });

  test('keeps the round of what no tally holds yet, and of nothing else', () => {
    fc.assert(
      fc.property(lanes, fc.nat(), (lane, tallied) => {
        const rounds = (of: Lane) => Object.values(of.routes).flatMap((one) => one.records.map(({ round }) => round));
        expect(rounds(throughJson(lane, tallied))).toEqual(
          rounds(lane).map((round) => (round !== undefined && round > tallied ? round : undefined)),
        );
      }),
    );
  });

  test('says once what many records share', () => {
    const bad: Omit<Record, 'slot'> = { verdict: 'refused', cause: 'relay-denied', evidence: 'no', answeredBy: 'gw' };
    const routes = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [
        `web-${index}/app/outside`,
        { ...nothing, records: [0, 1, 2].map((after) => ({ slot: slot0 + after, ...bad })) },
      ]),
    );
    expect(encodeLane({ routes }, 0).facts).toHaveLength(1);
  });

  test('takes about ten characters for a delivered canary', () => {
    const story = Array.from(
      { length: 12 },
      (_, index) => ({ slot: slot0 + 10 * index, verdict: 'delivered', took: 2300 }) as const,
    );
    const lane = { routes: { 'web-01/app/outside': { ...nothing, records: story } } };
    expect(JSON.stringify(encodeLane(lane, 0)).length).toBeLessThan(200);
  });

  test.each([
    ['a verdict of no letter', { base: 0, facts: [], routes: { r: ['h', 'g', null, null, null, '0z'] } }],
    ['a record without a slot', { base: 0, facts: [], routes: { r: ['h', 'g', null, null, null, 'd'] } }],
    ['a correction of no letter', { base: 0, facts: [], routes: { r: ['h', 'g', null, null, null, '0d<z'] } }],
    ['a fact that is not there', { base: 0, facts: [], routes: { r: ['h', 'g', null, null, null, '0r!3'] } }],
    ['a health of no letter', { base: 0, facts: [], routes: { r: ['q', 'g', null, null, null, ''] } }],
  ])('%s is refused, never guessed', (_, body) => {
    expect(() => decodeLane(body)).toThrow(/cannot be read/);
  });
});
