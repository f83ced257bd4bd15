/** Why a mailbox stays closed, by what token endpoints and IMAP servers really say: each its own cause, with their words. */
import { describe, expect, test } from 'vitest';
import type { Cause } from '../../lambdas/core/causes.ts';
import type { TokenAnswer } from '../oauth/endpoint.ts';
import {
  accountKey,
  allKinds,
  answering,
  application,
  type Kind,
  newTokens,
  openAuth,
  openKind,
  startWithTokens,
} from './auth-harness.ts';
import { secret, user } from './embedded.ts';
import { start } from './harness.ts';

const said = (status: number, error: string, error_description?: string): TokenAnswer => ({
  status,
  body: { error, error_description },
});
const trace = ' Trace ID: 9f1c2b3a-0000 Correlation ID: 1f2e Timestamp: 2026-11-22 02:03:04Z';
const application365: readonly Kind[] = ['microsoft365 with a secret', 'microsoft365 with a certificate'];

describe('a token endpoint', () => {
  test.each<[kinds: readonly Kind[], answer: TokenAnswer, cause: Cause, words: string]>([
    [
      [...application365, 'oauth2'],
      said(400, 'invalid_request', `AADSTS90002: Tenant 'exmaple.test' not found.${trace}`),
      'token-tenant-unknown',
      "Microsoft knows no such tenant: invalid_request: AADSTS90002: Tenant 'exmaple.test' not found.",
    ],
    [
      application365,
      said(400, 'invalid_request', "AADSTS900023: Specified tenant identifier 'x y' is neither a valid DNS name."),
      'token-tenant-unknown',
      "Microsoft knows no such tenant: invalid_request: AADSTS900023: Specified tenant identifier 'x y' is neither a valid DNS name.",
    ],
    [
      [...application365, 'oauth2'],
      said(401, 'invalid_client', `AADSTS7000215: Invalid client secret provided.${trace}`),
      'token-client-refused',
      'the client secret is wrong; its value is wanted, not its id: invalid_client: AADSTS7000215: Invalid client secret provided.',
    ],
    [
      application365,
      said(401, 'invalid_client', 'AADSTS7000222: The provided client secret keys for app are expired.'),
      'token-client-refused',
      'the client secret has expired: invalid_client: AADSTS7000222: The provided client secret keys for app are expired.',
    ],
    [
      application365,
      said(401, 'invalid_client', 'AADSTS700027: The certificate with identifier used to sign is not registered.'),
      'token-client-refused',
      'the certificate is not registered with the application, or has expired: invalid_client: AADSTS700027: The certificate with identifier used to sign is not registered.',
    ],
    [
      application365,
      said(400, 'unauthorized_client', 'AADSTS700016: Application was not found in the directory.'),
      'token-client-refused',
      'the tenant knows no application with this client id: unauthorized_client: AADSTS700016: Application was not found in the directory.',
    ],
    [
      [...application365, 'oauth2'],
      said(400, 'invalid_grant', 'AADSTS65001: The user or administrator has not consented to use the application.'),
      'token-consent-missing',
      'nobody has consented for the tenant: invalid_grant: AADSTS65001: The user or administrator has not consented to use the application.',
    ],
    [
      application365,
      said(400, 'invalid_resource', 'AADSTS500011: The resource principal was not found in the tenant.'),
      'token-consent-missing',
      'the scope names nothing that the application was given: invalid_resource: AADSTS500011: The resource principal was not found in the tenant.',
    ],
    [
      ['oauth2'],
      said(400, 'interaction_required', 'AADSTS50076: you must use multi-factor authentication.'),
      'token-refused',
      'the account must confirm a second factor, so a person must consent anew: interaction_required: AADSTS50076: you must use multi-factor authentication.',
    ],
    [
      allKinds,
      said(401, 'invalid_client', 'The OAuth client was not found.'),
      'token-client-refused',
      'the application or its credential is not taken: invalid_client: The OAuth client was not found.',
    ],
    [
      ['google-workspace'],
      said(401, 'unauthorized_client', 'Client is unauthorized to retrieve access tokens using this method.'),
      'token-consent-missing',
      'domain-wide delegation to this client id and scope is not set up: unauthorized_client: Client is unauthorized to retrieve access tokens using this method.',
    ],
    [
      ['oauth2', ...application365],
      said(400, 'unauthorized_client'),
      'token-consent-missing',
      'the application may not do this: unauthorized_client',
    ],
    [
      ['google-workspace'],
      said(400, 'invalid_grant', 'Invalid JWT Signature.'),
      'token-client-refused',
      'the key was deleted, or is of another service account: invalid_grant: Invalid JWT Signature.',
    ],
    [
      ['google-workspace'],
      said(
        400,
        'invalid_grant',
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.',
      ),
      'token-client-refused',
      'the clock of this machine is wrong, so the signed request is out of its time: invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.',
    ],
    [
      ['google-workspace'],
      said(400, 'invalid_grant', 'Invalid grant: account not found'),
      'token-client-refused',
      'Google knows no such service account: invalid_grant: Invalid grant: account not found',
    ],
    [
      ['google-workspace'],
      said(400, 'invalid_grant', 'Invalid email or User ID'),
      'imap-login-refused',
      '"user" is no account of this Google Workspace, or it is suspended: invalid_grant: Invalid email or User ID',
    ],
    [
      ['google-workspace', ...application365],
      said(400, 'invalid_grant', 'something new'),
      'token-client-refused',
      expect.stringMatching(/^invalid_grant: .* was revoked or expired: something new$/) as unknown as string,
    ],
    [
      ['oauth2'],
      said(400, 'invalid_grant', 'Token has been expired or revoked.'),
      'token-refused',
      'invalid_grant: the refresh token was revoked or expired: Token has been expired or revoked.',
    ],
    [
      ['oauth2'],
      said(400, 'invalid_grant', `AADSTS700082: The refresh token has expired due to inactivity.${trace}`),
      'token-refused',
      'invalid_grant: the refresh token was revoked or expired: AADSTS700082: The refresh token has expired due to inactivity.',
    ],
    [
      ['oauth2'],
      said(400, 'invalid_scope', 'no'),
      'token-consent-missing',
      'the scope is none, or was not granted: invalid_scope: no',
    ],
    [allKinds, said(400, 'invalid_request', 'missing parameter'), 'unknown', 'invalid_request: missing parameter'],
    [allKinds, said(503, 'temporarily_unavailable'), 'token-unavailable', 'temporarily_unavailable'],
    [allKinds, { status: 429, body: 'slow down' }, 'token-unavailable', 'HTTP 429 without an answer of the protocol'],
    [allKinds, { body: '<html>a portal</html>' }, 'token-unavailable', 'the answer holds no access token'],
    [allKinds, (response) => void response.destroy(), 'token-unavailable', 'socket hang up'],
  ])('asked by %j that answers %j is %s', async (kinds, answer, cause, words) => {
    expect(kinds.length).toBeGreaterThan(0);
    for (const kind of kinds) {
      const endpoint = await answering(answer);
      const look = await openKind(kind, endpoint.url, 9).look();
      expect(look).toMatchObject({ state: 'dark', cause });
      const detail = 'detail' in look ? (look.detail ?? '') : '';
      expect(detail.startsWith(`token: ${endpoint.host}: `)).toBe(true);
      expect(detail.slice(`token: ${endpoint.host}: `.length)).toEqual(words);
    }
  });

  test('that is not there is token-unavailable', async () => {
    const endpoint = await newTokens();
    await endpoint.close();
    for (const kind of allKinds)
      expect(await openKind(kind, endpoint.url, 9).look()).toMatchObject({
        cause: 'token-unavailable',
        detail: expect.stringContaining('ECONNREFUSED'),
      });
  });
});

