/** All wiring on one page, in the order of the flow: plan, queue, send, confirm, and what rings. */
import { CfnOutput, Duration, RemovalPolicy, Stack, Tags, Validations } from 'aws-cdk-lib';
import type { Alarm, Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Ringing } from '../lambdas/core/incident.ts';
import { namespace } from '../lambdas/core/metrics.ts';
import { addAlarms } from './alarms.ts';
import { addDashboard } from './dashboard.ts';
import { everyMinute } from './every-minute.ts';
import { addFunction } from './function.ts';
import { grantNeeds, grantSecrets } from './grants.ts';
import { addNote } from './note.ts';
import { bundlesFolder } from './package-root.ts';
import { addSettingsLayer, settingsPath } from './settings-layer.ts';
import { addSsmDocument } from './ssm-document.ts';
import type { StackSettings } from './stack-settings.ts';
import { addTopics, type Topics } from './topics.ts';

export type MailCanaryProps = {
  /** Derived from `mail-canary.yaml`. Two monitors in one account need different names. */
  readonly settings: StackSettings;
  /** The folder with `<function>/index.mjs` for each function. @default dist/lambdas of this package, written by bundles.ts */
  readonly code?: string;
  /** How long the functions' logs are kept. @default three months */
  readonly logRetention?: RetentionDays;
};

/** A monitor: watches that hosts can send mail, and rings when they cannot. */
export class MailCanary extends Construct {
  /** The ledger. Kept when the stack is deleted: it says which mails were lost. */
  readonly table: Table;
  /** Where the alarms ring; subscribe on-call here. */
  readonly topics: Topics;
  readonly alarms: readonly Alarm[];
  readonly dashboard: Dashboard;
  readonly plan: IFunction;
  readonly send: IFunction;
  readonly confirm: IFunction;
  /** Undefined when no path has anything to note. */
  readonly note: IFunction | undefined;

