/** What the settings of the `smtp` path choose (address, TLS, login, size), each with its success and its failures, and its mistakes. */
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { smtp } from '../../lambdas/paths/smtp/index.ts';
import { shape } from '../../lambdas/paths/smtp/settings.ts';
import { auth, ca, faulty, relay, type Settings, send, server } from './smtp-harness.ts';

describe('localAddress', () => {
  test('is the address that the server sees, and that a trust list knows', async () => {
    const gateway = await relay({ trusted: ['127.0.0.13'] });
    const taken = await send({ port: gateway.port, localAddress: '127.0.0.13' });
    expect(taken).toMatchObject({ state: 'accepted', leftFrom: '127.0.0.13' });
    await expect.poll(() => gateway.delivered[0]?.raw).toContain('([127.0.0.13])');
    expect(await send({ port: gateway.port, localAddress: '127.0.0.14' })).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      leftFrom: '127.0.0.14',
    });
  });

  test('one that this machine does not have reaches nothing', async () => {
    const { port, connections } = await faulty({});
    expect(await send({ port, localAddress: '192.0.2.1' })).toMatchObject({
      state: 'refused',
      cause: 'unreachable',
      stage: 'connect',
      evidence: expect.stringContaining('EADDRNOTAVAIL'),
    });
    expect(connections()).toBe(0);
  });

  test('one of another family than the server’s is our own mistake', async () => {
    const { port, connections } = await faulty({});
    expect(await send({ port, localAddress: '::1' })).toMatchObject({ state: 'unsent', cause: 'sender-failed' });
    expect(connections()).toBe(0);
  });
});

describe('requireTls', () => {
  const needed = { requireTls: true, tls: ca };

  test('goes on over TLS', async () => {
    const gateway = await relay({ tls: server });
    const handover = await send({ port: gateway.port, localAddress: '127.0.0.13', ...needed });
    expect(handover).toMatchObject({ state: 'accepted' });
    await expect.poll(() => gateway.delivered[0]?.raw).toContain('with ESMTPS id');
  });

  test.each([
    ['offers none', '502 5.5.2 Error: command not recognized', 'tls-required', false],
    ['has none for now', '454 4.7.0 TLS not available due to local problem', 'tls-failed', true],
  ])('a server that %s gets no mail', async (_what, say, cause, temporary) => {
    const started = await faulty({ at: 'starttls', does: { say } });
    expect(await send({ port: started.port, ...needed })).toMatchObject({
      state: 'refused',
      cause,
      temporary,
      stage: 'tls',
      evidence: say,
    });
    expect(started.mails).toEqual([]);
  });

  test('false lets a login go in clear to another machine: the settings say so', async () => {
    const { port, lines } = await faulty({});
    // 127.0.0.1 in a spelling that is not known to be loopback.
    const settings = { host: '::ffff:127.0.0.1', port, auth, requireTls: false };
    expect(await send(settings)).toMatchObject({ state: 'accepted' });
    expect(lines.some((line) => line.startsWith('AUTH PLAIN'))).toBe(true);
  });
});

describe('ignoreTls', () => {
  test('goes in clear though TLS is offered', async () => {
    const { port, lines } = await faulty(server);
    expect(await send({ port, ignoreTls: true })).toMatchObject({ state: 'accepted' });
    expect(lines).not.toContain('STARTTLS');
  });

  test('is refused by a server that wants TLS', async () => {
    const say = '530 5.7.0 Must issue a STARTTLS command first';
    const { port } = await faulty({ ...server, at: 'mail', does: { say } });
    expect(await send({ port, ignoreTls: true })).toMatchObject({
      state: 'refused',
      cause: 'tls-required',
      stage: 'mail',
      evidence: say,
    });
  });
});

describe('the product of the server', () => {
  test.each([
    [{ banner: '220 mail.example.test ESMTP Postfix (Debian/GNU)' }, 'postfix'],
    [{ banner: '220 EX01.corp.example Microsoft ESMTP MAIL Service ready' }, 'exchange'],
    [{ taken: '250 2.0.0 OK  1700000000 d2e1a72fcca58-6c3cb4d2.12 - gsmtp' }, 'gmail'],
    [{ taken: '250 Ok' }, undefined],
  ])('is known by its own words: %j', async (options, product) => {
    const { port } = await faulty(options);
    const handover = await send({ port });
    expect(handover.state).toBe('accepted');
    expect(handover.product).toBe(product);
  });

  test('of a refusal as well', async () => {
    const { port } = await faulty({
      banner: '220 mail.example.test ESMTP Postfix',
      at: 'rcpt',
      does: { say: '554 5.7.1 <x>: Relay access denied' },
    });
    expect(await send({ port })).toMatchObject({ cause: 'relay-denied', product: 'postfix' });
  });
});

