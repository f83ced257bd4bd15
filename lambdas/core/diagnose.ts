/** From failing routes to incidents: grouped by cause and by who said it, opened, changed, reopened, closed (DESIGN 6). */
import { canaryId, subjectOf } from './canary.ts';
import { type Cause, remedyFor } from './causes.ts';
import { findings, type Trouble, troubleOf } from './findings.ts';
import type { Affected, Incident } from './incident.ts';
import { slotStart } from './judge.ts';
import type { Known } from './known.ts';
import { hostSays, lastJudged } from './lane.ts';
import { affected, close, type DiagnoseInput, isSameAgain, open, reopen, stepRoutes, substance } from './lifecycle.ts';
import { lostMails } from './lost-mails.ts';
import { parseRoute } from './monitor.ts';
import { type Fleet, inCommon, othersWords, type Scope, scopeOf } from './naming.ts';
import { whereToLook } from './where-to-look.ts';
import type { Ms, RouteId, Slot } from './words.ts';

const day: Ms = 24 * 60 * 60_000;

/** A group waits for its siblings' fresh verdicts, since a name needs something to compare with; but not for long. */
const waits = (troubles: ReadonlyMap<RouteId, Trouble>, firstSlot: Slot, input: DiagnoseInput): boolean => {
  const { limits } = input.monitor;
  const members = [...troubles.keys()].map(parseRoute);
  const paths = new Set(members.map(({ path }) => path));
  const hosts = new Set(members.map(({ host }) => host));
  const siblings = input.routes.filter(
    ({ id, path, host }) => !troubles.has(id) && (paths.has(path) || hosts.has(host)),
  );
  const fresh = siblings.filter(({ id }) => (input.memory(id).records.at(-1)?.slot ?? 0) >= firstSlot);
  const failedAt = Math.min(...[...troubles.values()].map(({ state }) => state.failedAt ?? firstSlot));
  return fresh.length < Math.min(2, siblings.length) && input.now < slotStart(failedAt, limits) + limits.siblings;
};

/** A host whose mail one server takes for its own domain and does not relay: the trap of a trust list. */
const trap = (routes: Readonly<{ [route: RouteId]: Affected }>, input: DiagnoseInput): string[] => {
  const sentences = Object.entries(routes).flatMap(([id, { cause, answeredBy, since }]) => {
    const { host, path, mailbox } = parseRoute(id);
    if (cause !== 'relay-denied' || input.monitor.mailboxes[mailbox]?.inside !== false) return [];
    const inside = input.routes.find((route) => {
      const judged =
        route.host === host && route.path === path && input.monitor.mailboxes[route.mailbox]?.inside
          ? lastJudged(input.memory(route.id))
          : undefined;
      return judged !== undefined && judged.slot >= since && hostSays(judged) === 'good';
    });
    const domain = inside === undefined ? undefined : input.monitor.mailboxes[inside.mailbox]?.address.split('@')[1];
    return domain === undefined
      ? []
      : [`${answeredBy ?? 'the server'} takes ${host}'s mail for ${domain} but does not relay it`];
  });
  return [...new Set(sentences)].slice(0, 3);
};

/** A host seen for the first time shortly before its first bad canary was probably just made; say so, as a fact. */
const newcomers = (scope: Scope, firstSlot: Slot, fleet: Fleet): string[] => {
  const first = slotStart(firstSlot, fleet.limits);
  return scope.hosts.slice(0, 3).flatMap((id) => {
    const since = fleet.hosts.get(id)?.since;
    if (since === undefined || first - since > day || scope.hosts.length === scope.of.length) return [];
    return [`${id} was first seen at ${new Date(since).toISOString().slice(0, 19).replace('T', ' ')} UTC`];
  });
};

/** Causes that a server which is down shows, and a firewall before one host as well. */
const cannotConnect: readonly Cause[] = ['connect-refused', 'connect-timeout', 'unreachable'];

/** What is known when remedy and commands are filled in, of the newest canary that shows the trouble. */
const knownOf = (
  id: RouteId,
  sample: Affected | undefined,
  incident: Incident,
  cause: Cause,
  { monitor, hosts, memory, handover }: DiagnoseInput,
): Known => {
  const { host, path, mailbox } = parseRoute(id);
  const bad = memory(id).records.findLast((record) => hostSays(record) === 'bad')?.slot;
  const said = bad === undefined ? undefined : handover?.(id, bad);
  return {
    host,
    path,
    mailbox,
    address: hosts.find((one) => one.id === host)?.address,
    seenAs: sample?.seenAs,
    leftFrom: said?.leftFrom,
    answeredBy: incident.answeredBy ?? sample?.answeredBy,
    product: sample?.product,
    evidence: sample?.evidence,
    queueId: said?.queueId,
    ...(bad === undefined || cause === 'never-sent'
      ? {}
      : { canary: canaryId(id, bad), subject: subjectOf(host, canaryId(id, bad)) }),
    from: monitor.paths[path]?.from,
    to: monitor.mailboxes[mailbox]?.address,
    at: slotStart(incident.firstSlot, monitor.limits),
  };
};

