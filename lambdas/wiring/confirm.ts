/** The confirm function: one session per mailbox and round, then CloudWatch and EventBridge. */
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { cloudwatchMetrics } from '../adapters/cloudwatch.ts';
import { eventBridgeTeller } from '../adapters/events.ts';
import { type Confirmed, confirm } from '../core/confirm.ts';
import {
  awsClients,
  clientConfig,
  deployedFrom,
  type Environment,
  keysFrom,
  ledgerFrom,
  log,
  secretsFrom,
  secretsInto,
} from './environment.ts';
import { openMailboxes } from './mailboxes.ts';
import { outcomesOf } from './outcomes.ts';
import { logRound } from './telling.ts';

/** Wires the round once per machine; the result runs it. Rejects when something of ours failed, after the round has ended. */
export const wireConfirm = (env: Environment) => {
  const deployed = deployedFrom(env);
  const { monitor } = deployed;
  const ledger = ledgerFrom(env);
  const secret = secretsFrom(env);
  const readKeys = keysFrom(env);
  const hello = async () => undefined;
  const outcomes = outcomesOf(deployed.paths, {
    monitor: monitor.name,
    secret,
    allowLocal: false,
    aws: awsClients,
    hello,
  });
  const metrics = cloudwatchMetrics({ client: new CloudWatchClient(clientConfig) });
  const teller = eventBridgeTeller({ client: new EventBridgeClient(clientConfig) });
  // Kept while the function is warm: a token lives as long as it is valid, a session for one round.
  const opened = openMailboxes(deployed, {
    secret,
    putSecret: secretsInto(secret),
    onProblem: (what, error) =>
      log('problem', { doing: what, error: error instanceof Error ? error.message : 'unknown' }),
    now: Date.now,
  });
  return async (): Promise<{ readonly round: number } | 'busy'> => {
    const keys = await readKeys();
    let done: Confirmed | undefined;
    try {
      done = await confirm({ ledger, mailboxes: opened, metrics, teller, outcomes, now: Date.now }, monitor, keys);
    } finally {
      await Promise.all(Object.values(opened).map((mailbox) => mailbox.close()));
    }
    if (done === undefined) {
      log('busy', { why: 'another round holds the lease' });
      return 'busy';
    }
    logRound(done);
    const [first] = done.problems;
    if (first !== undefined)
      throw new Error(`${first.what} failed; it is tried again in the next round`, { cause: first.error });
    return { round: done.round };
  };
};
