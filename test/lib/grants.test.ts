/** Each role may do exactly this, and nothing with every resource but what AWS offers no resource for. */
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { describe, expect, test } from 'vitest';
import { source } from '../../lambdas/adapters/events.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import { stackSettingsOf } from '../../lib/from-settings.ts';
import { secretNeed } from '../../lib/grants.ts';
import { packageRoot } from '../../lib/package-root.ts';
import type { StackSettings } from '../../lib/stack-settings.ts';
import { cdkJson, ofType, type Properties, properties, type Synthesised, synthesise } from './stack.ts';

type Statement = {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: unknown;
};

const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

const statementsOf = (document: unknown) => (document as { readonly Statement: readonly Statement[] }).Statement;

/** Every policy of a role, inline or attached, as sorted lines: `action on resource if condition`. */
function mayDo({ resources }: Synthesised, role: string): string[] {
  const attached = ofType(resources, 'AWS::IAM::Policy')
    .filter(([, { Properties }]) => (Properties.Roles as readonly string[]).includes(`{${role}}`))
    .map(([, { Properties }]) => Properties.PolicyDocument);
  const own = properties({ resources }, role);
  expect(own).not.toHaveProperty('ManagedPolicyArns');
  const inline = ((own.Policies ?? []) as readonly Properties[]).map((policy) => policy.PolicyDocument);
  return [...inline, ...attached]
    .flatMap(statementsOf)
    .flatMap(({ Effect, Action, Resource, Condition }) =>
      list(Action).flatMap((action) =>
        list(Resource).map((resource) => {
          const condition = Condition === undefined ? '' : ` if ${JSON.stringify(Condition)}`;
          return `${Effect} ${action} on ${resource}${condition}`;
        }),
      ),
    )
    .sort();
}

const log = (name: string) => [
  `Allow logs:CreateLogStream on {${name}Log.Arn}`,
  `Allow logs:PutLogEvents on {${name}Log.Arn}`,
];
const table = (...actions: readonly string[]) => actions.map((action) => `Allow dynamodb:${action} on {Table.Arn}`);
const key = 'Allow secretsmanager:GetSecretValue on {Key}';
const secret = (name: string) =>
  `Allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:111122223333:secret:${name}-??????`;
const parameter = (name: string, action = 'GetParameter') =>
  `Allow ssm:${action} on arn:aws:ssm:eu-west-1:111122223333:parameter/${name}`;

const expected = {
  PlanRole: [
    ...log('Plan'),
    ...table('GetItem', 'PutItem', 'Query', 'DeleteItem'),
    'Allow sqs:SendMessage on {Queue.Arn}',
  ],
  SendRole: [
    ...log('Send'),
    ...table('GetItem', 'PutItem'),
    key,
    secret('mail-canary/app'),
    parameter('mail-canary/mta'),
    'Allow ses:SendRawEmail on arn:aws:ses:eu-west-1:111122223333:identity/example.com',
    ...['ChangeMessageVisibility', 'DeleteMessage', 'GetQueueAttributes', 'GetQueueUrl', 'ReceiveMessage'].map(
      (action) => `Allow sqs:${action} on {Queue.Arn}`,
    ),
  ],
  ConfirmRole: [
    ...log('Confirm'),
    ...table('GetItem', 'PutItem', 'Query'),
    key,
    secret('mail-canary/outside'),
    parameter('inside'),
    parameter('inside', 'PutParameter'),
    'Allow sts:GetCallerIdentity on arn:aws:iam::111122223333:role/mailbox',
    'Allow cloudwatch:PutMetricData on * if {"StringEquals":{"cloudwatch:namespace":"MailCanary"}}',
    `Allow events:PutEvents on arn:aws:events:eu-west-1:111122223333:event-bus/default if {"StringEquals":{"events:source":"${source}"}}`,
  ],
  PlanTickRole: ['Allow lambda:InvokeFunction on {Plan.Arn}'],
  ConfirmTickRole: ['Allow lambda:InvokeFunction on {Confirm.Arn}'],
} as const;

