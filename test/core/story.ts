/** A fleet over time: what its routes' canaries came to, minute by minute, and what the diagnosis makes of it. */
import { diagnose } from '../../lambdas/core/diagnose.ts';
import type { Incident } from '../../lambdas/core/incident.ts';
import { nothing, type Record, type RouteMemory, setRecord } from '../../lambdas/core/lane.ts';
import { relevant } from '../../lambdas/core/lifecycle.ts';
import { type Monitor, routesOf } from '../../lambdas/core/monitor.ts';
import type { Host, Ms, RouteId, Slot } from '../../lambdas/core/words.ts';
import { monitorOf, slot0 } from './fleet.ts';

export type Outcome = Omit<Record, 'slot'>;

export const delivered: Outcome = { verdict: 'delivered', took: 2000 };
export const late: Outcome = { verdict: 'late', took: 300_000 };
export const junked: Outcome = { verdict: 'junked', took: 2000 };
export const lost: Outcome = { verdict: 'lost', cause: 'accepted-but-lost', answeredBy: 'mail-gw' };
export const unsent: Outcome = { verdict: 'unsent', cause: 'sender-failed' };
export const blind: Outcome = { verdict: 'blind', cause: 'imap-login-refused' };
export const refused = (changes: Partial<Record> = {}): Outcome => ({
  verdict: 'refused',
  cause: 'relay-denied',
  evidence: '554 5.7.1 Relay access denied',
  answeredBy: 'mail-gw',
  ...changes,
});

export const storyOf = (first: readonly Host[], monitor: Monitor = monitorOf()) => {
  const { limits } = monitor;
  let hosts = [...first];
  const memories = new Map<RouteId, RouteMemory>();
  let incidents: readonly Incident[] = [];
  const routes = () => hosts.flatMap((host) => routesOf(host, monitor));
  const memory = (route: RouteId) => memories.get(route) ?? nothing;
  /** The oldest slot that confirm still reads. */
  const openAt = (now: Ms): Slot =>
    Math.floor((now - (limits.sendBy + limits.lostAfter + 2 * limits.tick)) / limits.tick);

  const set = (slot: Slot, route: RouteId, outcome: Outcome): void => {
    memories.set(route, setRecord(memory(route), { slot, ...outcome }, openAt(slot * limits.tick), limits));
  };

  /** One round of diagnosis at a time; what it says is told. */
  const round = (now: Ms): readonly Incident[] => {
    const seen = diagnose({
      monitor,
      hosts,
      routes: routes(),
      memory,
      incidents: relevant(incidents, limits, now),
      now,
    });
    const known = new Map(incidents.map((incident) => [incident.id, incident]));
    for (const incident of seen) known.set(incident.id, { ...incident, told: incident.version });
    incidents = [...known.values()];
    return incidents;
  };

  /** What came of the canaries of one minute after the beginning; those not named were delivered. Then a round. */
  const minute = (
    after: number,
    outcomes: { readonly [route: RouteId]: Outcome },
    others: Outcome | undefined = delivered,
  ) => {
    for (const { id } of routes()) {
      const outcome = outcomes[id] ?? others;
      if (outcome !== undefined) set(slot0 + after, id, outcome);
    }
    return round((slot0 + after) * limits.tick + limits.tick / 2);
  };

  return {
    minute,
    round,
    /** Sets single records; no round. */
    set: (after: number, route: RouteId, outcome: Outcome) => set(slot0 + after, route, outcome),
    memory,
    routes,
    /** Hosts leave, and their memory with them, as `confirm` forgets it. */
    leave: (...ids: readonly string[]) => {
      hosts = hosts.filter(({ id }) => !ids.includes(id));
      for (const route of [...memories.keys()])
        if (ids.some((id) => route.startsWith(`${id}/`))) memories.delete(route);
    },
    join: (host: Host) => {
      hosts = [...hosts, host];
    },
    forget: () => memories.clear(),
    all: () => incidents,
    open: () => incidents.filter(({ closedAt }) => closedAt === undefined),
  };
};

/** The only incident of a list; fails the test when there is another number. */
export const only = (incidents: readonly Incident[]): Incident => {
  const [incident, ...more] = incidents;
  if (incident === undefined || more.length > 0)
    throw new Error(`expected one incident, got ${incidents.length}: ${incidents.map(({ name }) => name).join(' | ')}`);
  return incident;
};
