import { slotStart } from '../../lambdas/core/judge.ts';
import { parseRoute, routesOf } from '../../lambdas/core/monitor.ts';
import { type Ms, type RouteId, verdicts } from '../../lambdas/core/words.ts';
import { checkCounts, checkGauges } from './check-counts.ts';
import { isTrulyBad } from './check-verdicts.ts';
import { type Fault, mailFaults, minute } from './story.ts';
import { type CanaryTruth, keyOfCanary } from './truth.ts';
import type { World } from './world.ts';

/** The canaries of a route that were truly sent, by slot. */
const truthByRoute = ({ truth }: World): Map<RouteId, CanaryTruth[]> => {
  const routes = new Map<RouteId, CanaryTruth[]>();
  for (const canary of [...truth.canaries.values()].sort((a, b) => a.slot - b.slot))
    routes.set(canary.route, [...(routes.get(canary.route) ?? []), canary]);
  return routes;
};

/** No healthy host is blamed: every route of a page had at least two canaries that truly went wrong. */
const checkBlame = (world: World, routes: ReadonlyMap<RouteId, readonly CanaryTruth[]>): void => {
  const { limits } = world.story.monitor;
  for (const [id, versions] of world.seen.incidents) {
    if (versions.at(-1)?.incident.finding !== 'failing') continue;
    const named = new Map<RouteId, Ms>();
    for (const { at, incident } of versions)
      for (const route of Object.keys(incident.routes)) named.set(route, named.get(route) ?? at);
    for (const [route, at] of named) {
      // What can have made it failing: its last ten, and those that were not judged yet.
      const before = (routes.get(route) ?? []).filter(({ slot }) => slotStart(slot, limits) <= at).slice(-16);
      const bad = before.filter((one) => isTrulyBad(one, limits.lostAfter)).length;
      if (bad < 2) world.truth.violate(`page ${id} names ${route}, of which ${bad} canaries went wrong`);
    }
  }
};

/** An incident closes by canaries delivered in time on its routes, or because its host is gone. */
const checkClosing = (world: World): void => {
  const { seen, story, truth } = world;
  for (const [id, versions] of seen.incidents) {
    const closings = versions.filter(
      ({ incident }, index) => incident.closedAt !== undefined && versions[index - 1]?.incident.closedAt === undefined,
    );
    for (const { at, incident } of closings.filter((one) => one.incident.finding === 'failing')) {
      truth.count('incidents closed');
      for (const [route, { over, since }] of Object.entries(incident.routes)) {
        const spans = seen.registry.get(parseRoute(route).host) ?? [];
        if (over === 'host gone' && !spans.some(({ to }) => to <= at))
          truth.violate(`incident ${id} closed as "host gone", and ${route} was never gone`);
        if (over !== 'recovered') continue;
        const known = [...seen.expected.values()]
          .filter((one) => one.route === route && one.slot >= since)
          .sort((a, b) => a.slot - b.slot)
          .map((one) => (seen.history.get(keyOfCanary(one.route, one.slot)) ?? []).filter((entry) => entry.at <= at))
          .filter((entries) => entries.length > 0)
          // Bad once is bad for good: a correction heals nobody.
          .map(
            (entries) => (entries.find(({ verdict }) => verdicts[verdict].says === 'bad') ?? entries.at(-1))?.verdict,
          )
          .flatMap((verdict) => (verdict === undefined ? [] : [verdicts[verdict].says]));
        const judged = known.filter((says) => says !== 'unknown').map((says) => says.charAt(0));
        // Since it last was in trouble for sure; a single bad one later does not undo a recovery.
        const after = judged.join('').split('bb').at(-1) ?? '';
        if (!after.includes('g'.repeat(story.monitor.limits.healthy)))
          truth.violate(`incident ${id} closed as recovered, and ${route} had ${judged.join('')}`);
      }
    }
  }
};

const totals = ['denied', 'down', 'deferred', 'dropped', 'bounced'];
const disturbing = [
  'dark',
  'login-refused',
  'partial',
  'plan-dead',
  'confirm-dead',
  'send-dead',
  'ledger',
  'source-dark',
];

