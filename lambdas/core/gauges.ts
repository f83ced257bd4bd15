/** The gauges that every round publishes, zeros included: how things stand, and how much of the monitor works. */
import { daysLeft, endingFirst, usedPercent } from './brewing.ts';
import { isGentle } from './causes.ts';
import type { Shown } from './certificates.ts';
import type { Incident } from './incident.ts';
import type { MailboxState } from './items.ts';
import { slotStart } from './judge.ts';
import { type Lane, lastJudged, stateOf } from './lane.ts';
import type { MetricName } from './metrics.ts';
import { type Monitor, periodOf } from './monitor.ts';
import type { Observed } from './tally.ts';
import type { Host, Ms, Route, RouteId } from './words.ts';

/** A metric for each costs $0.30 a month; what ends is an incident, whichever server it is. */
const mostCertificates = 50;

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
  /** The mailboxes after this round. */
  readonly states: ReadonlyMap<string, MailboxState>;
  readonly certificates: readonly Shown[];
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
    ...Object.keys(monitor.mailboxes).flatMap((mailbox) => {
      const newest = input.states.get(mailbox)?.quota?.at(-1);
      return newest === undefined ? [] : [gauge('MailboxUsedPercent', usedPercent(newest), { Mailbox: mailbox })];
    }),
    ...endingFirst(input.certificates)
      .sort((a, b) => a.until - b.until)
      .slice(0, mostCertificates)
      .map(({ server, until }) => gauge('CertificateDaysLeft', daysLeft(until, now), { Server: server })),
    gauge('CanariesSkipped', input.skipped),
  ];
};
