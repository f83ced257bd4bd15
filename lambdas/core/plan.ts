/** The plan round: which routes are due, stored as expected before anything is queued (DESIGN 10). */
import { createHash } from 'node:crypto';
import { againOf, isHeld, type Past, triesOf } from './again.ts';
import { itemsOf, type PlanClock, type StoredBatch } from './items.ts';
import { slotAt, slotStart } from './judge.ts';
import { nothing, type RouteMemory, stateOf } from './lane.ts';
import { lanesOf, type Monitor, parseRoute } from './monitor.ts';
import type { Ledger, Queue } from './ports.ts';
import type { Batch, Host, Ms, Route, RouteId, Slot } from './words.ts';

/** A stable number from a name, for offsets and delays. */
const hash = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0);

/** Slots between two regular canaries of a path, at least one. */
const period = (every: Ms, tick: Ms): number => Math.max(1, Math.round(every / tick));

/**
 * True at the slots of a lane; lanes are spread over the period, so that they do not leave together. Hosts that send by
 * their own clock know no lanes: their periods begin where whole periods since 1970 do.
 */
export const isDue = (lane: string, every: Ms, slot: Slot, tick: Ms, byHost = false): boolean => {
  const slots = period(every, tick);
  const offset = byHost ? 0 : hash(lane) % slots;
  return (((slot - offset) % slots) + slots) % slots === 0;
};

/** Everything that a slot's batches are decided from. */
type View = {
  readonly monitor: Monitor;
  readonly hosts: readonly Host[];
  readonly past: (route: RouteId) => Past;
  /** Canaries on their way to a mailbox that has not seen one yet, and lost in it. */
  readonly unproven: ReadonlyMap<string, { readonly underWay: number; readonly unseen: number }>;
  readonly spent: Readonly<{ [path: string]: number }>;
  /** `check` plans every lane at once. */
  readonly everything: boolean;
};

/** Applies the limits to routes in the order given; what is cut is counted. */
const limiter = (view: View, slot: Slot) => {
  const spent = new Map(Object.entries(view.spent));
  const sentTo = new Map([...view.unproven].map(([name, { underWay }]) => [name, underWay]));
  const { limits } = view.monitor;
  let cut = 0;
  const admits = (id: RouteId): boolean => {
    const { path, mailbox } = parseRoute(id);
    const unproven = limits.unproven.every === 0 ? undefined : view.unproven.get(mailbox);
    const perDay = view.monitor.paths[path]?.perDay ?? Number.POSITIVE_INFINITY;
    const refused =
      (unproven !== undefined && ((sentTo.get(mailbox) ?? 0) > 0 || unproven.unseen >= limits.unproven.most)) ||
      (spent.get(path) ?? 0) >= perDay ||
      isHeld(view.past(id), slot, limits);
    if (refused) {
      cut += 1;
      return false;
    }
    spent.set(path, (spent.get(path) ?? 0) + 1);
    sentTo.set(mailbox, (sentTo.get(mailbox) ?? 0) + 1);
    return true;
  };
  return { admits, cut: () => cut };
};

/** The batches of one slot. Regular lanes come first: the watch over everybody outranks another look at a few. */
export const batchesFor = (view: View, slot: Slot): { readonly batches: Batch[]; readonly skipped: number } => {
  const { monitor } = view;
  const { limits } = monitor;
  // A slot that is caught up with does not reach back before a host's time: `confirm` judges nothing from then.
  const lanes = lanesOf(
    view.hosts.filter(({ since }) => slotAt(since, limits) <= slot),
    monitor,
  );
  const everyOf = (path: string) => monitor.paths[path]?.every ?? Number.POSITIVE_INFINITY;
  const byHost = (path: string) => monitor.paths[path]?.byHost === true;
  // A pass over everything asks whom it can ask: a host that sends by its own clock is not among them.
  const isNow = (name: string, path: string) =>
    view.everything ? !byHost(path) : isDue(name, everyOf(path), slot, limits.tick, byHost(path));
  const due = [...lanes].filter(([name, [first]]) => first !== undefined && isNow(name, first.path));
  const limit = limiter(view, slot);
  const batches: Batch[] = [];
  const add = (name: string, path: string, ids: readonly RouteId[]) => {
    const routes = byHost(path) ? ids : ids.filter(limit.admits);
    if (routes.length > 0) batches.push({ slot, name, path, routes });
  };
  for (const [name, routes] of due)
    add(
      name,
      routes[0]?.path ?? '',
      routes.map(({ id }) => id),
    );
  // A stranger's canary that was refused is good news, not a reason to try again: each one is a refusal that fail2ban counts.
  const isQuiet = ({ id, path }: Route) => {
    const { memory, tries } = view.past(id);
    const isNew = memory.records.length + tries.length === 0;
    return monitor.paths[path]?.mustRefuse === true && !isNew && stateOf(memory, limits).health !== 'failing';
  };
  const all: Route[] = [...lanes.values()].flat().filter((route) => !byHost(route.path) && !isQuiet(route));
  const again = againOf(
    all,
    view.past,
    new Set(due.flatMap(([, routes]) => routes.map(({ id }) => id))),
    slot,
    limits,
    limit.admits,
  );
  for (const [path, ids] of [...again.perPath].sort()) batches.push({ slot, name: `again.${path}`, path, routes: ids });
  return { batches, skipped: again.skipped + limit.cut() };
};