describe('a secret that is none', () => {
  const [key = ''] = application.split('-----BEGIN CERTIFICATE-----');
  const stranger = { token_uri: 'https://tokens.stranger.example/token' };
  test.each<[string, Kind, string, Cause, string]>([
    [
      'a password',
      'google-workspace',
      'hunter2-hunter2',
      'secret-unreadable',
      "it is not JSON: the service account's key as it was downloaded is wanted",
    ],
    [
      'the secret of a client',
      'google-workspace',
      '{"installed":{}}',
      'secret-unreadable',
      'it is no key of a service account: "type" is missing',
    ],
    [
      'a key of a user',
      'google-workspace',
      accountKey('', { type: 'authorized_user' }),
      'secret-unreadable',
      'it is no key of a service account: its "type" is another',
    ],
    [
      'a key without a key',
      'google-workspace',
      accountKey('http://127.0.0.1:9/', { private_key: 'x' }),
      'secret-unreadable',
      'it holds no private key in PEM',
    ],
    [
      'a key for a stranger',
      'google-workspace',
      accountKey('', stranger),
      'secret-unreadable',
      'its "token_uri" is not https://oauth2.googleapis.com/token: the key is asked for nowhere else',
    ],
    [
      'a key for http',
      'google-workspace',
      accountKey('http://oauth2.googleapis.com/token'),
      'secret-unreadable',
      'its "token_uri" is not https://oauth2.googleapis.com/token: the key is asked for nowhere else',
    ],
    [
      'a certificate alone',
      'microsoft365 with a certificate',
      application.slice(key.length),
      'secret-unreadable',
      'it holds no private key in PEM',
    ],
    [
      'a key alone',
      'microsoft365 with a certificate',
      key,
      'secret-unreadable',
      'it holds a private key and no certificate in PEM',
    ],
    [
      'a broken key',
      'microsoft365 with a certificate',
      application.replace(/MII.{40}/, 'MIIA'),
      'secret-unreadable',
      'its private key cannot be read',
    ],
    [
      'an encrypted key',
      'microsoft365 with a certificate',
      application.replaceAll(' PRIVATE', ' ENCRYPTED PRIVATE'),
      'secret-unreadable',
      'its private key is encrypted: it must be stored without a passphrase',
    ],
  ])('%s for %s', async (_, kind, text, cause, words) => {
    const endpoint = await newTokens();
    const secrets = { 'env:KEY': text, 'env:PEM': text };
    expect(await openKind(kind, endpoint.url, 9, { secrets }).look()).toEqual({
      state: 'dark',
      cause,
      detail: `the secret of mailbox outside cannot be read: ${words}`,
    });
    expect(endpoint.requests).toEqual([]);
  });

  test('a certificate that has expired is not shown to anybody', async () => {
    const endpoint = await newTokens();
    const mailbox = openKind('microsoft365 with a certificate', endpoint.url, 9, { now: () => Date.UTC(2200, 0) });
    expect(await mailbox.look()).toMatchObject({
      cause: 'token-client-refused',
      detail: expect.stringMatching(
        /^token: 127\.0\.0\.1:\d+: not asked, since the certificate of the application expired on 209\d-\d\d-\d\d$/,
      ),
    });
    expect(endpoint.requests).toEqual([]);
  });
});

