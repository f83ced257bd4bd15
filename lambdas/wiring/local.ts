/** The same rounds on one machine, without AWS: for `check`, `watch` and the demo. The queue is this process. */
import { secretWriter } from '../adapters/secret-writer.ts';
import { type SecretClients, secretReader } from '../adapters/secrets.ts';
import type { Keys } from '../core/canary.ts';
import { type Confirmed, confirm } from '../core/confirm.ts';
import { discover } from '../core/discover.ts';
import { itemsOf } from '../core/items.ts';
import { slotAt } from '../core/judge.ts';
import type { Monitor } from '../core/monitor.ts';
import { parseRoute } from '../core/monitor.ts';
import { type Planned, plan } from '../core/plan.ts';
import type { HostSource, Ledger, Metrics, Teller } from '../core/ports.ts';
import { send } from '../core/send.ts';
import type { BatchMessage, Handover } from '../core/words.ts';
import type { AwsClients } from '../paths/kind.ts';
import type { Settings } from '../settings/schema.ts';
import { gateFor } from './gate.ts';
import { helloInto, helloSource } from './hello.ts';
import { openMailboxes } from './mailboxes.ts';
import { outcomesOf } from './outcomes.ts';
import { sendersOf } from './senders.ts';

/** Clients are loaded only when a reference lies in AWS: most local runs need none. */
const awsSecrets: SecretClients = {
  secretsManager: async () => new (await import('@aws-sdk/client-secrets-manager')).SecretsManagerClient({}),
  ssm: async () => new (await import('@aws-sdk/client-ssm')).SSMClient({}),
};

/** Of AWS, with the credentials of this machine; loaded only where a path needs them. */
const awsClients: AwsClients = {
  ses: async () => new (await import('@aws-sdk/client-ses')).SESClient({}),
  ssm: async () => new (await import('@aws-sdk/client-ssm')).SSMClient({}),
};

/** Secrets of a machine: its environment, its files, and AWS for references that lie there. */
export const localSecrets = (env: Readonly<Record<string, string | undefined>>, baseDir: string) => {
  const read = secretReader({ aws: awsSecrets, env, baseDir, allowFiles: true });
  const write = secretWriter({ aws: awsSecrets, baseDir, allowFiles: true, stored: read.remember });
  return { read, write };
};

export type LocalOptions = {
  readonly settings: Settings;
  readonly monitor: Monitor;
  readonly keys: Keys;
  readonly ledger: Ledger;
  readonly metrics: Metrics;
  readonly teller: Teller;
  readonly secret: (reference: string) => Promise<string>;
  /** Stores a secret that a provider replaced. @default it is used while this process lives, and lost then */
  readonly putSecret?: ((reference: string, value: string) => Promise<void>) | undefined;
  readonly sources: readonly HostSource[];
  /** Canaries on their way at one time. @default 25 */
  readonly atOnce?: number;
  /** Told of each batch that was sent, and of each that could not be stored. */
  readonly onSent?: (batch: BatchMessage, handovers: readonly Handover[]) => void;
  readonly onProblem: (what: string, error: unknown) => void;
};

export type Local = {
  /** Hosts into the registry, then what is due at this moment; sending goes on in the background. */
  readonly plan: (options?: { readonly everything?: boolean }) => Promise<Planned>;
  readonly confirm: () => Promise<Confirmed | undefined>;
  /** Sends again what a killed process had stored and not sent: the same ids, so nothing counts twice. */
  readonly resume: () => Promise<number>;
  /** Canaries whose batch is not done yet. */
  readonly sending: () => number;
  /** Resolves when every batch is done: at once when none is under way. */
  readonly allSent: () => Promise<void>;
  /** Ends mailbox sessions: between rounds, or at the end. */
  readonly rest: () => Promise<void>;
  /** Stops sending and breaks off what is under way; all of that stays expected. */
  readonly stop: () => Promise<void>;
};