describe('settings', () => {
  const parse = (settings: Record<string, unknown>) =>
    z
      .strictObject(shape)
      .safeParse({ host: 'mail-gw', ...settings })
      .error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  const oauth2 = { tokenUrl: 'https://login.example/token', clientId: 'id', refreshToken: 'env:REFRESH' };
  const reference = 'must be a reference env:NAME, file:PATH, secretsmanager:NAME or ssm:NAME';
  const tokenUrl =
    'must be the https URL of a token endpoint, such as "https://oauth2.googleapis.com/token" or "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"';

  test.each([
    [{ auth }],
    [{ auth: { user: 'orders', oauth2 } }],
    [{ auth: { user: 'orders', oauth2: { ...oauth2, clientSecret: 'ssm:X', scope: 'https://mail.google.com/' } } }],
    [{ auth: { user: 'orders', oauth2: { ...oauth2, tokenUrl: 'http://[::1]:8080/token' } } }],
    [{ size: '5 MB' }],
    [{ mustRefuse: 'openRelay' }],
  ])('%j can be used', (settings) => {
    expect(parse(settings)).toBeUndefined();
  });

  test.each<[Record<string, unknown>, string]>([
    [
      { auth: { user: 'orders' } },
      `auth.secret is missing: ${reference} to the password, or give "oauth2" in its place`,
    ],
    [
      { auth: { user: 'orders', secret: 'env:PASSWORD', oauth2 } },
      'auth.oauth2 must not stand beside "secret": one login is used',
    ],
    [
      { auth: { user: 'a\u0000b', secret: 'env:PASSWORD' } },
      'auth.user must be the name to log in with, without control characters',
    ],
    [
      { auth: { user: 'orders', oauth2: { ...oauth2, refreshToken: '1//secret' } } },
      `auth.oauth2.refreshToken ${reference}, never the secret itself (not shown)`,
    ],
    [
      { auth: { user: 'orders', oauth2: { ...oauth2, clientSecret: '' } } },
      `auth.oauth2.clientSecret ${reference}, never the secret itself (not shown)`,
    ],
    ...[
      'http://login.example/token',
      'https://user:pass@login.example/token',
      'https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token',
      'ftp://login.example/',
      'login.example/token',
      'https://login.example/token#x',
      'http://127.0.0.1.example/token',
    ].map((url): [Record<string, unknown>, string] => [
      { auth: { user: 'orders', oauth2: { ...oauth2, tokenUrl: url } } },
      `auth.oauth2.tokenUrl ${tokenUrl}, got ${JSON.stringify(url)}`,
    ]),
    [
      { auth: { user: 'orders', oauth2: { ...oauth2, scope: 'a\nb' } } },
      'auth.oauth2.scope must be a scope, or several with spaces between, in plain characters',
    ],
    [{ size: 'big' }, 'size must be a size such as "5 MB", got "big"'],
    [{ mustRefuse: true }, 'mustRefuse must be one of openRelay, got true'],
  ])('%j cannot', (settings, message) => {
    expect(parse(settings)).toEqual([message]);
  });

  const mistakes = (settings: Settings, deployed = false) =>
    smtp
      .mistakes?.(z.strictObject(shape).parse({ host: 'mail-gw', ...settings }), { deployed })
      .map(({ key, message }) => `${key} ${message}`);

  test('what parses and cannot work is said', () => {
    const local = { ...oauth2, tokenUrl: 'http://127.0.0.1:8080/token' };
    expect(mistakes({ auth, size: '5 MB' }, true)).toEqual([]);
    expect(mistakes({ mustRefuse: 'openRelay', host: '{host.address}' }, true)).toEqual([]);
    expect(mistakes({ mustRefuse: 'openRelay', auth, size: '5 MB' })).toEqual([
      'auth must not stand beside "mustRefuse": a server relays for whoever logs in, so the mail must be a stranger\'s',
      'size must not stand beside "mustRefuse": that mail must never be taken',
    ]);
    expect(mistakes({ auth: { user: 'orders', oauth2: local } })).toEqual([]);
    expect(mistakes({ auth: { user: 'orders', oauth2: local } }, true)).toEqual([
      'auth must have an https "tokenUrl" in a stack: http is for tests on this machine',
    ]);
  });

  test('every secret of the login is named', () => {
    const named = (settings: Settings) => smtp.secrets(z.strictObject(shape).parse({ host: 'mail-gw', ...settings }));
    expect(named({})).toEqual([]);
    expect(named({ auth })).toEqual(['env:PASSWORD']);
    expect(named({ auth: { user: 'orders', oauth2 } })).toEqual(['env:REFRESH']);
    expect(named({ auth: { user: 'orders', oauth2: { ...oauth2, clientSecret: 'ssm:X' } } })).toEqual([
      'ssm:X',
      'env:REFRESH',
    ]);
  });
});
