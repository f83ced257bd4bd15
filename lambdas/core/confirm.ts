/** The confirm round (DESIGN 10). The order of its writes is the crash safety: read it from top to bottom. */
import type { Keys } from './canary.ts';
import { type Cleaned, cleanUp } from './cleaning.ts';
import { conditionFinding, conditionsOf, stepConditions } from './conditions.ts';
import { diagnose } from './diagnose.ts';
import { darkIn, gatherEvidence } from './evidence.ts';
import { gauges } from './gauges.ts';
import type { Incident, IncidentEvent } from './incident.ts';
import { type ConfirmClock, itemsOf, type Tally } from './items.ts';
import { slotAt } from './judge.ts';
import { nothing } from './lane.ts';
import { takeLease } from './lease.ts';
import { relevant } from './lifecycle.ts';
import { asksFor, ofThisLife } from './looking.ts';
import { mailboxAfter } from './mailbox-after.ts';
import { laneName, type Monitor, parseRoute, routesOf } from './monitor.ts';
import type { Ledger, Mailbox, Metrics, Outcomes, Teller } from './ports.ts';
import { type Settled, settle } from './settle.ts';
import { countedIn, gather, recordsOfRound, settledPoints } from './tally.ts';
import type { Host, Look, Ms, RouteId, Slot } from './words.ts';

export type ConfirmPorts = {
  readonly ledger: Ledger;
  readonly mailboxes: Readonly<Record<string, Mailbox>>;
  readonly metrics: Metrics;
  readonly teller: Teller;
  /** Asks what became of canaries that hosts were told to send, per path; undefined where nobody can be asked. */
  readonly outcomes?: ((path: string) => Outcomes | undefined) | undefined;
  readonly now: () => Ms;
};

/** What a round did, for whoever ran it. `problems` are ours (CloudWatch, tellers, clean-up) and are repaired by later rounds. */
export type Confirmed = {
  readonly round: number;
  readonly settled: readonly Settled[];
  readonly pending: readonly Settled[];
  readonly incidents: readonly Incident[];
  readonly dark: ReadonlyMap<string, { readonly cause: string; readonly detail: string }>;
  readonly problems: readonly { readonly what: string; readonly error: unknown }[];
};

