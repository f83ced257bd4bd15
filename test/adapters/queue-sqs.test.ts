import { createHash } from 'node:crypto';
import { type SendMessageBatchRequest, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, it } from 'vitest';
import { parseBatches, sqsQueue } from '../../lambdas/adapters/queue-sqs.ts';
import type { BatchMessage } from '../../lambdas/core/words.ts';
import { type AwsAnswer, type AwsCall, awsEndpoint } from '../servers/aws-endpoint.ts';

const batch = (n: number, text = ''): BatchMessage => ({
  slot: 29_000_000,
  name: `app.${n}`,
  path: 'app',
  routes: ['web-03/app/outside'],
  hosts: [
    {
      id: 'web-03',
      address: '10.0.1.17',
      paths: ['app'],
      mailboxes: ['outside'],
      services: [],
      customers: [],
      labels: { text },
    },
  ],
});
const batches = (count: number, text?: string) =>
  Array.from({ length: count }, (_, n) => ({ batch: batch(n, text), delay: 0 }));

type Call = AwsCall<SendMessageBatchRequest>;

/** As SQS answers: the SDK checks the MD5 of each body. */
const taken = ({ body }: Call, failed: readonly string[] = []): AwsAnswer => ({
  body: {
    Successful: (body.Entries ?? [])
      .filter(({ Id = '' }) => !failed.includes(Id))
      .map(({ Id, MessageBody = '' }) => ({
        Id,
        MessageId: Id,
        MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
      })),
    Failed: failed.map((Id) => ({ Id, Code: 'InternalError', SenderFault: false })),
  },
});

let close = async () => {};
afterEach(() => close());

async function queueWith(answer: (call: Call, index: number) => AwsAnswer) {
  const aws = await awsEndpoint(answer);
  close = aws.close;
  const url = `${aws.config.endpoint}/111122223333/send`;
  return { queue: sqsQueue({ client: new SQSClient(aws.config), url }), calls: aws.calls, url };
}

const sizes = (calls: readonly Call[]) => calls.map(({ body }) => body.Entries?.length);

describe('sqsQueue', () => {
  it('sends what parseBatches reads back, with delays rounded up to seconds', async () => {
    const { queue, calls, url } = await queueWith((call) => taken(call));
    await queue.send([
      { batch: batch(0), delay: 0 },
      { batch: batch(1), delay: 1 },
      { batch: batch(2), delay: 44_000 },
      { batch: batch(3), delay: 900_000 },
    ]);
    expect(calls[0]).toMatchObject({ operation: 'SendMessageBatch', body: { QueueUrl: url } });
    const entries = calls[0]?.body.Entries ?? [];
    expect(entries.map(({ DelaySeconds }) => DelaySeconds)).toEqual([0, 1, 44, 900]);
    const Records = entries.map(({ Id = '', MessageBody = '' }) => ({ messageId: Id, body: MessageBody }));
    expect(parseBatches({ Records }).map(({ batch }) => batch)).toEqual([0, 1, 2, 3].map((n) => batch(n)));
  });

  it('fills calls up to ten messages', async () => {
    const { queue, calls } = await queueWith((call) => taken(call));
    await queue.send(batches(25));
    expect(sizes(calls)).toEqual([10, 10, 5]);
    expect(new Set(calls.flatMap(({ body }) => body.Entries?.map(({ MessageBody }) => MessageBody))).size).toBe(25);
  });

  it('keeps the messages of a call under 1 MiB together', async () => {
    const { queue, calls } = await queueWith((call) => taken(call));
    await queue.send(batches(10, 'é'.repeat(150_000)));
    expect(sizes(calls)).toEqual([3, 3, 3, 1]);
  });

  it('throws for a message that fails, after sending the others', async () => {
    const { queue, calls } = await queueWith((call, index) => taken(call, index === 0 ? ['3', '7'] : []));
    await expect(queue.send(batches(12))).rejects.toThrow(
      'sqs did not take 2 of 12 batches: app.3 of slot 29000000 (InternalError), app.7 of slot 29000000 (InternalError)',
    );
    expect(sizes(calls)).toEqual([10, 2]);
  });

  it('throws for a message over 1 MiB, after sending the others', async () => {
    const { queue, calls } = await queueWith((call) => taken(call));
    await expect(queue.send([{ batch: batch(0, 'x'.repeat(1_048_576)), delay: 0 }, ...batches(2)])).rejects.toThrow(
      'sqs did not take 1 of 3 batches: app.0 of slot 29000000 (over 1048576 bytes)',
    );
    expect(sizes(calls)).toEqual([2]);
  });

  it('throws for a delay over 15 minutes before anything is sent', async () => {
    const { queue, calls } = await queueWith((call) => taken(call));
    await expect(queue.send([...batches(1), { batch: batch(1), delay: 900_001 }])).rejects.toThrow(
      'batch app.1 of slot 29000000: delay must be at most 900 seconds, got 900.001',
    );
    expect(calls).toEqual([]);
  });

  it('is tried again by the SDK when throttled, and throws when refused', async () => {
    const { queue, calls } = await queueWith((call, index) =>
      index === 0
        ? { status: 400, error: 'RequestThrottled', message: 'slow down' }
        : index === 1
          ? taken(call)
          : { status: 403, error: 'AccessDeniedException', message: 'not authorized' },
    );
    await queue.send(batches(1));
    expect(calls).toHaveLength(2);
    await expect(queue.send(batches(1))).rejects.toThrow('AccessDeniedException: not authorized');
    expect(calls).toHaveLength(3);
  });
});

describe('parseBatches', () => {
  it.each([
    ['{', 'sqs message m-1: its body is not JSON'],
    ['{}', 'sqs message m-1: not a batch: slot: '],
    [JSON.stringify({ ...batch(0), hosts: [{ id: 'web-03' }] }), 'sqs message m-1: not a batch: hosts.0.paths: '],
    [JSON.stringify({ ...batch(0), routes: 'all' }), 'sqs message m-1: not a batch: routes: '],
  ])('throws for %s', (body, message) => {
    expect(() => parseBatches({ Records: [{ messageId: 'm-1', body }] })).toThrow(message);
  });
});
