/** One full pass now: sends on every route, waits for the arrivals, judges. The rounds are those of the deployed monitor. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { keyOf } from '../../lambdas/core/canary.ts';
import { type Condition, conditionsOf } from '../../lambdas/core/conditions.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { type Monitor, parseRoute, routesOf } from '../../lambdas/core/monitor.ts';
import type { Ledger } from '../../lambdas/core/ports.ts';
import type { Settled } from '../../lambdas/core/settle.ts';
import type { Handover, Ms, RouteId } from '../../lambdas/core/words.ts';
import { monitorOf, staticHosts } from '../../lambdas/settings/monitor.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { type Local, wireLocal } from '../../lambdas/wiring/local.ts';

export type PassOptions = {
  readonly settings: Settings;
  readonly secret: (reference: string) => Promise<string>;
  /** Stores a secret that a provider replaced. */
  readonly putSecret?: ((reference: string, value: string) => Promise<void>) | undefined;
  /** How long to wait for arrivals after the last canary was sent. */
  readonly wait: Ms;
  readonly atOnce?: number;
  readonly progress: (state: Progress) => void;
};

export type Progress = {
  readonly routes: number;
  readonly sent: number;
  readonly settled: number;
  readonly dark: readonly string[];
};

export type Pass = {
  readonly monitor: Monitor;
  readonly stories: readonly Settled[];
  readonly problems: readonly { readonly what: string; readonly error: unknown }[];
  /** What is wrong with mailboxes and certificates, and is no failure. */
  readonly conditions: readonly Condition[];
};

/** A pass over many hosts may take a while; what could not be sent within this is unsent. */
const longest: Ms = 60 * 60_000;

/** The limits of one pass that a person asked for: nothing is tried twice, so nothing has to be spaced or held back. */
const forOnePass = (monitor: Monitor): Monitor => {
  const { limits } = monitor;
  const window = limits.window + Math.ceil(longest / limits.tick);
  return {
    ...monitor,
    // Its few rounds follow each other within seconds: a mailbox that was slow once gets its whole time again.
    limits: {
      ...limits,
      sendBy: longest,
      window,
      spread: 0,
      hurried: longest,
      unproven: { ...limits.unproven, every: 0 },
    },
  };
};

/** A mailbox that is dark this often in a row stays dark for this pass. */
const patience = 3;

/** Between rounds: seldom while canaries are still being sent, then at once, and again soon, since mail arrives soon. */
const pauses = { first: 100, longest: 2000, factor: 1.5 } as const;

/** While canaries are being sent, rounds may take one part in so many of the time: they compete with the sending. */
const share = 20;

/** What can still change: not a canary that was never sent, nor one that was refused for now and is not tried again. */
const isOpen = ({ route, judgement, handover }: Settled, givenUp: (mailbox: string) => boolean): boolean =>
  judgement.verdict === 'pending' &&
  handover?.state !== 'unsent' &&
  handover?.state !== 'refused' &&
  !givenUp(parseRoute(route).mailbox);

/** Runs the pass. Rejects only for bugs; whatever the network does is in the stories. */
export const runPass = async (options: PassOptions): Promise<Pass> => {
  const { settings, progress } = options;
  const monitor = forOnePass(monitorOf(settings));
  const problems: { what: string; error: unknown }[] = [];
  /** A canary may arrive, and be settled, before the other canaries of its batch are sent and their handovers stored. */
  const handovers = new Map<RouteId, Handover>();
  const ledger = memoryLedger();
  let sent = 0;
  let lastSent: Ms = Date.now();
  const local: Local = wireLocal({
    settings,
    monitor,
    keys: { current: keyOf(randomBytes(32).toString('hex')) },
    ledger,
    metrics: { publish: async () => undefined },
    teller: { tell: async () => undefined },
    secret: options.secret,
    putSecret: options.putSecret,
    sources: [staticHosts(settings)],
    ...(options.atOnce === undefined ? {} : { atOnce: options.atOnce }),
    onSent: ({ routes }, said) => {
      said.forEach((handover, index) => void handovers.set(routes[index] ?? '', handover));
      sent += routes.length;
      lastSent = Date.now();
      report();
    },
    onProblem: (what, error) => problems.push({ what, error }),
  });
  const stories = new Map<RouteId, Settled>();
  const darkness = new Map<string, number>();
  const refusedLogin = new Set<string>();
  let canaries = 0;
  const report = () =>
    progress({
      routes: canaries,
      sent,
      settled: [...stories.values()].filter(isSettled).length,
      dark: [...darkness.keys()],
    });
  try {
    canaries = (await local.plan({ everything: true })).canaries;
    report();
    const allSent = new AbortController();
    void local.allSent().then(() => allSent.abort());
    for (let pause: Ms = pauses.first; ; ) {
      const begun = Date.now();
      const sending = !allSent.signal.aborted;
      const done = await local.confirm();
      for (const story of [...(done?.pending ?? []), ...(done?.settled ?? [])]) stories.set(story.route, story);
      for (const name of darkness.keys()) if (!done?.dark.has(name)) darkness.delete(name);
      for (const [name, { cause }] of done?.dark ?? []) {
        darkness.set(name, (darkness.get(name) ?? 0) + 1);
        if (cause === 'imap-login-refused') refusedLogin.add(name);
      }
      problems.push(...(done?.problems ?? []));
      report();
      const givenUp = (mailbox: string) => refusedLogin.has(mailbox) || (darkness.get(mailbox) ?? 0) >= patience;
      const open = [...stories.values()].filter((story) => isOpen(story, givenUp));
      if (local.sending() === 0 && stories.size >= canaries && open.length === 0) break;
      if (local.sending() === 0 && begun > lastSent + options.wait) break;
      const took = Date.now() - begun;
      if (sending)
        await sleep(Math.max(pauses.longest, share * took), undefined, { signal: allSent.signal }).catch(
          () => undefined,
        );
      else {
        await sleep(Math.max(pause, took));
        pause = Math.min(pauses.longest, pause * pauses.factor);
      }
    }
    const told = [...stories.values()].map((story) => ({
      ...story,
      handover: story.handover ?? handovers.get(story.route),
    }));
    return { monitor, stories: told, problems, conditions: await conditionsIn(ledger, monitor) };
  } finally {
    await local.stop();
  }
};

/** What the last round left: a dark mailbox shows in its canaries, everything else nowhere but here. */
const conditionsIn = async (ledger: Ledger, monitor: Monitor): Promise<readonly Condition[]> => {
  const items = itemsOf(ledger);
  const hosts = await items.hosts();
  // One refusal to delete is all that a pass sees.
  const atOnce = { ...monitor, limits: { ...monitor.limits, removals: 0 } };
  const conditions = conditionsOf({
    monitor: atOnce,
    hosts,
    hellos: [],
    routes: hosts.flatMap((host) => routesOf(host, monitor)),
    states: await items.mailboxes(),
    certificates: await items.certificates(),
    incidents: [],
    now: Date.now(),
  });
  return conditions.filter(({ key }) => !/^(bounces-)?dark\|/.test(key));
};

const isSettled = ({ judgement }: Settled) => judgement.verdict !== 'pending';
