/** The `smtp` path with XOAUTH2, against a server that takes access tokens and an endpoint that makes them. */
import { describe, expect, test } from 'vitest';
import { type TokenAnswer, tokenEndpoint } from '../oauth/endpoint.ts';
import { ca, clientSecret, faulty, leaked, open, refreshToken, send } from './smtp-harness.ts';
import { startOauthServer } from './smtp-oauth-server.ts';

const token = (name: string) => `ya29.${name}-${'t'.repeat(40)}`;

const authFor = (tokenUrl: string) => ({
  user: 'orders@example.test',
  oauth2: { tokenUrl, clientId: 'mail-canary', clientSecret: 'env:CLIENT', refreshToken: 'env:REFRESH' },
});

/** An endpoint that makes a new token for each request. */
const newTokens = () =>
  tokenEndpoint((_, index) => ({ body: { access_token: token(String(index)), expires_in: 3600 } }));

describe('a login with an access token', () => {
  test('is taken, over STARTTLS as well; the token is asked for once and kept for the next canary', async () => {
    const endpoint = await newTokens();
    const server = await startOauthServer((one) => one === token('0'), true);
    const path = open({ port: server.port, tls: ca, requireTls: true, auth: authFor(endpoint.url) });
    expect(await path()).toMatchObject({ state: 'accepted', queueId: 'OAUTH1', answeredBy: 'smtp.example.test' });
    expect(await path()).toMatchObject({ state: 'accepted' });
    expect(server.logins).toEqual([
      { user: 'orders@example.test', token: token('0') },
      { user: 'orders@example.test', token: token('0') },
    ]);
    expect(endpoint.requests.map(({ fields }) => fields)).toEqual([
      {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: 'mail-canary',
        client_secret: clientSecret,
      },
    ]);
    expect(server.delivered).toHaveLength(2);
  });

  test('that was withdrawn before its time is tried once more with a new token, on the same connection', async () => {
    const endpoint = await newTokens();
    const taken = new Set([token('0')]);
    const server = await startOauthServer((one) => taken.has(one));
    const path = open({ port: server.port, auth: authFor(endpoint.url) });
    expect(await path()).toMatchObject({ state: 'accepted' });
    taken.clear();
    taken.add(token('1'));
    expect(await path()).toMatchObject({ state: 'accepted' });
    expect(server.logins.map((login) => login.token)).toEqual([token('0'), token('0'), token('1')]);
    expect(endpoint.requests).toHaveLength(2);
  });

  test('that is refused though it is new is refused; the server’s reason is told, and no token', async () => {
    const endpoint = await newTokens();
    const server = await startOauthServer(() => false);
    const path = open({ port: server.port, auth: authFor(endpoint.url) });
    const handover = await path();
    expect(handover).toMatchObject({
      state: 'refused',
      cause: 'auth-failed',
      temporary: false,
      stage: 'auth',
      answeredBy: 'smtp.example.test',
      evidence: expect.stringMatching(
        /^535 .*; the server said of the login: \{"status":"401","schemes":"bearer","scope":"https:\/\/mail\.example\/"\}$/,
      ),
    });
    expect(handover.conversation).toEqual(
      expect.arrayContaining(['C: AUTH XOAUTH2 ***', expect.stringMatching(/^S: 334 ey/), 'C: ***']),
    );
    expect(leaked(JSON.stringify(handover), [token('0')])).toEqual([]);
    // One login a canary: a second one with another new token would only count against the account.
    expect(server.logins).toHaveLength(1);
    expect(await path()).toMatchObject({ state: 'refused', cause: 'auth-failed' });
    expect(server.logins.map((login) => login.token)).toEqual([token('0'), token('1')]);
    expect(server.delivered).toEqual([]);
  });

  test('the same token again is not tried twice', async () => {
    const endpoint = await tokenEndpoint(() => ({ body: { access_token: token('same'), expires_in: 3600 } }));
    let takes = true;
    const server = await startOauthServer(() => takes);
    const path = open({ port: server.port, auth: authFor(endpoint.url) });
    await path();
    takes = false;
    expect(await path()).toMatchObject({ state: 'refused', cause: 'auth-failed' });
    expect(server.logins).toHaveLength(2);
  });

  test.each([
    ['504 5.7.4 Unrecognized authentication type', 'auth-method-disabled', false],
    ['502 5.5.2 Error: command not recognized', 'auth-method-disabled', false],
    [
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant',
      'auth-method-disabled',
      false,
    ],
    ['454 4.7.0 Temporary authentication failure', 'temporary-refusal', true],
    ['599 go away', 'auth-failed', false],
  ])('answered %s is %s', async (say, cause, temporary) => {
    const endpoint = await newTokens();
    const { port, lines } = await faulty({ at: 'auth', does: { say } });
    expect(await send({ port, auth: authFor(endpoint.url) })).toMatchObject({
      state: 'refused',
      cause,
      temporary,
      stage: 'auth',
      evidence: say,
    });
    expect(lines.filter((line) => line.startsWith('AUTH'))).toHaveLength(1);
  });

  test('that was kept is refused, and the server hangs up before a new one comes: the refusal is what counts', async () => {
    const endpoint = await newTokens();
    const options: { at: 'auth'; does: { say: string; end?: boolean } } = { at: 'auth', does: { say: '235 2.7.0 Ok' } };
    const { port } = await faulty(options);
    const path = open({ port, auth: authFor(endpoint.url) });
    expect(await path()).toMatchObject({ state: 'accepted' });
    options.does = { say: '535 5.7.8 withdrawn', end: true };
    // Not only at the deadline.
    expect(await path({ ms: 20_000 })).toMatchObject({
      state: 'refused',
      cause: 'auth-failed',
      stage: 'auth',
      evidence: '535 5.7.8 withdrawn',
    });
    expect(endpoint.requests).toHaveLength(2);
  });

  test('never goes to another machine in clear', async () => {
    const endpoint = await newTokens();
    const started = await faulty({ at: 'starttls', does: { say: '502 5.5.2 Error: command not recognized' } });
    // 127.0.0.1 in a spelling that is not known to be loopback.
    const settings = { host: '::ffff:127.0.0.1', port: started.port, auth: authFor(endpoint.url) };
    expect(await send(settings)).toMatchObject({ state: 'refused', cause: 'tls-required', stage: 'tls' });
    expect(started.lines.some((line) => line.startsWith('AUTH'))).toBe(false);
  });
});

