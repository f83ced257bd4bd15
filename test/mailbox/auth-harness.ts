/** Mailboxes that log in with tokens: an IMAP server that takes them, endpoints that make them, and secrets that must not get out. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import type { Look } from '../../lambdas/core/words.ts';
import type { AuthSettings } from '../../lambdas/mailbox/auth/index.ts';
import type { AuthContext } from '../../lambdas/mailbox/auth/kind.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { type TokenAnswer, tokenEndpoint } from '../oauth/endpoint.ts';
import { leaked } from '../paths/smtp-harness.ts';
import { ask } from './bench.ts';
import { settingsFor, user } from './embedded.ts';
import { start } from './harness.ts';

/** An RSA key with its certificate, valid until 2098. */
export const application = readFileSync(new URL('../fixtures/oauth/application.pem', import.meta.url), 'utf8');

// New in every run, so that whatever output holds one is found.
export const refreshToken = `1//${randomBytes(30).toString('base64')}`;
export const clientSecret = randomBytes(24).toString('base64');

/** A service account's key that asks at this endpoint. */
export const accountKey = (tokenUrl: string, change: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    type: 'service_account',
    private_key_id: 'key-1',
    private_key: application.slice(0, application.indexOf('-----BEGIN CERTIFICATE-----')),
    client_email: 'canary@project.iam.gserviceaccount.com',
    token_uri: tokenUrl,
    ...change,
  });

export const clientId = '00000000-1111-2222-3333-444444444444';

/** Settings of each kind of token, for an endpoint on loopback, and the secrets behind them. */
export const kinds = {
  oauth2: (url: string) => ({
    auth: {
      kind: 'oauth2',
      user,
      tokenUrl: url,
      clientId: 'mail-canary',
      clientSecret: 'env:CLIENT',
      refreshToken: 'env:REFRESH',
    },
    secrets: { 'env:CLIENT': clientSecret, 'env:REFRESH': refreshToken },
  }),
  'microsoft365 with a secret': (url: string) => ({
    auth: {
      kind: 'microsoft365',
      user,
      tenant: 'example.test',
      clientId,
      clientSecret: 'env:CLIENT',
      authority: new URL(url).origin,
    },
    secrets: { 'env:CLIENT': clientSecret },
  }),
  'microsoft365 with a certificate': (url: string) => ({
    auth: {
      kind: 'microsoft365',
      user,
      tenant: 'example.test',
      clientId,
      certificate: 'env:PEM',
      authority: new URL(url).origin,
    },
    secrets: { 'env:PEM': application },
  }),
  'google-workspace': (url: string) => ({
    auth: { kind: 'google-workspace', user, key: 'env:KEY', keyReadsEveryMailbox: true },
    secrets: { 'env:KEY': accountKey(url) },
  }),
} as const satisfies Record<
  string,
  (url: string) => { readonly auth: AuthSettings; readonly secrets: Readonly<Record<string, string>> }
>;

export type Kind = keyof typeof kinds;
export const allKinds = Object.keys(kinds) as Kind[];

export const token = (name: string | number) => `ya29.${name}-${'t'.repeat(40)}`;

/** An endpoint that makes a new token for each request. */
export const newTokens = () =>
  tokenEndpoint((_, index) => ({ body: { access_token: token(index), token_type: 'Bearer', expires_in: 3600 } }));

/** An endpoint that always answers so. */
export const answering = (answer: TokenAnswer) => tokenEndpoint(() => answer);

/** The embedded server with tokens that can be given and taken. */
export const startWithTokens = async (options: Parameters<typeof start>[0] = {}) => {
  const tokens: Record<string, string> = {};
  const server = await start({ tokens, ...options });
  const give = (...names: readonly (string | number)[]) => {
    for (const one of Object.keys(tokens)) delete tokens[one];
    for (const name of names) tokens[token(name)] = user;
  };
  return { ...server, tokens, give };
};

type Given = Partial<AuthContext> & { readonly timeout?: number; readonly secrets?: Readonly<Record<string, string>> };

/** Opens a mailbox of this kind for one test, whose clock the test moves; nothing that it says may hold a secret. */
export const openKind = (kind: Kind, url: string, port: number, given: Given = {}) => {
  const { auth, secrets } = kinds[kind](url);
  return openAuth(auth, { ...secrets, ...given.secrets }, port, given);
};

/** The same for any settings. */
export const openAuth = (
  auth: AuthSettings,
  secrets: Readonly<Record<string, string>>,
  port: number,
  { timeout = 15_000, ...given }: Given = {},
) => {
  let time = Date.now();
  const said: string[] = [];
  const all = Object.values(secrets).flatMap((secret) => [
    secret,
    ...secret.split('\n').filter((line) => line.length > 30),
  ]);
  const mailbox = openMailbox(settingsFor(port, { auth, timeout }), {
    name: 'outside',
    now: () => time,
    secret: async (reference) => {
      const value = secrets[reference];
      if (value === undefined) throw new Error(`cannot read secret ${reference}: it is not set`);
      return value;
    },
    ...given,
  });
  onTestFinished(async () => {
    await mailbox.close();
    expect(leaked(said.join('\n'), all)).toEqual([]);
  });
  return {
    /** One look in a session of its own, as a round takes it. */
    look: async (): Promise<Look> => {
      const look = await mailbox.look(ask());
      said.push(JSON.stringify(look));
      await mailbox.close();
      return look;
    },
    mailbox,
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
  };
};
