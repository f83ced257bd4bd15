/** The world of one story: machines that run the real rounds, and everything that they can reach. */
import { type Key, keyOf } from '../../lambdas/core/canary.ts';
import { confirm } from '../../lambdas/core/confirm.ts';
import { discover } from '../../lambdas/core/discover.ts';
import type { MailboxState } from '../../lambdas/core/items.ts';
import { slotAt, slotStart } from '../../lambdas/core/judge.ts';
import { parseRoute } from '../../lambdas/core/monitor.ts';
import { plan } from '../../lambdas/core/plan.ts';
import { send } from '../../lambdas/core/send.ts';
import type { BatchMessage, Ms, Slot } from '../../lambdas/core/words.ts';
import { clockFrom } from './clock.ts';
import { type Doom, type Ending, type Kind, type Machine, Refused, startMachine } from './machine.ts';
import { networkOf } from './network.ts';
import { type Post, postOf } from './post.ts';
import { queueOf } from './queue.ts';
import { type Random, randomOf } from './random.ts';
import { type Seen, seenOf } from './seen.ts';
import { type StoreWork, storeOf } from './store.ts';
import { minute, type OurFault, type Story } from './story.ts';
import { strangersOf } from './strangers.ts';
import { keyOfCanary, type Truth, truthOf } from './truth.ts';

/** The rounds under test; the planted bugs bring their own. */
export type Rounds = {
  readonly plan: typeof plan;
  readonly send: typeof send;
  readonly confirm: typeof confirm;
  readonly discover: typeof discover;
};
export const realRounds: Rounds = { plan, send, confirm, discover };

