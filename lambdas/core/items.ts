/** The ledger's items (DESIGN 7): keys, formats, writers and conditions, in one place, over any store. */

import type { Shown } from './certificates.ts';
import { decodeHandovers, encodeHandovers } from './handover-codec.ts';
import type { Incident } from './incident.ts';
import type { Lane } from './lane.ts';
import { decodeLane, encodeLane } from './lane-codec.ts';
import type { MailboxState } from './mailbox-state.ts';
import type { Point } from './metrics.ts';
import type { Item, Ledger } from './ports.ts';
import type { Batch, Handover, Host, Ms, Note, Slot } from './words.ts';

/** The format of every item of today; a reader refuses a newer one, so that an old function does not misread it. */
export const format = 1;

/** An expected batch with what was said of it. Handovers are in the order of its routes; undefined until `send` wrote them. */
export type StoredBatch = Batch & {
  readonly handovers?: readonly Handover[] | undefined;
  /** What was said of its canaries later, in no order. */
  readonly notes?: readonly Note[] | undefined;
};

export type { MailboxState, QuotaSample, Stuck } from './mailbox-state.ts';

/** A host that spoke for itself over a path: for the first time, and last. */
export type HelloItem = {
  readonly id: string;
  readonly path: string;
  readonly address?: string | undefined;
  readonly first: Ms;
  readonly last: Ms;
};

/** Which generation of a host's derived key is valid; none stored: the first, 1. */
export type Enrolment = { readonly id: string; readonly generation: number; readonly changedAt: Ms };

export type PlanClock = {
  readonly planned: Slot;
  /** Canaries planned per path on this UTC day. */
  readonly day: string;
  readonly spent: Readonly<{ [path: string]: number }>;
  /** Canaries that limits kept from being planned, and slots that were too old, since the beginning. */
  readonly skipped: number;
};

export type ConfirmClock = {
  readonly round: number;
  readonly leaseUntil: Ms;
  /** The oldest slot that still has to be read. */
  readonly open: Slot;
  /** The last round that ended. */
  readonly ended: number;
  /** The last tally that CloudWatch took. */
  readonly published: number;
  readonly skipped: number;
  /** No incident with a lesser id matters any more: neither open, nor untold, nor about to come back. */
  readonly incidentsFrom?: string | undefined;
};

export type Tally = { readonly round: number; readonly points: readonly Point[]; readonly done: boolean };

/** An item of a newer format was met: this version must not guess what it means. */
export class UnknownFormat extends Error {
  override name = 'UnknownFormat';
}

const read = <T>(item: Item): T => {
  if (item.v > format)
    throw new UnknownFormat(`item ${item.pk} / ${item.sk} has format ${item.v}, this version reads up to ${format}`);
  return item.body as T;
};

const pad = (number: number) => String(number).padStart(12, '0');
const seconds = (time: Ms) => Math.ceil(time / 1000);
const day: Ms = 24 * 60 * 60_000;
const last = '\uffff';

