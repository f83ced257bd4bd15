/** The alarms of the template are those of the table, and they ring where the settings say. */
import { describe, expect, test } from 'vitest';
import { type Alarm, alarms } from '../../lambdas/core/alarms.ts';
import { metrics, namespace } from '../../lambdas/core/metrics.ts';
import { ofType, type Properties, properties, synthesise } from './stack.ts';

const synthesised = synthesise();
const rows = Object.entries<Alarm>(alarms);
const dimensions = (row: Alarm) =>
  Object.entries({ Monitor: 'production', ...row.dimensions }).map(([Name, Value]) => ({ Name, Value }));

test('there is one alarm per row, and no other', () => {
  const names = ofType(synthesised.resources, 'AWS::CloudWatch::Alarm').map(([, alarm]) => alarm.Properties.AlarmName);
  expect(names.sort()).toEqual(
    Object.keys(alarms)
      .map((name) => `production-${name}`)
      .sort(),
  );
});

describe.each(rows)('%s', (name, row) => {
  const alarm = properties(synthesised, name);

  test('evaluates as its row says', () => {
    const comparison = { 'at least': 'GreaterThanOrEqualToThreshold', 'less than': 'LessThanThreshold' } as const;
    expect(alarm).toMatchObject({
      ComparisonOperator: comparison[row.comparison],
      Threshold: row.threshold,
      DatapointsToAlarm: row.datapoints[0],
      EvaluationPeriods: row.datapoints[1],
      TreatMissingData: row.missingData,
    });
    expect(alarm.WarmUpConfiguration).toEqual(
      row.warmUp && { WarmUpPeriodDurationInMinutes: row.warmUp, OnlyStartEvaluatingAfterWarmUpPeriodEnds: true },
    );
  });

  test('rings its topic, and says when it is over', () => {
    const topic = { page: '{PageTopic}', ticket: '{TicketTopic}' }[row.severity];
    expect(alarm).toMatchObject({ AlarmActions: [topic], OKActions: [topic] });
    expect(alarm).not.toHaveProperty('InsufficientDataActions');
  });

  test('tells what it means, within what CloudWatch takes', () => {
    for (const sentence of [row.means, row.lookAt, row.whatToDo]) {
      expect(alarm.AlarmDescription).toContain(sentence);
    }
    expect(`${alarm.AlarmDescription}`.length).toBeLessThanOrEqual(1024);
  });
});

const ours = rows.filter(([, { metric }]) => metric !== 'function faults');

test.each(ours.filter(([, { fill }]) => fill === undefined))('%s watches its metric', (name, row) => {
  expect(properties(synthesised, name)).toMatchObject({
    Namespace: namespace,
    MetricName: row.metric,
    Statistic: row.statistic,
    Period: row.period,
    Dimensions: dimensions(row),
  });
});

test.each(ours.filter(([, { fill }]) => fill !== undefined))('%s fills missing periods of its metric', (name, row) => {
  expect(properties(synthesised, name).Metrics).toEqual([
    expect.objectContaining({ Expression: `FILL(m, ${row.fill})`, ReturnData: true }),
    {
      Id: 'm',
      MetricStat: {
        Metric: { Namespace: namespace, MetricName: row.metric, Dimensions: dimensions(row) },
        Period: row.period,
        Stat: row.statistic,
      },
      ReturnData: false,
    },
  ]);
});

test.each(ours)('%s watches a series that is published', (_, row) => {
  const sets: readonly (readonly string[])[] = metrics[row.metric as keyof typeof metrics].dimensions;
  expect(sets).toContainEqual(Object.keys(row.dimensions));
});

test('faults are the errors and throttles of every function, and the dead letters', () => {
  type Stat = { readonly Metric: Properties; readonly Period: number; readonly Stat: string };
  type Query = { readonly Expression?: string; readonly MetricStat?: Stat };
  const queries = properties(synthesised, 'Faults').Metrics as readonly Query[];
  expect(queries.flatMap(({ Expression }) => Expression ?? [])).toEqual(['SUM(FILL(METRICS(), 0))']);
  const watched = queries.flatMap(({ MetricStat }) => {
    if (MetricStat === undefined) return [];
    const { Metric, Period, Stat } = MetricStat;
    expect(Period).toBe(alarms.Faults.period);
    const [dimension] = Metric.Dimensions as readonly [{ readonly Value: string }];
    return `${Stat} ${Metric.MetricName} of ${dimension.Value}`;
  });
  const functions = ofType(synthesised.resources, 'AWS::Lambda::Function').map(([name]) => name);
  expect(functions.length).toBeGreaterThan(0);
  expect(watched.sort()).toEqual(
    [
      ...functions.flatMap((name) => [`Sum Errors of {${name}}`, `Sum Throttles of {${name}}`]),
      'Maximum ApproximateNumberOfMessagesVisible of {DeadLetters.QueueName}',
    ].sort(),
  );
  expect(watched.length, 'an alarm takes ten metrics').toBeLessThanOrEqual(10);
});

test("the stack's own topics take TLS only, and let this account's alarms publish", () => {
  for (const [id, words] of [
    ['PageTopic', 'pages'],
    ['TicketTopic', 'tickets'],
  ] as const) {
    const topic = properties(synthesised, id);
    expect(topic.DisplayName).toBe(`Mail Canary production: ${words}`);
    // CloudWatch cannot publish to a topic that the AWS-managed key encrypts.
    expect(topic).not.toHaveProperty('KmsMasterKeyId');
    expect(properties(synthesised, `${id}Policy`).PolicyDocument).toMatchObject({
      Statement: [
        { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        {
          Effect: 'Allow',
          Action: 'sns:Publish',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Condition: {
            StringEquals: { 'aws:SourceAccount': '111122223333' },
            ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:eu-west-1:111122223333:alarm:production-*' },
          },
        },
      ],
    });
  }
});

test("every alarm names the company's runbook, when there is one", () => {
  const given = synthesise({ alarms: { runbook: 'https://wiki.example.com/mail' } });
  for (const [name] of rows) {
    expect(properties(given, name).AlarmDescription).toMatch(/\nRunbook: https:\/\/wiki\.example\.com\/mail$/);
    expect(properties(synthesised, name).AlarmDescription).not.toContain('Runbook');
  }
});

test('topics that the settings name are used as they are', () => {
  const page = ['arn:aws:sns:eu-west-1:111122223333:on-call', 'arn:aws:sns:eu-west-1:111122223333:duty'];
  const given = synthesise({ alarms: { page } });
  expect(properties(given, 'MailFails')).toMatchObject({ AlarmActions: page, OKActions: page });
  expect(properties(given, 'Faults')).toMatchObject({ AlarmActions: ['{TicketTopic}'] });
  expect(ofType(given.resources, 'AWS::SNS::Topic')).toHaveLength(1);
});

test('an empty list of topics does not silence the alarms', () => {
  const given = synthesise({ alarms: { page: [], ticket: [] } });
  expect(properties(given, 'MailFails')).toMatchObject({ AlarmActions: ['{PageTopic}'] });
});
