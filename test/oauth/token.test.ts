/** Access tokens from a real endpoint on loopback: what it is shown, how long a token is kept, and what each failure is called. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type TokenCause, TokenError } from '../../lambdas/oauth/exchange.ts';
import { refreshGrant } from '../../lambdas/oauth/refresh.ts';
import { tokenSource } from '../../lambdas/oauth/token.ts';
import { type TokenAnswer, tokenEndpoint } from './endpoint.ts';

const refresh = `1//${randomBytes(24).toString('base64')}`;
const ofClient = randomBytes(24).toString('base64');

/** A source whose clock the test moves. */
const sourceAt = (
  url: string,
  given: { readonly stored?: () => string; readonly client?: boolean; readonly scope?: string } = {},
) => {
  let time = 1_800_000_000_000;
  const rotated: string[] = [];
  const settings = {
    clientId: 'mail-canary',
    refreshToken: 'env:REFRESH',
    ...(given.client && { clientSecret: 'env:CLIENT' }),
    ...(given.scope !== undefined && { scope: given.scope }),
  };
  const secret = async (reference: string) => {
    if (reference === 'env:CLIENT') return ofClient;
    return given.stored?.() ?? refresh;
  };
  const grant = refreshGrant(settings, secret, (token) => void rotated.push(token));
  const source = tokenSource({ url, grant, now: () => time });
  const soon = () => AbortSignal.timeout(5000);
  return {
    ...source,
    rotated,
    token: (signal = soon()) => source.token(signal),
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
  };
};

const failure = async (promise: Promise<unknown>): Promise<TokenError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TokenError)) throw new Error(`not a TokenError: ${String(error)}`);
  return error;
};

const counted = (expiresIn: unknown) => (_: unknown, index: number) => ({
  body: { access_token: `token-${index}`, token_type: 'Bearer', expires_in: expiresIn },
});

describe('the refresh-token grant', () => {
  test('is asked for as RFC 6749 section 6 says', async () => {
    const { url, requests } = await tokenEndpoint(counted(3600));
    await sourceAt(url, { client: true, scope: 'https://mail.example/ offline' }).token();
    await sourceAt(url).token();
    const type = 'application/x-www-form-urlencoded';
    const fields = { grant_type: 'refresh_token', refresh_token: refresh, client_id: 'mail-canary' };
    expect(requests).toEqual([
      { method: 'POST', type, fields: { ...fields, client_secret: ofClient, scope: 'https://mail.example/ offline' } },
      { method: 'POST', type, fields },
    ]);
  });

  test('a token is kept until a minute before it expires', async () => {
    const { url, requests } = await tokenEndpoint(counted(3600));
    const source = sourceAt(url);
    expect(await source.token()).toEqual({ value: 'token-0', kept: false });
    source.pass(3539);
    expect(await source.token()).toEqual({ value: 'token-0', kept: true });
    source.pass(1);
    expect(await source.token()).toEqual({ value: 'token-1', kept: false });
    expect(requests).toHaveLength(2);
  });

  test.each([
    ['lives for a minute only', 60, 30],
    ['does not say how long it lives', undefined, 240],
    ['says it as a text, as Microsoft once did', '3599', 3539],
    ['says nonsense', 'soon', 240],
    ['says it lives for ever', 1e12, 24 * 3600 - 60],
  ])('one that %s is kept for a while', async (_what, expiresIn, seconds) => {
    const { url } = await tokenEndpoint(counted(expiresIn));
    const source = sourceAt(url);
    await source.token();
    source.pass(seconds - 1);
    expect((await source.token()).value).toBe('token-0');
    source.pass(2);
    expect((await source.token()).value).toBe('token-1');
  });

  test('fifty that wait at once share one request', async () => {
    const { url, requests } = await tokenEndpoint(counted(3600));
    const source = sourceAt(url);
    const tokens = await Promise.all(Array.from({ length: 50 }, () => source.token()));
    expect(new Set(tokens.map(({ value }) => value))).toEqual(new Set(['token-0']));
    expect(requests).toHaveLength(1);
  });

  test('a refused token is forgotten, by all who were refused with it at once', async () => {
    const { url } = await tokenEndpoint(counted(3600));
    const source = sourceAt(url);
    await source.token();
    source.forget('token-0');
    expect(await source.token()).toEqual({ value: 'token-1', kept: false });
    source.forget('token-0');
    expect(await source.token()).toEqual({ value: 'token-1', kept: true });
  });

  test('a refresh token that was replaced is handed on and used, until the stored one is another', async () => {
    let stored = refresh;
    const { url, requests } = await tokenEndpoint((_, index) => ({
      body: { access_token: 'a', expires_in: 3600, ...(index === 0 && { refresh_token: 'rotated-refresh-token' }) },
    }));
    const source = sourceAt(url, { stored: () => stored });
    await source.token();
    source.pass(3600);
    await source.token();
    stored = 'renewed-by-hand';
    source.pass(3600);
    await source.token();
    expect(source.rotated).toEqual(['rotated-refresh-token']);
    expect(requests.map(({ fields }) => fields.refresh_token)).toEqual([
      refresh,
      'rotated-refresh-token',
      'renewed-by-hand',
    ]);
  });

  test('one that is refused gives way to the stored one', async () => {
    const { url, requests } = await tokenEndpoint((_, index) =>
      index === 1
        ? { status: 400, body: { error: 'invalid_grant' } }
        : { body: { access_token: 'a', expires_in: 60, refresh_token: 'rotated-refresh-token' } },
    );
    const source = sourceAt(url);
    await source.token();
    source.pass(60);
    expect((await failure(source.token())).cause).toBe('grant-refused');
    source.pass(60);
    await source.token();
    expect(requests[2]?.fields.refresh_token).toBe(refresh);
  });

  test('a secret that does not come in time is no failure of the endpoint, which has not been asked', async () => {
    const { url, requests } = await tokenEndpoint(counted(3600));
    let come = (_: string) => {};
    const secret = () =>
      new Promise<string>((resolve) => {
        come = resolve;
      });
    const grant = refreshGrant({ clientId: 'x', refreshToken: 'env:REFRESH' }, secret);
    const source = tokenSource({ url, grant, now: () => 0 });
    const waiting = source.token(AbortSignal.timeout(5000));
    await expect(source.token(AbortSignal.timeout(50))).rejects.toThrow(/^no answer of the secret store in time$/);
    expect(requests).toEqual([]);
    come(refresh);
    expect(await waiting).toEqual({ value: 'token-0', kept: false });
  });

  test('a secret that cannot be looked up is its own error', async () => {
    const { url, requests } = await tokenEndpoint(counted(3600));
    const source = sourceAt(url, {
      stored: () => {
        throw new Error('env:REFRESH is not set');
      },
    });
    await expect(source.token()).rejects.toThrow(/^env:REFRESH is not set$/);
    expect(requests).toEqual([]);
  });
});