describe('an IMAP server that takes no login', () => {
  test.each<[words: string, cause: Cause]>([
    [
      '[ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)',
      'imap-password-disabled',
    ],
    [
      '[ALERT] Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)',
      'imap-password-disabled',
    ],
    ['[WEBALERT https://accounts.google.com/signin/continue] Web login required.', 'imap-password-disabled'],
    ['Basic authentication is disabled.', 'imap-password-disabled'],
    ['LOGIN failed. [Error="LogonFailed:LogonDenied-BasicAuthBlocked"]', 'imap-password-disabled'],
    ['[AUTHENTICATIONFAILED] Incorrect password: use an app password', 'imap-password-disabled'],
    [
      '[ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page. (Failure)',
      'imap-disabled',
    ],
    [
      '[ALERT] IMAP access is disabled for your domain. Please contact your domain administrator. (Failure)',
      'imap-disabled',
    ],
    [
      '[ALERT] You are yet to enable IMAP for your account. Please contact your administrator (Failure)',
      'imap-disabled',
    ],
    ['LOGIN failed. ProtocolDisabled', 'imap-disabled'],
    ['[AUTHENTICATIONFAILED] Invalid credentials (Failure)', 'imap-login-refused'],
    ['[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled', 'imap-login-refused'],
    ['LOGIN failed.', 'imap-login-refused'],
    ['AUTHENTICATE failed.', 'imap-login-refused'],
    ['[ALERT] Account exceeded command or bandwidth limits. (Failure)', 'throttled'],
    ['[ALERT] Too many simultaneous connections. (Failure)', 'too-many-connections'],
    ['[INUSE] try later', 'temporary-refusal'],
  ])('%s: by password %s', async (words, cause) => {
    const server = await start({ faults: { refuseLogin: words } });
    const mailbox = openAuth({ kind: 'password', user, secret: 'env:P' }, { 'env:P': secret }, server.port);
    const look = await mailbox.look();
    expect(look).toEqual({ state: 'dark', cause, detail: `login: ${words.replace(/^\[[^\]]+\] /, '')}` });
  });

  const noPrincipal =
    /^login: AUTHENTICATE failed\.; Exchange does not know the application, or no such mailbox: .*New-ServicePrincipal/;
  const noMailbox =
    /authenticated but not connected\.?; the application .*Add-MailboxPermission is missing.*no licence$/;
  test.each<[kind: Kind, words: string, cause: Cause, detail: RegExp]>([
    ['microsoft365 with a secret', 'AUTHENTICATE failed.', 'imap-consent-missing', noPrincipal],
    ['microsoft365 with a certificate', 'AUTHENTICATE failed.', 'imap-consent-missing', noPrincipal],
    [
      'microsoft365 with a secret',
      '[ALERT] IMAP access is disabled for your domain.',
      'imap-disabled',
      /^login: IMAP access/,
    ],
    [
      'microsoft365 with a secret',
      '[UNAVAILABLE] AUTHENTICATE failed.',
      'temporary-refusal',
      /^login: AUTHENTICATE failed\.$/,
    ],
    ['microsoft365 with a secret', 'something new', 'imap-login-refused', /^login: something new$/],
    ['microsoft365 with a secret', 'User is authenticated but not connected.', 'imap-consent-missing', noMailbox],
    ['oauth2', 'AUTHENTICATE failed.', 'imap-login-refused', /^login: AUTHENTICATE failed\.; .*compare "user"/],
    [
      'oauth2',
      'User is authenticated but not connected.',
      'imap-consent-missing',
      /; the account of the token may not open/,
    ],
    ['oauth2', '[ALERT] Your account is not enabled for IMAP use.', 'imap-disabled', /^login: Your account/],
    ['google-workspace', '[ALERT] Your account is not enabled for IMAP use.', 'imap-disabled', /^login: Your account/],
  ])('of kind %s with "%s": %s', async (kind, words, cause, detail) => {
    const server = await startWithTokens({ faults: { refuseLogin: words } });
    const look = await openKind(kind, (await newTokens()).url, server.port).look();
    expect(look).toEqual({ state: 'dark', cause, detail: expect.stringMatching(detail) });
  });

  test.each<[kind: Kind, cause: Cause]>([
    ['microsoft365 with a secret', 'imap-consent-missing'],
    ['oauth2', 'imap-consent-missing'],
    ['google-workspace', 'imap-login-refused'],
  ])('of kind %s that takes the login and then knows no mailbox: %s', async (kind, cause) => {
    const server = await startWithTokens();
    server.give(0);
    server.faults.no = { LIST: 'User is authenticated but not connected.' };
    const look = await openKind(kind, (await newTokens()).url, server.port).look();
    expect(look).toMatchObject({ state: 'dark', cause, detail: expect.stringContaining('but not connected.') });
  });
});
