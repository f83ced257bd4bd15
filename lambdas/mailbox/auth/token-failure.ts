/** Why there is no access token: what token endpoints say, as causes of the mailbox; one table for every kind of grant. */
import type { Cause } from '../../core/causes.ts';
import type { TokenCause, TokenError } from '../../oauth/exchange.ts';
import { CannotLook } from '../failure.ts';

/** Who asks: for an account that has consented (`refresh`), as an application, or as a service account. */
export type Asking = 'refresh' | 'application' | 'service-account';

type Row = readonly [said: RegExp, cause: Cause, words: string, only?: Asking];

/** Numbers of Microsoft: https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const aadsts = (...numbers: readonly number[]): RegExp => new RegExp(`\\bAADSTS(?:${numbers.join('|')})\\b`);

/** By error and description, in this order; the first that holds. */
const table: readonly Row[] = [
  [aadsts(90002, 900021, 900023), 'token-tenant-unknown', 'Microsoft knows no such tenant'],
  [aadsts(7000222), 'token-client-refused', 'the client secret has expired'],
  [aadsts(7000215), 'token-client-refused', 'the client secret is wrong; its value is wanted, not its id'],
  [aadsts(7000216, 7000218), 'token-client-refused', 'the application must show a client secret or a certificate'],
  [aadsts(700027), 'token-client-refused', 'the certificate is not registered with the application, or has expired'],
  [
    aadsts(700024),
    'token-client-refused',
    'the clock of this machine is wrong, so the signed request is out of its time',
  ],
  [aadsts(700016), 'token-client-refused', 'the tenant knows no application with this client id'],
  [aadsts(7000112), 'token-client-refused', 'the application is disabled'],
  [aadsts(65001, 7000229), 'token-consent-missing', 'nobody has consented for the tenant'],
  [aadsts(650057, 500011), 'token-consent-missing', 'the scope names nothing that the application was given'],
  [
    aadsts(50076, 50078, 50079, 50158),
    'token-refused',
    'the account must confirm a second factor, so a person must consent anew',
  ],
  [/\bInvalid JWT Signature\b/i, 'token-client-refused', 'the key was deleted, or is of another service account'],
  [
    /\bshort-lived token\b|\breasonable timeframe\b/i,
    'token-client-refused',
    'the clock of this machine is wrong, so the signed request is out of its time',
  ],
  [/\baccount not found\b/i, 'token-client-refused', 'Google knows no such service account', 'service-account'],
  [
    /\b(invalid|not a valid) email or user id\b/i,
    'imap-login-refused',
    '"user" is no account of this Google Workspace, or it is suspended',
    'service-account',
  ],
  [
    /^unauthorized_client\b/,
    'token-consent-missing',
    'domain-wide delegation to this client id and scope is not set up',
    'service-account',
  ],
  [/^(unauthorized_client|consent_required)\b/, 'token-consent-missing', 'the application may not do this'],
  [
    /^(admin_policy_enforced|org_internal)\b/,
    'token-consent-missing',
    'an administrator does not allow the application',
  ],
  [/^invalid_scope\b/, 'token-consent-missing', 'the scope is none, or was not granted'],
  [/^(invalid|deleted|disabled)_client\b/, 'token-client-refused', 'the application or its credential is not taken'],
  [/^access_denied\b/, 'token-consent-missing', 'the application may not do this', 'application'],
  [/^access_denied\b/, 'token-consent-missing', 'the application may not do this', 'service-account'],
];

const byCause: Readonly<Record<TokenCause, Cause>> = {
  'grant-refused': 'token-refused',
  'client-refused': 'token-client-refused',
  // Not guessed: the words say it.
  'request-refused': 'unknown',
  unavailable: 'token-unavailable',
  unreachable: 'token-unavailable',
  timeout: 'token-unavailable',
  'bad-answer': 'token-unavailable',
};

/** Turns an endpoint's refusal, or its silence, into a cause with words that people read. */
export const withoutToken = (error: TokenError, asking: Asking): CannotLook => {
  const { said, endpoint } = error;
  const text = said === undefined ? '' : `${said.error}: ${said.description}`;
  const found = table.find(([pattern, , , only]) => (only === undefined || only === asking) && pattern.test(text));
  if (found !== undefined && said !== undefined) {
    const [, cause, words] = found;
    const own = said.description === '' ? said.error : text;
    return new CannotLook(cause, `token: ${endpoint}: ${words}: ${own}`, { cause: error });
  }
  // Only an account's own refresh token can be consented to once more.
  const refused = error.cause === 'grant-refused' && asking !== 'refresh';
  return new CannotLook(refused ? 'token-client-refused' : byCause[error.cause], `token: ${error.message}`, {
    cause: error,
  });
};
