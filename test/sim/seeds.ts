/** From a seed to a story: which fleet, which settings, what goes wrong and when. */
import type { Ms } from '../../lambdas/core/words.ts';
import { agentPath } from './agents.ts';
import { cronPath } from './crons.ts';
import { type Random, randomOf } from './random.ts';
import {
  always,
  faultOf,
  mailFaults,
  minute,
  monitorWith,
  ourFaults,
  type Story,
  type StoryHost,
  silence,
} from './story.ts';

const someHosts = (random: Random, hosts: readonly StoryHost[]): string[] => {
  if (random.chance(0.35)) return [];
  return hosts.map(({ id }) => id).filter(() => random.chance(0.4));
};

const listedOf = (random: Random, start: Ms, minutes: number): StoryHost['listed'] => {
  const at = () => start + random.whole(4, minutes - 4) * minute;
  if (random.chance(0.8)) return [always];
  if (random.chance(0.4)) return [{ from: at(), to: always.to }];
  const leaves = at();
  // Half of those that leave come back, some of them soon: autoscaling, or a source that left them out.
  const away = random.whole(5, 16) * minute;
  return random.chance(0.5)
    ? [{ from: 0, to: leaves }]
    : [
        { from: 0, to: leaves },
        { from: leaves + away, to: always.to },
      ];
};

/** The story of a seed. */
export const storyOf = (seed: number): Story => {
  const random = randomOf(seed);
  const minutes = random.whole(24, 36);
  const lostAfter = random.whole(4, 7) * minute;
  const every = random.whole(3, 6) * minute;
  const paths = [
    'app',
    ...random.pick([[], [], ['machine'], ['machine'], [agentPath], [cronPath], [agentPath, cronPath]]),
  ];
  const monitor = monitorWith({
    every,
    lostAfter,
    deliverWithin: random.pick([0.5, 1, 1.5]) * minute,
    paths,
    limits: {
      window: (lostAfter + (paths.includes(cronPath) ? every : 0)) / minute + 4 + random.whole(3, 12),
      ...(random.chance(0.15) ? { unproven: { every: 2 * minute, most: 10 } } : {}),
    },
  });
  const start = Date.UTC(2026, 2, 3, random.pick([0, 12, 23]), random.whole(20, 59));
  const time = () => start + random.whole(2, minutes - 6) * minute;
  const hosts = Array.from({ length: random.whole(2, 4) }, (_, index) => ({
    id: `web-${index + 1}`,
    paths: Object.keys(monitor.paths),
    mailboxes: random.chance(0.5) ? ['outside', 'inside'] : ['outside'],
    listed: index === 0 ? [always] : listedOf(random, start, minutes),
  }));
  const scope = () => ({
    hosts: someHosts(random, hosts),
    path: random.chance(0.3) ? random.pick(paths as [string, ...string[]]) : undefined,
    mailbox: random.chance(0.3) ? 'outside' : undefined,
    share: random.chance(0.8) ? 1 : 0.5,
    delay: random.whole(1, 12) * minute,
  });
  // One story in six is nothing but an outage that lasts: it has to be told, and under one key.
  const lasts = random.chance(1 / 6);
  const outage = () =>
    faultOf(random.pick(['denied', 'down', 'deferred', 'dropped', 'bounced']), start + 4 * minute, always.to, {
      hosts: someHosts(random, hosts),
    });
  const mail = Array.from({ length: lasts ? 1 : random.whole(0, 2) }, () => {
    const from = time();
    return lasts ? outage() : faultOf(random.pick(mailFaults), from, from + random.whole(4, 24) * minute, scope());
  });
  const ours = Array.from({ length: lasts ? 0 : random.whole(0, 2) }, () => {
    const from = time();
    const what = random.pick(ourFaults);
    // Mail that cannot be removed for more than ten rounds is left behind.
    const most = what === 'unremovable' ? 8 : 14;
    const ofMailbox = ['dark', 'login-refused', 'partial', 'unremovable', 'recreated'].includes(what);
    const mailbox = ofMailbox ? random.pick(['outside', 'inside', undefined]) : undefined;
    return faultOf(what, from, from + random.whole(1, most) * minute, { mailbox });
  });
  const calm = start + minutes * minute;
  const noisy = random.chance(lasts ? 0.5 : 0.75);
  return {
    seed,
    start,
    calm,
    end: calm + lostAfter + monitor.limits.patience + 8 * minute,
    monitor,
    hosts,
    faults: [...mail, ...ours].map((fault) => ({ ...fault, to: Math.min(fault.to, calm) })),
    noise: noisy
      ? {
          death: random.pick([0, 0.02, 0.08]),
          slow: random.pick([0, 0.1, 0.4]),
          dropped: random.pick([0, 0.01, 0.05]),
          repeated: random.pick([0, 0.02, 0.2]),
          delayed: random.pick([0, 0.02, 0.1]),
          doubleTick: random.pick([0, 0.02, 0.1]),
          mail: random.pick([0, 0.005, 0.02]),
          foreign: random.pick([0, 0.1, 0.5]),
        }
      : silence,
    discoverEvery: random.pick([2, 5]) * minute,
    skew: { ours: random.pick([0, 400]), mailbox: random.pick([0, 2000, 20_000]) },
    dropEvery: random.chance(0.05) ? 7 : 0,
  };
};
