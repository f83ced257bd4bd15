/** What the looks and the handovers settle: sightings matched to expected canaries, judged, and set as records. */
import { arriving } from './arriving.ts';
import { canaryId } from './canary.ts';
import type { StoredBatch } from './items.ts';
import { type Judgement, slotAt } from './judge.ts';
import { type Lane, nothing, type Record, type RouteMemory, setRecord } from './lane.ts';
import { mailIndex } from './mail-index.ts';
import { type Monitor, parseRoute } from './monitor.ts';
import { withNotes } from './noted.ts';
import type { Asked } from './outcomes.ts';
import { arrivalOf, type OwnMail, type Sorted } from './sighting.ts';
import { weigh } from './weigh.ts';
import {
  type Handover,
  type HostFacts,
  type Look,
  type Ms,
  type Note,
  type Origin,
  type Place,
  type RouteId,
  type Sighting,
  type Slot,
  verdicts,
} from './words.ts';

/** One canary with all that is known of it; what `check` prints and `watch` tells. */
export type Settled = {
  readonly route: RouteId;
  readonly slot: Slot;
  readonly handover: Handover | undefined;
  readonly sighting: Sighting;
  readonly judgement: Judgement;
  /** Where it really left from, when it arrived. */
  readonly origin?: Origin | undefined;
  /** The verdict that this one replaces. */
  readonly was?: Record['verdict'] | undefined;
};

const place = ({ folder, uidValidity, uid }: Place) => `${folder}\n${uidValidity}\n${uid}`;

/**
 * Sightings that change a record: an arrival after any verdict but an arrival that was earlier; a bounce after `lost`.
 * Two copies may come from two attempts: what counts is when they arrived, not how long each took.
 */
const changes = (record: Record, sighting: Sighting, handover: Handover | undefined): boolean => {
  if (sighting.state === 'bounced') return record.verdict === 'lost' || record.verdict === 'blind';
  if (sighting.state !== 'seen') return false;
  const sentAt = record.sentAt ?? handover?.sentAt;
  return record.took === undefined || (sentAt !== undefined && sighting.arrivedAt < sentAt + record.took);
};

export type SettleInput = {
  readonly monitor: Monitor;
  readonly lanes: ReadonlyMap<string, Lane>;
  /** The lane of each route of the registry. */
  readonly laneOf: ReadonlyMap<RouteId, string>;
  readonly batches: readonly StoredBatch[];
  /** Slots from here on were not read in this round. */
  readonly unread: Slot;
  readonly open: Slot;
  readonly looks: ReadonlyMap<string, Look>;
  readonly sorted: ReadonlyMap<string, Sorted>;
  readonly hosts: ReadonlyMap<string, HostFacts>;
  /** What became of commanded canaries, by id; and those about which nobody could be asked. */
  readonly asked: Pick<Asked, 'outcomes' | 'unasked'>;
  readonly round: number;
  readonly now: Ms;
};

export type SettleOutput = {
  /** The lanes that changed. */
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly settled: readonly Settled[];
  readonly pending: readonly Settled[];
  /** Further mails with the id of a canary, per mailbox. */
  readonly duplicates: ReadonlyMap<string, number>;
  /** Our own mail that may go, per mailbox: recorded, or of no batch that is still to be read. */
  readonly removable: ReadonlyMap<string, readonly Place[]>;
  /** Our own mail that waits for its batch: the cursor must not pass it. */
  readonly waiting: ReadonlyMap<string, readonly Place[]>;
};

