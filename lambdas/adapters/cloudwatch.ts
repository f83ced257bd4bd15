/** The Metrics port over CloudWatch: points become data, data become as few calls as the limits of PutMetricData allow. */
import { type CloudWatchClient, type MetricDatum, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { namespace as mailCanary, metrics, type Point } from '../core/metrics.ts';
import type { Metrics } from '../core/ports.ts';
import { fullCalls } from './full-calls.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html */
const maxDataPerCall = 1_000;
const maxValuesPerDatum = 150;
/** 1 MB before compression, less the envelope around the data. */
const maxBytesPerCall = 1_000_000 - 1_000;
/** Two weeks back and two hours ahead, each less a minute for the way. */
const oldest = 14 * 24 * 3_600_000 - 60_000;
const newest = 2 * 3_600_000 - 60_000;

/** One point that CloudWatch cannot take makes it refuse the whole call, so such a point must not be in one. */
function takable({ at, values, counts }: Point, now: number): boolean {
  const inTime = at >= now - oldest && at <= now + newest;
  return inTime && values.length === counts.length && [...values, ...counts].every(Number.isFinite);
}

function toData({ name, dimensions, at, values, counts }: Point): MetricDatum[] {
  const data: MetricDatum[] = [];
  for (let start = 0; start < values.length; start += maxValuesPerDatum)
    data.push({
      MetricName: name,
      Unit: metrics[name].unit,
      Timestamp: new Date(at),
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      Values: values.slice(start, start + maxValuesPerDatum),
      Counts: counts.slice(start, start + maxValuesPerDatum),
    });
  return data;
}

const sizeOf = (datum: MetricDatum) => Buffer.byteLength(JSON.stringify(datum)) + 1;

function warn(count: number): void {
  console.warn(`${count} metric points were dropped: older than two weeks, more than two hours ahead, or not numbers`);
}

/**
 * Publishes points in order, so that the last one (`RoundsConfirmed`) is taken only when all before it were.
 * Throws at the first call that CloudWatch did not take after the client's own retries; what was taken before may then
 * be published again, as the port allows. Points that CloudWatch would never take are left out and told to `dropped`.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
 */
export function cloudwatchMetrics({
  client,
  namespace = mailCanary,
  now = Date.now,
  dropped = warn,
}: {
  readonly client: CloudWatchClient;
  readonly namespace?: string;
  readonly now?: () => number;
  readonly dropped?: (count: number) => void;
}): Metrics {
  return {
    publish: async (points) => {
      const at = now();
      const good = points.filter((point) => takable(point, at));
      if (good.length < points.length) dropped(points.length - good.length);
      const data = good.flatMap(toData);
      let taken = 0;
      for (const MetricData of fullCalls(data, sizeOf, { entries: maxDataPerCall, bytes: maxBytesPerCall })) {
        try {
          await client.send(new PutMetricDataCommand({ Namespace: namespace, MetricData }));
        } catch (cause) {
          const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
          throw new Error(`cloudwatch took ${taken} of ${data.length} metric data: ${why}`, { cause });
        }
        taken += MetricData.length;
      }
    },
  };
}
