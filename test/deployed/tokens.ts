/** A token endpoint behind TLS, as a stack demands it: a refresh token that is replaced once, and an application's own tokens. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

const fixture = (name: string) => new URL(`../fixtures/tls/${name}`, import.meta.url);

/** The authority that signed what the local servers show. */
export const caFile = fixture('ca.pem').pathname;

/** Certificate and key of this machine. */
export const shown = {
  key: readFileSync(fixture('server.key'), 'utf8'),
  cert: readFileSync(fixture('server.pem'), 'utf8'),
};

export const secretOf = (what: string): string => `${what}-${randomBytes(20).toString('hex')}`;

type Answer = { readonly status: number; readonly body: object };

const refused = (error: string, description: string): Answer => ({
  status: 400,
  body: { error, error_description: description },
});

/**
 * Starts it; it goes with the test. Access tokens that it makes are put into `tokens`, with the user whose they are.
 * The first refresh token is taken once and replaced; what it is replaced by stays.
 */
export const startTokens = async (
  tokens: Record<string, string>,
  { refreshing, application }: { readonly refreshing: string; readonly application: string },
) => {
  const client = secretOf('client');
  const office = secretOf('office');
  const [first, second, third] = [secretOf('refresh-first'), secretOf('refresh-second'), secretOf('refresh-third')];
  const made: string[] = [];
  const requests: { readonly path: string; readonly shown: string; readonly status: number }[] = [];
  let taken = first;

  const granted = (user: string, more = {}): Answer => {
    const token = secretOf('access');
    made.push(token);
    tokens[token] = user;
    return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: 3600, ...more } };
  };
  const refresh = (fields: URLSearchParams): Answer => {
    if (fields.get('client_secret') !== client) return refused('invalid_client', 'the client is not known');
    if (fields.get('refresh_token') !== taken) return refused('invalid_grant', 'Token has been expired or revoked.');
    if (taken !== first) return granted(refreshing);
    taken = second;
    return granted(refreshing, { refresh_token: second });
  };
  const credentials = (fields: URLSearchParams): Answer =>
    fields.get('client_secret') === office && fields.get('scope') === 'https://outlook.office365.com/.default'
      ? granted(application)
      : refused('invalid_client', 'AADSTS7000215: Invalid client secret provided.');

  const server = createServer(shown, async (request, response) => {
    const fields = new URLSearchParams(await text(request));
    const path = request.url ?? '';
    const answers: Readonly<Record<string, (fields: URLSearchParams) => Answer>> = {
      '/token': refresh,
      '/example.test/oauth2/v2.0/token': credentials,
    };
    const { status, body } = answers[path]?.(fields) ?? { status: 404, body: {} };
    requests.push({ path, shown: fields.get('refresh_token') ?? '', status });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    client,
    office,
    refreshTokens: [first, second, third] as const,
    /** Every access token that was ever made. */
    made,
    requests,
    /** What was given to the account that consented is worth nothing from now on. */
    revoke: () => {
      taken = third;
      for (const [token, user] of Object.entries(tokens)) if (user === refreshing) delete tokens[token];
    },
  };
};