/** Judges every expected canary without a record, and again those whose mail was seen after another verdict. */
export const settle = (input: SettleInput): SettleOutput => {
  const { monitor, laneOf, round, now } = input;
  const { limits } = monitor;
  const { byId, mailsOf } = mailIndex(input.sorted, monitor);
  const removable = new Map<string, Place[]>();
  const waiting = new Map<string, Place[]>();
  const duplicates = new Map<string, number>();
  const lanes = new Map<string, { readonly routes: { [route: RouteId]: RouteMemory } }>();
  const settled: Settled[] = [];
  const pending: Settled[] = [];
  const memoryOf = (name: string, route: RouteId) =>
    (lanes.get(name) ?? input.lanes.get(name))?.routes[route] ?? nothing;

  const one = (
    id: string,
    route: RouteId,
    slot: Slot,
    first: Handover | undefined,
    notes: readonly Note[],
    found: readonly OwnMail[],
  ): void => {
    const name = laneOf.get(route);
    // A route that left the registry is judged no more: its incidents end as "host gone".
    if (name === undefined) return;
    const { host, mailbox } = parseRoute(route);
    // The clock of a host may be wrong; when it told, ours knows when it began.
    const told = withNotes(first, notes).handover?.sentAt;
    const mails = found.map((one) => (one.by === undefined || told === undefined ? one : { ...one, sentAt: told }));
    const memory = memoryOf(name, route);
    if (memory.forgotten !== undefined && slot <= memory.forgotten) return;
    const record = memory.records.find((old) => old.slot === slot);
    if (record !== undefined && mails.length === 0) return;
    const { handover, sighting, judgement, origin } = weigh(
      { id, route, slot, first, notes, mails },
      { monitor, look: input.looks.get(mailbox), host: input.hosts.get(host), asked: input.asked, now },
    );
    const arrivals = mails.filter(({ mail }) => mail.bounce === undefined);
    // A round that died before it removed the mail leaves it to be seen again: that is no second mail.
    // What a host minted has its time from the note that came with it, which may have come after the mail.
    // Where the mailbox's clock is not used, a mail that is seen again has another time.
    const isAgain =
      input.sorted.get(mailbox)?.clock === 'unusable' ||
      arrivals.some((one) => one.by !== undefined || arrivalOf(one, now) - one.sentAt === record?.took);
    const further = arrivals.length - (record?.took === undefined || isAgain ? 1 : 0);
    if (further > 0) duplicates.set(mailbox, (duplicates.get(mailbox) ?? 0) + further);
    if (record !== undefined && !changes(record, sighting, handover)) return;
    const { verdict, cause, answeredBy, took } = judgement;
    const story: Settled = { route, slot, handover, sighting, judgement, origin, was: record?.verdict };
    if (verdict === 'pending') {
      pending.push(story);
      return;
    }
    settled.push(story);
    const bad = verdicts[verdict].says !== 'good';
    const next: Record = {
      slot,
      verdict,
      // One correction a canary: what was corrected once is not tallied again.
      round: record?.was === undefined ? round : record.round,
      took,
      ...(sighting.state === 'seen' && sighting.sentAt !== handover?.sentAt ? { sentAt: sighting.sentAt } : {}),
      ...(bad ? { cause, evidence: judgement.evidence?.slice(0, 300), answeredBy } : {}),
      ...(bad && verdict !== 'bounced'
        ? {
            seenAs: handover?.seenAs,
            ownServer: handover?.ownServer,
            product: handover?.product,
          }
        : {}),
      ...(handover?.appFailures ? { appFailures: handover.appFailures } : {}),
      ...arriving(sighting, verdict, origin, input.sorted.get(mailbox)?.clock !== 'unusable'),
      // A record that was corrected before keeps its first verdict: one correction a canary.
      ...(record === undefined ? {} : { was: record.was ?? record.verdict }),
    };
    let lane = lanes.get(name);
    if (lane === undefined) {
      lane = { routes: { ...input.lanes.get(name)?.routes } };
      lanes.set(name, lane);
    }
    lane.routes[route] = setRecord(memory, next, input.open, limits);
  };

  const expected = new Set<string>();
  for (const { slot, routes, handovers, notes = [] } of input.batches) {
    routes.forEach((route, index) => {
      const id = canaryId(route, slot);
      expected.add(id);
      const mine = notes.length === 0 ? notes : notes.filter((note) => note.route === route);
      one(id, route, slot, handovers?.[index], mine, mailsOf(route, id));
    });
  }
  // A batch may have been stored, and its mail have arrived, after this round read the batches.
  const young = slotAt(now - limits.sendBy - limits.lease, limits);
  for (const [mailbox, { own }] of input.sorted) {
    const waits = ({ id, slot, stale }: OwnMail) =>
      !stale && (slot >= input.unread || (slot >= young && !expected.has(id)));
    const places = (mails: readonly OwnMail[]) => [
      ...new Map(mails.map(({ mail }) => [place(mail.place), mail.place])).values(),
    ];
    const keep = monitor.mailboxes[mailbox]?.keep ?? 0;
    // What a report says is in the record; the sweep, which removes what was kept, opens none.
    const isKept = ({ mail: { bounce, internalDate } }: OwnMail) =>
      bounce === undefined && internalDate > now - keep && internalDate <= now;
    removable.set(mailbox, places(own.filter((one) => !waits(one) && !isKept(one))));
    waiting.set(mailbox, places(own.filter(waits)));
  }
  // Mail of slots that are not read any more: it corrects the record, if there still is one.
  for (const [mailbox, ids] of byId) {
    const late = [...ids].filter(([id, [mail]]) => !expected.has(id) && mail !== undefined && mail.slot < input.unread);
    if (late.length === 0) continue;
    const known = recordsById(input.lanes, laneOf, mailbox, new Set(late.map(([, [mail]]) => mail?.slot ?? 0)));
    for (const [id] of late) {
      const found = known.get(id);
      if (found !== undefined) one(id, found.route, found.slot, undefined, [], mailsOf(found.route, id));
    }
  }
  return { lanes, settled, pending, duplicates, removable, waiting };
};

/** The ids of all records of a mailbox at the given slots: a Message-ID carries the id and not the route. */
const recordsById = (
  lanes: ReadonlyMap<string, Lane>,
  laneOf: ReadonlyMap<RouteId, string>,
  mailbox: string,
  slots: ReadonlySet<Slot>,
) => {
  const ids = new Map<string, { route: RouteId; slot: Slot }>();
  for (const route of laneOf.keys()) {
    if (parseRoute(route).mailbox !== mailbox) continue;
    for (const { slot } of lanes.get(laneOf.get(route) ?? '')?.routes[route]?.records ?? [])
      if (slots.has(slot)) ids.set(canaryId(route, slot), { route, slot });
  }
  return ids;
};
