/** Who is tried again before its regular slot: new, suspected and failing routes, and their siblings (DESIGN 3), within the limits of DESIGN 8. */
import { type Cause, isGentle } from './causes.ts';
import type { StoredBatch } from './items.ts';
import { slotStart } from './judge.ts';
import { hostSays, lastJudged, type RouteMemory, stateOf } from './lane.ts';
import type { Limits } from './limits.ts';
import type { Handover, Route, RouteId, Slot } from './words.ts';

/** What `plan` knows about the recent past of a route. */
export type Past = {
  readonly memory: RouteMemory;
  /** The slots of the last minutes at which it was expected, oldest first, with what was said. */
  readonly tries: readonly { readonly slot: Slot; readonly handover: Handover | undefined }[];
};

/** The recent tries of every route, from the batches of the last slots. */
export const triesOf = (batches: readonly StoredBatch[]): Map<RouteId, Past['tries']> => {
  const tries = new Map<RouteId, { slot: Slot; handover: Handover | undefined }[]>();
  for (const { slot, routes, handovers } of [...batches].sort((a, b) => a.slot - b.slot)) {
    routes.forEach((route, index) => {
      const list = tries.get(route) ?? [];
      list.push({ slot, handover: handovers?.[index] });
      tries.set(route, list);
    });
  }
  return tries;
};

/** Refusals of the last minutes per host and relay: a ban of fail2ban hits the host, whatever path the mail took. */
export const refusalsOf = (
  routes: readonly Route[],
  past: (route: RouteId) => Past,
  slot: Slot,
  limits: Limits,
): Map<string, number> => {
  const from = slot - limits.refusals.within / limits.tick;
  const counts = new Map<string, Set<string>>();
  const add = (host: string, relay: string | undefined, which: string) => {
    const key = `${host}|${relay ?? ''}`;
    counts.set(key, (counts.get(key) ?? new Set()).add(which));
  };
  for (const { id, host } of routes) {
    const { memory, tries } = past(id);
    for (const record of memory.records)
      if (record.slot > from && record.verdict === 'refused') add(host, record.answeredBy, `${id}@${record.slot}`);
    for (const { slot: at, handover } of tries)
      if (at > from && handover?.state === 'refused') add(host, handover.answeredBy, `${id}@${at}`);
  }
  return new Map([...counts].map(([key, set]) => [key, set.size]));
};

type Reason = 'new' | 'suspected' | 'recovering' | 'failing';

/** Why a route should be tried again now; undefined when it may wait for its regular slot. */
const reasonFor = (past: Past, slot: Slot, limits: Limits): Reason | undefined => {
  const newest = past.memory.records.at(-1);
  if (newest === undefined && past.tries.length === 0) return 'new';
  // A dark mailbox says nothing of the host: more mail would not help.
  if (newest?.verdict === 'blind') return undefined;
  const { health } = stateOf(past.memory, limits);
  const lastTry = past.tries.at(-1);
  if (health === 'failing') {
    const judged = lastJudged(past.memory);
    return judged !== undefined && hostSays(judged) === 'good' ? 'recovering' : 'failing';
  }
  if (health === 'suspected') return 'suspected';
  return lastTry?.handover?.state === 'refused' && lastTry.slot >= slot - 2 ? 'suspected' : undefined;
};

/** What was last said against the route: its newest try, or its newest bad record. */
const complaint = (past: Past): { cause?: Cause | undefined; relay?: string | undefined; refused: boolean } => {
  const lastTry = past.tries.at(-1)?.handover;
  if (lastTry?.state === 'refused') return { cause: lastTry.cause, relay: lastTry.answeredBy, refused: true };
  const record = lastJudged(past.memory);
  if (record === undefined || hostSays(record) !== 'bad') return { refused: false };
  return { cause: record.cause, relay: record.answeredBy, refused: (record.was ?? record.verdict) === 'refused' };
};

