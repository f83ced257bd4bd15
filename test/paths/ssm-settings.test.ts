/** The settings of the `ssm` path: what they take, what they need of IAM, and what cannot work. */
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ssm } from '../../lambdas/paths/ssm/index.ts';
import { shape } from '../../lambdas/paths/ssm/settings.ts';
import { settingsOf } from './ssm-harness.ts';

const parse = (input: object) => z.strictObject(shape).safeParse(input);
const tags = { role: 'web' };

test('the shortest settings, and their defaults', () => {
  expect(parse({ via: 'sendmail', tags }).data).toEqual({ via: 'sendmail', tags });
  expect(parse({ via: 'smtp', relay: { host: 'mail-gw' }, tags }).data).toEqual({
    via: 'smtp',
    relay: { host: 'mail-gw', port: 25, tls: 'none' },
    tags,
  });
});

test.each([
  [{ via: 'fax', tags }, 'via', 'must be one of sendmail, smtp, ses, got "fax"'],
  [
    { via: 'ses' },
    'tags',
    'must be the tags of the instances that may be commanded, such as "{ mail-canary: production }"',
  ],
  [
    { via: 'ses', tags: {} },
    'tags',
    'must hold at least one tag: without one, every instance of the account could be commanded',
  ],
  [{ via: 'ses', tags: { role: '$x' } }, 'tags.role', 'must be the value of a tag, got "$x"'],
  [{ via: 'ses', tags: { role: '*' } }, 'tags.role', 'must be the value of a tag, got "*"'],
  [{ via: 'ses', tags, runAs: '-c' }, 'runAs', 'must be the name of a user, got "-c"'],
  [{ via: 'ses', tags, runAs: 'a;id' }, 'runAs', 'must be the name of a user, got "a;id"'],
  [{ via: 'smtp', tags, relay: { host: '-x' } }, 'relay.host', 'must be a host name or an IPv4 address, got "-x"'],
  [{ via: 'smtp', tags, relay: { host: 'a b' } }, 'relay.host', 'must be a host name or an IPv4 address, got "a b"'],
  [{ via: 'smtp', tags, relay: { host: '::1' } }, 'relay.host', 'must be a host name or an IPv4 address, got "::1"'],
  [
    { via: 'smtp', tags, relay: { host: 'x', tls: 'always' } },
    'relay.tls',
    'must be one of none, starttls, got "always"',
  ],
])('%j is refused', (input, at, message) => {
  const issues = parse(input).error?.issues.map((issue) => [issue.path.join('.'), issue.message]);
  expect(issues).toEqual([[at, message]]);
});

test.each([
  [settingsOf(), []],
  [settingsOf({ via: 'sendmail', relay: undefined }), []],
  [
    settingsOf({ relay: undefined }),
    ['is missing: "via: smtp" needs the relay that the host uses, such as "{ host: mail-gw }"'],
  ],
  [settingsOf({ via: 'ses' }), ['must be left out with "via: ses": only "via: smtp" reads it']],
  [settingsOf({ size: 5_000_000 }), ['must be left out: an attachment does not fit into a command']],
])('mistakes, %#', (settings, messages) => {
  for (const deployed of [true, false])
    expect(ssm.mistakes?.(settings, { deployed }).map(({ message }) => message)).toEqual(messages);
});

describe('permissions', () => {
  test('only our document, and only on instances with all of the tags', () => {
    const needs = ssm.needs(settingsOf({ tags: { role: 'web', stage: 'production' } }));
    expect(needs).toEqual([
      {
        actions: ['ssm:SendCommand'],
        resources: ['arn:{partition}:ssm:{region}:{account}:document/mail-canary-{monitor}'],
      },
      {
        actions: ['ssm:SendCommand'],
        resources: [
          'arn:{partition}:ec2:{region}:{account}:instance/*',
          'arn:{partition}:ssm:{region}:{account}:managed-instance/*',
        ],
        conditions: { StringEquals: { 'ssm:resourceTag/role': 'web', 'ssm:resourceTag/stage': 'production' } },
      },
    ]);
  });

  test('who asks may ask, and command nobody', () => {
    expect(ssm.outcomeNeeds?.(settingsOf())).toEqual([{ actions: ['ssm:ListCommandInvocations'], resources: ['*'] }]);
  });

  test('it needs no secret, and the document in the stack', () => {
    expect(ssm.secrets(settingsOf())).toEqual([]);
    expect(ssm.parts?.(settingsOf())).toEqual(['ssm-document']);
  });
});
