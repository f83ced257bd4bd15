/** What a round settled, as data for CloudWatch; and the gauges that every round publishes. */

import { isGentle } from './causes.ts';
import type { Incident } from './incident.ts';
import { slotStart } from './judge.ts';
import { type Lane, lastJudged, type Record, stateOf } from './lane.ts';
import { type MetricName, metrics, type Point } from './metrics.ts';
import { type Monitor, parseRoute, periodOf } from './monitor.ts';
import { type Host, type Ms, type Route, type RouteId, verdicts } from './words.ts';

type Observed = {
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
      const full = {
        Monitor: monitor,
        ...Object.fromEntries(set.map((dimension) => [dimension, dimensions[dimension] ?? 'none'])),
      };
      const key = JSON.stringify([name, full, at]);
      const entry = points.get(key) ?? { point: { name, dimensions: full, at }, values: new Map<number, number>() };
      entry.values.set(value, (entry.values.get(value) ?? 0) + 1);
      points.set(key, entry);
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
    if (record.was === undefined) return [{ name: 'Canaries', dimensions, at, value: 1 }, ...took, ...failed];
    // An earlier copy of mail that had arrived corrects its time, not its verdict.
    return verdicts[record.was].says === 'good' ? [] : [{ name: 'Corrections', dimensions, at, value: 1 }];
  });

/** The records of one round in all lanes: what a round that died left behind is found by its number. */
export const recordsOfRound = (lanes: ReadonlyMap<string, Lane>, round: number) =>
  [...lanes.values()].flatMap(({ routes }) =>
    Object.entries(routes).flatMap(([route, { records }]) =>
      records.filter((record) => record.round === round).map((record) => ({ route, record })),
    ),
  );

/** Routes without a settled verdict younger than twice their cadence plus lostAfter; `unsent` settles nothing. */
export const unwatched = (
  routes: readonly Route[],
  hosts: ReadonlyMap<string, Host>,
  lanes: ReadonlyMap<string, Lane>,
  laneOf: ReadonlyMap<RouteId, string>,
  monitor: Monitor,
  now: Ms,
): Route[] => {
  const { limits } = monitor;
  return routes.filter(({ id, path, host }) => {
    const memory = lanes.get(laneOf.get(id) ?? '')?.routes[id];
    const judged = memory === undefined ? undefined : lastJudged(memory);
    const every = Math.max(monitor.paths[path]?.every ?? 0, isGentle(judged?.cause) ? limits.gently : 0);
    const period = periodOf(monitor, path) ?? 0;
    const oldest = now - (2 * every + period + limits.lostAfter);
    const newest = memory?.records.findLast(({ verdict }) => verdict !== 'unsent');
    // A host that is new, or came back, has had no time yet: its earlier life counts neither way.
    return Math.max(hosts.get(host)?.since ?? 0, newest === undefined ? 0 : slotStart(newest.slot, limits)) < oldest;
  });
};

export type GaugeInput = {
  readonly monitor: Monitor;
  readonly routes: readonly Route[];
  readonly hosts: ReadonlyMap<string, Host>;
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly laneOf: ReadonlyMap<RouteId, string>;
  readonly incidents: readonly Incident[];
  readonly dark: ReadonlySet<string>;
  readonly skipped: number;
  readonly now: Ms;
};

/** Every gauge, zeros included; `RoundsConfirmed` is not among them, since it must be the last point of all. */
export const gauges = (input: GaugeInput): Observed[] => {
  const { monitor, routes, lanes, laneOf, now } = input;
  const open = input.incidents.filter(({ closedAt }) => closedAt === undefined);
  const gauge = (name: MetricName, value: number, dimensions = {}): Observed => ({ name, dimensions, at: now, value });
  const failing = routes.filter(({ id }) => {
    const memory = lanes.get(laneOf.get(id) ?? '')?.routes[id];
    return memory !== undefined && stateOf(memory, monitor.limits).health === 'failing';
  });
  return [
    ...(['page', 'ticket'] as const).map((severity) =>
      gauge('IncidentsOpen', open.filter((incident) => incident.severity === severity).length, { Severity: severity }),
    ),
    gauge('Routes', routes.length),
    gauge('RoutesFailing', failing.length),
    gauge('RoutesUnwatched', unwatched(routes, input.hosts, lanes, laneOf, monitor, now).length),
    gauge('MailboxesDark', input.dark.size),
    ...Object.keys(monitor.mailboxes).map((mailbox) =>
      gauge('MailboxDark', input.dark.has(mailbox) ? 1 : 0, { Mailbox: mailbox }),
    ),
    gauge('CanariesSkipped', input.skipped),
  ];
};