/** True while a route whose cause is marked `gently` must not be tried, not even at its regular slot. */
export const isHeld = (past: Past, slot: Slot, limits: Limits): boolean => {
  if (!isGentle(complaint(past).cause)) return false;
  const newest = Math.max(past.tries.at(-1)?.slot ?? 0, past.memory.records.at(-1)?.slot ?? 0);
  return slotStart(slot - newest, limits) < limits.gently;
};

const lastSlot = (past: Past): Slot => Math.max(past.tries.at(-1)?.slot ?? 0, past.memory.records.at(-1)?.slot ?? 0);

/**
 * The routes to try again at a slot, per path, longest waiting first and siblings last, at most `limits.again` each.
 * `due` are the routes whose regular slot this is; they need no second canary. What `admits` refuses takes nobody's
 * place, and is counted there; the second figure counts what else was cut.
 */
export const againOf = (
  routes: readonly Route[],
  past: (route: RouteId) => Past,
  due: ReadonlySet<RouteId>,
  slot: Slot,
  limits: Limits,
  admits: (route: RouteId) => boolean,
): { readonly perPath: Map<string, RouteId[]>; readonly skipped: number } => {
  const refusals = refusalsOf(routes, past, slot, limits);
  const wanted: { route: Route; rank: number; waited: Slot; relay: string | undefined; limited: boolean }[] = [];
  const suspects: { route: Route; since: Slot; relay: string | undefined; refused: boolean }[] = [];
  let skipped = 0;
  for (const route of routes) {
    const its = past(route.id);
    const reason = reasonFor(its, slot, limits);
    if (reason === undefined) continue;
    const { relay, refused } = complaint(its);
    if (reason === 'suspected')
      suspects.push({
        route,
        since: stateOf(its.memory, limits).since ?? its.tries.at(-1)?.slot ?? slot,
        relay,
        refused,
      });
    if (due.has(route.id) || lastSlot(its) === slot) continue;
    if (isHeld(its, slot, limits)) skipped += 1;
    else wanted.push({ route, rank: 0, waited: lastSlot(its), relay, limited: refused && reason !== 'recovering' });
  }
  const chosen = new Set(wanted.map(({ route }) => route.id));
  // Fresh facts beside a suspect: the same path on other hosts, the same host on other paths, once since the trouble began.
  for (const route of suspects.length === 0 ? [] : routes) {
    if (chosen.has(route.id) || due.has(route.id)) continue;
    const its = past(route.id);
    const beside = suspects.filter(
      ({ route: suspect, since }) =>
        suspect.id !== route.id &&
        (suspect.path === route.path || suspect.host === route.host) &&
        lastSlot(its) < since,
    );
    // On the suspect's own host it probably leaves by the same relay, and would count there as one more refusal.
    const own = beside.find(({ route: suspect }) => suspect.host === route.host);
    if (beside.length > 0 && stateOf(its.memory, limits).health !== 'failing' && !isHeld(its, slot, limits))
      wanted.push({ route, rank: 1, waited: lastSlot(its), relay: own?.relay, limited: own?.refused ?? false });
  }
  const perPath = new Map<string, RouteId[]>();
  for (const { route, relay, limited } of wanted.sort(
    (a, b) => a.rank - b.rank || a.waited - b.waited || (a.route.id < b.route.id ? -1 : 1),
  )) {
    const list = perPath.get(route.path) ?? [];
    const key = `${route.host}|${relay ?? ''}`;
    const refused = limited ? (refusals.get(key) ?? 0) : 0;
    if (list.length >= limits.again || refused >= limits.refusals.most) skipped += 1;
    else if (admits(route.id)) {
      perPath.set(route.path, [...list, route.id]);
      // What is tried beside a refusal may be refused as well: it counts before it is sent.
      if (limited) refusals.set(key, refused + 1);
    }
  }
  return { perPath, skipped };
};
