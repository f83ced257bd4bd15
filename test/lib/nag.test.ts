/** cdk-nag finds nothing in the stack that is not explained where it is made. */
import { App, Stack, Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';
import { expect, test } from 'vitest';
import { synthesise } from './stack.ts';

const findings = (scope: IConstruct): string[] =>
  new AwsSolutionsChecks()
    .validateScope(scope)
    .violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
    );

test('the checks find something where there is something', () => {
  const stack = new Stack(new App(), 'Careless');
  new Queue(stack, 'Queue');
  expect(findings(stack)).toContain('AwsSolutions-SQS4 at Careless/Queue/Resource');
});

/** A stack with every part that a path may need, in a VPC. */
const whole = () =>
  synthesise({
    parts: ['note-url', 'ses-events:mail-canary-{monitor}', 'ssm-document'],
    outcomeNeeds: [{ actions: ['ssm:ListCommandInvocations'], resources: ['*'] }],
    network: {
      vpcId: 'vpc-0a1b2c3d',
      subnetIds: ['subnet-0a1b2c3d'],
      availabilityZones: ['eu-west-1a'],
      for: ['plan', 'send', 'confirm', 'note'],
    },
  });

test.each([
  ['the stack', () => synthesise()],
  ['a stack with every part', whole],
])(
  'nothing in %s is unexplained',
  (_, stack) => {
    expect(findings(stack().app)).toEqual([]);
  },
  // The rule packs load slowly on a busy machine.
  60_000,
);

test.each([
  [
    'the stack',
    () => synthesise(),
    ['AwsSolutions-IAM5[Resource::*] at Stack/MailCanary/ConfirmRole', 'AwsSolutions-SMG4 at Stack/MailCanary/Key'],
  ],
  [
    'a stack with every part',
    whole,
    [
      'AwsSolutions-IAM5[Resource::*] at Stack/MailCanary/ConfirmRole',
      'AwsSolutions-IAM5[Resource::*] at Stack/MailCanary/NoteRole',
      'AwsSolutions-IAM5[Resource::*] at Stack/MailCanary/PlanRole',
      'AwsSolutions-IAM5[Resource::*] at Stack/MailCanary/SendRole',
      'AwsSolutions-SMG4 at Stack/MailCanary/HeartbeatSecret',
      'AwsSolutions-SMG4 at Stack/MailCanary/Key',
    ],
  ],
])('what is explained in %s is this, and nothing else', (_, stack, expected) => {
  const explained = stack()
    .app.node.findAll()
    .flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
        .flatMap(({ data }) => Object.keys(data).map((id) => `${id.replace(/^annotation::/i, '')} at ${node.path}`)),
    );
  expect([...new Set(explained)].sort()).toEqual(expected);
});
