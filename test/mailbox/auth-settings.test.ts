/** The `auth` block of each kind: what may come, what came, and never a secret in a message. */
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import {
  type AuthSettings,
  authKinds,
  authMistakesOf,
  endsOf,
  needsOf,
  secretsOf,
  serversOf,
  writesOf,
} from '../../lambdas/mailbox/auth/index.ts';

const schemaOf = (name: string) => {
  const kind = authKinds.find((one) => one.kind === name);
  if (kind === undefined) throw new Error(`no auth kind is called ${name}`);
  return z.strictObject({ kind: z.literal(kind.kind), ...kind.settings });
};

const messagesOf = (auth: { readonly kind: string }) =>
  (schemaOf(auth.kind).safeParse(auth).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

const clientId = '00000000-1111-2222-3333-444444444444';
const good = {
  oauth2: {
    kind: 'oauth2',
    user: 'c@e.test',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    clientId: 'x',
    refreshToken: 'ssm:/r',
  },
  microsoft365: {
    kind: 'microsoft365',
    user: 'c@e.test',
    tenant: 'example.onmicrosoft.com',
    clientId,
    clientSecret: 'ssm:/c',
  },
  'google-workspace': { kind: 'google-workspace', user: 'c@e.test', key: 'ssm:/k', keyReadsEveryMailbox: true },
  password: { kind: 'password', user: 'c', secret: 'ssm:/p' },
} as const satisfies Record<(typeof authKinds)[number]['kind'], AuthSettings>;

const reference = 'must be a reference env:NAME, file:PATH, secretsmanager:NAME or ssm:NAME';
const tokenUrl =
  'must be the https URL of a token endpoint, such as "https://oauth2.googleapis.com/token" or "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"';
const tenant = 'must be the directory id of Microsoft Entra or a domain of it, such as "example.onmicrosoft.com"';
const authority =
  'must be the https URL of a sign-in service, such as "https://login.microsoftonline.us", without a path';
const day = 'must be a day as YYYY-MM-DD, such as "2028-03-31"';
const user = 'must be the user name of the mailbox, without commas, equals signs and control characters';
const known =
  'must be true, to show that it is known: this key can read every mailbox of the company, where kind oauth2 needs a token of this one mailbox only';

describe('a block that can work', () => {
  test.each(Object.values(good))('%j is taken, and has no mistake', (auth) => {
    expect(messagesOf(auth)).toEqual([]);
    expect([authMistakesOf(auth, false), authMistakesOf(auth, true)]).toEqual([[], []]);
    expect(needsOf(auth)).toEqual([]);
  });

  test('names its secrets, those that are written back, and the servers that it asks', () => {
    const oauth2 = { ...good.oauth2, clientSecret: 'ssm:/c' };
    expect([secretsOf(good.oauth2), secretsOf(oauth2), writesOf(oauth2)]).toEqual([
      ['ssm:/r'],
      ['ssm:/r', 'ssm:/c'],
      ['ssm:/r'],
    ]);
    const { clientSecret: _, ...rest } = good.microsoft365;
    expect(secretsOf({ ...rest, certificate: 'ssm:/pem' })).toEqual(['ssm:/pem']);
    expect([secretsOf(good.microsoft365), secretsOf(good['google-workspace'])]).toEqual([['ssm:/c'], ['ssm:/k']]);
    expect([writesOf(good.microsoft365), writesOf(good['google-workspace'])]).toEqual([[], []]);
    expect(Object.values(good).map(serversOf)).toEqual([
      ['oauth2.googleapis.com'],
      ['login.microsoftonline.com'],
      ['oauth2.googleapis.com'],
      [],
    ]);
    expect(serversOf({ ...good.microsoft365, authority: 'https://login.microsoftonline.us' })).toEqual([
      'login.microsoftonline.us',
    ]);
  });

  test('says when a credential ends, with the beginning of its day in UTC', () => {
    const at = Date.UTC(2028, 1, 29);
    const { clientSecret: _, ...rest } = good.microsoft365;
    const secretEnds = '2028-02-29';
    expect(endsOf({ ...good.microsoft365, secretEnds })).toEqual({ what: 'the client secret', at });
    expect(endsOf({ ...rest, certificate: 'ssm:/pem', secretEnds })).toEqual({
      what: 'the certificate of the application',
      at,
    });
    expect(endsOf({ ...good.oauth2, clientSecret: 'ssm:/c', secretEnds })).toEqual({ what: 'the client secret', at });
    expect(Object.values(good).map(endsOf)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('a block that is refused', () => {
  test.each<[kind: keyof typeof good, change: Readonly<Record<string, unknown>>, message: string]>([
    ['password', { user: '' }, 'user: must be the user name of the mailbox, got ""'],
    ['password', { secret: 'hunter2' }, `secret: ${reference}, never the secret itself (not shown)`],
    ['oauth2', { user: undefined }, 'user: must be the user name of the mailbox, got undefined'],
    ['oauth2', { user: 'a\u0001b' }, `user: ${user}, got "a\\u0001b"`],
    ['oauth2', { user: 'a,b' }, `user: ${user}, got "a,b"`],
    ['oauth2', { tokenUrl: undefined }, `tokenUrl: ${tokenUrl}, got undefined`],
    ['oauth2', { tokenUrl: 'http://oauth2.example/token' }, `tokenUrl: ${tokenUrl}, got "http://oauth2.example/token"`],
    ['oauth2', { tokenUrl: 'http://127.0.0.1.example/' }, `tokenUrl: ${tokenUrl}, got "http://127.0.0.1.example/"`],
    ['oauth2', { clientId: 7 }, 'clientId: must be the id of the client, got 7'],
    ['oauth2', { clientId: 'a\nb' }, 'clientId: must be the id of the client, in plain characters'],
    ['oauth2', { clientSecret: 'hunter2' }, `clientSecret: ${reference}, never the secret itself (not shown)`],
    ['oauth2', { refreshToken: undefined }, `refreshToken: is missing: ${reference}`],
    ['oauth2', { refreshToken: '1//hunter2' }, `refreshToken: ${reference}, never the secret itself (not shown)`],
    ['oauth2', { scope: '' }, 'scope: must be a scope, or several with spaces between, in plain characters'],
    ['oauth2', { secretEnds: '2027-02-29' }, `secretEnds: ${day}, got "2027-02-29"`],
    ['oauth2', { password: 'hunter2' }, ': Unrecognized key: "password"'],
    ['microsoft365', { user: 'canary' }, 'user: must be an e-mail address, got "canary"'],
    ['microsoft365', { tenant: undefined }, `tenant: ${tenant}, got undefined`],
    ['microsoft365', { tenant: 'common' }, `tenant: ${tenant}, got "common"`],
    ['microsoft365', { tenant: 'a/../b' }, `tenant: ${tenant}, got "a/../b"`],
    [
      'microsoft365',
      { clientId: 'hunter2' },
      'clientId: must be the application (client) id, a GUID, got something else (not shown)',
    ],
    ['microsoft365', { clientSecret: 'hunter2' }, `clientSecret: ${reference}, never the secret itself (not shown)`],
    ['microsoft365', { certificate: '/etc/key.pem' }, `certificate: ${reference}, never the secret itself (not shown)`],
    ['microsoft365', { secretEnds: 'next year' }, `secretEnds: ${day}, got "next year"`],
    ['microsoft365', { secretEnds: '2027-1-1' }, `secretEnds: ${day}, got "2027-1-1"`],
    [
      'microsoft365',
      { authority: 'https://login.example/tenant' },
      `authority: ${authority}, got "https://login.example/tenant"`,
    ],
    ['microsoft365', { authority: 'http://login.example' }, `authority: ${authority}, got "http://login.example"`],
    ['google-workspace', { user: 'canary' }, 'user: must be an e-mail address, got "canary"'],
    [
      'google-workspace',
      { key: '{"private_key":"hunter2"}' },
      `key: ${reference}, never the secret itself (not shown)`,
    ],
    ['google-workspace', { keyReadsEveryMailbox: undefined }, `keyReadsEveryMailbox: ${known}, got undefined`],
    ['google-workspace', { keyReadsEveryMailbox: false }, `keyReadsEveryMailbox: ${known}, got false`],
    ['google-workspace', { keyReadsEveryMailbox: 'yes' }, `keyReadsEveryMailbox: ${known}, got "yes"`],
  ])('%s with %j', (kind, change, message) => {
    const messages = messagesOf({ ...good[kind], ...change });
    expect(messages).toEqual([message]);
    expect(messages.join()).not.toContain('hunter2');
  });
});

describe('a block that parses and cannot work', () => {
  const { clientSecret: _, ...none } = good.microsoft365;
  test.each<[auth: AuthSettings, deployed: boolean, key: string, message: string]>([
    [none, false, 'clientSecret', `is missing: ${reference}, or give "certificate" in its place`],
    [
      { ...good.microsoft365, certificate: 'ssm:/pem' },
      false,
      'certificate',
      'must not stand beside "clientSecret": one credential is used',
    ],
    [
      { ...good.microsoft365, authority: 'http://127.0.0.1:8080' },
      true,
      'authority',
      'must be https in a stack: http is for tests on this machine',
    ],
    [
      { ...good.oauth2, tokenUrl: 'http://localhost/token' },
      true,
      'tokenUrl',
      'must be https in a stack: http is for tests on this machine',
    ],
    [
      { ...good.oauth2, secretEnds: '2028-02-29' },
      false,
      'secretEnds',
      'must not stand without "clientSecret": it says when that ends',
    ],
    [
      { ...good.oauth2, clientSecret: 'ssm:/r' },
      false,
      'refreshToken',
      'must be another reference than "clientSecret": it is written to',
    ],
  ])('%j', (auth, deployed, key, message) => {
    expect(messagesOf(auth)).toEqual([]);
    expect(authMistakesOf(auth, deployed)).toEqual([{ key, message }]);
    expect(authMistakesOf(auth, true)).toEqual([{ key, message }]);
  });

  test('http to this machine is for tests, outside a stack', () => {
    expect(authMistakesOf({ ...good.oauth2, tokenUrl: 'http://localhost/token' }, false)).toEqual([]);
    expect(authMistakesOf({ ...good.microsoft365, authority: 'http://127.0.0.1:8080' }, false)).toEqual([]);
  });
});
