/** The alarms of the table in core, as CloudWatch alarms: everything they say comes from there. */
import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  CfnAlarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type AlarmName, alarms, type Alarm as Row } from '../lambdas/core/alarms.ts';
import { namespace } from '../lambdas/core/metrics.ts';
import type { Topics } from './topics.ts';

export type AlarmsProps = {
  readonly name: string;
  readonly topics: Topics;
  /** @default none */
  readonly runbook?: string | undefined;
  /** Their errors and throttles count as faults. */
  readonly functions: readonly IFunction[];
  /** Its messages count as faults. */
  readonly deadLetters: IQueue;
};

const comparisons = {
  'at least': ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
  'less than': ComparisonOperator.LESS_THAN_THRESHOLD,
} as const satisfies Record<Row['comparison'], ComparisonOperator>;

const missing = {
  ignore: TreatMissingData.IGNORE,
  breaching: TreatMissingData.BREACHING,
  notBreaching: TreatMissingData.NOT_BREACHING,
} as const satisfies Record<Row['missingData'], TreatMissingData>;

/** Adds every alarm of the table. */
export function addAlarms(scope: Construct, props: AlarmsProps): readonly Alarm[] {
  return Object.entries<Row>(alarms).map(([alarmName, row]) => addAlarm(scope, alarmName as AlarmName, row, props));
}

const describe = (row: Row, runbook: string | undefined): string =>
  [
    `Means: ${row.means}.`,
    `Look at: ${row.lookAt}.`,
    `What to do: ${row.whatToDo}.`,
    ...(runbook === undefined ? [] : [`Runbook: ${runbook}`]),
  ].join('\n');

function addAlarm(scope: Construct, alarmName: AlarmName, row: Row, props: AlarmsProps): Alarm {
  const alarm = new Alarm(scope, alarmName, {
    alarmName: `${props.name}-${alarmName}`,
    alarmDescription: describe(row, props.runbook),
    metric: metricOf(row, props),
    comparisonOperator: comparisons[row.comparison],
    threshold: row.threshold,
    datapointsToAlarm: row.datapoints[0],
    evaluationPeriods: row.datapoints[1],
    treatMissingData: missing[row.missingData],
  });
  for (const topic of props.topics[row.severity]) {
    alarm.addAlarmAction(new SnsAction(topic));
    alarm.addOkAction(new SnsAction(topic));
  }
  const cfn = alarm.node.defaultChild;
  if (row.warmUp !== undefined && cfn instanceof CfnAlarm) {
    cfn.warmUpConfiguration = {
      warmUpPeriodDurationInMinutes: row.warmUp,
      // Otherwise the zeros that FILL makes count as data and end the warm-up at once.
      onlyStartEvaluatingAfterWarmUpPeriodEnds: true,
    };
  }
  return alarm;
}

function metricOf(row: Row, props: AlarmsProps): IMetric {
  const period = Duration.seconds(row.period);
  if (row.metric === 'function faults') return faults(props, row.statistic, period);
  const metric = new Metric({
    namespace,
    metricName: row.metric,
    dimensionsMap: { Monitor: props.name, ...row.dimensions },
    statistic: row.statistic,
    period,
  });
  if (row.fill === undefined) return metric;
  return new MathExpression({
    expression: `FILL(m, ${row.fill})`,
    usingMetrics: { m: metric },
    label: row.metric,
    period,
  });
}

/** An alarm takes ten metrics at most: two for each function and one for the dead letters leave room for a fourth function. */
function faults({ functions, deadLetters }: AlarmsProps, statistic: string, period: Duration): MathExpression {
  const usingMetrics: Record<string, IMetric> = {
    // A gauge that SQS samples: its sum would grow with the samples.
    deadLetters: deadLetters.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period }),
  };
  functions.forEach((fn, index) => {
    usingMetrics[`errors${index}`] = fn.metricErrors({ statistic, period });
    usingMetrics[`throttles${index}`] = fn.metricThrottles({ statistic, period });
  });
  return new MathExpression({
    // SUM, not plus: a series that has no point at all must not take the others with it.
    expression: 'SUM(FILL(METRICS(), 0))',
    usingMetrics,
    label: 'errors, throttles, dead letters',
    period,
  });
}
