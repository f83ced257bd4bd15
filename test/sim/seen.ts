/** What the checker sees of the ledger: every write as data, kept as the history of batches, verdicts, hosts and incidents. */
import { decodeHandovers } from '../../lambdas/core/handover-codec.ts';
import type { Incident } from '../../lambdas/core/incident.ts';
import type { ConfirmClock, MailboxState, Tally } from '../../lambdas/core/items.ts';
import { decodeLane } from '../../lambdas/core/lane-codec.ts';
import type { Item } from '../../lambdas/core/ports.ts';
import type { Batch, Handover, Host, Ms, RouteId, Slot, Verdict } from '../../lambdas/core/words.ts';
import { keyOfCanary, type Truth } from './truth.ts';

export type Entry = {
  readonly verdict: Verdict;
  readonly took: Ms | undefined;
  readonly at: Ms;
  readonly round: number;
};
export type Expected = { readonly route: RouteId; readonly slot: Slot; readonly storedAt: Ms };

export type Seen = {
  readonly watch: (item: Item | undefined, pk: string, sk: string) => void;
  readonly expected: Map<string, Expected>;
  readonly batches: Map<string, Batch>;
  readonly handovers: Map<string, Handover>;
  /** Every verdict that a canary was given, in order. */
  readonly history: Map<string, Entry[]>;
  /** The spans in which a host was in the registry. */
  readonly registry: Map<string, { host: Host; from: Ms; to: Ms }[]>;
  /** When a round wrote its lanes. */
  readonly laneWrites: Map<number, Ms>;
  readonly tallies: Map<number, Tally>;
  readonly incidents: Map<string, { readonly at: Ms; readonly incident: Incident }[]>;
  readonly clock: () => ConfirmClock | undefined;
};

export type SeenOptions = {
  readonly now: () => Ms;
  readonly truth: Truth;
  readonly onCursor: (mailbox: string, state: MailboxState) => void;
  readonly onRecord?: (key: string, entry: Entry, earlier: readonly Entry[]) => void;
};

export const seenOf = ({ now, truth, onCursor, onRecord }: SeenOptions): Seen => {
  const expected = new Map<string, Expected>();
  const batches = new Map<string, Batch>();
  const handovers = new Map<string, Handover>();
  const bodies = new Map<string, string>();
  const history = new Map<string, Entry[]>();
  const present = new Map<string, ReadonlyMap<RouteId, ReadonlySet<Slot>>>();
  const registry: Seen['registry'] = new Map();
  const laneWrites = new Map<number, Ms>();
  const tallies = new Map<number, Tally>();
  const incidents: Seen['incidents'] = new Map();
  let clock: ConfirmClock | undefined;

  /** Items that are put once never change. */
  const once = (pk: string, sk: string, body: unknown): boolean => {
    const text = JSON.stringify(body);
    const known = bodies.get(`${pk} ${sk}`);
    if (known !== undefined && known !== text) truth.violate(`item ${pk} ${sk} was overwritten`);
    bodies.set(`${pk} ${sk}`, text);
    return known === undefined;
  };

  const sawBatch = (pk: string, sk: string, body: unknown) => {
    if (!once(pk, sk, body) || sk.startsWith('!')) return;
    if (sk.endsWith('!')) {
      const batch = batches.get(`${pk} ${sk.slice(0, -1)}`);
      const said = decodeHandovers(body);
      batch?.routes.forEach((route, index) => {
        const handover = said[index];
        if (handover !== undefined) handovers.set(keyOfCanary(route, batch.slot), handover);
      });
      return;
    }
    const batch = body as Batch;
    batches.set(`${pk} ${sk}`, batch);
    for (const route of batch.routes) {
      const key = keyOfCanary(route, batch.slot);
      if (expected.has(key)) truth.violate(`${key} is expected twice: also in ${sk}`);
      expected.set(key, { route, slot: batch.slot, storedAt: now() });
    }
  };

  const sawLane = (lane: string, body: unknown, round: number) => {
    const before = present.get(lane);
    laneWrites.set(round, now());
    const routes = new Map<RouteId, ReadonlySet<Slot>>();
    present.set(lane, routes);
    for (const [route, { records, forgotten }] of Object.entries(decodeLane(body).routes)) {
      const slots = new Set(records.map(({ slot }) => slot));
      for (const slot of before?.get(route) ?? [])
        if (!slots.has(slot) && slot > (forgotten ?? 0))
          truth.violate(`the record ${keyOfCanary(route, slot)} is gone`);
      routes.set(route, slots);
      for (const { slot, verdict, took } of records) {
        const key = keyOfCanary(route, slot);
        const entries = history.get(key) ?? [];
        const last = entries.at(-1);
        if (last !== undefined && last.verdict === verdict && last.took === took) continue;
        const entry = { verdict, took, at: now(), round };
        onRecord?.(key, entry, entries);
        truth.tell(() => `verdict of ${key}: ${last === undefined ? '' : `${last.verdict}, now `}${verdict}`);
        history.set(key, [...entries, entry]);
      }
    }
  };

  const sawHost = (item: Item | undefined, id: string) => {
    const spans = registry.get(id) ?? [];
    const open = spans.findLast(({ to }) => to === Number.POSITIVE_INFINITY);
    if (item === undefined) {
      truth.tell(() => `host ${id} is gone`);
      if (open !== undefined) open.to = now();
    } else if (open !== undefined) open.host = item.body as Host;
    else {
      truth.tell(() => `host ${id} is in the registry`);
      spans.push({ host: item.body as Host, from: now(), to: Number.POSITIVE_INFINITY });
    }
    registry.set(id, spans);
  };

  const sawIncident = (incident: Incident) => {
    const versions = incidents.get(incident.id) ?? [];
    incidents.set(incident.id, [...versions, { at: now(), incident }]);
    const key = `${incident.id}/${incident.told}`;
    if (incident.told > 0 && !truth.told.some(({ event }) => event.key === key))
      truth.violate(`incident ${incident.id} counts version ${incident.told} as told, and nobody was told`);
    truth.tell(
      () =>
        `incident ${incident.id} v${incident.version} ${incident.closedAt === undefined ? 'open' : 'closed'}: ${incident.summary}`,
    );
  };

  const sawClock = (next: ConfirmClock) => {
    if (clock !== undefined && next.open !== clock.open && next.leaseUntil !== 0)
      truth.violate(`"open" moved from ${clock.open} to ${next.open} in a round that has not ended`);
    if (clock !== undefined && next.open < clock.open) truth.violate('"open" moved backwards');
    if (next.ended < next.round) truth.tell(() => `round ${next.round} begins, open is ${next.open}`);
    clock = next;
  };

  return {
    expected,
    batches,
    handovers,
    history,
    registry,
    laneWrites,
    tallies,
    incidents,
    clock: () => clock,
    watch: (item, pk, sk) => {
      if (pk === 'host') sawHost(item, sk);
      if (item === undefined) return;
      if (pk.startsWith('batch#')) sawBatch(pk, sk, item.body);
      if (pk === 'lane') sawLane(sk, item.body, item.order ?? 0);
      if (pk === 'incident') sawIncident(item.body as Incident);
      if (pk === 'mailbox') onCursor(sk, item.body as MailboxState);
      if (pk === 'clock' && sk === 'confirm') sawClock(item.body as ConfirmClock);
      if (pk === 'tally') {
        const tally = item.body as Tally;
        once(pk, sk, tally.points);
        tallies.set(tally.round, tally);
      }
    },
  };
};
