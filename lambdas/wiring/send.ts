/** The send function: one batch per message of the queue. */
import { parseBatches, type SqsEvent } from '../adapters/queue-sqs.ts';
import { send } from '../core/send.ts';
import { awsClients, deployedFrom, type Environment, keysFrom, ledgerFrom, log, secretsFrom } from './environment.ts';
import { gateFor } from './gate.ts';
import { helloInto } from './hello.ts';
import { sendersOf } from './senders.ts';

/** The function's own limit is a minute; what has not begun by now would be cut off in the middle. */
const budget = 50_000;

/** Side by side, as many as one batch holds for most fleets. */
const atOnce = 100;

/** Wires the round once per machine; the result sends the batches of one event and names the messages to deliver again. */
export const wireSend = (env: Environment) => {
  const { monitor, paths } = deployedFrom(env);
  const ledger = ledgerFrom(env);
  const secret = secretsFrom(env);
  const readKeys = keysFrom(env);
  const sender = sendersOf(paths, {
    monitor: monitor.name,
    secret,
    allowLocal: false,
    aws: awsClients,
    hello: helloInto(ledger, (what, error) => log('problem', { doing: what, error: String(error) })),
  });
  const ports = {
    ledger,
    sender,
    gate: gateFor(atOnce),
    now: Date.now,
    deadline: (after: number) => AbortSignal.timeout(after),
    budget,
  };
  return async (
    event: SqsEvent,
  ): Promise<{ readonly batchItemFailures: readonly { readonly itemIdentifier: string }[] }> => {
    const { current } = await readKeys();
    const failures: { itemIdentifier: string }[] = [];
    for (const { messageId, batch } of parseBatches(event)) {
      try {
        const handovers = await send(ports, monitor, current, batch);
        log('sent', { batch: batch.name, slot: batch.slot, handovers: handovers?.length ?? 'a redelivery' });
      } catch (error) {
        log('batch failed', {
          batch: batch.name,
          slot: batch.slot,
          error: error instanceof Error ? error.message : 'unknown',
        });
        failures.push({ itemIdentifier: messageId });
      }
    }
    return { batchItemFailures: failures };
  };
};
