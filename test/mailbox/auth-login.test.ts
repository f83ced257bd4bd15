/** Logins with access tokens: made once, kept while they are valid, made anew once after a refusal, within one deadline. */
import { verify, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { tokenEndpoint } from '../oauth/endpoint.ts';
import {
  allKinds,
  answering,
  application,
  clientId,
  clientSecret,
  newTokens,
  openAuth,
  openKind,
  refreshToken,
  startWithTokens,
  token,
} from './auth-harness.ts';
import { ask } from './bench.ts';
import { user } from './embedded.ts';

const part = (jwt: string, index: number): Record<string, unknown> =>
  JSON.parse(Buffer.from(jwt.split('.')[index] ?? '', 'base64url').toString());

describe.each(allKinds)('%s', (kind) => {
  test.each([
    ['XOAUTH2', 'AUTH=OAUTHBEARER'],
    ['OAUTHBEARER', 'AUTH=XOAUTH2'],
  ])('looks with a token over %s', async (_, without) => {
    const endpoint = await newTokens();
    const server = await startWithTokens({ faults: { without: [without, 'AUTH=PLAIN'] } });
    server.give(0);
    server.store.deliver(user, 'INBOX', Buffer.from('Subject: x\r\n\r\nx'));
    expect(await openKind(kind, endpoint.url, server.port).look()).toMatchObject({ state: 'looked', complete: true });
    expect([server.connections.total, endpoint.requests.length]).toEqual([1, 1]);
  });

  test('keeps a token over sessions, and renews it a minute before it expires', async () => {
    const endpoint = await newTokens();
    const server = await startWithTokens();
    server.give(0, 1);
    const mailbox = openKind(kind, endpoint.url, server.port);
    for (let round = 0; round < 3; round += 1) expect(await mailbox.look()).toMatchObject({ state: 'looked' });
    expect([server.connections.total, endpoint.requests.length]).toEqual([3, 1]);
    mailbox.pass(3539);
    await mailbox.look();
    expect(endpoint.requests).toHaveLength(1);
    mailbox.pass(1);
    server.give(1);
    expect(await mailbox.look()).toMatchObject({ state: 'looked' });
    expect([server.connections.total, endpoint.requests.length]).toEqual([5, 2]);
  });

  test('makes one more after a token that was kept is refused, and none after that', async () => {
    const endpoint = await newTokens();
    const server = await startWithTokens();
    server.give(0);
    const mailbox = openKind(kind, endpoint.url, server.port);
    await mailbox.look();
    server.give(1);
    expect(await mailbox.look()).toMatchObject({ state: 'looked' });
    expect([server.connections.total, endpoint.requests.length]).toEqual([3, 2]);
    server.give();
    expect(await mailbox.look()).toMatchObject({ state: 'dark' });
    expect([server.connections.total, endpoint.requests.length]).toEqual([5, 3]);
  });

  test('does not try twice with a token made just now, nor with the same one again', async () => {
    const server = await startWithTokens();
    const fresh = openKind(kind, (await newTokens()).url, server.port);
    expect(await fresh.look()).toMatchObject({ state: 'dark', cause: 'imap-login-refused' });
    expect(server.connections.total).toBe(1);
    // The next round makes another one: what was wrong may have been in the token.
    server.give(1);
    expect(await fresh.look()).toMatchObject({ state: 'looked' });
    const endpoint = await answering({ body: { access_token: token('same'), expires_in: 3600 } });
    const same = openKind(kind, endpoint.url, server.port);
    server.give('same');
    await same.look();
    server.give();
    const before = server.connections.total;
    expect(await same.look()).toMatchObject({ state: 'dark', cause: 'imap-login-refused' });
    expect([server.connections.total - before, endpoint.requests.length]).toEqual([1, 2]);
  });

  test('does not ask for a new token where it was not the token that was refused', async () => {
    const endpoint = await newTokens();
    const server = await startWithTokens();
    server.give(0, 1);
    const mailbox = openKind(kind, endpoint.url, server.port);
    await mailbox.look();
    server.faults.refuseLogin = '[UNAVAILABLE] Temporary authentication failure.';
    expect(await mailbox.look()).toMatchObject({ state: 'dark', cause: 'temporary-refusal' });
    server.faults.refuseLogin = undefined;
    await mailbox.look();
    expect([server.connections.total, endpoint.requests.length]).toEqual([3, 1]);
  });

  test('says what the server said of the token', async () => {
    const server = await startWithTokens();
    const look = await openKind(kind, (await newTokens()).url, server.port).look();
    expect(look).toMatchObject({
      detail: expect.stringMatching(
        /^login: Invalid credentials \(Failure\); the server said of the token: status 401, schemes bearer, scope https:\/\/mail\.example\//,
      ),
    });
  });

  test('is dark where a kept token is refused and no new one can be had, for the reason why not', async () => {
    const endpoint = await tokenEndpoint((_, index) =>
      index === 0
        ? { body: { access_token: token(0), expires_in: 3600 } }
        : { status: 503, body: { error: 'temporarily_unavailable' } },
    );
    const server = await startWithTokens();
    server.give(0);
    const mailbox = openKind(kind, endpoint.url, server.port);
    await mailbox.look();
    server.give();
    expect(await mailbox.look()).toEqual({
      state: 'dark',
      cause: 'token-unavailable',
      detail: `token: ${endpoint.host}: temporarily_unavailable`,
    });
  });

  test('has one deadline for secret, token, connection and login together', async () => {
    const hanging = await tokenEndpoint(() => () => {});
    const server = await startWithTokens();
    const began = Date.now();
    expect(await openKind(kind, hanging.url, server.port, { timeout: 1000 }).look()).toMatchObject({
      state: 'dark',
      cause: 'token-unavailable',
      detail: expect.stringMatching(/^token: .*: no answer before the deadline$/),
    });
    const secret = () => new Promise<string>(() => {});
    expect(await openKind(kind, hanging.url, server.port, { timeout: 1000, secret }).look()).toMatchObject({
      state: 'dark',
      cause: 'secret-unreadable',
      detail: expect.stringContaining('no answer of the secret store in time'),
    });
    const endpoint = await newTokens();
    server.faults.hangAt = 'AUTHENTICATE';
    expect(await openKind(kind, endpoint.url, server.port, { timeout: 1000 }).look()).toMatchObject({
      state: 'dark',
      cause: 'timeout-at-stage',
      detail: 'login: no answer within 1000 ms',
    });
    // Three deadlines of a second; that of the endpoint alone is 10 s.
    expect(Date.now() - began).toBeLessThan(8000);
    expect(server.connections.total).toBe(1);
  });

  test('is dark, and calls nobody, where its secret cannot be read', async () => {
    const endpoint = await newTokens();
    const server = await startWithTokens();
    const secret = async (): Promise<string> => {
      throw new Error('cannot read secret env:X: this environment variable is not set');
    };
    expect(await openKind(kind, endpoint.url, server.port, { secret }).look()).toEqual({
      state: 'dark',
      cause: 'secret-unreadable',
      detail:
        'the secret of mailbox outside cannot be read: cannot read secret env:X: this environment variable is not set',
    });
    expect([server.connections.total, endpoint.requests.length]).toEqual([0, 0]);
  });

  test('is refused in its own words where the server takes no tokens', async () => {
    const server = await startWithTokens({ faults: { without: ['AUTH=XOAUTH2', 'AUTH=OAUTHBEARER'] } });
    expect(await openKind(kind, (await newTokens()).url, server.port).look()).toEqual({
      state: 'dark',
      cause: 'imap-login-refused',
      detail: 'login: the server offers no login of this kind',
    });
  });
});

describe('what the endpoint is shown', () => {
  const fieldsOf = async (kind: (typeof allKinds)[number], look = 1) => {
    const endpoint = await tokenEndpoint((_, index) => ({ body: { access_token: token(index), expires_in: 1 } }));
    const server = await startWithTokens();
    server.give(0, 1, 2);
    const mailbox = openKind(kind, endpoint.url, server.port);
    for (let round = 0; round < look; round += 1) {
      expect(await mailbox.look()).toMatchObject({ state: 'looked' });
      mailbox.pass(10);
    }
    return endpoint.requests.map(({ fields }) => fields);
  };

  test('the refresh token, by kind oauth2', async () => {
    expect(await fieldsOf('oauth2')).toEqual([
      {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: 'mail-canary',
        client_secret: clientSecret,
      },
    ]);
  });

  test('the client secret, by kind microsoft365', async () => {
    const scope = 'https://outlook.office365.com/.default';
    expect(await fieldsOf('microsoft365 with a secret')).toEqual([
      { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, scope },
    ]);
  });

  test('a signed assertion in its place with a certificate, another one each time', async () => {
    const all = await fieldsOf('microsoft365 with a certificate', 2);
    const certificate = new X509Certificate(application.slice(application.indexOf('-----BEGIN CERTIFICATE-----')));
    for (const { client_assertion: jwt = '', ...fields } of all) {
      expect(fields).toEqual({
        grant_type: 'client_credentials',
        client_id: clientId,
        scope: 'https://outlook.office365.com/.default',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      const thumbprint = Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
      expect(part(jwt, 0)).toEqual({ alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint });
      const claims = part(jwt, 1);
      expect(claims).toMatchObject({
        aud: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/example\.test\/oauth2\/v2\.0\/token$/),
        iss: clientId,
        sub: clientId,
        jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      expect(Number(claims.exp) - Number(claims.nbf)).toBeLessThanOrEqual(600);
      expect(Math.abs(Number(claims.nbf) - Date.now() / 1000)).toBeLessThan(60);
      const [head, body, signature = ''] = jwt.split('.');
      const key = { key: certificate.publicKey, padding: 6, saltLength: 32 };
      expect(verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    }
    expect(new Set(all.map(({ client_assertion: jwt = '' }) => part(jwt, 1).jti)).size).toBe(2);
  });

  test('a signed request for the user, by kind google-workspace', async () => {
    const [fields = {}] = await fieldsOf('google-workspace');
    const { assertion: jwt = '', ...others } = fields;
    expect(others).toEqual({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' });
    expect(part(jwt, 0)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'key-1' });
    const claims = part(jwt, 1);
    expect(claims).toMatchObject({
      iss: 'canary@project.iam.gserviceaccount.com',
      sub: user,
      scope: 'https://mail.google.com/',
      aud: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/token$/),
    });
    expect(Number(claims.exp) - Number(claims.iat)).toBeLessThanOrEqual(3600);
    const [head, body, signature = ''] = jwt.split('.');
    const { publicKey } = new X509Certificate(application.slice(application.indexOf('-----BEGIN CERTIFICATE-----')));
    expect(verify('sha256', Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
  });
});

test('a password that is refused is not tried twice', async () => {
  const server = await startWithTokens();
  const mailbox = openAuth({ kind: 'password', user, secret: 'env:P' }, { 'env:P': 'another-password' }, server.port);
  expect(await mailbox.mailbox.look(ask())).toMatchObject({ state: 'dark', cause: 'imap-login-refused' });
  expect(server.commands.get('AUTHENTICATE')).toBe(1);
});
