/** The note round: what a host tells of its own canaries, believed only when it is signed, recent and of a route that exists. */
import { canaryId, type HostKey } from './canary.ts';
import { firstGeneration, fleetId, fleetKey, hostKey, isSignedBy, type SignedTelling } from './enrolment.ts';
import { helloAfter } from './hello.ts';
import { type HelloItem, itemsOf } from './items.ts';
import { slotAt, slotStart } from './judge.ts';
import { type Monitor, type PathPlan, routeId } from './monitor.ts';
import type { Ledger } from './ports.ts';
import { handoverOf, type Telling } from './telling.ts';
import type { Handover, Ms, Note } from './words.ts';

export type NotePorts = {
  readonly ledger: Ledger;
  readonly now: () => Ms;
  /** The secret from which the keys of hosts are derived. */
  readonly master: () => Promise<string>;
};

/** What the host is told, in one line of JSON. */
export type NoteAnswer = {
  readonly status: 200 | 401 | 403 | 409 | 429;
  readonly body:
    | { readonly noted: number; readonly registered?: true; readonly unknownMailboxes?: readonly string[] }
    | { readonly error: string; readonly time?: string };
};

/** A telling with what proves it. */
export type ReceivedTelling = {
  readonly telling: Telling;
  readonly signed: SignedTelling;
  /** `v1=` and hex. */
  readonly signature: string;
};

/** How far the clock of a host may be from ours: older tellings are replays, or of a host whose canaries nobody could judge. */
export const clockTolerance: Ms = 5 * 60_000;

const hour: Ms = 60 * 60_000;

/**
 * New names that the fleet key may register in an hour. A fleet of a thousand is there within an afternoon; whoever stole
 * the key gets no further before somebody has read that unknown hosts announce themselves.
 */
export const newNamesPerHour = 200;

const refuse = (status: 401 | 403 | 409 | 429, error: string): NoteAnswer => ({ status, body: { error } });

/** Why the signature is not believed; the key when it is. */
const verify = async (
  ports: NotePorts,
  { telling, signed, signature }: ReceivedTelling,
  now: Ms,
): Promise<NoteAnswer | HostKey> => {
  const ahead = signed.timestamp * 1000 - now;
  if (Math.abs(ahead) > clockTolerance) {
    const minutes = Math.round(Math.abs(ahead) / 60_000);
    const error = `the clock of ${telling.host} is ${minutes} minutes ${ahead > 0 ? 'ahead' : 'behind'}: set it (up to ${clockTolerance / 60_000} are allowed), or this is an old telling`;
    return { status: 401, body: { error, time: new Date(now).toISOString() } };
  }
  // The generation is the host's claim: a signature that does not fit costs no question to the ledger.
  const master = await ports.master();
  const { host, generation, fleet } = telling;
  const key = fleet ? fleetKey(master, generation) : hostKey(master, host, generation);
  const whose = fleet ? 'the fleet' : host;
  if (!isSignedBy(key.secret, signed, signature))
    return refuse(401, `the signature is not one of ${whose}, generation ${generation}`);
  const stored = await itemsOf(ports.ledger).enrolment(fleet ? fleetId : host);
  if (generation !== (stored?.generation ?? firstGeneration))
    return refuse(401, `this key of ${whose} was revoked: enroll again, and install the new script`);
  return key;
};

/** Why a telling of this slot is not of now; undefined when it is. A script knows its period from when it was enrolled. */
const misplaced = ({ host, path, slot }: Telling, plan: PathPlan, monitor: Monitor, now: Ms): string | undefined => {
  const { limits } = monitor;
  const slots = Math.max(1, Math.round(plan.every / limits.tick));
  if (slot % slots !== 0)
    return `slot ${slot} begins no period of path ${path}, which has ${slots} minutes: enroll ${host} again`;
  const begins = slotStart(slot, limits);
  if (begins - clockTolerance > now || begins + plan.every + clockTolerance < now)
    return `slot ${slot} is not of now, which is ${slotAt(now, limits)}`;
  return undefined;
};