export type Planned = { readonly slots: readonly Slot[]; readonly canaries: number; readonly skipped: number };

/**
 * Plans every slot up to the tick's own (its scheduled time, not the clock). Slots older than `sendBy` are counted as
 * skipped; the first run ever plans only its own. Repeating a tick queues nothing new, and loses nothing.
 */
export const plan = async (
  ports: { readonly ledger: Ledger; readonly queue: Queue },
  monitor: Monitor,
  slot: Slot,
  options: { readonly everything?: boolean } = {},
): Promise<Planned> => {
  const { limits } = monitor;
  const items = itemsOf(ports.ledger);
  const [clock, hosts, lanes, mailboxes] = await Promise.all([
    items.planClock(),
    items.hosts(),
    items.lanes(),
    items.mailboxes(),
  ]);
  const oldest = slot - Math.floor(limits.sendBy / limits.tick);
  const first = clock === undefined ? slot : Math.max(clock.planned + 1, oldest);
  const today = new Date(slotStart(slot, limits)).toISOString().slice(0, 10);
  let state: PlanClock = {
    planned: clock?.planned ?? slot - 1,
    day: today,
    spent: clock?.day === today ? clock.spent : {},
    skipped: (clock?.skipped ?? 0) + (clock === undefined ? 0 : Math.max(0, first - clock.planned - 1)),
  };
  // A temporary refusal has no record before lostAfter; until then only its handover holds a gentle cause back.
  const unsettled = limits.sendBy + limits.lostAfter + 3 * limits.tick;
  const span = Math.ceil(Math.max(limits.refusals.within, limits.unproven.every, unsettled) / limits.tick);
  const recent = (await Promise.all(Array.from({ length: span }, (_, back) => items.batches(first - 1 - back)))).flat();
  const memories = new Map<RouteId, RouteMemory>([...lanes.values()].flatMap(({ routes }) => Object.entries(routes)));
  const byId = new Map(hosts.map((host) => [host.id, host]));
  let canaries = 0;
  for (let at = first; at <= slot; at += 1) {
    const tries = triesOf(recent);
    const past = (route: RouteId): Past => ({ memory: memories.get(route) ?? nothing, tries: tries.get(route) ?? [] });
    const unproven = new Map(
      Object.keys(monitor.mailboxes)
        .filter((name) => mailboxes.get(name)?.provenAt === undefined)
        .map((name) => [
          name,
          { underWay: underWay(name, recent, at, monitor), unseen: mailboxes.get(name)?.unseen ?? 0 },
        ]),
    );
    const view: View = { monitor, hosts, past, unproven, spent: state.spent, everything: options.everything ?? false };
    const { batches, skipped } = batchesFor(view, at);
    for (const batch of batches) await items.putBatch(batch, slotStart(at, limits));
    // What is queued is what is stored: after a crash between the two, the batches of then, not those of now.
    const stored: StoredBatch[] = (await items.batches(at)).map(({ handovers: _, ...batch }) => batch);
    await ports.queue.send(
      stored
        .filter(({ path }) => monitor.paths[path]?.byHost !== true)
        .map((batch) => ({
          batch: {
            ...batch,
            hosts: [...new Set(batch.routes.map((id) => parseRoute(id).host))].flatMap((id) => byId.get(id) ?? []),
          },
          delay:
            batch.name.startsWith('again.') || options.everything || limits.spread < 1
              ? 0
              : hash(`${batch.name} ${at}`) % limits.spread,
        })),
    );
    recent.push(...stored);
    const spent: { [path: string]: number } = { ...state.spent };
    for (const { path, routes } of stored) spent[path] = (spent[path] ?? 0) + routes.length;
    canaries += stored.reduce((sum, { routes }) => sum + routes.length, 0);
    state = { ...state, planned: at, spent, skipped: state.skipped + skipped };
    await items.putPlanClock(state);
  }
  return {
    slots: Array.from({ length: Math.max(0, slot - first + 1) }, (_, index) => first + index),
    canaries,
    skipped: state.skipped,
  };
};

/** Canaries of the last minutes that may still arrive in a mailbox: everything that was not refused. */
const underWay = (mailbox: string, recent: readonly StoredBatch[], slot: Slot, { limits }: Monitor): number => {
  const from = slotAt(slotStart(slot, limits) - limits.unproven.every, limits);
  return recent
    .filter((batch) => batch.slot > from)
    .flatMap(({ routes, handovers }) =>
      routes.filter((id, index) => parseRoute(id).mailbox === mailbox && handovers?.[index]?.state !== 'refused'),
    ).length;
};
