/** Hosts that send by their own clock (`cron`): they mint with their own keys, tell what they do, and wait for nobody. */
import { mint } from '../../lambdas/core/canary.ts';
import { hostKey } from '../../lambdas/core/enrolment.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { slotStart } from '../../lambdas/core/judge.ts';
import { routeId } from '../../lambdas/core/monitor.ts';
import type { Handover, Ms, Note, RouteId, Slot } from '../../lambdas/core/words.ts';
import type { Clock } from './clock.ts';
import type { Kind, Machine } from './machine.ts';
import type { networkOf } from './network.ts';
import type { Random } from './random.ts';
import type { Store } from './store.ts';
import type { Story } from './story.ts';
import type { Truth } from './truth.ts';

/** The path whose hosts send by their own clock. */
export const cronPath = 'cron';

/** From which the hosts' keys are derived. */
export const heartbeat = 'the second secret of the simulation';

type World = {
  readonly story: Story;
  readonly clock: Clock;
  readonly random: Random;
  readonly truth: Truth;
  readonly store: Store;
  readonly network: ReturnType<typeof networkOf>;
  readonly start: (kind: Kind, round: (machine: Machine) => Promise<unknown>) => Promise<unknown>;
};

/** Called at each slot: every host whose period begins runs its script somewhere in it. */
export const cronsOf = ({ story, clock, random, truth, store, network, start }: World) => {
  const { monitor, noise } = story;
  const plan = monitor.paths[cronPath];

  const tell = (id: string, route: RouteId, slot: Slot, handover: Handover): void => {
    if (clock.now() < story.calm && random.chance(noise.dropped + noise.mail)) {
      truth.count('tellings lost');
      return;
    }
    truth.count('tellings');
    void start('note', async (machine) => {
      const note: Note = { id, route, slot, at: machine.now(), says: { state: 'handed', handover } };
      await itemsOf(store.ledgerFor(machine)).putNote(note, slotStart(slot, monitor.limits));
    });
  };

  const run = async (route: RouteId, host: string, mailbox: string, slot: Slot, skew: Ms): Promise<void> => {
    const sentAt = clock.now() + skew;
    const { address = '' } = monitor.mailboxes[mailbox] ?? {};
    const mail = mint(route, slot, sentAt, hostKey(heartbeat, host, 1), {
      from: plan?.from ?? '',
      to: address,
      autoSubmitted: true,
    });
    let isSilent = true;
    const told = () => {
      isSilent = false;
      tell(`tell.sending.${mail.id}`, route, slot, { state: 'commanded', sentAt: clock.now() });
    };
    const facts = { id: host, paths: [], mailboxes: [], services: [], customers: [], labels: {} };
    try {
      const handover = await network(mail, facts, plan?.timeout ?? 0, { number: 0 }, told);
      if (handover.state !== 'unsent' && !isSilent) tell(`tell.done.${mail.id}`, route, slot, handover);
    } catch {
      truth.count('scripts that did not run');
    }
  };

  return (slot: Slot): void => {
    const slots = (plan?.every ?? 1) / monitor.limits.tick;
    if (plan === undefined || slot % slots !== 0) return;
    for (const { id, paths, mailboxes, listed } of story.hosts) {
      const isThere = listed.some(({ from, to }) => from <= clock.now() && clock.now() < to);
      if (!isThere || !paths.includes(cronPath)) continue;
      const skew = Math.round((random.next() * 2 - 1) * story.skew.ours);
      const delay = random.whole(0, 0.9 * plan.every);
      clock.at(clock.now() + delay, () => {
        for (const mailbox of mailboxes) void run(routeId(id, cronPath, mailbox), id, mailbox, slot, skew);
      });
    }
  };
};
