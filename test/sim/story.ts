/** The story of a seed: a small fleet, its settings, and what goes wrong when. */
import { type Limits, limitsFor } from '../../lambdas/core/limits.ts';
import type { Monitor } from '../../lambdas/core/monitor.ts';
import type { Ms } from '../../lambdas/core/words.ts';
import { cronPath } from './crons.ts';

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
  'outcomes',
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

/** Paths `app` (claims), `machine` (has its relay's answer), `agent` (is commanded) and `cron` (by the host's own clock), mailboxes outside and inside. */
export const monitorWith = (options: MonitorOptions = {}): Monitor => {
  const { every = 5 * minute, lostAfter = 6 * minute, deliverWithin = minute, paths = ['app'] } = options;
  return {
    name: 'sim',
    limits: {
      ...limitsFor({ lostAfter, patience: paths.includes(cronPath) ? every : 0 }),
      unproven: { every: 0, most: 1000 },
      // Shorter than in life, so that a story comes to rest.
      imapBackoff: [minute, 2 * minute, 4 * minute],
      // Soon, so that a story sees it.
      housekeeping: 2 * minute,
      ...options.limits,
    },
    paths: Object.fromEntries(
      paths.map((path) => [
        path,
        {
          every,
          deliverWithin,
          timeout: 20_000,
          from: 'orders@example.com',
          autoSubmitted: true,
          connections: 2,
          ...(path === cronPath ? { byHost: true } : {}),
        },
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
    end: calm + monitor.limits.lostAfter + monitor.limits.patience + 8 * minute,
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
