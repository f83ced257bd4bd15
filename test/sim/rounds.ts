/** The rounds of the simulation: each runs on a machine of its own, with ports into the world around it. */
import type { Key } from '../../lambdas/core/canary.ts';
import { confirm } from '../../lambdas/core/confirm.ts';
import { discover } from '../../lambdas/core/discover.ts';
import { plan } from '../../lambdas/core/plan.ts';
import { send } from '../../lambdas/core/send.ts';
import type { BatchMessage, Ms, Slot } from '../../lambdas/core/words.ts';
import { agentPath, agentsOf } from './agents.ts';
import type { Clock } from './clock.ts';
import { cronsOf, heartbeat } from './crons.ts';
import { Refused } from './machine.ts';
import type { networkOf } from './network.ts';
import type { Post } from './post.ts';
import { queueOf } from './queue.ts';
import type { Random } from './random.ts';
import type { Seen } from './seen.ts';
import { type StarterOptions, starterOf } from './starter.ts';
import type { Store, StoreWork } from './store.ts';
import type { OurFault, Story } from './story.ts';
import type { Truth } from './truth.ts';

/** The rounds under test; the planted bugs bring their own. */
export type Rounds = {
  readonly plan: typeof plan;
  readonly send: typeof send;
  readonly confirm: typeof confirm;
  readonly discover: typeof discover;
};
export const realRounds: Rounds = { plan, send, confirm, discover };

export type RoundsOptions = StarterOptions & {
  readonly rounds?: Rounds;
  /** Called after each confirm round that ended, with what the ledger and the mailboxes did in all so far. */
  readonly onRound?: (
    at: Ms,
    work: { readonly store: StoreWork; readonly asked: number; readonly calls: number },
  ) => void;
};

/** Everything that a round can reach, or that decides how it fares. */
export type Surroundings = {
  readonly story: Story;
  readonly clock: Clock;
  readonly random: Random;
  readonly truth: Truth;
  readonly key: Key;
  readonly suffers: (what: OurFault) => boolean;
  readonly seen: Seen;
  readonly store: Store;
  readonly posts: Readonly<Record<string, Post>>;
  readonly network: ReturnType<typeof networkOf>;
};

/** What starts each round; `dropped` and `calls` grow while the story runs. */
export const roundsOf = (surroundings: Surroundings, options: RoundsOptions) => {
  const { story, clock, random, truth, key, suffers, seen, store, posts, network } = surroundings;
  const { monitor } = story;
  const rounds = options.rounds ?? realRounds;
  const { start, calls, confirmCalls } = starterOf(surroundings, options);
  const agents = agentsOf(network, monitor.paths[agentPath]?.timeout ?? 0, truth);
  const runScripts = cronsOf({ ...surroundings, start });

  /** A receiver that may refuse, or take what came and then fail to say so. */
  const receive = (what: 'cloudwatch' | 'teller', take: () => void) => {
    if (!suffers(what)) return take();
    truth.count(`${what} refused`);
    if (random.chance(0.35)) {
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
          sender: (path) =>
            path === agentPath
              ? { wave: (canaries) => machine.call('command', () => agents.command(canaries, machine)) }
              : (mail, host) =>
                  machine.call(`mail ${mail.route}`, () =>
                    network(mail, host, monitor.paths[path]?.timeout ?? 0, machine),
                  ),
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
          outcomes: (path) =>
            path === agentPath
              ? (overdue) =>
                  machine.call('ask for outcomes', () => {
                    if (suffers('outcomes')) throw new Refused('nobody can be asked');
                    return agents.ask(overdue);
                  })
              : undefined,
          now: machine.now,
        },
        monitor,
        { current: key, heartbeat },
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
        calls: confirmCalls(),
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

  return { dropped: queue.dropped, calls, startPlan, startConfirm, startDiscover, runScripts };
};
