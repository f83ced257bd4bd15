/** What a confirm round finds out before it judges: looks into every mailbox, reports, outcomes of commands, certificates. */
import { canaryId, type Keys } from './canary.ts';
import { certificatesNow, type Shown } from './certificates.ts';
import { hostKeys } from './enrolment.ts';
import { hintedBy } from './hinted.ts';
import type { Items, MailboxState, StoredBatch } from './items.ts';
import { slotStart } from './judge.ts';
import type { Lane } from './lane.ts';
import { ifOurs, lookInto } from './looking.ts';
import { type Monitor, mailboxNames } from './monitor.ts';
import { type Asked, askOutcomes } from './outcomes.ts';
import type { Ask, Mailbox, Outcomes } from './ports.ts';
import { type Sorted, sortMails } from './sighting.ts';
import type { Host, Look, Ms, RouteId, Slot } from './words.ts';

export type EvidencePorts = {
  readonly mailboxes: Readonly<Record<string, Mailbox>>;
  readonly outcomes?: ((path: string) => Outcomes | undefined) | undefined;
  readonly now: () => Ms;
};

export type Known = {
  readonly monitor: Monitor;
  readonly hosts: readonly Host[];
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly laneOf: ReadonlyMap<RouteId, string>;
  readonly stored: readonly StoredBatch[];
  readonly states: ReadonlyMap<string, MailboxState>;
  readonly shown: readonly Shown[];
  readonly asks: ReadonlyMap<string, Ask>;
  /** When the round began. */
  readonly begun: Ms;
};

export type Evidence = {
  /** When the looks had ended. */
  readonly now: Ms;
  readonly looks: ReadonlyMap<string, Look>;
  readonly sorted: ReadonlyMap<string, Sorted>;
  /** The batches with the notes that reports gave them. */
  readonly batches: readonly StoredBatch[];
  readonly asked: Asked;
  readonly certificates: readonly Shown[];
};

/** The keys, and those of hosts that mint for themselves, as far as they have such a path and are not revoked. */
const allKeys = async (keys: Keys, items: Items, { hosts, monitor }: Known): Promise<Keys> => {
  const minting = hosts.filter(({ paths }) => paths.some((path) => monitor.paths[path]?.byHost)).map(({ id }) => id);
  if (keys.heartbeat === undefined || minting.length === 0) return keys;
  return { ...keys, hosts: hostKeys(keys.heartbeat, minting, await items.enrolments()) };
};

/** Looks into every mailbox at once, and sorts what they brought. A mailbox that is somebody's is dark. */
const lookEverywhere = async (ports: EvidencePorts, keys: Keys, { monitor, states, asks, begun }: Known) => {
  const looks = await Promise.all(
    mailboxNames(monitor).map(
      async (name) => [name, await lookInto(ports.mailboxes, name, states.get(name), asks.get(name), begun)] as const,
    ),
  );
  const now = ports.now();
  const { replay } = monitor.limits;
  const all = looks.map(([name, look]) => {
    const state = states.get(name);
    const sorted = sortMails(look, keys, now, replay, state?.clockOff !== undefined);
    const ours = ifOurs(name, look, sorted, state, monitor);
    return { name, look: ours, sorted: ours === look ? sorted : sortMails(ours, keys, now, replay) };
  });
  return {
    now,
    looks: new Map(all.map(({ name, look }) => [name, look])),
    sorted: new Map(all.map(({ name, sorted }) => [name, sorted])),
  };
};

/** Gathers it. Stores the notes that reports give, and the certificates that are new. */
export const gatherEvidence = async (
  ports: EvidencePorts,
  items: Items,
  keys: Keys,
  known: Known,
): Promise<Evidence> => {
  const { monitor, hosts, lanes, laneOf, stored } = known;
  const { now, looks, sorted } = await lookEverywhere(ports, await allKeys(keys, items, known), known);
  const isOpen = (route: RouteId, slot: Slot) =>
    laneOf.has(route) &&
    !lanes.get(laneOf.get(route) ?? '')?.routes[route]?.records.some((record) => record.slot === slot);
  const notes = hintedBy(stored, sorted, isOpen, now);
  for (const note of notes) await items.putNote(note, slotStart(note.slot, monitor.limits));
  const batches = stored.map((batch) => {
    const further = notes.filter(({ route, slot }) => slot === batch.slot && batch.routes.includes(route));
    return further.length === 0 ? batch : { ...batch, notes: [...(batch.notes ?? []), ...further] };
  });
  const arrived = new Set([...sorted.values()].flatMap(({ own }) => own.map(({ id }) => id)));
  const waitsFor = (route: RouteId, slot: Slot) => isOpen(route, slot) && !arrived.has(canaryId(route, slot));
  const byId = new Map(hosts.map((host) => [host.id, host]));
  const asked = await askOutcomes(monitor, batches, byId, waitsFor, ports.outcomes, now);
  const certificates = certificatesNow(known.shown, looks.values(), stored, now);
  for (const one of certificates.changed) await items.putCertificate(one);
  return { now, looks, sorted, batches, asked, certificates: certificates.known };
};

/** The mailboxes of which "absent" cannot be said. Who looked at a part is dark to the people who wait for an answer. */
export const darkIn = (
  looks: ReadonlyMap<string, Look>,
): Map<string, { readonly cause: string; readonly detail: string }> =>
  new Map(
    [...looks].flatMap(([name, look]) => {
      if (look.state === 'dark') return [[name, { cause: look.cause, detail: look.detail }] as const];
      return look.complete ? [] : [[name, { cause: 'looked-partly', detail: look.detail ?? '' }] as const];
    }),
  );
