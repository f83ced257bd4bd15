/** What the settings of the `ses` path mean: permissions, the configuration set, and what cannot work. */
import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { mimeOf } from '../../lambdas/core/mime.ts';
import { ses } from '../../lambdas/paths/ses/index.ts';
import { mostAttached, type SesSettings, shape } from '../../lambdas/paths/ses/settings.ts';
import { grantNeeds } from '../../lib/grants.ts';
import { mail, type Settings } from './ses-harness.ts';

const from = 'orders@mail.example.com';
const settingsOf = ({ from: sender = from, ...own }: Settings = {}): SesSettings => ({
  ...z.strictObject(shape).parse(own),
  from: sender,
});
const problem = (settings: Settings): string => {
  const { from: _, ...own } = settings;
  const parsed = z.strictObject(shape).safeParse(own);
  return parsed.success
    ? 'none'
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join();
};

const identity = (name: string) => `arn:{partition}:ses:{region}:{account}:identity/${name}`;
const set = (name: string) => `arn:{partition}:ses:{region}:{account}:configuration-set/${name}`;
const onlyFrom = (sender: string) => ({ StringEquals: { 'ses:FromAddress': sender } });
const actions = ['ses:SendRawEmail'];

describe('what IAM must allow', () => {
  test('by default, to send as this address with its own identity or its domain: nobody knows which one is verified', () => {
    expect(ses.needs(settingsOf())).toEqual([
      { actions, resources: [identity(from), identity('mail.example.com')], conditions: onlyFrom(from) },
    ]);
  });

  test.each([
    ['the address', { identity: from }, [identity(from)]],
    ['its domain', { identity: 'mail.example.com' }, [identity('mail.example.com')]],
    ['a domain above it', { identity: 'Example.COM' }, [identity('example.com')]],
    [
      'an identity of another account',
      { identityArn: 'arn:aws:ses:eu-west-1:111122223333:identity/example.com' },
      ['arn:aws:ses:eu-west-1:111122223333:identity/example.com'],
    ],
    [
      'and in the sandbox the identities of the mailboxes',
      { identity: 'example.com', recipientIdentities: ['canary@supplier.example', 'example.com'] },
      [identity('example.com'), identity('canary@supplier.example')],
    ],
  ])('%s', (_, settings, resources) => {
    expect(ses.needs(settingsOf(settings))).toEqual([{ actions, resources, conditions: onlyFrom(from) }]);
  });

  test('domains in lower case, as SES keeps them; the local part and "from" as they are', () => {
    expect(ses.needs(settingsOf({ from: 'Orders@Example.COM' }))).toEqual([
      {
        actions,
        resources: [identity('Orders@example.com'), identity('example.com')],
        conditions: onlyFrom('Orders@Example.COM'),
      },
    ]);
  });

  test.each([
    ['orders', 'orders'],
    ['stack', 'mail-canary-{monitor}'],
  ])('the configuration set "%s" as well: IAM is asked for it by itself', (configurationSet, name) => {
    const needs = ses.needs(settingsOf({ configurationSet }));
    expect(needs).toHaveLength(2);
    expect(needs[1]).toEqual({ actions, resources: [set(name)] });
    expect(ses.parts?.(settingsOf({ configurationSet }))).toEqual([`ses-events:${name}`]);
  });

  test('without a configuration set there is nothing to make', () => {
    expect(ses.parts?.(settingsOf())).toEqual([]);
  });

  test('as a policy in a stack: these actions on these resources, and no wildcard', () => {
    const stack = new Stack(new App(), 'Stack', { env: { account: '111122223333', region: 'eu-west-1' } });
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const needs = ses.needs(settingsOf({ identity: 'example.com', configurationSet: 'stack' }));
    grantNeeds(role, needs, { scope: stack, monitor: 'production' });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'ses:SendRawEmail',
            Resource: Match.objectLike({
              'Fn::Join': ['', Match.arrayWith([':ses:eu-west-1:111122223333:identity/example.com'])],
            }),
            Condition: onlyFrom(from),
          },
          {
            Effect: 'Allow',
            Action: 'ses:SendRawEmail',
            Resource: Match.objectLike({
              'Fn::Join': [
                '',
                Match.arrayWith([':ses:eu-west-1:111122223333:configuration-set/mail-canary-production']),
              ],
            }),
          },
        ],
      },
    });
    expect(JSON.stringify(template.toJSON())).not.toMatch(/ses[^"]*[*?]/);
  });
});

