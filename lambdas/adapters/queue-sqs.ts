/** The Queue port over SQS, and its other end: what `send` finds in its event. */
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import type { Queue } from '../core/ports.ts';
import type { BatchMessage, Ms } from '../core/words.ts';
import { fullCalls } from './full-calls.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const maxPerCall = 10;
const maxBytes = 1_048_576;
const maxDelaySeconds = 900;

const message = z.object({
  slot: z.number(),
  name: z.string(),
  path: z.string(),
  routes: z.array(z.string()),
  hosts: z.array(
    z.object({
      id: z.string(),
      address: z.string().optional(),
      paths: z.array(z.string()),
      mailboxes: z.array(z.string()),
      services: z.array(z.string()),
      customers: z.array(z.string()),
      labels: z.record(z.string(), z.string()),
    }),
  ),
}) satisfies z.ZodType<BatchMessage>;

type Entry = SendMessageBatchRequestEntry & { readonly MessageBody: string; readonly batch: string };

function toEntry({ batch, delay }: { readonly batch: BatchMessage; readonly delay: Ms }, index: number): Entry {
  // Rounded up: the port promises at least this delay.
  const DelaySeconds = Math.ceil(Math.max(0, delay) / 1000);
  const name = `${batch.name} of slot ${batch.slot}`;
  if (!(DelaySeconds <= maxDelaySeconds))
    throw new RangeError(`batch ${name}: delay must be at most ${maxDelaySeconds} seconds, got ${delay / 1000}`);
  return { Id: String(index), MessageBody: JSON.stringify(batch), DelaySeconds, batch: name };
}

const sizeOf = ({ MessageBody }: Entry) => Buffer.byteLength(MessageBody);

/**
 * Sends batches. Throws, naming each batch and SQS's code, when any message was not taken; the others are sent all the
 * same, unless SQS cannot be reached at all. Sending again does no harm: a batch that comes twice has the same ids.
 * A delay of more than 15 minutes is a bug and throws before anything is sent.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
 */
export function sqsQueue({ client, url }: { readonly client: SQSClient; readonly url: string }): Queue {
  return {
    send: async (messages) => {
      const entries = messages.map(toEntry);
      const fits = (entry: Entry) => Buffer.byteLength(entry.MessageBody) <= maxBytes;
      const failed = entries.filter((entry) => !fits(entry)).map(({ batch }) => `${batch} (over ${maxBytes} bytes)`);
      for (const call of fullCalls(entries.filter(fits), sizeOf, { entries: maxPerCall, bytes: maxBytes })) {
        const Entries = call.map(({ batch: _, ...entry }) => entry);
        try {
          const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
          for (const { Id, Code } of Failed) failed.push(`${entries[Number(Id)]?.batch} (${Code})`);
        } catch (cause) {
          const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
          throw new Error(`sqs did not take ${call.length} of ${entries.length} batches, nor any after them: ${why}`, {
            cause,
          });
        }
      }
      if (failed.length > 0)
        throw new Error(`sqs did not take ${failed.length} of ${entries.length} batches: ${failed.join(', ')}`);
    },
  };
}

/** The part of a Lambda's SQS event that is read here. */
export type SqsEvent = { readonly Records: readonly { readonly messageId: string; readonly body: string }[] };

function parseBody(messageId: string, body: string): BatchMessage {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw new Error(`sqs message ${messageId}: its body is not JSON`, { cause });
  }
  const parsed = message.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`sqs message ${messageId}: not a batch: ${issue?.path.join('.')}: ${issue?.message}`);
}

/**
 * The batches of an SQS event, each with the message id that `reportBatchItemFailures` wants.
 * Throws for the first message that is not a batch, naming it.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function parseBatches(event: SqsEvent): { readonly messageId: string; readonly batch: BatchMessage }[] {
  return event.Records.map(({ messageId, body }) => ({ messageId, batch: parseBody(messageId, body) }));
}