/** Wires the rounds for this process. */
export const wireLocal = (options: LocalOptions): Local => {
  const { settings, monitor, keys, ledger } = options;
  const now = Date.now;
  const ending = new AbortController();
  // An attempt that we break off ourselves says nothing of the host: its handover must not be stored.
  const whileRunning: Ledger['put'] = async (...item) => {
    ending.signal.throwIfAborted();
    return ledger.put(...item);
  };
  const shared = {
    monitor: monitor.name,
    secret: options.secret,
    allowLocal: true,
    aws: awsClients,
    hello: helloInto(ledger, options.onProblem),
  };
  const outcomes = outcomesOf(settings.paths, shared);
  const sources = [helloSource(ledger, monitor), ...options.sources];
  const sendPorts = {
    ledger: { ...ledger, put: whileRunning },
    now,
    sender: sendersOf(settings.paths, shared),
    gate: gateFor(options.atOnce ?? 25),
    deadline: (after: number) => AbortSignal.any([AbortSignal.timeout(after), ending.signal]),
  };
  const mailboxes = openMailboxes(settings, {
    secret: options.secret,
    putSecret: options.putSecret,
    onProblem: options.onProblem,
    now,
  });
  const timers = new Set<NodeJS.Timeout>();
  const running = new Set<Promise<void>>();
  const waiting = new Set<() => void>();
  let underWay = 0;

  const run = async (batch: BatchMessage): Promise<void> => {
    try {
      const handovers = await send(sendPorts, monitor, keys.current, batch);
      if (handovers !== undefined) options.onSent?.(batch, handovers);
    } catch (error) {
      if (!ending.signal.aborted) options.onProblem(`sending batch ${batch.name}`, error);
    } finally {
      underWay -= batch.routes.length;
      if (underWay === 0) for (const resolve of waiting) resolve();
    }
  };
  const queue = {
    send: async (messages: readonly { readonly batch: BatchMessage; readonly delay: number }[]): Promise<void> => {
      for (const { batch, delay } of messages) {
        underWay += batch.routes.length;
        const timer = setTimeout(() => {
          timers.delete(timer);
          const sending = run(batch).finally(() => running.delete(sending));
          running.add(sending);
        }, delay);
        timers.add(timer);
      }
    },
  };
  const rest = async () => {
    await Promise.all(Object.values(mailboxes).map((mailbox) => mailbox.close()));
  };

  return {
    plan: async (planOptions) => {
      const at = now();
      const { dark } = await discover({ ledger, sources }, at);
      for (const { source, error } of dark) options.onProblem(`listing the hosts of ${source}`, error);
      return plan({ ledger, queue }, monitor, slotAt(at, monitor.limits), planOptions);
    },
    confirm: () =>
      confirm({ ledger, mailboxes, metrics: options.metrics, teller: options.teller, outcomes, now }, monitor, keys),
    resume: async () => {
      const items = itemsOf(ledger);
      const { limits } = monitor;
      const slot = slotAt(now(), limits);
      const oldest = slotAt(now() - limits.sendBy, limits);
      const slots = Array.from({ length: slot - oldest + 1 }, (_, index) => oldest + index);
      const stored = (await Promise.all(slots.map((one) => items.batches(one))))
        .flat()
        .filter(({ path, handovers }) => handovers === undefined && monitor.paths[path]?.byHost !== true);
      const hosts = await items.hosts();
      await queue.send(
        stored.map(({ handovers: _, ...batch }) => {
          const named = new Set(batch.routes.map((id) => parseRoute(id).host));
          return { batch: { ...batch, hosts: hosts.filter(({ id }) => named.has(id)) }, delay: 0 };
        }),
      );
      return stored.reduce((sum, { routes }) => sum + routes.length, 0);
    },
    sending: () => underWay,
    allSent: () => (underWay === 0 ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve))),
    rest,
    stop: async () => {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      ending.abort();
      await Promise.all([...running, rest()]);
    },
  };
};
