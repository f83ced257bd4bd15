/** The plan function: hosts of the settings into the registry, then what is due. */
import { SQSClient } from '@aws-sdk/client-sqs';
import { sqsQueue } from '../adapters/queue-sqs.ts';
import { discover } from '../core/discover.ts';
import { slotAt } from '../core/judge.ts';
import { type Planned, plan } from '../core/plan.ts';
import { clientConfig, deployedFrom, type Environment, ledgerFrom, log, variable } from './environment.ts';
import { helloSource } from './hello.ts';

/** Wires the round once per machine; the result runs it for one tick. `time` is the tick's scheduled time (ISO 8601). */
export const wirePlan = (env: Environment) => {
  const { monitor, hosts } = deployedFrom(env);
  const ledger = ledgerFrom(env);
  const queue = sqsQueue({ client: new SQSClient(clientConfig), url: variable(env, 'MAIL_CANARY_QUEUE_URL') });
  const sources = [helloSource(ledger, monitor), { name: 'settings', list: async () => hosts }];
  return async ({ time }: { readonly time?: string | undefined }): Promise<Planned> => {
    const scheduled = Date.parse(time ?? '');
    // An emulator may leave the placeholder of the scheduled time as it is.
    const at = Number.isNaN(scheduled) ? Date.now() : scheduled;
    const { added, gone } = await discover({ ledger, sources }, at);
    const planned = await plan({ ledger, queue }, monitor, slotAt(at, monitor.limits));
    log('planned', { ...planned, added, gone });
    return planned;
  };
};