/** Everything that is derived from an incident's routes, made anew. */
const describe = (incident: Incident, fleet: Fleet, input: DiagnoseInput): Incident => {
  const ids = Object.keys(incident.routes);
  const scope = scopeOf(ids, incident.firstSlot, fleet);
  const newest = Object.entries(incident.routes).sort(([, a], [, b]) => a.since - b.since)[0];
  const [routeId = '', sample] = newest ?? [];
  const causes = new Set(Object.values(incident.routes).map(({ cause }) => cause));
  const said = causes.size === 1 && sample !== undefined ? sample.cause : incident.cause;
  const own = incident.key.includes('|path ') || incident.answeredBy === undefined;
  // One server that some reach and others do not: it is up, and something stands between.
  const cause = cannotConnect.includes(said) && !own && scope.well.length > 0 ? 'host-blocked' : said;
  const known = knownOf(routeId, sample, incident, cause, input);
  // The queue id is known in the round that settles a canary: what it led to is kept.
  const led = whereToLook(cause, known);
  const look =
    led.length === 0 || (cause === incident.cause && known.queueId === undefined) ? (incident.look ?? led) : led;
  const lost = lostMails(known);
  const facts = input.hosts.filter(({ id }) => scope.hosts.includes(id));
  const others = othersWords(scope, fleet);
  const common = inCommon(scope, fleet);
  const by = incident.answeredBy === undefined ? '' : ` by ${incident.answeredBy}`;
  const summary = `${cause}${by}: ${scope.name}${others === '' ? '' : `; ${others}`}${common.length === 0 ? '' : `. In common: ${common.join(', ')}`}`;
  return {
    ...incident,
    cause,
    name: scope.name,
    summary,
    inCommon: common,
    facts: [...trap(incident.routes, input), ...newcomers(scope, incident.firstSlot, fleet)],
    evidence: sample?.evidence ?? incident.evidence,
    remedy: remedyFor(cause, known),
    ...(look.length === 0 ? {} : { look }),
    ...(lost.length === 0 ? {} : { lostMails: lost }),
    services: facts.length === 0 ? incident.services : [...new Set(facts.flatMap(({ services }) => services))],
    customers: facts.length === 0 ? incident.customers : [...new Set(facts.flatMap(({ customers }) => customers))],
  };
};

/**
 * The open incident that each failing route belongs to: the one in which it fails already, else the one of its key, else
 * the first that knows it. A route that another incident had before is not taken back by that one.
 */
const ownersOf = (
  incidents: readonly Incident[],
  troubles: ReadonlyMap<RouteId, Trouble>,
  keyOf: (route: RouteId, trouble: Trouble) => string,
): Map<RouteId, string> =>
  new Map(
    [...troubles].flatMap(([id, trouble]) => {
      const known = incidents.filter(({ closedAt, routes }) => closedAt === undefined && routes[id] !== undefined);
      const owner =
        known.find(({ routes }) => routes[id]?.over === undefined) ??
        known.find(({ key }) => key === keyOf(id, trouble)) ??
        known[0];
      return owner === undefined ? [] : [[id, owner.id] as const];
    }),
  );

/** Resolves with every incident that is open or changed; those to be stored are the ones whose version grew. */
export const diagnose = (input: DiagnoseInput): Incident[] => {
  const { limits } = input.monitor;
  const fleet: Fleet = {
    hosts: new Map(input.hosts.map((host) => [host.id, host])),
    routes: input.routes,
    memory: input.memory,
    mailboxes: input.monitor.mailboxes,
    limits,
    now: input.now,
  };
  const result = new Map(input.incidents.map((incident) => [incident.id, incident]));
  for (const finding of findings) {
    const troubles = new Map(
      input.routes.flatMap(({ id }) => {
        const trouble = troubleOf(finding, input.memory(id), limits, input.now);
        return trouble === undefined ? [] : [[id, trouble] as const];
      }),
    );
    const mine = [...result.values()].filter((incident) => incident.finding === finding.name);
    const placed = new Set(
      mine.filter(({ closedAt }) => closedAt === undefined).flatMap(({ routes }) => Object.keys(routes)),
    );
    const groups = new Map<string, Map<RouteId, Trouble>>();
    for (const [id, trouble] of troubles) {
      if (placed.has(id)) continue;
      const key = finding.key(parseRoute(id), trouble.record);
      groups.set(key, (groups.get(key) ?? new Map()).set(id, trouble));
    }
    for (const [key, group] of groups) {
      const firstSlot = Math.min(...[...group.values()].map(({ state, record }) => state.since ?? record.slot));
      const same = mine.filter((incident) => incident.key === key);
      const current = same.find(({ closedAt }) => closedAt === undefined);
      const recent = same.find((incident) => isSameAgain(incident, input));
      const joined = Object.fromEntries([...group].map(([id, trouble]) => [id, affected(trouble)]));
      if (current !== undefined) result.set(current.id, { ...current, routes: { ...current.routes, ...joined } });
      else if (recent !== undefined)
        result.set(recent.id, reopen({ ...recent, routes: { ...recent.routes, ...joined } }, input));
      else if (!waits(group, firstSlot, input)) {
        const incident = open(key, finding.name, finding.severity, group, firstSlot, input.now);
        result.set(incident.id, incident);
      }
    }
    const found = [...result.values()].filter((one) => one.finding === finding.name);
    const owners = ownersOf(found, troubles, (id, { record }) => finding.key(parseRoute(id), record));
    for (const incident of found) {
      const its = new Map([...troubles].filter(([id]) => owners.get(id) === incident.id));
      const stepped = close({ ...incident, routes: stepRoutes(incident, its, input) }, input);
      const before = input.incidents.find(({ id }) => id === incident.id);
      if (
        before !== undefined &&
        before.closedAt !== undefined &&
        stepped.closedAt !== undefined &&
        substance(before) === substance(stepped)
      )
        continue;
      const described = describe(stepped, fleet, input);
      const changed = before === undefined || substance(before) !== substance(described);
      result.set(incident.id, changed ? { ...described, version: described.version + 1 } : (before ?? described));
    }
  }
  return [...result.values()];
};