/** Writes down a host that spoke for itself with the fleet's key; false when too many new ones did. */
const greet = async (ports: NotePorts, telling: Telling, known: HelloItem | undefined, now: Ms): Promise<boolean> => {
  const items = itemsOf(ports.ledger);
  if (known === undefined) {
    const fresh = (await items.hellos()).filter(({ first }) => first > now - hour);
    if (fresh.length >= newNamesPerHour) return false;
  }
  const address = (telling.phase === 'sending' ? telling.address : undefined) ?? known?.address;
  const next = helloAfter(known, { id: telling.host, path: telling.path, address }, now);
  if (next !== undefined) await items.putHello(next);
  return true;
};

/** What a telling says of each mailbox. */
const handovers = (
  telling: Telling,
  now: Ms,
  timestamp: number,
  key: HostKey,
): readonly (readonly [string, Handover])[] => {
  // The host's clock says how long ago it began; ours says when that was.
  const since = Math.min(Math.max(0, timestamp * 1000 - telling.at), clockTolerance);
  const sentAt = now - since;
  if (telling.phase === 'done') return [[telling.mailbox, handoverOf(telling, sentAt, [key.secret])]];
  return [...new Set(telling.mailboxes)].map((mailbox) => [
    mailbox,
    { state: 'commanded', sentAt, leftFrom: telling.address },
  ]);
};

/**
 * Takes one telling. Told again it changes nothing: a note's id is that of its canary and phase, and the first one stays.
 * Rejects only when the ledger or the secret cannot be read or written.
 */
export const note = async (ports: NotePorts, monitor: Monitor, received: ReceivedTelling): Promise<NoteAnswer> => {
  const { telling, signed } = received;
  const now = ports.now();
  const key = await verify(ports, received, now);
  if ('status' in key) return key;

  const { host: id, path, slot, phase } = telling;
  const plan = Object.hasOwn(monitor.paths, path) ? monitor.paths[path] : undefined;
  if (!plan?.byHost)
    return refuse(403, `the settings have no heartbeat path called ${path}: enroll ${id} again, or remove its script`);
  const wrong = misplaced(telling, plan, monitor, now);
  if (wrong !== undefined) return refuse(409, wrong);

  const items = itemsOf(ports.ledger);
  const host = await items.host(id);
  const isListed = host?.paths.includes(path) === true;
  if (!isListed && !telling.fleet)
    return refuse(
      403,
      `${host === undefined ? `no host is called ${id}` : `${id} does not use path ${path}`}: list it`,
    );
  const known = telling.fleet ? await items.hello(id, path) : undefined;
  if (telling.fleet && (!isListed || known !== undefined) && !(await greet(ports, telling, known, now)))
    return refuse(429, `${newNamesPerHour} new hosts have registered within an hour: ${id} may try again in the next`);

  const isKnown = (name: string) =>
    Object.hasOwn(monitor.mailboxes, name) && (!isListed || host.mailboxes.includes(name));
  const told = handovers(telling, now, signed.timestamp, key);
  for (const [mailbox, handover] of told.filter(([name]) => isKnown(name))) {
    const route = routeId(id, path, mailbox);
    const said: Note = {
      id: `tell.${phase}.${canaryId(route, slot)}`,
      route,
      slot,
      at: now,
      says: { state: 'handed', handover },
    };
    await items.putNote(said, now);
  }
  const unknownMailboxes = told.map(([name]) => name).filter((name) => !isKnown(name));
  return {
    status: 200,
    body: {
      noted: told.length - unknownMailboxes.length,
      ...(telling.fleet && known === undefined && !isListed ? { registered: true } : {}),
      ...(unknownMailboxes.length === 0 ? {} : { unknownMailboxes }),
    },
  };
};
