/** The world of one story: what the rounds can reach, and when each of them begins. */
import { type Key, keyOf } from '../../lambdas/core/canary.ts';
import type { MailboxState } from '../../lambdas/core/items.ts';
import { slotAt, slotStart } from '../../lambdas/core/judge.ts';
import { parseRoute } from '../../lambdas/core/monitor.ts';
import type { BatchMessage, Ms, Slot } from '../../lambdas/core/words.ts';
import { clockFrom } from './clock.ts';
import type { Kind } from './machine.ts';
import { networkOf } from './network.ts';
import { type Post, postOf } from './post.ts';
import { randomOf } from './random.ts';
import { type RoundsOptions, roundsOf } from './rounds.ts';
import { type Seen, seenOf } from './seen.ts';
import { type StoreWork, storeOf } from './store.ts';
import { minute, type OurFault, type Story } from './story.ts';
import { strangersOf } from './strangers.ts';
import { keyOfCanary, type Truth, truthOf } from './truth.ts';

export { type Rounds, realRounds } from './rounds.ts';

export type WorldOptions = RoundsOptions & {
  /** Reads the story line by line. */
  readonly listener?: (line: string) => void;
  /** Called for each write that a machine makes. */
  readonly onWrite?: (kind: Kind, key: { readonly pk: string; readonly sk: string }) => void;
};

export type World = {
  readonly story: Story;
  readonly truth: Truth;
  readonly seen: Seen;
  readonly posts: Readonly<Record<string, Post>>;
  readonly dropped: readonly BatchMessage[];
  /** How many machines of each kind ran, and how many calls each of them made. */
  readonly calls: ReadonlyMap<string, number>;
  readonly work: StoreWork;
  readonly now: Ms;
};

export const runStory = async (story: Story, options: WorldOptions = {}): Promise<World> => {
  const { monitor, noise } = story;
  const { limits } = monitor;
  const random = randomOf(story.seed + 77_777);
  const clock = clockFrom(story.start);
  const truth = truthOf(clock.now, options.listener);
  const key: Key = keyOf('the secret of the simulation');
  const suffers = (what: OurFault, mailbox?: string) =>
    story.faults.some(
      (fault) =>
        fault.what === what &&
        fault.from <= clock.now() &&
        clock.now() < fault.to &&
        (fault.mailbox === undefined || fault.mailbox === mailbox),
    );
  /** True for a canary that must have a record: expected, and its host in the registry since before its slot. */
  const isDue = (route: string, slot: Slot): boolean => {
    const span = seen.registry.get(parseRoute(route).host)?.at(-1);
    return (
      seen.expected.has(keyOfCanary(route, slot)) &&
      span?.to === Number.POSITIVE_INFINITY &&
      span.from <= slotStart(slot, limits)
    );
  };
  const isRecorded = (route: string, slot: Slot) => seen.history.has(keyOfCanary(route, slot));
  const onCursor = (mailbox: string, { cursor }: MailboxState) => {
    for (const { folder, validity, mail } of posts[mailbox]?.inFolders() ?? []) {
      const at = cursor?.[folder];
      if (mail.owner === undefined || at?.uidValidity !== validity || mail.uid >= at.uidNext) continue;
      const { route, slot } = mail.owner;
      if (isDue(route, slot) && !isRecorded(route, slot))
        truth.violate(`the cursor of ${mailbox}/${folder} passed ${keyOfCanary(route, slot)}, which has no record`);
    }
  };
  const seen = seenOf({ now: clock.now, truth, onCursor });
  const store = storeOf(() => suffers('ledger'), seen.watch, options.onWrite);
  const posts = Object.fromEntries(
    Object.keys(monitor.mailboxes).map((name) => [
      name,
      postOf({
        name,
        clock,
        random,
        truth,
        suffers: (what) => suffers(what, name),
        onRemove: ({ owner }) => {
          if (owner !== undefined && isDue(owner.route, owner.slot) && !isRecorded(owner.route, owner.slot))
            truth.violate(`mail of ${keyOfCanary(owner.route, owner.slot)} was removed before it was recorded`);
        },
      }),
    ]),
  );
  const network = networkOf({ story, clock, random, truth, posts });
  const strangeMail = strangersOf({ story, clock, random, truth, posts, key });
  const { dropped, calls, startPlan, startConfirm, startDiscover, runScripts } = roundsOf(
    { story, clock, random, truth, key, suffers, seen, store, posts, network },
    options,
  );

  truth.tell(
    () =>
      `seed ${story.seed}: ${story.hosts.length} hosts, paths ${Object.entries(monitor.paths)
        .map(([name, { every }]) => `${name} every ${every / minute} min`)
        .join(
          ', ',
        )}; lost after ${limits.lostAfter / minute} min; all faults end at ${new Date(story.calm).toISOString().slice(11, 16)}; slots are shown by their number, minutes since 1970`,
  );
  for (const fault of story.faults.filter(({ what }) => what === 'recreated'))
    clock.at(fault.from, () => {
      for (const [name, post] of Object.entries(posts)) if ((fault.mailbox ?? name) === name) post.recreate();
    });
  for (const { what, from, to, hosts, mailbox } of story.faults)
    clock.at(from, () =>
      truth.tell(
        () => `fault ${what} until ${new Date(to).toISOString().slice(11, 19)} ${hosts.join(' ')} ${mailbox ?? ''}`,
      ),
    );
  for (let at = story.start; at < story.end; at += story.discoverEvery)
    clock.at(at + random.whole(0, 900), () => void startDiscover());
  const slots = Math.ceil((story.end - story.start) / limits.tick);
  for (let index = 1; index < slots; index += 1) {
    const at = story.start + index * limits.tick;
    const slot = slotAt(at, limits);
    clock.at(at, () => runScripts(slot));
    const times = at < story.calm && random.chance(noise.doubleTick) ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      clock.at(at + random.whole(0, 2000), () => {
        if (!suffers('plan-dead')) void startPlan(slot);
      });
      clock.at(at + random.whole(0, 5000), () => {
        if (!suffers('confirm-dead')) void startConfirm();
      });
    }
    if (at < story.calm && random.chance(noise.foreign)) clock.at(at + random.whole(0, 59_000), strangeMail);
  }
  await clock.run(story.end);
  return { story, truth, seen, posts, dropped, calls, work: store.work, now: clock.now() };
};
