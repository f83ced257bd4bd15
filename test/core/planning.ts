/** A planner at work: ticks against a ledger in memory, what was queued, and what senders and `confirm` would write. */
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { type Items, itemsOf } from '../../lambdas/core/items.ts';
import { type Lane, nothing, type Record, setRecord } from '../../lambdas/core/lane.ts';
import { laneName, type Monitor, parseRoute } from '../../lambdas/core/monitor.ts';
import { type Planned, plan } from '../../lambdas/core/plan.ts';
import type { Ledger, Queue } from '../../lambdas/core/ports.ts';
import type { BatchMessage, Handover, Host, Ms, RouteId, Slot } from '../../lambdas/core/words.ts';

export type Sent = { readonly slot: Slot; readonly name: string; readonly route: RouteId };

/** What is said of a canary; the record that a permanent refusal becomes is written at once, as `confirm` would. */
export type Answers = (route: RouteId, slot: Slot) => Handover | undefined;

export const acceptedAt = (slot: Slot, monitor: Monitor): Handover => ({
  state: 'accepted',
  sentAt: slot * monitor.limits.tick,
});

export const refusedAt = (
  slot: Slot,
  monitor: Monitor,
  changes: Partial<Extract<Handover, { state: 'refused' }>> = {},
): Handover => ({
  state: 'refused',
  cause: 'relay-denied',
  temporary: false,
  sentAt: slot * monitor.limits.tick,
  answeredBy: 'mail-gw',
  ...changes,
});

export const planning = async (monitor: Monitor, hosts: readonly Host[], options: { unproven?: boolean } = {}) => {
  const ledger: Ledger = memoryLedger();
  const items: Items = itemsOf(ledger);
  const queued: { readonly batch: BatchMessage; readonly delay: Ms }[] = [];
  const seats = new Map(hosts.map(({ id, seat }) => [id, seat]));
  let round = 0;
  for (const host of hosts) await items.putHost(host);
  if (!options.unproven)
    for (const name of Object.keys(monitor.mailboxes)) await items.putMailbox(name, { provenAt: 1, unseen: 0 }, 1);

  const queue: Queue = {
    send: async (messages) => {
      queued.push(...messages);
    },
  };
  const tick = (slot: Slot, by: Queue = queue): Promise<Planned> => plan({ ledger, queue: by }, monitor, slot);
  const everything = (slot: Slot): Promise<Planned> => plan({ ledger, queue }, monitor, slot, { everything: true });

  /** Sets records, as a round of `confirm` would. */
  const record = async (entries: readonly (readonly [RouteId, Record])[]): Promise<void> => {
    const lanes = await items.lanes();
    const changed = new Map<string, Lane>();
    for (const [route, one] of entries) {
      const { host, path } = parseRoute(route);
      const name = laneName(path, seats.get(host) ?? 0);
      const lane = changed.get(name) ?? lanes.get(name) ?? { routes: {} };
      const memory = setRecord(lane.routes[route] ?? nothing, one, 0, monitor.limits);
      changed.set(name, { routes: { ...lane.routes, [route]: memory } });
    }
    round += 1;
    for (const [name, lane] of changed) await items.putLane(name, lane, round, round);
  };

  /** Every route delivered at a slot: nobody is new any more. */
  const wellAt = (slot: Slot, routes: readonly RouteId[]) =>
    record(routes.map((route) => [route, { slot, verdict: 'delivered', took: 2000 }] as const));

  /** Ticks from slot to slot; each batch is answered at once. Resolves with every canary that was sent. */
  const run = async (from: Slot, to: Slot, answers: Answers): Promise<Sent[]> => {
    const sent: Sent[] = [];
    for (let slot = from; slot <= to; slot += 1) {
      await tick(slot);
      for (const { handovers: before, ...batch } of await items.batches(slot)) {
        if (before !== undefined) continue;
        sent.push(...batch.routes.map((route) => ({ slot, name: batch.name, route })));
        const handovers = batch.routes.map((route) => answers(route, slot));
        await items.putHandovers(
          batch,
          handovers.map((one) => one ?? acceptedAt(slot, monitor)),
          slot * monitor.limits.tick,
        );
        await record(
          batch.routes.flatMap((route, index): (readonly [RouteId, Record])[] => {
            const one = handovers[index];
            if (one?.state !== 'refused') return [[route, { slot, verdict: 'delivered', took: 2000 }]];
            const { cause, answeredBy } = one;
            return one.temporary ? [] : [[route, { slot, verdict: 'refused', cause, answeredBy }]];
          }),
        );
      }
    }
    return sent;
  };
  return { items, queued, tick, everything, record, wellAt, run };
};
