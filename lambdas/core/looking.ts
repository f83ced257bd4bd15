/** Looking into the mailboxes: what is asked of them, when a refused login may be tried again, and what is remembered. */
import { canaryId } from './canary.ts';
import { type Cause, isGentle } from './causes.ts';
import type { MailboxState, StoredBatch } from './items.ts';
import { dueAt, slotAt, slotStart } from './judge.ts';
import { type Lane, nothing } from './lane.ts';
import type { Limits } from './limits.ts';
import { type Monitor, mailboxNames, parseRoute, periodOf } from './monitor.ts';
import { withNotes } from './noted.ts';
import type { Ask, Mailbox } from './ports.ts';
import type { Sorted } from './sighting.ts';
import type { Host, Look, Ms, RouteId } from './words.ts';

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

/** Causes of a mailbox that hangs: waiting for it holds up the verdicts of all the others. */
const hanging: readonly Cause[] = ['connect-timeout', 'timeout-at-stage'];

/** What is asked besides canaries: hourly, how full it is and what is left in it; and how long that may take. */
const housekeeping = (name: string, monitor: Monitor, state: MailboxState | undefined, now: Ms) => {
  const { limits } = monitor;
  const plan = monitor.mailboxes[name];
  const isDue = plan !== undefined && now - (state?.askedAt ?? Number.NEGATIVE_INFINITY) >= limits.housekeeping;
  const settledBy = limits.sendBy + limits.lostAfter + limits.patience;
  const isHung = state?.dark !== undefined && hanging.includes(state.dark.cause) && slotAt(now, limits) % 5 !== 0;
  return {
    ...(isDue ? { state: true, sweep: now - Math.max(plan.keep ?? 0, settledBy) } : {}),
    ...(isHung ? { within: limits.hurried } : {}),
  };
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
      const state = states.get(name);
      return [name, { ...ask, ...housekeeping(name, monitor, state, now), cursor: state?.cursor }];
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

/** A mailbox that has not shown a canary yet and holds much of somebody's mail is not read: it is somebody's. */
export const ifOurs = (
  name: string,
  look: Look,
  sorted: Sorted | undefined,
  state: MailboxState | undefined,
  monitor: Monitor,
): Look => {
  if (look.state === 'dark' || look.messages === undefined || state?.provenAt !== undefined) return look;
  const foreign = look.messages - (sorted?.own.length ?? 0);
  if (monitor.mailboxes[name]?.shared || foreign <= monitor.limits.foreign) return look;
  return {
    state: 'dark',
    cause: 'mailbox-not-ours',
    detail: `the mailbox holds ${foreign} messages that are not ours, at most ${monitor.limits.foreign} may be there`,
  };
};
