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
  return async (): Promise<{ readonly round: number } | 'busy'> => {
    const keys = await readKeys();
    const opened = openMailboxes(deployed, { secret, now: Date.now });
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
