/** The wiring: what runs when, what is kept, what is forgotten. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { limitsFor } from '../../lambdas/core/limits.ts';
import { functionNames } from '../../lib/bundles.ts';
import { MailCanary } from '../../lib/mail-canary.ts';
import { settingsPath } from '../../lib/settings-layer.ts';
import { dummyCode, ofType, properties, settings, synthesise } from './stack.ts';

const synthesised = synthesise();
const { resources } = synthesised;

const functions = {
  Plan: {
    Timeout: 55,
    MemorySize: 256,
    own: { MAIL_CANARY_QUEUE_URL: '{Queue}' },
  },
  Send: { Timeout: 60, MemorySize: 512, own: { MAIL_CANARY_KEY_SECRET: '{Key}' } },
  Confirm: { Timeout: 75, MemorySize: 512, own: { MAIL_CANARY_KEY_SECRET: '{Key}' } },
} as const;

test('there is one function per bundle, where paths need them all', () => {
  const all = synthesise({ parts: ['note-url'] }).resources;
  const names = ofType(all, 'AWS::Lambda::Function').map(([name]) => name.toLowerCase());
  expect(names.sort()).toEqual([...functionNames].sort());
});

describe.each(Object.entries(functions))('%s', (name, { own, ...sizes }) => {
  test('runs the bundle on Node 24, arm64, with its settings', () => {
    const fn = properties(synthesised, name);
    expect(fn).toMatchObject({
      ...sizes,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      Layers: ['{Settings}'],
      LoggingConfig: { LogGroup: `{${name}Log}` },
      Role: `{${name}Role.Arn}`,
    });
    expect(fn.Environment).toEqual({
      Variables: { MAIL_CANARY_TABLE: '{Table}', MAIL_CANARY_SETTINGS: settingsPath, ...own },
    });
    // New accounts have a quota of ten and cannot deploy one.
    expect(fn).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  test('never runs an old event again', () => {
    expect(properties(synthesised, `${name}EventInvokeConfig`)).toMatchObject({
      FunctionName: `{${name}}`,
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
  });

  test('keeps its log for a while, and the stack takes it along', () => {
    expect(resources[`${name}Log`]).toMatchObject({
      Type: 'AWS::Logs::LogGroup',
      DeletionPolicy: 'Delete',
      Properties: { RetentionInDays: 90 },
    });
  });
});

describe.each(['Plan', 'Confirm'])('the tick of %s', (name) => {
  test('comes on the minute, with its scheduled time, once', () => {
    const schedule = properties(synthesised, `${name}Tick`);
    expect(schedule).toMatchObject({
      ScheduleExpression: 'cron(* * * * ? *)',
      State: 'ENABLED',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: `{${name}.Arn}`,
        RoleArn: `{${name}TickRole.Arn}`,
        Input: JSON.stringify({ time: '<aws.scheduler.scheduled-time>' }),
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
      },
    });
  });
});

test('only plan and confirm have a tick', () => {
  expect(ofType(resources, 'AWS::Scheduler::Schedule')).toHaveLength(2);
});

test('the lease of confirm outlives its function', () => {
  const { lease } = limitsFor({ lostAfter: 900_000 });
  expect(lease).toBeGreaterThan(Number(properties(synthesised, 'Confirm').Timeout) * 1000);
});

test('the queue forgets soon, and its second try comes before the verdict', () => {
  expect(properties(synthesised, 'Queue')).toMatchObject({
    MessageRetentionPeriod: 300,
    VisibilityTimeout: Number(properties(synthesised, 'Send').Timeout) + 10,
    RedrivePolicy: { deadLetterTargetArn: '{DeadLetters.Arn}', maxReceiveCount: 2 },
    SqsManagedSseEnabled: true,
  });
  expect(properties(synthesised, 'DeadLetters')).toMatchObject({
    MessageRetentionPeriod: 14 * 24 * 3600,
    SqsManagedSseEnabled: true,
  });
});

test.each(['Queue', 'DeadLetters'])('%s takes TLS only', (name) => {
  expect(properties(synthesised, `${name}Policy`).PolicyDocument).toMatchObject({
    Statement: [{ Effect: 'Deny', Action: 'sqs:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
  });
});

test('send gets one batch at a time and says which one failed', () => {
  const mappings = ofType(resources, 'AWS::Lambda::EventSourceMapping');
  expect(mappings.map(([, { Properties }]) => Properties)).toEqual([
    expect.objectContaining({
      EventSourceArn: '{Queue.Arn}',
      FunctionName: '{Send}',
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
    }),
  ]);
});

test('the ledger is on demand, encrypted, can be restored, and outlives the stack', () => {
  expect(resources.Table).toMatchObject({
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: {
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
      SSESpecification: { SSEEnabled: true },
    },
  });
});

test('the key is generated, and outlives the stack', () => {
  expect(resources.Key).toMatchObject({
    Type: 'AWS::SecretsManager::Secret',
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: { GenerateSecretString: { PasswordLength: 64, ExcludePunctuation: true } },
  });
});

test('the settings reach the functions as the one file of the layer, with nothing added', () => {
  const { app, template } = synthesised;
  const [layer] = Object.values(template.findResources('AWS::Lambda::LayerVersion'));
  const hash = `${layer?.Properties.Content.S3Key}`.replace('.zip', '');
  const folder = join(app.outdir, `asset.${hash}`);
  expect(readdirSync(folder)).toEqual([basename(settingsPath)]);
  expect(JSON.parse(readFileSync(join(folder, basename(settingsPath)), 'utf8'))).toEqual(settings.json);
});

test('what must not be replaced keeps its logical id: another id would lose the ledger and the key', () => {
  const ids = Object.entries(synthesised.template.toJSON().Resources as Record<string, { DeletionPolicy?: string }>)
    .filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain')
    .map(([id]) => id);
  expect(ids.sort()).toEqual(['MailCanaryKey1320C9B5', 'MailCanaryTable39BF08D4']);
});

test('two syntheses are equal', () => {
  expect(synthesise().template.toJSON()).toEqual(synthesised.template.toJSON());
});

test("two monitors live in one stack of somebody else's app", () => {
  const stack = new Stack(new App(), 'Theirs');
  for (const name of ['north', 'south']) {
    new MailCanary(stack, name, { settings: { ...settings, name, json: { name } }, code: dummyCode });
  }
  const template = Template.fromStack(stack);
  template.resourceCountIs('AWS::DynamoDB::Table', 2);
  template.resourceCountIs('AWS::Lambda::LayerVersion', 2);
  const names = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
    (alarm) => alarm.Properties.AlarmName,
  );
  expect(new Set(names).size).toBe(names.length);
});

test('every resource that takes tags carries the name of the monitor', () => {
  const tagged = Object.values(resources).filter(({ Properties }) => 'Tags' in Properties);
  expect(tagged.length).toBeGreaterThan(10);
  for (const { Properties } of tagged)
    expect(Properties.Tags).toContainEqual({ Key: 'mail-canary', Value: 'production' });
});

test('the outputs say where to subscribe, look and ask', () => {
  const { monitor, stack, template } = synthesised;
  const values = Object.values(template.findOutputs('*')).map(({ Value }) => Value);
  const expected = [...monitor.topics.page, ...monitor.topics.ticket].map(({ topicArn }) => topicArn);
  expect(values).toEqual(
    stack.resolve([...expected, monitor.dashboard.dashboardName, monitor.table.tableName]) as unknown[],
  );
});
