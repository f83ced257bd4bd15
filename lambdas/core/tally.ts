import { slotStart } from './judge.ts';
import type { Lane, Record } from './lane.ts';
import { type MetricName, metrics, type Point } from './metrics.ts';
import { type Monitor, parseRoute } from './monitor.ts';
import type { Sorted } from './sighting.ts';
import { type Ms, type RouteId, verdicts } from './words.ts';

export type Observed = {
  readonly name: MetricName;
  readonly dimensions: Readonly<{ [name: string]: string }>;
  readonly at: Ms;
  readonly value: number;
};

/** Spreads observations over the sets of dimensions of their metric, and gathers equal ones into values and counts. */
export const gather = (monitor: string, observed: readonly Observed[]): Point[] => {
  const points = new Map<string, { point: Omit<Point, 'values' | 'counts'>; values: Map<number, number> }>();
  for (const { name, dimensions, at, value } of observed) {
    for (const set of metrics[name].dimensions) {
      const said = set.map((dimension) => dimensions[dimension] ?? 'none');
      const key = JSON.stringify([name, at, set, said]);
      let entry = points.get(key);
      if (entry === undefined) {
        const full = {
          Monitor: monitor,
          ...Object.fromEntries(set.map((dimension, index) => [dimension, said[index] ?? ''])),
        };
        entry = { point: { name, dimensions: full, at }, values: new Map<number, number>() };
        points.set(key, entry);
      }
      entry.values.set(value, (entry.values.get(value) ?? 0) + 1);
    }
  }
  return [...points.values()].map(({ point, values }) => ({
    ...point,
    values: [...values.keys()],
    counts: [...values.values()],
  }));
};

/** Delivery times are rounded to a tenth of a second, so that many canaries make few values. */
const tenths = (took: Ms) => Math.round(took / 100) / 10;

/** The records that a round set, as observations with the time of their slot. A correction is counted as one, not as a canary. */
export const settledPoints = (
  records: readonly { readonly route: RouteId; readonly record: Record }[],
  monitor: Monitor,
): Observed[] =>
  records.flatMap(({ route, record }) => {
    const { path, mailbox } = parseRoute(route);
    const at = slotStart(record.slot, monitor.limits);
    const dimensions = { Path: path, Mailbox: mailbox, Verdict: record.verdict };
    const took: Observed[] =
      record.took === undefined ? [] : [{ name: 'DeliverySeconds', dimensions, at, value: tenths(record.took) }];
    const failed: Observed[] = record.appFailures
      ? [{ name: 'AppMailFailures', dimensions, at, value: record.appFailures }]
      : [];
    const doubted: Observed[] =
      record.unauthenticated === undefined ? [] : [{ name: 'Unauthenticated', dimensions, at, value: 1 }];
    if (record.was === undefined)
      return [{ name: 'Canaries', dimensions, at, value: 1 }, ...took, ...failed, ...doubted];
    // An earlier copy of mail that had arrived corrects its time, not its verdict.
    return verdicts[record.was].says === 'good' ? [] : [{ name: 'Corrections', dimensions, at, value: 1 }];
  });

/** What a round counted in the mailboxes besides canaries: forged ones, and further mails with the id of one. */
export const countedIn = (
  sorted: ReadonlyMap<string, Sorted>,
  duplicates: ReadonlyMap<string, number>,
  now: Ms,
): Observed[] =>
  [...sorted].flatMap(([mailbox, { forged }]) => {
    const count = (name: MetricName, value: number): Observed[] =>
      value > 0 ? [{ name, dimensions: { Mailbox: mailbox }, at: now, value }] : [];
    return [...count('Forged', forged), ...count('Duplicates', duplicates.get(mailbox) ?? 0)];
  });

/** The records of one round in all lanes: what a round that died left behind is found by its number. */
export const recordsOfRound = (lanes: ReadonlyMap<string, Lane>, round: number) =>
  [...lanes.values()].flatMap(({ routes }) =>
    Object.entries(routes).flatMap(([route, { records }]) =>
      records.filter((record) => record.round === round).map((record) => ({ route, record })),
    ),
  );