// In somebody else's app the feature flags are theirs: the grants must not depend on them.
describe.each([
  ['with the flags of cdk.json', cdkJson.context],
  ['without any flag', {}],
])('%s', (_, context) => {
  const synthesised = synthesise({}, context);

  test.each(Object.entries(expected))('%s may do exactly what its function needs', (role, grants) => {
    expect(mayDo(synthesised, role)).toEqual([...grants].sort());
  });

  test('there is no other role and no other policy', () => {
    const names = (type: string) =>
      ofType(synthesised.resources, type)
        .map(([name]) => name)
        .sort();
    expect(names('AWS::IAM::Role')).toEqual(Object.keys(expected).sort());
    expect(names('AWS::IAM::Policy')).toEqual(
      ['Plan', 'Send', 'Confirm'].map((name) => `${name}RoleDefaultPolicy`).sort(),
    );
  });

  test('only PutMetricData is allowed on every resource', () => {
    const everywhere = Object.keys(expected)
      .flatMap((role) => mayDo(synthesised, role))
      .filter((line) => / on \*/.test(line));
    expect(everywhere).toEqual([expect.stringContaining('cloudwatch:PutMetricData')]);
  });
});

describe('secrets that are written back', () => {
  const may = (over: Partial<StackSettings>) => {
    const synthesised = synthesise(over);
    const writes = (role: string) =>
      mayDo(synthesised, role).filter((line) => /:Put(SecretValue|Parameter) /.test(line));
    return { confirm: writes('ConfirmRole'), others: ['PlanRole', 'SendRole'].flatMap(writes) };
  };
  const mailboxSecrets = ['secretsmanager:mail-canary/token', 'secretsmanager:mail-canary/client', 'ssm:/inside'];
  const ofToken =
    'secretsmanager:PutSecretValue on arn:aws:secretsmanager:eu-west-1:111122223333:secret:mail-canary/token';

  test('none, where nothing is replaced', () => {
    expect(may({ mailboxSecrets, mailboxWrites: [] })).toEqual({ confirm: [], others: [] });
  });

  test('those that are named, each once, by confirm alone', () => {
    const token = 'secretsmanager:mail-canary/token';
    expect(may({ mailboxSecrets, mailboxWrites: [token, token] })).toEqual({
      confirm: [`Allow ${ofToken}-??????`],
      others: [],
    });
    expect(may({ mailboxSecrets, mailboxWrites: ['ssm:/inside', token] }).confirm.sort()).toEqual([
      `Allow ${ofToken}-??????`,
      parameter('inside', 'PutParameter'),
    ]);
  });

  test('the refresh token of each login, and no other secret of a mailbox', () => {
    const { settings } = loadSettings(join(packageRoot, 'examples/every-mailbox.yaml'), 'stack');
    const stack = stackSettingsOf(settings);
    const tokens = Object.values(settings.mailboxes).flatMap(({ auth }) =>
      'refreshToken' in auth ? [auth.refreshToken] : [],
    );
    expect(tokens.length).toBeGreaterThan(0);
    expect(stack.mailboxWrites).toEqual(tokens);
    const { confirm, others } = may({ mailboxSecrets: stack.mailboxSecrets, mailboxWrites: stack.mailboxWrites });
    expect(confirm).toHaveLength(new Set(tokens).size);
    expect(confirm.length).toBeLessThan(new Set(stack.mailboxSecrets).size);
    expect(others).toEqual([]);
  });
});

test('Scheduler assumes its roles for the schedules of this account only', () => {
  const synthesised = synthesise();
  for (const role of ['PlanTickRole', 'ConfirmTickRole']) {
    expect(properties(synthesised, role).AssumeRolePolicyDocument).toMatchObject({
      Statement: [
        {
          Principal: { Service: 'scheduler.amazonaws.com' },
          Condition: {
            StringEquals: {
              'aws:SourceAccount': '111122223333',
              'aws:SourceArn': 'arn:aws:scheduler:eu-west-1:111122223333:schedule-group/default',
            },
          },
        },
      ],
    });
  }
});

test('a secret named by its ARN is granted as it is', () => {
  const arn = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:mail-canary/app-AbCdEf';
  expect(secretNeed(new Stack(new App(), 'S'), `secretsmanager:${arn}`).resources).toEqual([arn]);
});

test.each([
  ['env:APP_KEY', 'env:APP_KEY'],
  ['file:/run/secret', 'file:/run/secret'],
  ['hunter2', 'something else (not shown)'],
])('%s is no secret that a function can read', (reference, got) => {
  expect(() => secretNeed(new Stack(new App(), 'S'), reference)).toThrow(
    `a secret in AWS must be secretsmanager:NAME or ssm:NAME, got ${got}`,
  );
});
