/** From a settings file with every kind of path to its stack: each kind's needs become grants, its parts are made. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pathKinds } from '../../lambdas/paths/index.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import { stackSettingsOf } from '../../lib/from-settings.ts';
import { packageRoot } from '../../lib/package-root.ts';
import { ofType, properties, synthesise } from './stack.ts';

const { settings, warnings } = loadSettings(join(packageRoot, 'examples/every-path.yaml'), 'stack');
const synthesised = synthesise(stackSettingsOf(settings));

type Statement = {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: string | string[];
  readonly Condition?: unknown;
};
const statementsOf = (name: string) =>
  (properties(synthesised, `${name}RoleDefaultPolicy`).PolicyDocument as { readonly Statement: Statement[] }).Statement;
const allowed = (name: string, action: string) =>
  statementsOf(name)
    .filter(({ Effect, Action }) => Effect === 'Allow' && [Action].flat().includes(action))
    .map(({ Resource, Condition }) => ({ resources: [Resource].flat(), condition: Condition }));

test('the example has a path of every kind, and warns of what it needs', () => {
  const kinds = new Set(Object.values(settings.paths).map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(pathKinds.map(({ kind }) => kind).sort());
  expect(warnings.join('\n')).toMatch(/NAT/);
});

describe('grants', () => {
  test('send may command tagged instances with our own document, and nothing else', () => {
    expect(allowed('Send', 'ssm:SendCommand')).toEqual([
      { resources: ['arn:aws:ssm:eu-west-1:111122223333:document/mail-canary-every-path'], condition: undefined },
      {
        resources: [
          'arn:aws:ec2:eu-west-1:111122223333:instance/*',
          'arn:aws:ssm:eu-west-1:111122223333:managed-instance/*',
        ],
        condition: { StringEquals: { 'ssm:resourceTag/role': 'web' } },
      },
    ]);
  });

  test('confirm may ask what became of commands, and gives none', () => {
    expect(allowed('Confirm', 'ssm:ListCommandInvocations')).toEqual([{ resources: ['*'], condition: undefined }]);
    expect(allowed('Confirm', 'ssm:SendCommand')).toEqual([]);
    expect(allowed('Confirm', 'ses:SendRawEmail')).toEqual([]);
  });

  test('send may send as the sender of the path alone', () => {
    const [identity, ...more] = allowed('Send', 'ses:SendRawEmail');
    expect(identity?.condition).toEqual({ StringEquals: { 'ses:FromAddress': 'orders@example.com' } });
    expect([identity, ...more].flatMap((one) => one?.resources ?? []).sort()).toEqual([
      'arn:aws:ses:eu-west-1:111122223333:configuration-set/mail-canary-every-path',
      'arn:aws:ses:eu-west-1:111122223333:identity/example.com',
      'arn:aws:ses:eu-west-1:111122223333:identity/orders@example.com',
    ]);
  });

  test('no placeholder is left', () => {
    expect(JSON.stringify(synthesised.template.toJSON())).not.toMatch(/\{(partition|region|account|monitor)\}/);
  });
});

test('document, configuration set, events and the URL for tellings are made', () => {
  const types = ['AWS::SSM::Document', 'AWS::SES::ConfigurationSet', 'AWS::Events::Rule', 'AWS::Lambda::Url'];
  expect(types.map((type) => ofType(synthesised.resources, type).length)).toEqual([1, 1, 1, 1]);
});

test('only send is in the VPC', () => {
  const inVpc = ofType(synthesised.resources, 'AWS::Lambda::Function').filter(
    ([, { Properties }]) => Properties.VpcConfig !== undefined,
  );
  expect(inVpc.map(([name]) => name)).toEqual(['Send']);
});
