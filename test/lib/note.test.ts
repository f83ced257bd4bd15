/** The note function: made for paths that need it, with no right that it does not need. */
import { describe, expect, test } from 'vitest';
import { ofType, properties, synthesise } from './stack.ts';

const told = synthesise({ parts: ['note-url'] });
const bySes = synthesise({ parts: ['ses-events:mail-canary-{monitor}'] });

test('a stack whose paths have nothing to note has no such function', () => {
  const { resources, monitor } = synthesise();
  expect(ofType(resources, 'AWS::Lambda::Function').map(([name]) => name)).not.toContain('Note');
  expect(ofType(resources, 'AWS::Lambda::Url')).toEqual([]);
  expect(monitor.note).toBeUndefined();
});

describe('tellings of hosts', () => {
  test('come through a URL that asks for no AWS credentials: every telling is signed', () => {
    const [[, url] = []] = ofType(told.resources, 'AWS::Lambda::Url');
    expect(url?.Properties).toMatchObject({ AuthType: 'NONE', TargetFunctionArn: '{Note.Arn}' });
  });

  test('are verified with a secret of their own, which confirm reads as well, and nobody else', () => {
    expect(told.resources.HeartbeatSecret).toMatchObject({
      Type: 'AWS::SecretsManager::Secret',
      DeletionPolicy: 'Retain',
    });
    const reads = (name: string) =>
      JSON.stringify(told.resources[`${name}RoleDefaultPolicy`]).includes('{HeartbeatSecret}');
    expect(['Plan', 'Send', 'Confirm', 'Note'].filter(reads)).toEqual(['Confirm', 'Note']);
    for (const name of ['Confirm', 'Note'])
      expect(properties(told, name).Environment).toMatchObject({
        Variables: { MAIL_CANARY_HEARTBEAT_SECRET: '{HeartbeatSecret}' },
      });
  });

  test('may read and write the ledger, and delete nothing', () => {
    const policy = properties(told, 'NoteRoleDefaultPolicy').PolicyDocument as {
      Statement: { Action: string | string[]; Resource: unknown }[];
    };
    const actions = policy.Statement.flatMap(({ Action }) => Action);
    expect(actions.sort()).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'secretsmanager:GetSecretValue',
    ]);
  });
});

test('an event of SES is tried again for ten minutes, and then is a dead letter', () => {
  expect(properties(bySes, 'NoteEventInvokeConfig')).toMatchObject({
    MaximumRetryAttempts: 2,
    MaximumEventAgeInSeconds: 600,
  });
  expect(ofType(bySes.resources, 'AWS::Events::Rule')).toHaveLength(1);
  expect(ofType(bySes.resources, 'AWS::SES::ConfigurationSet').map(([, { Properties }]) => Properties)).toMatchObject([
    { Name: 'mail-canary-production' },
  ]);
  expect(bySes.resources.HeartbeatSecret).toBeUndefined();
});

test('hosts of ssm paths get their document', () => {
  const { resources } = synthesise({ parts: ['ssm-document'] });
  expect(ofType(resources, 'AWS::SSM::Document').map(([, { Properties }]) => Properties)).toMatchObject([
    { Name: 'mail-canary-production', DocumentType: 'Command' },
  ]);
});
