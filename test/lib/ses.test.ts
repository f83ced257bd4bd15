/** The configuration set has no suppression list, and what SES says of canaries reaches the note function, and nobody else does. */
import { App, Duration, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { sesDetailTypes } from '../../lambdas/adapters/ses-events.ts';
import { ses } from '../../lambdas/paths/ses/index.ts';
import { stackSet } from '../../lambdas/paths/ses/settings.ts';
import { addSesEvents, sesEvents } from '../../lib/ses.ts';
import { cdkJson } from './stack.ts';

const synthesise = (configurationSetNames: readonly string[]) => {
  const app = new App({ context: { ...cdkJson.context } });
  const stack = new Stack(app, 'Stack', { env: { account: '111122223333', region: 'eu-west-1' } });
  const noteFunction = new LambdaFunction(stack, 'Note', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('export const handler = async () => {};'),
  });
  const deadLetters = new Queue(stack, 'DeadLetters', {
    retentionPeriod: Duration.days(14),
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
  });
  const rules = addSesEvents(stack, 'Ses', { monitor: 'production', noteFunction, deadLetters, configurationSetNames });
  return { app, stack, rules, template: Template.fromStack(stack) };
};

const only = (template: Template, type: string) => {
  const found = Object.values(template.findResources(type));
  expect(found).toHaveLength(1);
  return found[0]?.Properties as unknown;
};

describe("the stack's own configuration set", () => {
  const { template, stack } = synthesise(['mail-canary-production']);
  const ids = (type: string) => Object.keys(template.findResources(type));

  test('uses no suppression list and no validation of addresses, and leaves the rest to SES', () => {
    expect(only(template, 'AWS::SES::ConfigurationSet')).toEqual({
      Name: 'mail-canary-production',
      SuppressionOptions: {
        SuppressedReasons: [],
        ValidationOptions: { ConditionThreshold: { ConditionThresholdEnabled: 'DISABLED' } },
      },
    });
  });

  test('sends its bounces, delays, rejections and rendering failures to the default event bus', () => {
    const [set] = ids('AWS::SES::ConfigurationSet');
    expect(stack.resolve(only(template, 'AWS::SES::ConfigurationSetEventDestination'))).toEqual({
      ConfigurationSetName: { Ref: set },
      EventDestination: {
        Enabled: true,
        MatchingEventTypes: ['bounce', 'deliveryDelay', 'reject', 'renderingFailure'],
        EventBridgeDestination: {
          EventBusArn: 'arn:aws:events:eu-west-1:111122223333:event-bus/default',
        },
      },
    });
  });

  test('a rule brings the events of this set to the note function, with dead letters', () => {
    const [fn] = ids('AWS::Lambda::Function');
    const [queue] = ids('AWS::SQS::Queue');
    expect(only(template, 'AWS::Events::Rule')).toEqual({
      Description: 'Mail Canary production: what SES says of canaries sent with mail-canary-production',
      State: 'ENABLED',
      EventPattern: {
        source: ['aws.ses'],
        'detail-type': ['Email Bounced', 'Email Delivery Delayed', 'Email Rejected', 'Email Rendering Failed'],
        detail: { mail: { tags: { 'ses:configuration-set': ['mail-canary-production'] } } },
      },
      Targets: [
        {
          Id: 'Target0',
          Arn: { 'Fn::GetAtt': [fn, 'Arn'] },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': [queue, 'Arn'] } },
          RetryPolicy: { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 900 },
        },
      ],
    });
  });

  test('the rule alone may call the function, and send to its dead letters', () => {
    const [rule] = ids('AWS::Events::Rule');
    const [fn] = ids('AWS::Lambda::Function');
    const arn = { 'Fn::GetAtt': [rule, 'Arn'] };
    expect(only(template, 'AWS::Lambda::Permission')).toEqual({
      Action: 'lambda:InvokeFunction',
      FunctionName: { 'Fn::GetAtt': [fn, 'Arn'] },
      Principal: 'events.amazonaws.com',
      SourceArn: arn,
    });
    const { Statement } = (only(template, 'AWS::SQS::QueuePolicy') as { PolicyDocument: { Statement: object[] } })
      .PolicyDocument;
    expect(Statement.filter((one) => 'Effect' in one && one.Effect === 'Allow')).toMatchObject([
      {
        Action: 'sqs:SendMessage',
        Principal: { Service: 'events.amazonaws.com' },
        Condition: { ArnEquals: { 'aws:SourceArn': arn } },
      },
    ]);
  });

  test('there is nothing else: no role, no policy', () => {
    const resources = template.toJSON().Resources as Record<string, { readonly Type: string }>;
    const added = Object.entries(resources).filter(([id]) => !/^(Note|DeadLetters)(?!AllowEventRule)/.test(id));
    expect(added.map(([, { Type }]) => Type).sort()).toEqual([
      'AWS::Events::Rule',
      'AWS::Lambda::Permission',
      'AWS::SES::ConfigurationSet',
      'AWS::SES::ConfigurationSetEventDestination',
    ]);
  });
});

describe('a configuration set that exists', () => {
  const { template } = synthesise(['orders']);

  test('is not made and not changed', () => {
    template.resourceCountIs('AWS::SES::ConfigurationSet', 0);
    template.resourceCountIs('AWS::SES::ConfigurationSetEventDestination', 0);
  });

  test("is listened to for this monitor's canaries, not for the mail of the application", () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.ses'],
        detail: {
          mail: { tags: { 'ses:configuration-set': ['orders'], 'mail-canary-monitor': ['production'] } },
        },
      },
    });
  });
});

test('several sets have a rule each, the same one twice has one', () => {
  const { rules, template } = synthesise(['orders', 'mail-canary-production', 'orders', 'billing']);
  expect(rules).toHaveLength(3);
  template.resourceCountIs('AWS::Events::Rule', 3);
  template.resourceCountIs('AWS::SES::ConfigurationSet', 1);
});

test('without a set there is nothing', () => {
  const { rules, template } = synthesise([]);
  expect(rules).toEqual([]);
  template.resourceCountIs('AWS::Events::Rule', 0);
});

test('the events that are asked for are those that are read', () => {
  expect(sesEvents.map(([, detailType]) => detailType).sort()).toEqual([...sesDetailTypes].sort());
});

test('the set that a path sends with is the one that is made', () => {
  const [part] = ses.parts?.({ from: 'orders@example.com', configurationSet: 'stack' }) ?? [];
  expect(part?.replace('{monitor}', 'production')).toBe(`ses-events:${stackSet('production')}`);
});

test('cdk-nag finds nothing in it', () => {
  const { app } = synthesise(['mail-canary-production', 'orders']);
  const findings = new AwsSolutionsChecks()
    .validateScope(app)
    .violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
    )
    // The function and the queue are of this test.
    .filter((finding) => !/ at Stack\/(Note|DeadLetters)\//.test(finding));
  expect(findings).toEqual([]);
  const explained = app.node
    .findAll()
    .flatMap(({ node }) => node.metadata.filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY));
  expect(explained).toEqual([]);
}, 60_000);
