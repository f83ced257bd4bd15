/** Naming a group of failing routes by its size, and what its hosts have in common (DESIGN 6). States facts, guesses nothing. */

import type { Grouped } from './groups.ts';
import { slotStart } from './judge.ts';
import { hostSays, lastJudged, type RouteMemory } from './lane.ts';
import type { Limits } from './limits.ts';
import { parseRoute } from './monitor.ts';
import type { Host, Ms, Route, RouteId, Slot } from './words.ts';

/** The fleet as the naming sees it. */
export type Fleet = {
  readonly hosts: ReadonlyMap<string, Host>;
  readonly routes: readonly Route[];
  readonly memory: (route: RouteId) => RouteMemory;
  readonly limits: Limits;
  /** The groups of mailboxes. */
  readonly mailboxes?: Grouped | undefined;
  readonly now: Ms;
};

/** Good verdicts of canaries sent after the first bad one. */
const wellSince = (fleet: Fleet, route: RouteId, first: Slot): boolean => {
  const judged = lastJudged(fleet.memory(route));
  return judged !== undefined && judged.slot >= first && hostSays(judged) === 'good';
};

/** A list of names that stays readable: three, then a count. */
export const listed = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;

const distinct = <T>(list: readonly T[]): T[] => [...new Set(list)];

export type Scope = {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly of: readonly string[];
  readonly well: readonly string[];
};

/** The name of a group: one host, a path, a mailbox, everything, or "k of n hosts" with the list. */
export const scopeOf = (group: readonly RouteId[], first: Slot, fleet: Fleet): Scope => {
  const routes = group.map(parseRoute);
  const inGroup = new Set(group);
  const hosts = distinct(routes.map(({ host }) => host)).sort();
  const paths = distinct(routes.map(({ path }) => path));
  const mailboxes = distinct(routes.map(({ mailbox }) => mailbox));
  const onPaths = fleet.routes.filter(({ path }) => paths.includes(path));
  const onMailboxes = fleet.routes.filter(({ mailbox }) => mailboxes.includes(mailbox));
  const of = distinct([...onPaths.map(({ host }) => host), ...hosts]).sort();
  // Hosts of a group are spread over its mailboxes: each is comparable with the others.
  const groupOf = (name: string) => fleet.mailboxes?.[name]?.group ?? name;
  const groups = new Set(mailboxes.map(groupOf));
  const comparable = onPaths.filter((route) => groups.has(groupOf(route.mailbox)));
  const well = of.filter(
    (host) =>
      !hosts.includes(host) && comparable.some((route) => route.host === host && wellSince(fleet, route.id, first)),
  );
  const all = (list: readonly Route[]) => list.every(({ id }) => inGroup.has(id));
  const scope = (name: string): Scope => ({ name, hosts, of, well });

  const allPaths = distinct(fleet.routes.map(({ path }) => path));
  const allMailboxes = distinct(fleet.routes.map(({ mailbox }) => mailbox));
  const [path] = paths;
  const [mailbox] = mailboxes;
  if (hosts.length === 1) return scope(hosts[0] ?? '');
  if (paths.length === 1 && all(onPaths) && of.length >= 3) {
    if (allPaths.length === 1 && allMailboxes.length === 1)
      return scope(`all ${of.length} hosts: path ${path} or mailbox ${mailbox}, cannot tell with one of each`);
    return scope(`path ${path} (all ${of.length} hosts)`);
  }
  const elsewhere = fleet.routes.some(
    (route) => !mailboxes.includes(route.mailbox) && wellSince(fleet, route.id, first),
  );
  if (mailboxes.length === 1 && all(onMailboxes) && elsewhere && hosts.length > 1)
    return scope(`all ${hosts.length} hosts to mailbox ${mailbox}`);
  if (all(fleet.routes)) return scope(`everything (all ${hosts.length} hosts)`);
  return scope(`${listed(hosts)} (${hosts.length} of ${of.length} hosts)`);
};

/** Labels that all failing hosts have and no healthy host of the scope has, at most three. */
export const inCommon = (scope: Scope, fleet: Fleet): string[] => {
  const labelsOf = (id: string) =>
    Object.entries(fleet.hosts.get(id)?.labels ?? {}).map(([name, value]) => `${name} ${value}`);
  const others = new Set(scope.of.filter((host) => !scope.hosts.includes(host)).flatMap(labelsOf));
  if (scope.hosts.length === scope.of.length) return [];
  const [first, ...rest] = scope.hosts.map(labelsOf);
  const isLaunch = (label: string) => Number(label.startsWith('launched '));
  const shared = (first ?? [])
    .filter((label) => rest.every((labels) => labels.includes(label)) && !others.has(label))
    .sort((a, b) => isLaunch(b) - isLaunch(a));
  return shared.length >= 3 ? [...shared.slice(0, 3), 'they were made together'] : shared;
};

/** "the other 4 delivered within the last 3 min", or what is known of the others. */
export const othersWords = (scope: Scope, fleet: Fleet): string => {
  const others = scope.of.filter((host) => !scope.hosts.includes(host));
  if (others.length === 0) return '';
  if (scope.well.length === 0) return 'of the others nothing is known since then';
  const newest = fleet.routes
    .filter(({ host }) => scope.well.includes(host))
    .map(({ id }) => lastJudged(fleet.memory(id)))
    .flatMap((record) => (record !== undefined && hostSays(record) === 'good' ? [record.slot] : []));
  const age = fleet.now - slotStart(Math.min(...newest), fleet.limits);
  const within = age < 120_000 ? `${Math.max(1, Math.ceil(age / 1000))} s` : `${Math.ceil(age / 60_000)} min`;
  const who =
    scope.well.length === others.length
      ? `the other ${others.length}`
      : `${scope.well.length} of the other ${others.length}`;
  return `${who} delivered within the last ${within}`;
};