const applies = ({ hosts, path, mailbox, what }: Fault, route: RouteId): boolean => {
  const its = parseRoute(route);
  return (
    (hosts.length === 0 || hosts.includes(its.host)) &&
    (path ?? its.path) === its.path &&
    (mailbox ?? its.mailbox) === its.mailbox &&
    (what !== 'denied' || its.mailbox !== 'inside')
  );
};

/** What keeps the monitor from seeing an outage, or the outage from being one: of two faults the first one listed bites. */
const disturbs = (what: Fault['what']) =>
  disturbing.includes(what) || (mailFaults.some((fault) => fault === what) && !totals.includes(what));

/** Each true incident is told at least once, with one key. */
const checkTold = (world: World): void => {
  const { story, truth, seen } = world;
  const { limits, paths } = story.monitor;
  const quiet = story.noise.death + story.noise.dropped + story.noise.delayed + story.noise.mail === 0;
  const isApart = (a: Fault, b: Fault, span: Ms) => a.to + span < b.from || b.to + span < a.from;
  for (const fault of story.faults.filter(({ what, share }) => share === 1 && totals.includes(what))) {
    const others = story.faults.filter((other) => other !== fault);
    const disturbed = others.some((other) => disturbs(other.what) && !isApart(other, fault, limits.lostAfter));
    const ids = new Map<RouteId, ReadonlySet<string>>();
    for (const host of story.hosts) {
      for (const { id: route, path } of routesOf({ ...host, services: [], customers: [], labels: {} }, story.monitor)) {
        const every = paths[path]?.every ?? 0;
        const long = fault.to - fault.from >= 2 * every + limits.lostAfter + limits.sendBy + 6 * minute;
        const spans = seen.registry.get(host.id) ?? [];
        const stays = spans.some(({ from, to }) => from < fault.from - minute && to > fault.to + limits.lostAfter);
        if (!applies(fault, route) || !long || !stays || disturbed || limits.unproven.every > 0) continue;
        const told = truth.told.filter(
          ({ event: { incident } }) =>
            incident.finding === 'failing' &&
            incident.routes[route] !== undefined &&
            (incident.closedAt ?? Number.POSITIVE_INFINITY) >= fault.from &&
            incident.openedAt <= fault.to + limits.lostAfter + 10 * minute,
        );
        truth.count('sustained outages of a route');
        ids.set(route, new Set(told.map(({ event }) => event.incident.id)));
        if (told.length === 0) truth.violate(`${fault.what} of ${route} was never told`);
      }
    }
    const alone = others.every((other) => isApart(other, fault, limits.lostAfter + 10 * minute));
    if (!quiet || !alone) continue;
    // What is lost is told per mailbox, since nobody said who lost it; everything else by who said it.
    const groups = new Map<string, Set<string>>();
    for (const [route, told] of ids) {
      const { path, mailbox } = parseRoute(route);
      const group = fault.what === 'dropped' ? mailbox : fault.what === 'bounced' ? 'all' : path;
      for (const id of told) groups.set(group, (groups.get(group) ?? new Set()).add(id));
    }
    for (const [group, told] of groups) {
      truth.count('outages that stand alone');
      if (told.size > 1)
        truth.violate(`${fault.what} (${group}) was told under ${told.size} keys: ${[...told].join(', ')}`);
    }
  }
};

export const checkTelling = (world: World): void => {
  checkBlame(world, truthByRoute(world));
  checkClosing(world);
  checkTold(world);
  checkCounts(world);
  checkGauges(world);
  for (const [id, versions] of world.seen.incidents) {
    const incident = versions.at(-1)?.incident;
    if (incident !== undefined && incident.told < incident.version)
      world.truth.violate(`incident ${id} is at version ${incident.version}, and ${incident.told} was told`);
    world.truth.count('incidents');
    if ((incident?.openings.length ?? 0) > 1) world.truth.count('incidents reopened');
  }
};
