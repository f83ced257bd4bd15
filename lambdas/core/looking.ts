/** Looking into the mailboxes: what is asked of them, when a refused login may be tried again, and what is remembered. */
import { canaryId } from './canary.ts';
import { isGentle } from './causes.ts';
import type { MailboxState, StoredBatch } from './items.ts';
import { dueAt, slotAt, slotStart } from './judge.ts';
import { type Lane, nothing } from './lane.ts';
import type { Limits } from './limits.ts';
import { type Monitor, mailboxNames, parseRoute, periodOf } from './monitor.ts';
import { withNotes } from './noted.ts';
import type { Ask, Mailbox } from './ports.ts';
import type { Cursor, Host, Look, Ms, Place, RouteId } from './words.ts';

/**
 * The batches without the routes of hosts that were not there at that slot. A host that comes back has no records of
 * its earlier life and its mail of then is removed: to judge those canaries again would call them lost.
 */
export const ofThisLife = (batches: readonly StoredBatch[], hosts: readonly Host[], limits: Limits): StoredBatch[] => {
  const since = new Map(hosts.map((host) => [host.id, slotAt(host.since, limits)]));
  return batches.map((batch) => {
    const lives = (route: RouteId) => (since.get(parseRoute(route).host) ?? Number.POSITIVE_INFINITY) <= batch.slot;
    return {
      ...batch,
      routes: batch.routes.filter(lives),
      handovers: batch.handovers?.filter((_, index) => lives(batch.routes[index] ?? '')),
    };
  });
};

/** What each mailbox is asked: the ids without a record, and among them those about to be called lost. */
export const asksFor = (
  monitor: Monitor,
  batches: readonly StoredBatch[],
  lanes: ReadonlyMap<string, Lane>,
  laneOf: ReadonlyMap<RouteId, string>,
  states: ReadonlyMap<string, MailboxState>,
  now: Ms,
): Map<string, Ask> => {
  const { limits } = monitor;
  const asks = new Map<string, { expected: string[]; lastCall: string[]; digests: string[]; since: Ms }>();
  for (const { slot, path, routes, handovers, notes = [] } of batches) {
    routes.forEach((route, index) => {
      const memory = lanes.get(laneOf.get(route) ?? '')?.routes[route] ?? nothing;
      if (!laneOf.has(route) || memory.records.some((record) => record.slot === slot)) return;
      const { mailbox } = parseRoute(route);
      const ask = asks.get(mailbox) ?? { expected: [], lastCall: [], digests: [], since: now };
      asks.set(mailbox, ask);
      const mine = notes.filter((note) => note.route === route);
      const { handover } = withNotes(handovers?.[index], mine);
      const id = canaryId(route, slot);
      ask.expected.push(id);
      if (monitor.paths[path]?.size !== undefined) ask.digests.push(id);
      ask.since = Math.min(ask.since, slotStart(slot, limits));
      const refused = handover?.state === 'refused' && !handover.temporary;
      if (
        handover !== undefined &&
        !refused &&
        handover.state !== 'unsent' &&
        now >= dueAt(slot, handover, limits, periodOf(monitor, path))
      )
        ask.lastCall.push(id);
    });
  }
  return new Map(
    mailboxNames(monitor).map((name) => {
      const ask = asks.get(name) ?? {
        expected: [],
        lastCall: [],
        digests: [],
        since: now - limits.sendBy - limits.lostAfter - limits.patience,
      };
      return [name, { ...ask, cursor: states.get(name)?.cursor }];
    }),
  );
};

/** Looks, unless a refused login has to wait: trying again and again would lock the account. */
export const lookInto = async (
  mailboxes: Readonly<Record<string, Mailbox>>,
  name: string,
  state: MailboxState | undefined,
  ask: Ask | undefined,
  now: Ms,
): Promise<Look> => {
  const mailbox = mailboxes[name];
  if (mailbox === undefined || ask === undefined)
    return {
      state: 'dark',
      cause: 'imap-folder-gone',
      detail: `mailbox ${name} is not in the settings of this function`,
    };
  if (state?.dark !== undefined && isGentle(state.dark.cause) && state.dark.nextTry > now)
    return { state: 'dark', cause: state.dark.cause, detail: state.dark.detail };
  const look = await mailbox.look(ask);
  // The last call was made for those that were due when the round began: a look speaks for no later time than that.
  return look.state === 'dark' ? look : { ...look, at: Math.min(look.at, now) };
};

/** The mailbox's item after a round: cursor, darkness with its back-off, and whether it is proven. */
export const mailboxAfter = (
  before: MailboxState | undefined,
  look: Look,
  waiting: readonly Place[],
  { seen, lost, unremoved, now }: { seen: boolean; lost: number; unremoved: number; now: Ms },
  backoff: readonly Ms[],
): MailboxState => {
  const unseen = (before?.unseen ?? 0) + (before?.provenAt === undefined ? lost : 0);
  const proven = before?.provenAt ?? (seen ? now : undefined);
  const kept = {
    ...(proven === undefined ? {} : { provenAt: proven }),
    unseen,
    ...(unremoved === 0 ? {} : { unremoved }),
  };
  if (look.state === 'looked') return { ...kept, cursor: held(look.cursor, waiting) };
  const dark = before?.dark;
  const isNew = dark === undefined || dark.nextTry <= now;
  const tries = (dark?.tries ?? 0) + (isNew ? 1 : 0);
  const wait = backoff[Math.min(tries, backoff.length) - 1] ?? 0;
  return {
    ...kept,
    ...(before?.cursor === undefined ? {} : { cursor: before.cursor }),
    dark: {
      since: dark?.since ?? now,
      cause: look.cause,
      detail: look.detail,
      tries,
      nextTry: isNew ? now + wait : dark.nextTry,
    },
  };
};

/** The cursor, held back at the first of our own mails that waits. */
const held = (cursor: Cursor, waiting: readonly Place[]): Cursor =>
  Object.fromEntries(
    Object.entries(cursor).map(([folder, at]) => {
      const uids = waiting
        .filter((place) => place.folder === folder && place.uidValidity === at.uidValidity)
        .map(({ uid }) => uid);
      return [folder, { ...at, uidNext: Math.min(at.uidNext, ...uids) }];
    }),
  );
