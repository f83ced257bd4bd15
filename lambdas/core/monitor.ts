/** What the rounds are told about the monitor: derived from the settings once, the same for Lambdas, command line, demo and tests. */
import { expandMailboxes } from './groups.ts';
import type { Limits } from './limits.ts';
import type { Host, HostFacts, Ms, Route, RouteId } from './words.ts';

export type PathPlan = {
  readonly every: Ms;
  readonly deliverWithin: Ms;
  readonly timeout: Ms;
  readonly from: string;
  readonly autoSubmitted: boolean;
  readonly perDay?: number | undefined;
  /** The relay that all routes of this path share, if they do. */
  readonly sharedServer?: string | undefined;
  readonly connections: number;
  /** Bytes of the attachment of its canaries. */
  readonly size?: number | undefined;
  /** Hosts send by their own clock: expected, never queued. */
  readonly byHost?: boolean | undefined;
  /** The server must refuse this mail; taking it is the failure. */
  readonly mustRefuse?: boolean | undefined;
  /** The first hop of an arrived canary is our own submission to the host. */
  readonly submitted?: boolean | undefined;
  /** Why nobody needs to know from which address the mail left. */
  readonly anyOrigin?: string | undefined;
};

export type MailboxPlan = {
  readonly address: string;
  readonly inside: boolean;
  /** Names a group: hosts that name it are spread over its mailboxes. */
  readonly group?: string | undefined;
  /** A canary that arrives unauthenticated is bad. */
  readonly mustAuthenticate?: boolean | undefined;
  /** A server is trusted to judge SPF, DKIM and DMARC. */
  readonly judgesSenders?: boolean | undefined;
  /** How long canaries stay in it. @default 0 */
  readonly keep?: Ms | undefined;
  /** It may hold somebody's mail as well. */
  readonly shared?: boolean | undefined;
  /** When a credential of it expires, where the settings say it. */
  readonly ends?: { readonly what: string; readonly at: Ms } | undefined;
};

export type Monitor = {
  readonly name: string;
  /** Mailboxes that are read for bounces only. */
  readonly bounceMailboxes?: readonly string[] | undefined;
  readonly limits: Limits;
  readonly paths: Readonly<Record<string, PathPlan>>;
  readonly mailboxes: Readonly<Record<string, MailboxPlan>>;
};

/** Hosts whose memory shares one item of the ledger, and whose canaries share one batch. */
export const laneWidth = 50;

/** Every mailbox that is looked into: those in which canaries arrive, then those that are read for bounces only. */
export const mailboxNames = ({ mailboxes, bounceMailboxes = [] }: Monitor): string[] => [
  ...Object.keys(mailboxes),
  ...bounceMailboxes,
];

/** How long after its slot began a canary of this path may be sent by its host; undefined where we send it. */
export const periodOf = (monitor: Monitor, path: string): Ms | undefined => {
  const plan = monitor.paths[path];
  return plan?.byHost ? plan.every : undefined;
};

export const routeId = (host: string, path: string, mailbox: string): RouteId => `${host}/${path}/${mailbox}`;

/** Called for every canary of every round, so it makes no list. */
export const parseRoute = (id: RouteId): Route => {
  const first = id.indexOf('/');
  const second = id.indexOf('/', first + 1);
  return { id, host: id.slice(0, first), path: id.slice(first + 1, second), mailbox: id.slice(second + 1) };
};

/** The routes of a host: each of its paths to each of its mailboxes, as far as the settings still know them. */
export const routesOf = (host: HostFacts, monitor: Monitor): Route[] =>
  host.paths
    .filter((path) => monitor.paths[path] !== undefined)
    .flatMap((path) =>
      expandMailboxes(host.id, host.mailboxes, monitor.mailboxes)
        .filter((mailbox) => monitor.mailboxes[mailbox] !== undefined)
        // For its own domain a relay takes anybody's mail: that must not be refused.
        .filter((mailbox) => !(monitor.paths[path]?.mustRefuse && monitor.mailboxes[mailbox]?.inside))
        .map((mailbox) => ({ id: routeId(host.id, path, mailbox), host: host.id, path, mailbox })),
    );

export const laneName = (path: string, seat: number): string => `${path}.${Math.floor(seat / laneWidth)}`;

/** Every lane with its routes, in the order of seats. */
export const lanesOf = (hosts: readonly Host[], monitor: Monitor): Map<string, Route[]> => {
  const lanes = new Map<string, Route[]>();
  for (const host of [...hosts].sort((a, b) => a.seat - b.seat)) {
    for (const route of routesOf(host, monitor)) {
      const name = laneName(route.path, host.seat);
      lanes.set(name, [...(lanes.get(name) ?? []), route]);
    }
  }
  return lanes;
};
