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

test('nothing in the stack is unexplained', () => {
  expect(findings(synthesise().app)).toEqual([]);
  // The rule packs load slowly on a busy machine.
}, 30_000);

test('what is explained is this, and nothing else', () => {
  const explained = synthesise()
    .app.node.findAll()
    .flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
        .flatMap(({ data }) => Object.keys(data).map((id) => `${id.replace(/^annotation::/i, '')} at ${node.path}`)),
    );
  expect(explained.sort()).toEqual([
    'AwsSolutions-IAM5[Resource::*] at Stack/MailCanary/ConfirmRole',
    'AwsSolutions-SMG4 at Stack/MailCanary/Key',
  ]);
});