describe('an endpoint that gives none', () => {
  const said = (status: number, error: string, error_description?: string): TokenAnswer => ({
    status,
    body: { error, error_description },
  });
  test.each<[string, TokenAnswer, TokenCause, string]>([
    [
      'has revoked the refresh token',
      said(400, 'invalid_grant', 'Token has been expired or revoked.'),
      'grant-refused',
      'invalid_grant: the refresh token was revoked or expired: Token has been expired or revoked.',
    ],
    [
      'wants a person to log in',
      said(400, 'interaction_required', 'AADSTS50076: use multi-factor authentication'),
      'grant-refused',
      'interaction_required: the refresh token was revoked or expired: AADSTS50076: use multi-factor authentication',
    ],
    [
      'does not know the client',
      said(401, 'invalid_client', 'AADSTS7000222: The provided client secret keys are expired.'),
      'client-refused',
      'invalid_client: the client id or its secret is wrong or expired: AADSTS7000222: The provided client secret keys are expired.',
    ],
    ['does not know the scope', said(400, 'invalid_scope'), 'request-refused', 'invalid_scope'],
    ['names no error that we know', said(400, 'constructor'), 'request-refused', 'constructor'],
    ['is overloaded', said(503, 'temporarily_unavailable'), 'unavailable', 'temporarily_unavailable'],
    ['throttles', said(429, 'too_many'), 'unavailable', 'too_many'],
    [
      'is down behind its proxy',
      { status: 502, body: '<html>Bad Gateway</html>' },
      'unavailable',
      'HTTP 502 without an answer of the protocol',
    ],
    [
      'is another web site',
      { status: 404, body: 'Not found' },
      'bad-answer',
      'HTTP 404 without an answer of the protocol',
    ],
    [
      'redirects, which is not followed',
      { status: 307, body: '', headers: { location: 'http://127.0.0.1:9/' } },
      'bad-answer',
      'HTTP 307 without an answer of the protocol',
    ],
    ['answers with a page', { body: '<html>login</html>' }, 'bad-answer', 'the answer holds no access token'],
    ['answers null', { body: 'null' }, 'bad-answer', 'the answer holds no access token'],
    [
      'answers a token that is none',
      { body: { access_token: 'a\r\nb' } },
      'bad-answer',
      'the answer holds no access token',
    ],
    [
      'answers a token for another use',
      { body: { access_token: 'a', token_type: 'mac' } },
      'bad-answer',
      'the access token is of type "mac", not Bearer',
    ],
    ['answers without end', { body: 'x'.repeat(500_000) }, 'bad-answer', 'the answer holds no access token'],
    ['hangs up', (response) => void response.destroy(), 'unreachable', 'socket hang up'],
    [
      'hangs up in the middle',
      (response) => void response.writeHead(200).write('{"access', () => response.destroy()),
      'unreachable',
      'aborted',
    ],
  ])('%s', async (_what, answer, cause, words) => {
    const { url, host } = await tokenEndpoint(() => answer);
    const error = await failure(sourceAt(url).token());
    expect(error).toMatchObject({ cause, endpoint: host, message: `${host}: ${words}` });
  });

  test('what it says is kept apart, without the numbers that are new each time, and without a secret', async () => {
    const description = `AADSTS7000215: Invalid client secret ${ofClient} provided. Trace ID: 1f Correlation ID: 2e`;
    const { url } = await tokenEndpoint(() => said(401, 'invalid_client', description));
    const error = await failure(sourceAt(url, { client: true }).token());
    expect(error.said).toEqual({
      error: 'invalid_client',
      description: 'AADSTS7000215: Invalid client secret *** provided.',
    });
    expect(error.message).not.toContain('Trace ID');
    const down = await tokenEndpoint(() => ({ status: 502, body: '' }));
    expect((await failure(sourceAt(down.url).token())).said).toBeUndefined();
  });

  test('is not there', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const address = closed.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => closed.close(resolve));
    const error = await failure(sourceAt(`http://127.0.0.1:${port}/`).token());
    expect(error).toMatchObject({ cause: 'unreachable', message: expect.stringContaining('ECONNREFUSED') });
    const unknown = await failure(sourceAt('https://no-such-endpoint.invalid/token').token());
    expect(unknown).toMatchObject({ cause: 'unreachable', endpoint: 'no-such-endpoint.invalid' });
  });

  test('does not answer: each waits for its own deadline, and the request goes on for the others', async () => {
    let answer = () => {};
    const { url, requests } = await tokenEndpoint(() => (response) => {
      answer = () => response.end(JSON.stringify({ access_token: 'late', expires_in: 3600 }));
    });
    const source = sourceAt(url);
    const patient = source.token();
    expect(await failure(source.token(AbortSignal.timeout(50)))).toMatchObject({
      cause: 'timeout',
      message: expect.stringMatching(/: no answer before the deadline$/),
    });
    expect((await failure(source.token(AbortSignal.abort()))).cause).toBe('timeout');
    await expect.poll(() => requests.length).toBe(1);
    answer();
    expect(await patient).toEqual({ value: 'late', kept: false });
    expect(requests).toHaveLength(1);
  });

  test('is left alone for half a minute', async () => {
    const { url, requests } = await tokenEndpoint((_, index) =>
      index === 0 ? said(400, 'invalid_grant') : { body: { access_token: 'a', expires_in: 3600 } },
    );
    const source = sourceAt(url);
    for (let time = 0; time < 30; time += 10) {
      expect((await failure(source.token())).cause).toBe('grant-refused');
      source.pass(10);
    }
    expect(requests).toHaveLength(1);
    expect((await source.token()).value).toBe('a');
  });

  test('and repeats what it was shown, in any form: no secret is in the message', async () => {
    const forms = [refresh, ofClient].flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      Buffer.from(`mail-canary:${secret}`).toString('base64'),
    ]);
    for (const form of forms) {
      const { url, host } = await tokenEndpoint(() => said(400, `bad ${form}`.slice(0, 58), `you said ${form}`));
      const { message } = await failure(sourceAt(url, { client: true }).token());
      expect(message).toMatch(/you said .*\*\*\*/);
      expect(message.startsWith(`${host}: bad `)).toBe(true);
      for (const each of forms) expect(message).not.toContain(each);
    }
  });
});