/** Runs one round; undefined when another one holds the lease. */
export const confirm = async (ports: ConfirmPorts, monitor: Monitor, keys: Keys): Promise<Confirmed | undefined> => {
  const { limits } = monitor;
  const items = itemsOf(ports.ledger);
  const problems: { what: string; error: unknown }[] = [];
  const tried = async (what: string, task: () => Promise<unknown>): Promise<boolean> => {
    try {
      await task();
      return true;
    } catch (error) {
      problems.push({ what, error });
      return false;
    }
  };

  // 0 the lease, and with it the round's number
  const begun = ports.now();
  const clock = await takeLease(items, begun, monitor);
  if (clock === undefined) return undefined;
  const { round } = clock;

  // 1 what is known, and one window of slots
  const [hosts, hellos, lanes, allIncidents, states, shown] = await Promise.all([
    items.hosts(),
    items.hellos(),
    items.lanes(),
    items.incidents(clock.incidentsFrom),
    items.mailboxes(),
    items.certificates(),
  ]);
  const routes = hosts.flatMap((host) => routesOf(host, monitor));
  const byId = new Map(hosts.map((host) => [host.id, host]));
  const laneOf = lanesByRoute(hosts, monitor);
  const unread: Slot = Math.min(clock.open + limits.window, slotAt(begun, limits) + 1);
  const slots = Array.from({ length: Math.max(0, unread - clock.open) }, (_, index) => clock.open + index);
  const stored = ofThisLife((await Promise.all(slots.map((slot) => items.batches(slot)))).flat(), hosts, limits);

  // 2 the tallies of rounds that died after their records were written
  // A long refusal of CloudWatch is caught up with a window at a time: no round reads the whole of it.
  const backlog = clock.published + limits.window;
  const undone = await items.tallies(clock.published, backlog);
  for (let dead = clock.ended + 1; dead < round; dead += 1) {
    const records = recordsOfRound(lanes, dead);
    if (records.length === 0 || undone.some((tally) => tally.round === dead)) continue;
    const tally: Tally = { round: dead, points: gather(monitor.name, settledPoints(records, monitor)), done: false };
    if (await items.putTally(tally, begun)) undone.push(tally);
  }

  // 3 every mailbox at once: sightings, or why it is dark; and what is said of what is not there
  const asks = asksFor(monitor, stored, lanes, laneOf, states, begun);
  const evidence = await gatherEvidence(ports, items, keys, {
    monitor,
    hosts,
    lanes,
    laneOf,
    stored,
    states,
    shown,
    asks,
    begun,
  });
  const { now, looks, sorted, batches, asked, certificates } = evidence;
  problems.push(...asked.problems);

  // 4 settle: verdict and state are one write
  const outcome = settle({
    monitor,
    lanes,
    laneOf,
    batches,
    unread,
    open: clock.open,
    looks,
    sorted,
    hosts: byId,
    asked,
    round,
    now,
  });
  const merged = new Map([...lanes, ...outcome.lanes]);
  for (const [name, lane] of outcome.lanes) {
    const present = Object.fromEntries(Object.entries(lane.routes).filter(([route]) => laneOf.get(route) === name));
    if (!(await items.putLane(name, { routes: present }, round, clock.ended)))
      throw new Error(`a newer round than ${round} has written lane ${name}`);
  }

  // 5 the tally: what must reach CloudWatch
  const mine = recordsOfRound(outcome.lanes, round);
  const counted = countedIn(sorted, outcome.duplicates, now);
  if (mine.length + counted.length > 0) {
    const tally: Tally = {
      round,
      points: gather(monitor.name, [...settledPoints(mine, monitor), ...counted]),
      done: false,
    };
    await items.putTally(tally, now);
    undone.push(tally);
  }

  // 6 incidents
  const memory = (route: RouteId) => merged.get(laneOf.get(route) ?? '')?.routes[route] ?? nothing;
  const mattering = relevant(allIncidents, limits, now);
  const said = new Map(outcome.settled.map(({ route, slot, handover }) => [`${route}@${slot}`, handover]));
  const handover = (route: RouteId, slot: Slot) => said.get(`${route}@${slot}`);
  const ofRoutes = mattering.filter(({ finding }) => finding !== conditionFinding);
  // As of the beginning, when it was decided whether to look: a login that was not tried must not count as a try.
  const after = (name: string, look: Look, cleaned?: Cleaned) =>
    mailboxAfter(
      states.get(name),
      {
        look,
        sorted: sorted.get(name),
        asked: asks.get(name)?.state === true,
        waiting: [...(outcome.waiting.get(name) ?? []), ...(cleaned?.waiting ?? [])],
        lost: outcome.settled.filter(
          ({ route, judgement }) => judgement.verdict === 'lost' && parseRoute(route).mailbox === name,
        ).length,
        unremoved: cleaned?.unremoved ?? 0,
        stuck: cleaned === undefined ? states.get(name)?.stuck : cleaned.stuck,
        judgesSenders: monitor.mailboxes[name]?.judgesSenders === true,
        now: begun,
      },
      limits,
    );
  const looked = new Map([...looks].map(([name, look]) => [name, after(name, look)]));
  const conditions = conditionsOf({
    monitor,
    hosts,
    hellos,
    routes,
    states: looked,
    certificates,
    incidents: mattering,
    now,
  });
  const incidents = [
    ...diagnose({ monitor, hosts, routes, memory, handover, incidents: ofRoutes, now }),
    ...stepConditions(conditions, mattering, monitor, now),
  ];
  const versions = new Map(allIncidents.map(({ id, version }) => [id, version]));
  for (const incident of incidents)
    if (incident.version !== versions.get(incident.id)) await items.putIncident(incident, round);

  // 7 telling: `told` moves only when it was taken
  const untold = incidents.filter(({ told, version }) => told < version);
  const told = new Map<string, Incident>();
  await tried('telling incidents', async () => {
    if (untold.length === 0) return;
    await ports.teller.tell(untold.map(eventOf));
    for (const incident of untold) {
      told.set(incident.id, { ...incident, told: incident.version });
      await items.putIncident({ ...incident, told: incident.version }, round);
    }
  });

  // 8 CloudWatch: tallies oldest first, then the gauges, RoundsConfirmed last of all
  let { published } = clock;
  const planClock = await items.planClock();
  const dark = darkIn(looks);
  await tried('publishing metrics', async () => {
    for (const tally of undone.filter(({ done }) => !done).sort((a, b) => a.round - b.round)) {
      await ports.metrics.publish(tally.points);
      await items.putTallyDone(tally, now);
    }
    published = Math.min(round, backlog);
    const skipped = (planClock?.skipped ?? 0) - clock.skipped;
    const state = gauges({
      monitor,
      routes,
      hosts: byId,
      lanes: merged,
      laneOf,
      incidents,
      dark: new Set([...dark.keys()].filter((name) => monitor.mailboxes[name] !== undefined)),
      skipped,
      states: looked,
      certificates,
      now,
    });
    await ports.metrics.publish(
      gather(monitor.name, [...state, { name: 'RoundsConfirmed', dimensions: {}, at: now, value: 1 }]),
    );
  });

  // 9 clean up, then move the cursors, never past own mail that waits for its batch
  const tidy = async (name: string, look: Look): Promise<void> => {
    const cleaned = await cleanUp(
      ports.mailboxes[name],
      outcome.removable.get(name) ?? [],
      states.get(name),
      limits,
      begun,
    );
    if (cleaned.error !== undefined)
      problems.push({ what: `removing canaries from mailbox ${name}`, error: cleaned.error });
    const state = after(name, look, cleaned);
    if (JSON.stringify(state) !== JSON.stringify(states.get(name))) await items.putMailbox(name, state, round);
  };
  // Side by side: a mailbox that hangs must not use up the time of the others.
  await Promise.all([...looks].map(([name, look]) => tidy(name, look)));

  // 10 the end of the round
  const settledUntil = slotAt(now - (limits.sendBy + limits.lostAfter + limits.patience + 2 * limits.tick), limits);
  const open = Math.max(clock.open, Math.min(unread, settledUntil));
  const today = new Date(now).toISOString().slice(0, 10);
  const [incidentsFrom] = [today, ...relevant(incidents, limits, now).map(({ id }) => id)].sort();
  const skipped = planClock?.skipped ?? 0;
  const end: ConfirmClock = { round, leaseUntil: 0, open, ended: round, published, skipped, incidentsFrom };
  await items.putConfirmClock(end, 'end');
  return {
    round,
    settled: outcome.settled,
    pending: outcome.pending,
    incidents: incidents.map((one) => told.get(one.id) ?? one),
    dark,
    problems,
  };
};

const lanesByRoute = (hosts: readonly Host[], monitor: Monitor): Map<RouteId, string> =>
  new Map(
    hosts.flatMap((host) => routesOf(host, monitor).map(({ id, path }) => [id, laneName(path, host.seat)] as const)),
  );

/** The event of an incident's present version. */
export const eventOf = (incident: Incident): IncidentEvent => ({
  kind: incident.closedAt !== undefined ? 'closed' : incident.told === 0 ? 'opened' : 'changed',
  key: `${incident.id}/${incident.version}`,
  incident,
});
