import { CloudWatchClient, type PutMetricDataInput } from '@aws-sdk/client-cloudwatch';
import { afterEach, describe, expect, it } from 'vitest';
import { cloudwatchMetrics } from '../../lambdas/adapters/cloudwatch.ts';
import type { Point } from '../../lambdas/core/metrics.ts';
import { type AwsAnswer, type AwsCall, awsEndpoint } from '../servers/aws-endpoint.ts';

const now = Date.UTC(2026, 10, 6, 12);
const hour = 3_600_000;
const point = (more: Partial<Point> = {}): Point => ({
  name: 'Canaries',
  dimensions: { Monitor: 'production', Verdict: 'delivered' },
  at: now,
  values: [1],
  counts: [1],
  ...more,
});

let close = async () => {};
afterEach(() => close());

/** The port over the real client, against an endpoint that answers so. */
async function metricsWith(answer: (call: AwsCall<PutMetricDataInput>, index: number) => AwsAnswer) {
  const aws = await awsEndpoint(answer);
  close = aws.close;
  const drops: number[] = [];
  const client = new CloudWatchClient(aws.config);
  const metrics = cloudwatchMetrics({ client, now: () => now, dropped: (count) => drops.push(count) });
  return { metrics, drops, calls: aws.calls };
}

const sizes = (calls: readonly AwsCall<PutMetricDataInput>[]) => calls.map(({ body }) => body.MetricData?.length);

describe('cloudwatchMetrics', () => {
  it('publishes a point with its unit, dimensions, values and own timestamp', async () => {
    const { metrics, calls } = await metricsWith(() => ({ body: {} }));
    await metrics.publish([
      point({
        name: 'DeliverySeconds',
        dimensions: { Monitor: 'm' },
        at: now - hour,
        values: [1.5, 20],
        counts: [3, 1],
      }),
    ]);
    expect(calls).toMatchObject([
      {
        operation: 'PutMetricData',
        body: {
          Namespace: 'MailCanary',
          MetricData: [
            {
              MetricName: 'DeliverySeconds',
              Unit: 'Seconds',
              Timestamp: (now - hour) / 1000,
              Dimensions: [{ Name: 'Monitor', Value: 'm' }],
              Values: [1.5, 20],
              Counts: [3, 1],
            },
          ],
        },
      },
    ]);
  });

  it('fills calls up to 1,000 data, in order, packed', async () => {
    const { metrics, calls } = await metricsWith(() => ({ body: {} }));
    await metrics.publish(Array.from({ length: 2500 }, (_, n) => point({ values: [n] })));
    expect(sizes(calls)).toEqual([1000, 1000, 500]);
    expect(calls[2]?.body.MetricData?.at(-1)?.Values).toEqual([2499]);
    expect(calls.every(({ gzip }) => gzip)).toBe(true);
  });

  it('splits a distribution into data of 150 values that lose none', async () => {
    const { metrics, calls } = await metricsWith(() => ({ body: {} }));
    const values = Array.from({ length: 400 }, (_, n) => n / 10);
    await metrics.publish([point({ name: 'DeliverySeconds', values, counts: values.map((value) => value + 1) })]);
    const data = calls.flatMap(({ body }) => body.MetricData ?? []);
    expect(data.map(({ Values }) => Values?.length)).toEqual([150, 150, 100]);
    expect(data.flatMap(({ Values }) => Values)).toEqual(values);
    expect(data.flatMap(({ Counts }) => Counts)).toEqual(values.map((value) => value + 1));
  });

  it('keeps each call under 1 MB before compression', async () => {
    const { metrics, calls } = await metricsWith(() => ({ body: {} }));
    const values = Array.from({ length: 150 }, (_, n) => n + 1 / 3);
    const counts = values.map(() => 123_456);
    await metrics.publish(Array.from({ length: 900 }, () => point({ values, counts })));
    expect(sizes(calls).reduce((sum = 0, size = 0) => sum + size)).toBe(900);
    expect(Math.max(...calls.map(({ bytes }) => bytes))).toBeLessThanOrEqual(1_000_000);
    expect(calls[0]?.bytes).toBeGreaterThan(990_000);
  });

  it('leaves out what CloudWatch would refuse the whole call for, and says how many', async () => {
    const { metrics, drops, calls } = await metricsWith(() => ({ body: {} }));
    await metrics.publish([
      point({ at: now - 14 * 24 * hour }),
      point({ at: now - 14 * 24 * hour + 120_000 }),
      point({ at: now + 2 * hour }),
      point({ at: now + 2 * hour - 120_000 }),
      point({ values: [Number.NaN] }),
      point({ values: [1, 2] }),
      point({ values: [], counts: [] }),
    ]);
    expect(drops).toEqual([4]);
    expect(sizes(calls)).toEqual([2]);
  });

  it('calls nobody when there is nothing to publish', async () => {
    const { metrics, drops, calls } = await metricsWith(() => ({ body: {} }));
    await metrics.publish([]);
    await metrics.publish([point({ at: 0 })]);
    expect({ drops, calls }).toEqual({ drops: [1], calls: [] });
  });

  it('is tried again by the SDK when throttled', async () => {
    const { metrics, calls } = await metricsWith((_, index) =>
      index === 0 ? { status: 400, error: 'ThrottlingException', message: 'slow down' } : { body: {} },
    );
    await metrics.publish([point()]);
    expect(sizes(calls)).toEqual([1, 1]);
  });

  it('throws at the first call that is not taken, with the cause, and does not go on', async () => {
    const { metrics, calls } = await metricsWith((_, index) =>
      index === 1 ? { status: 403, error: 'AccessDeniedException', message: 'not authorized' } : { body: {} },
    );
    const failure = await metrics.publish(Array.from({ length: 2500 }, () => point())).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      message: 'cloudwatch took 1000 of 2500 metric data: AccessDeniedException: not authorized',
      cause: { name: 'AccessDeniedException' },
    });
    expect(calls).toHaveLength(2);
  });

  it('throws when the connection breaks each time', async () => {
    const { metrics, calls } = await metricsWith(() => ({ hangUp: true }));
    await expect(metrics.publish([point()])).rejects.toThrow('cloudwatch took 0 of 1 metric data: ');
    expect(calls).toHaveLength(3);
  });
});