describe('settings that parse and cannot work', () => {
  const mistakes = (settings: Settings) => ses.mistakes?.(settingsOf(settings), { deployed: true });

  test.each<Settings>([
    {},
    { identity: from },
    { identity: 'ORDERS@mail.example.com' },
    { identity: 'mail.example.com', configurationSet: 'stack', size: '7.6 MB' },
    { identity: 'example.com' },
    { identityArn: 'arn:aws-cn:ses:cn-north-1:111122223333:identity/example.com' },
  ])('%j is none', (settings) => {
    expect(mistakes(settings)).toEqual([]);
  });

  test.each<[Settings, string, string]>([
    [
      { identity: 'ample.com' },
      'identity',
      'must be of orders@mail.example.com, its domain or a domain above it, got "ample.com"',
    ],
    [
      { identity: 'sales@mail.example.com' },
      'identity',
      'must be of orders@mail.example.com, its domain or a domain above it, got "sales@mail.example.com"',
    ],
    [
      { identityArn: 'arn:aws:ses:eu-west-1:111122223333:identity/other.example' },
      'identityArn',
      'must be of orders@mail.example.com, its domain or a domain above it, got "other.example"',
    ],
    [
      { identity: 'example.com', identityArn: 'arn:aws:ses:eu-west-1:111122223333:identity/example.com' },
      'identityArn',
      'must not be given together with "identity": it names the identity itself',
    ],
    [
      { size: '8 MB' },
      'size',
      'must not be more than 7.6 MB: SendRawEmail takes mails of 10 MB, and base64 makes an attachment a third larger, got 8 MB',
    ],
    [
      { from: '*@example.com' },
      'from',
      'must not contain "*", "?" or "$" on a path of kind ses: IAM reads them as wildcards, got "*@example.com"',
    ],
  ])('%j', (settings, key, message) => {
    expect(mistakes(settings)).toEqual([{ key, message }]);
  });

  test('the largest attachment leaves room for the longest head', () => {
    const longest = { 'X-Mail-Canary': 'x'.repeat(2000), 'Auto-Submitted': 'auto-generated' };
    const raw = mimeOf({ ...mail, size: mostAttached, headers: longest, subject: 's'.repeat(900) });
    expect(raw.length).toBeLessThan(10 * 1024 * 1024);
  });
});

describe('settings that do not parse', () => {
  test.each<[Settings, string]>([
    [
      { identity: '*.example.com' },
      'identity must be an e-mail address or a domain, without "*", "?" and "$", got "*.example.com"',
    ],
    [
      { identity: '*@example.com' },
      'identity must be an e-mail address or a domain, without "*", "?" and "$", got "*@example.com"',
    ],
    [
      { identity: 'localhost' },
      'identity must be an e-mail address or a domain, without "*", "?" and "$", got "localhost"',
    ],
    [
      { recipientIdentities: ['?@example.com'] },
      'recipientIdentities.0 must be an e-mail address or a domain, without "*", "?" and "$", got "?@example.com"',
    ],
    [
      { identityArn: 'arn:aws:ses:eu-west-1:111122223333:identity/*' },
      'identityArn must be the ARN of an SES identity, got "arn:aws:ses:eu-west-1:111122223333:identity/*"',
    ],
    [
      { configurationSet: 'two words' },
      'configurationSet must be "stack" or the name of a configuration set (letters, digits, "_", "-"), got "two words"',
    ],
    [{ size: 'big' }, 'size must be a size such as "5 MB", got "big"'],
  ])('%j', (settings, message) => {
    expect(problem(settings)).toBe(message);
  });

  test('a text that is long is refused fast', () => {
    const begun = performance.now();
    expect(problem({ identity: `${'a-'.repeat(100_000)}` })).toContain('identity must be');
    expect(problem({ identityArn: `arn:aws:ses:eu-west-1:111122223333:identity/${'a.'.repeat(100_000)}!` })).toContain(
      'identityArn must be',
    );
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

test('the mail leaves from the machine that runs the round, all paths of the account share its rate, and there is no secret', () => {
  expect(ses.leavesFromHost(settingsOf())).toBe(false);
  expect(ses.sharedServer(settingsOf({ identity: 'example.com' }))).toBe(ses.sharedServer(settingsOf()));
  expect(ses.sharedServer(settingsOf())).toBeDefined();
  expect(ses.secrets(settingsOf())).toEqual([]);
});