/** The ledger's items by name. Every method says who writes; `expire` is the time from which spans of keeping count. */
export const itemsOf = (ledger: Ledger) => {
  const get = async <T>(pk: string, sk: string) => {
    const item = await ledger.get(pk, sk);
    return item === undefined ? undefined : read<T>(item);
  };
  const put = (pk: string, sk: string, body: unknown) => ledger.put({ pk, sk, v: format, body });
  return {
    /** Writer: discover. */
    hosts: async (): Promise<Host[]> => (await ledger.list('host')).map((item) => read<Host>(item)),
    host: (id: string) => get<Host>('host', id),
    putHost: (host: Host) => put('host', host.id, host),
    removeHost: (id: string) => ledger.remove('host', id),

    /** Batches of a slot with their handovers. Writers: plan, send. */
    batches: async (slot: Slot): Promise<StoredBatch[]> => {
      const items = await ledger.list(`batch#${slot}`);
      const handovers = new Map(
        items.filter(({ sk }) => /^[^!]+!$/.test(sk)).map((item) => [item.sk, decodeHandovers(read(item))]),
      );
      const notes = items.filter(({ sk }) => sk.startsWith('!')).map((item) => read<Note>(item));
      return items
        .filter(({ sk }) => !sk.includes('!'))
        .map((item) => {
          const batch = read<Batch>(item);
          const mine = notes.filter(({ route }) => batch.routes.includes(route));
          return { ...batch, handovers: handovers.get(`${item.sk}!`), ...(mine.length === 0 ? {} : { notes: mine }) };
        });
    },
    putBatch: (batch: Batch, expire: Ms) =>
      ledger.put(
        { pk: `batch#${batch.slot}`, sk: batch.name, v: format, expires: seconds(expire + 2 * day), body: batch },
        { absent: true },
      ),
    handovers: async (batch: Batch): Promise<Handover[] | undefined> => {
      const body = await get<unknown>(`batch#${batch.slot}`, `${batch.name}!`);
      return body === undefined ? undefined : decodeHandovers(body);
    },
    putHandovers: (batch: Batch, handovers: readonly Handover[], expire: Ms) =>
      ledger.put(
        {
          pk: `batch#${batch.slot}`,
          sk: `${batch.name}!`,
          v: format,
          expires: seconds(expire + 2 * day),
          body: encodeHandovers(handovers),
        },
        { absent: true },
      ),

    /** Writer: note, and confirm for outcomes that it asked for. Repeated, it changes nothing: false. */
    putNote: (note: Note, expire: Ms) =>
      ledger.put(
        { pk: `batch#${note.slot}`, sk: `!${note.id}`, v: format, expires: seconds(expire + 2 * day), body: note },
        { absent: true },
      ),

    /** Hosts that spoke for themselves. Writers: note, send. */
    hellos: async (): Promise<HelloItem[]> => (await ledger.list('hello')).map((item) => read<HelloItem>(item)),
    hello: (id: string, path: string) => get<HelloItem>('hello', `${id}/${path}`),
    putHello: (hello: HelloItem) =>
      ledger.put({
        pk: 'hello',
        sk: `${hello.id}/${hello.path}`,
        v: format,
        expires: seconds(hello.last + 30 * day),
        body: hello,
      }),

    /** Writer: people, through the command line. */
    enrolment: (id: string) => get<Enrolment>('enrolment', id),
    enrolments: async (): Promise<Enrolment[]> => (await ledger.list('enrolment')).map((item) => read<Enrolment>(item)),
    putEnrolment: (enrolment: Enrolment) => put('enrolment', enrolment.id, enrolment),

    /** Writer: confirm, each put only over an older round's. */
    lanes: async (): Promise<Map<string, Lane>> =>
      new Map((await ledger.list('lane')).map((item) => [item.sk, decodeLane(read(item))])),
    putLane: (name: string, lane: Lane, round: number, tallied: number) =>
      ledger.put({ pk: 'lane', sk: name, v: format, order: round, body: encodeLane(lane, tallied) }, { below: round }),

    /** Writer: confirm. `done` is set once CloudWatch took it. */
    tallies: async (after: number, upTo = Number.MAX_SAFE_INTEGER): Promise<Tally[]> =>
      (await ledger.list('tally', { from: pad(after + 1), to: pad(upTo) })).map((item) => read<Tally>(item)),
    putTally: (tally: Tally, expire: Ms) =>
      ledger.put(
        { pk: 'tally', sk: pad(tally.round), v: format, expires: seconds(expire + 15 * day), body: tally },
        { absent: true },
      ),
    putTallyDone: (tally: Tally, expire: Ms) =>
      ledger.put({
        pk: 'tally',
        sk: pad(tally.round),
        v: format,
        expires: seconds(expire + 15 * day),
        body: { ...tally, done: true },
      }),

    /** Writer: confirm. Ids begin with the day, so that old ones need not be read. */
    incidents: async (from?: string): Promise<Incident[]> =>
      (await ledger.list('incident', from === undefined ? {} : { from })).map((item) => read<Incident>(item)),
    putIncident: (incident: Incident, round: number) =>
      ledger.put({ pk: 'incident', sk: incident.id, v: format, order: round, body: incident }, { below: round + 1 }),

    /** Writer: confirm. */
    mailbox: async (name: string): Promise<MailboxState> => (await get<MailboxState>('mailbox', name)) ?? { unseen: 0 },
    mailboxes: async (): Promise<Map<string, MailboxState>> =>
      new Map((await ledger.list('mailbox', { to: last })).map((item) => [item.sk, read<MailboxState>(item)])),
    putMailbox: (name: string, state: MailboxState, round: number) =>
      ledger.put({ pk: 'mailbox', sk: name, v: format, order: round, body: state }, { below: round + 1 }),

    /** Writer: confirm. */
    certificates: async (): Promise<Shown[]> => (await ledger.list('certificate')).map((item) => read<Shown>(item)),
    putCertificate: (shown: Shown) =>
      ledger.put({
        pk: 'certificate',
        sk: `${shown.server}|${shown.until}`,
        v: format,
        expires: seconds(shown.seenAt + 30 * day),
        body: shown,
      }),

    planClock: () => get<PlanClock>('clock', 'plan'),
    putPlanClock: (clock: PlanClock) => put('clock', 'plan', clock),
    confirmClock: () => get<ConfirmClock>('clock', 'confirm'),
    /** Takes the lease with the next round number (false: somebody else was faster), or writes the end of that round. */
    putConfirmClock: (clock: ConfirmClock, condition: 'take' | 'end') =>
      ledger.put(
        { pk: 'clock', sk: 'confirm', v: format, order: clock.round, body: clock },
        { below: condition === 'take' ? clock.round : clock.round + 1 },
      ),
  };
};

export type Items = ReturnType<typeof itemsOf>;
