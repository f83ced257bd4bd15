/** The story of a seed: a small fleet, its settings, and what goes wrong when. */
import { type Limits, limitsFor } from '../../lambdas/core/limits.ts';
import type { Monitor } from '../../lambdas/core/monitor.ts';
import type { Ms } from '../../lambdas/core/words.ts';
import { type Random, randomOf } from './random.ts';

export const minute: Ms = 60_000;

/** What a fault does to the mails in its scope. */
export const mailFaults = [
  'denied',
  'down',
  'deferred',
  'dropped',
  'slow',
  'junk',
  'archived',
  'ambiguous',
  'bounced',
  'hanging',
  'sender-bug',
  'unasked',
  'twice',
] as const;
export type MailFault = (typeof mailFaults)[number];

/** What a fault does to the monitor's own world. */
export const ourFaults = [
  'dark',
  'login-refused',
  'partial',
  'unremovable',
  'recreated',
  'cloudwatch',
  'teller',
  'ledger',
  'plan-dead',
  'confirm-dead',
  'send-dead',
  'source-dark',
] as const;
export type OurFault = (typeof ourFaults)[number];

export type Fault = {
  readonly what: MailFault | OurFault;
  readonly from: Ms;
  readonly to: Ms;
  /** Empty: all hosts. */
  readonly hosts: readonly string[];
  readonly path?: string | undefined;
  readonly mailbox?: string | undefined;
  /** The share of mails it hits. */
  readonly share: number;
  /** How much later mail arrives, for `slow`. */
  readonly delay: Ms;
};

export type StoryHost = {
  readonly id: string;
  readonly paths: readonly string[];
  readonly mailboxes: readonly string[];
  /** The spans in which its source lists it. */
  readonly listed: readonly { readonly from: Ms; readonly to: Ms }[];
};

export type Noise = {
  /** The chance that a machine dies in the middle. */
  readonly death: number;
  /** The chance that a machine is slow, so that others act between its calls. */
  readonly slow: number;
  readonly dropped: number;
  readonly repeated: number;
  readonly delayed: number;
  readonly doubleTick: number;
  /** Per canary: any of the mail faults, once. */
  readonly mail: number;
  /** Per minute: foreign, forged or replayed mail. */
  readonly foreign: number;
};

export type Story = {
  readonly seed: number;
  readonly start: Ms;
  /** Faults and noise end here; then everything must come to rest. */
  readonly calm: Ms;
  readonly end: Ms;
  readonly monitor: Monitor;
  readonly hosts: readonly StoryHost[];
  readonly faults: readonly Fault[];
  readonly noise: Noise;
  readonly discoverEvery: Ms;
  /** How far the clocks of our machines and of the mailbox servers are off, at most. */
  readonly skew: { readonly ours: Ms; readonly mailbox: Ms };
  /** Every so-manieth message of the queue is lost; 0: none. */
  readonly dropEvery: number;
};

export const silence: Noise = {
  death: 0,
  slow: 0,
  dropped: 0,
  repeated: 0,
  delayed: 0,
  doubleTick: 0,
  mail: 0,
  foreign: 0,
};

export type MonitorOptions = {
  readonly every?: Ms;
  readonly lostAfter?: Ms;
  readonly deliverWithin?: Ms;
  readonly paths?: readonly string[];
  readonly limits?: Partial<Limits>;
};

/** Paths `app` (claims) and `machine` (has its relay's answer), mailboxes outside and inside. */
export const monitorWith = (options: MonitorOptions = {}): Monitor => {
  const { every = 5 * minute, lostAfter = 6 * minute, deliverWithin = minute, paths = ['app'] } = options;
  return {
    name: 'sim',
    limits: {
      ...limitsFor({ lostAfter }),
      unproven: { every: 0, most: 1000 },
      // Shorter than in life, so that a story comes to rest.
      imapBackoff: [minute, 2 * minute, 4 * minute],
      ...options.limits,
    },
    paths: Object.fromEntries(
      paths.map((path) => [
        path,
        { every, deliverWithin, timeout: 20_000, from: 'orders@example.com', autoSubmitted: true, connections: 2 },
      ]),
    ),
    mailboxes: {
      outside: { address: 'canary@elsewhere.example', inside: false },
      inside: { address: 'canary@example.com', inside: true },
    },
  };
};

export const faultOf = (what: Fault['what'], from: Ms, to: Ms, scope: Partial<Fault> = {}): Fault => ({
  what,
  from,
  to,
  hosts: [],
  share: 1,
  delay: 3 * minute,
  ...scope,
});

export const always = { from: 0, to: Number.MAX_SAFE_INTEGER };

/** A story without any fault: the base of every scenario. */
export const calmStory = (changes: Partial<Story> = {}, minutes = 40): Story => {
  const start = changes.start ?? Date.UTC(2026, 2, 3, 12);
  const monitor = changes.monitor ?? monitorWith();
  const calm = start + minutes * minute;
  return {
    seed: 1,
    start,
    calm,
    end: calm + monitor.limits.lostAfter + 8 * minute,
    monitor,
    hosts: ['web-1', 'web-2', 'web-3'].map((id) => ({
      id,
      paths: Object.keys(monitor.paths),
      mailboxes: ['outside', 'inside'],
      listed: [always],
    })),
    faults: [],
    noise: silence,
    discoverEvery: 5 * minute,
    skew: { ours: 0, mailbox: 0 },
    dropEvery: 0,
    ...changes,
  };
};

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
  const monitor = monitorWith({
    every: random.whole(3, 6) * minute,
    lostAfter,
    deliverWithin: random.pick([0.5, 1, 1.5]) * minute,
    paths: random.chance(0.4) ? ['app', 'machine'] : ['app'],
    limits: {
      window: lostAfter / minute + 4 + random.whole(3, 12),
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
    path: random.chance(0.3) ? 'app' : undefined,
    mailbox: random.chance(0.3) ? 'outside' : undefined,
    share: random.chance(0.8) ? 1 : 0.5,
    delay: random.whole(1, 12) * minute,
  });
  const mail = Array.from({ length: random.whole(0, 2) }, () => {
    const from = time();
    return faultOf(random.pick(mailFaults), from, from + random.whole(4, 24) * minute, scope());
  });
  const ours = Array.from({ length: random.whole(0, 2) }, () => {
    const from = time();
    const what = random.pick(ourFaults);
    // Mail that cannot be removed for more than ten rounds is left behind.
    const most = what === 'unremovable' ? 8 : 14;
    const ofMailbox = ['dark', 'login-refused', 'partial', 'unremovable', 'recreated'].includes(what);
    const mailbox = ofMailbox ? random.pick(['outside', 'inside', undefined]) : undefined;
    return faultOf(what, from, from + random.whole(1, most) * minute, { mailbox });
  });
  const calm = start + minutes * minute;
  const noisy = random.chance(0.75);
  return {
    seed,
    start,
    calm,
    end: calm + lostAfter + 8 * minute,
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