  constructor(scope: Construct, id: string, props: MailCanaryProps) {
    super(scope, id);
    const { settings, code = bundlesFolder, logRetention = RetentionDays.THREE_MONTHS } = props;
    const { name } = settings;
    const stack = Stack.of(this);

    // What the rounds remember, and the key that canaries are signed with.
    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: 'expires',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.AWS_MANAGED,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const key = new Secret(this, 'Key', {
      description: `Signs the canaries of Mail Canary ${name}`,
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Validations.of(key).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'It signs test mails only and opens nothing; it is rotated by hand, and the previous version stays valid for mail under way',
    });
    const layer = addSettingsLayer(this, 'Settings', settings.json);

    const common = { code, layer, logRetention, network: settings.network };
    const where = { scope: this, monitor: name };
    const environment = { MAIL_CANARY_TABLE: this.table.tableName, MAIL_CANARY_SETTINGS: settingsPath };
    const mayOnTable = (...actions: readonly ('GetItem' | 'PutItem' | 'Query' | 'DeleteItem')[]) => ({
      actions: actions.map((action) => `dynamodb:${action}`),
      resources: [this.table.tableArn],
    });
    const mayReadKey = { actions: ['secretsmanager:GetSecretValue'], resources: [key.secretArn] };

    // plan ─▶ queue: an old canary is noise, so the queue forgets soon and the dead letters keep the evidence.
    const sendTimeout = Duration.seconds(60);
    const deadLetters = new Queue(this, 'DeadLetters', {
      retentionPeriod: Duration.days(14),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    const queue = new Queue(this, 'Queue', {
      retentionPeriod: Duration.minutes(5),
      // Not six times the timeout, as usual: the second try would come after the verdict.
      visibilityTimeout: sendTimeout.plus(Duration.seconds(10)),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: 2 },
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    const plan = addFunction(this, 'Plan', {
      ...common,
      name: 'plan',
      description: 'Mail Canary: stores the canaries that are due as expected, then queues them',
      timeout: Duration.seconds(55),
      memory: 256,
      environment: { ...environment, MAIL_CANARY_QUEUE_URL: queue.queueUrl },
    });
    // Only a host that is gone is ever deleted from the table.
    grantNeeds(plan.role, [
      mayOnTable('GetItem', 'PutItem', 'Query', 'DeleteItem'),
      { actions: ['sqs:SendMessage'], resources: [queue.queueArn] },
    ]);
    everyMinute(this, 'PlanTick', plan.fn, `Mail Canary ${name}: plans the canaries of this minute`);

    // queue ─▶ send: one batch per run, so that a batch fails or repeats alone.
    const send = addFunction(this, 'Send', {
      ...common,
      name: 'send',
      description: "Mail Canary: sends each canary of a batch once, through its host's own path",
      timeout: sendTimeout,
      memory: 512,
      environment: { ...environment, MAIL_CANARY_KEY_SECRET: key.secretArn },
    });
    send.fn.addEventSource(
      new SqsEventSource(queue, { batchSize: 1, maxConcurrency: 10, reportBatchItemFailures: true }),
    );
    grantNeeds(send.role, [mayOnTable('GetItem', 'PutItem'), mayReadKey, ...settings.pathNeeds], where);
    grantSecrets(send.role, this, settings.pathSecrets);

    // Hosts and SES ─▶ note; and what hosts run when they are told to send.
    const note = addNote(this, {
      ...common,
      monitor: name,
      parts: settings.parts,
      environment: { ...environment, MAIL_CANARY_KEY_SECRET: key.secretArn },
      needs: [mayOnTable('GetItem', 'PutItem', 'Query'), mayReadKey],
      deadLetters,
    });
    if (settings.parts.includes('ssm-document')) addSsmDocument(this, 'SsmDocument', { monitor: name });

    // mailboxes ─▶ confirm ─▶ metrics and incidents. Its timeout stays below the lease (core/limits.ts).
    const confirm = addFunction(this, 'Confirm', {
      ...common,
      name: 'confirm',
      description: 'Mail Canary: reads the mailboxes, judges every canary, publishes metrics and incidents',
      timeout: Duration.seconds(75),
      memory: 512,
      environment: {
        ...environment,
        MAIL_CANARY_KEY_SECRET: key.secretArn,
        ...(note?.heartbeat === undefined ? {} : { MAIL_CANARY_HEARTBEAT_SECRET: note.heartbeat.secretArn }),
      },
    });
    const defaultBus = stack.formatArn({ service: 'events', resource: 'event-bus', resourceName: 'default' });
    grantNeeds(
      confirm.role,
      [
        mayOnTable('GetItem', 'PutItem', 'Query'),
        mayReadKey,
        {
          actions: ['cloudwatch:PutMetricData'],
          resources: ['*'],
          conditions: { StringEquals: { 'cloudwatch:namespace': namespace } },
        },
        {
          actions: ['events:PutEvents'],
          resources: [defaultBus],
          conditions: { StringEquals: { 'events:source': 'mail-canary' } },
        },
        ...(note?.heartbeat === undefined
          ? []
          : [{ actions: mayReadKey.actions, resources: [note.heartbeat.secretArn] }]),
        ...settings.mailboxNeeds,
        ...settings.outcomeNeeds,
      ],
      where,
    );
    Validations.of(confirm.role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'cloudwatch:PutMetricData knows no resources; a condition limits it to the namespace',
    });
    grantSecrets(confirm.role, this, settings.mailboxSecrets, settings.mailboxWrites);
    everyMinute(this, 'ConfirmTick', confirm.fn, `Mail Canary ${name}: judges what arrived`);

    // What rings, and what people look at.
    this.topics = {
      page: addTopics(this, 'PageTopic', { name, severity: 'page', arns: settings.alarms?.page }),
      ticket: addTopics(this, 'TicketTopic', { name, severity: 'ticket', arns: settings.alarms?.ticket }),
    };
    [this.plan, this.send, this.confirm, this.note] = [plan.fn, send.fn, confirm.fn, note?.fn];
    const functions = [this.plan, this.send, this.confirm, ...(note === undefined ? [] : [note.fn])];
    this.alarms = addAlarms(this, {
      name,
      topics: this.topics,
      runbook: settings.alarms?.runbook,
      functions,
      deadLetters,
    });
    this.dashboard = addDashboard(this, 'Dashboard', { name, alarms: this.alarms });

    const arnsOf = (severity: Ringing) => this.topics[severity].map((topic) => topic.topicArn).join(',');
    new CfnOutput(this, 'PageTopics', { description: 'Subscribe on-call here', value: arnsOf('page') });
    new CfnOutput(this, 'TicketTopics', { description: 'Subscribe the mail team here', value: arnsOf('ticket') });
    new CfnOutput(this, 'DashboardName', { value: this.dashboard.dashboardName });
    new CfnOutput(this, 'TableName', { value: this.table.tableName });
    Tags.of(this).add('mail-canary', name);
  }
}
