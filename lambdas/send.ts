/** For each message of the queue: one batch of canaries, each sent once. */
import type { SqsEvent } from './adapters/queue-sqs.ts';
import { wireSend } from './wiring/send.ts';

const run = wireSend(process.env);
export const handler = (event: SqsEvent) => run(event);