export type WorldOptions = {
  readonly rounds?: Rounds;
  /** Reads the story line by line. */
  readonly listener?: (line: string) => void;
  /** Where a machine dies; in place of the story's own random deaths. */
  readonly doom?: (kind: Kind, number: number) => Doom | undefined;
  /** Called after each confirm round that ended, with what the ledger and the mailboxes did in all so far. */
  /** Called for each write that a machine makes. */
  readonly onWrite?: (kind: Kind, key: { readonly pk: string; readonly sk: string }) => void;
  /** Called at the end of each machine that ran confirm, with how many slots it read. */
  readonly onRoundReads?: (slots: number) => void;
  readonly onRound?: (
    at: Ms,
    work: { readonly store: StoreWork; readonly asked: number; readonly calls: number },
  ) => void;
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

const timeouts: Readonly<Record<Kind, Ms>> = { discover: minute, plan: minute, send: 70_000, confirm: minute };
const isRead = (what: string) => what.startsWith('get ') || what.startsWith('list ');

/** A death at a random call that changes something, so that most doomed machines die where it matters. */
const randomDoom = (random: Random): Doom => {
  let left = random.whole(0, 9);
  return (_, what) => {
    if (isRead(what)) return random.chance(0.01) ? 'before' : undefined;
    left -= 1;
    return left === -1 ? random.pick(['before', 'after'] as const) : undefined;
  };
};

export const runStory = async (story: Story, options: WorldOptions = {}): Promise<World> => {
  const { monitor, noise } = story;
  const { limits } = monitor;
  const rounds = options.rounds ?? realRounds;
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
  const numbers = new Map<Kind, number>();
  const calls = new Map<string, number>();
  const ran: { confirmCalls: number } = { confirmCalls: 0 };

  const start = async (kind: Kind, round: (machine: Machine) => Promise<unknown>): Promise<Ending> => {
    const number = (numbers.get(kind) ?? 0) + 1;
    numbers.set(kind, number);
    const isNoisy = clock.now() < story.calm;
    const isSlow = isNoisy && random.chance(noise.slow);
    let slotsRead = 0;
    const doomed = isNoisy && random.chance(noise.death);
    const ending = await startMachine(
      {
        kind,
        number,
        clock,
        random,
        skew: Math.round((random.next() * 2 - 1) * story.skew.ours),
        pace: isSlow ? random.pick([50, 500, 2500]) : 0,
        timeout: timeouts[kind],
        doom: options.doom?.(kind, number) ?? (doomed ? randomDoom(random) : undefined),
        onCall: (what) => {
          if (kind === 'confirm' && what.startsWith('list batch#')) slotsRead += 1;
          calls.set(`${kind} ${number}`, (calls.get(`${kind} ${number}`) ?? 0) + 1);
          if (kind === 'confirm') ran.confirmCalls += 1;
        },
      },
      round,
    );
    if (kind === 'confirm') options.onRoundReads?.(slotsRead);
    if (ending.how === 'died') {
      truth.count(`${kind} died`);
      truth.tell(() => `${kind} ${number} dies`);
    }
    if (ending.how === 'failed') {
      truth.tell(() => `${kind} ${number} fails: ${String(ending.error)}`);
      if (ending.error instanceof Refused) truth.count(`${kind} failed`);
      else
        truth.violate(`${kind} ${number} threw ${ending.error instanceof Error ? ending.error.stack : ending.error}`);
    }
    return ending;
  };

  /** A receiver that may refuse, or take what came and then fail to say so. */
  const receive = (what: 'cloudwatch' | 'teller', take: () => void) => {
    if (!suffers(what)) return take();
    truth.count(`${what} refused`);
    if (random.chance(0.2)) {
      truth.count(`${what} took it and refused`);
      take();
    }
    throw new Refused(`${what} refuses`);
  };

  const startSend = (batch: BatchMessage) =>
    start('send', (machine) =>
      rounds.send(
        {
          ledger: store.ledgerFor(machine),
          now: machine.now,
          sender: (path) => (mail, host) =>
            machine.call(`mail ${mail.route}`, () => network(mail, host, monitor.paths[path]?.timeout ?? 0, machine)),
          gate: (_server, _connections, task) => task(),
          deadline: () => new AbortController().signal,
        },
        monitor,
        key,
        batch,
      ),
    );
  const queue = queueOf({
    story,
    clock,
    random,
    truth,
    isStored: ({ slot, name }) => seen.batches.has(`batch#${slot} ${name}`),
    isThrottled: () => suffers('send-dead'),
    startSend,
  });

  const startPlan = (slot: Slot) =>
    start('plan', (machine) =>
      rounds.plan({ ledger: store.ledgerFor(machine), queue: queue.queueFor(machine) }, monitor, slot),
    );
  const startConfirm = async () => {
    let busy = false;
    const ending = await start('confirm', async (machine) => {
      const confirmed = await rounds.confirm(
        {
          ledger: store.ledgerFor(machine),
          mailboxes: Object.fromEntries(Object.entries(posts).map(([name, post]) => [name, post.mailboxFor(machine)])),
          metrics: {
            publish: (points) =>
              machine.call('publish', () =>
                receive('cloudwatch', () => truth.published.push({ at: clock.now(), confirm: machine.number, points })),
              ),
          },
          teller: {
            tell: (events) =>
              machine.call('tell', () =>
                receive('teller', () => {
                  for (const event of events) {
                    truth.told.push({ at: clock.now(), confirm: machine.number, event });
                    truth.tell(() => `told ${event.kind}: ${event.incident.summary}`);
                  }
                }),
              ),
          },
          now: machine.now,
        },
        monitor,
        { current: key },
      );
      busy = confirmed === undefined;
      for (const { what, error } of confirmed?.problems ?? [])
        if (!(error instanceof Refused))
          truth.violate(`${what} failed: ${error instanceof Error ? error.stack : String(error)}`);
    });
    if (busy) truth.count('lease busy');
    if (ending.how === 'ended' && !busy)
      options.onRound?.(clock.now(), {
        store: { ...store.work },
        asked: Object.values(posts).reduce((sum, { work }) => sum + work.asked, 0),
        calls: ran.confirmCalls,
      });
  };
  const startDiscover = () =>
    start('discover', (machine) =>
      rounds.discover(
        {
          ledger: store.ledgerFor(machine),
          sources: [
            {
              name: 'fleet',
              list: () =>
                machine.call('list hosts', () => {
                  if (suffers('source-dark')) throw new Refused('the source does not answer');
                  return story.hosts
                    .filter(({ listed }) => listed.some(({ from, to }) => from <= clock.now() && clock.now() < to))
                    .map(({ id, paths, mailboxes }, index) => ({
                      id,
                      address: `10.0.0.${index + 1}`,
                      paths,
                      mailboxes,
                      services: ['orders'],
                      customers: [],
                      labels: { rack: index % 2 === 0 ? 'a' : 'b' },
                    }));
                }),
            },
          ],
        },
        machine.now(),
      ),
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
  return { story, truth, seen, posts, dropped: queue.dropped, calls, work: store.work, now: clock.now() };
};