describe('without a token', () => {
  const refused = { state: 'refused', cause: 'auth-failed', temporary: false, stage: 'auth' };
  const unsent = { state: 'unsent', cause: 'sender-failed' };
  test.each<[string, TokenAnswer, object, string]>([
    [
      'since the refresh token was revoked, the account cannot send: refused by the endpoint',
      { status: 400, body: { error: 'invalid_grant', error_description: 'Token has been revoked.' } },
      refused,
      'invalid_grant: the refresh token was revoked or expired: Token has been revoked.',
    ],
    [
      'since the client is refused, the account cannot send either',
      { status: 401, body: { error: 'invalid_client' } },
      refused,
      'invalid_client: the client id or its secret is wrong or expired',
    ],
    [
      'since our settings ask for nonsense, nobody was asked',
      { status: 400, body: { error: 'invalid_scope' } },
      unsent,
      'invalid_scope',
    ],
    [
      'since the endpoint is down, nobody was asked',
      { status: 503, body: 'no' },
      unsent,
      'HTTP 503 without an answer of the protocol',
    ],
  ])('%s', async (_what, answer, expected, words) => {
    const endpoint = await tokenEndpoint(() => answer);
    const { port, connections } = await faulty({});
    const handover = await send({ port, auth: authFor(endpoint.url) });
    expect(handover).toMatchObject({ ...expected, evidence: `${endpoint.host}: ${words}` });
    if (handover.state === 'refused') expect(handover.answeredBy).toBe(endpoint.host);
    expect(connections()).toBe(0);
  });

  test('since the endpoint cannot be reached, nobody was asked', async () => {
    const endpoint = await newTokens();
    await endpoint.close();
    const { port, connections } = await faulty({});
    expect(await send({ port, auth: authFor(endpoint.url) })).toMatchObject({
      ...unsent,
      evidence: expect.stringContaining('ECONNREFUSED'),
    });
    expect(connections()).toBe(0);
  });

  test('since the endpoint does not answer in time, nobody was asked', async () => {
    const endpoint = await tokenEndpoint(() => () => {});
    const { port, connections } = await faulty({});
    expect(await send({ port, auth: authFor(endpoint.url) }, { ms: 200 })).toMatchObject({
      ...unsent,
      evidence: `${endpoint.host}: no answer before the deadline`,
    });
    expect(connections()).toBe(0);
  });

  test('since a secret cannot be looked up, nobody was asked', async () => {
    const endpoint = await newTokens();
    const auth = authFor(endpoint.url);
    const wrong = { ...auth, oauth2: { ...auth.oauth2, refreshToken: 'env:NOWHERE' } };
    expect(await send({ port: 9, auth: wrong })).toMatchObject({ ...unsent, evidence: 'env:NOWHERE is not set' });
    expect(endpoint.requests).toEqual([]);
  });
});
