/** What a round settled, as data for CloudWatch. */
import { describe, expect, test } from 'vitest';
import type { Record } from '../../lambdas/core/lane.ts';
import { gather, settledPoints } from '../../lambdas/core/tally.ts';
import { minute, monitorOf, slot0 } from './fleet.ts';

const route = 'web-03/app/outside';
const pointsOf = (...records: readonly Partial<Record>[]) =>
  gather(
    'production',
    settledPoints(
      records.map((record) => ({ route, record: { slot: slot0, verdict: 'delivered', took: 2000, ...record } })),
      monitorOf(),
    ),
  );
const named = (name: string, ...records: readonly Partial<Record>[]) =>
  pointsOf(...records).filter((point) => point.name === name);

describe('mails of the application that failed', () => {
  test('are counted in all and per path, with the time of the canary that brought the figure', () => {
    expect(named('AppMailFailures', { appFailures: 3 }, { slot: slot0 + 1, appFailures: 4 })).toEqual([
      { name: 'AppMailFailures', dimensions: { Monitor: 'production' }, at: slot0 * minute, values: [3], counts: [1] },
      {
        name: 'AppMailFailures',
        dimensions: { Monitor: 'production', Path: 'app' },
        at: slot0 * minute,
        values: [3],
        counts: [1],
      },
      {
        name: 'AppMailFailures',
        dimensions: { Monitor: 'production' },
        at: (slot0 + 1) * minute,
        values: [4],
        counts: [1],
      },
      {
        name: 'AppMailFailures',
        dimensions: { Monitor: 'production', Path: 'app' },
        at: (slot0 + 1) * minute,
        values: [4],
        counts: [1],
      },
    ]);
  });

  test('count with a bad verdict as well, and not again with a correction', () => {
    expect(named('AppMailFailures', { verdict: 'lost', took: undefined, appFailures: 2 })).toHaveLength(2);
    expect(named('AppMailFailures', { was: 'lost', appFailures: 2 })).toEqual([]);
  });

  test('are no series where nobody says how many', () => {
    expect(named('AppMailFailures', {})).toEqual([]);
  });
});
