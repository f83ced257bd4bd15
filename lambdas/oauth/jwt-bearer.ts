/** The JWT bearer grant (RFC 7523): a service account of Google logs in for a user, with the key that its JSON file holds. */
import type { Ms } from '../core/words.ts';
import { privateKeyOf, signJwt } from './jwt.ts';
import type { Grant } from './token.ts';
import { isLoopback, isTokenUrl } from './token-url.ts';

/** The only endpoint that a key of Google names today; a signed request must not go to a stranger. */
export const googleTokenUrl = 'https://oauth2.googleapis.com/token';

/** Seconds for which a signed request holds; Google takes up to an hour. */
const life = 600;

const isGoogle = (text: string): boolean =>
  text === googleTokenUrl || (isTokenUrl(text) && isLoopback(new URL(text).hostname));

/** What is used of a service account's JSON key. Throws in words that hold nothing of the text. */
const accountOf = (text: string) => {
  let fields: ReadonlyMap<string, unknown>;
  try {
    const told: unknown = JSON.parse(text);
    fields = new Map(typeof told === 'object' && told !== null ? Object.entries(told) : []);
  } catch {
    // The parser's own words quote what it could not read.
    throw new Error("it is not JSON: the service account's key as it was downloaded is wanted");
  }
  const field = (name: string): string => {
    const value = fields.get(name);
    if (typeof value !== 'string' || value === '')
      throw new Error(`it is no key of a service account: "${name}" is missing`);
    return value;
  };
  if (field('type') !== 'service_account') throw new Error('it is no key of a service account: its "type" is another');
  const [email, key, tokenUrl] = [field('client_email'), field('private_key'), field('token_uri')];
  if (!isGoogle(tokenUrl))
    throw new Error(`its "token_uri" is not ${googleTokenUrl}: the key is asked for nowhere else`);
  const id = fields.get('private_key_id');
  return {
    email,
    key: privateKeyOf(key),
    pem: key,
    url: new URL(tokenUrl),
    id: typeof id === 'string' ? id : undefined,
  };
};

/**
 * The grant of a service account for one user.
 * @see https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 */
export const serviceAccountGrant = (
  /** `key` is a reference to a secret. */
  { key, user, scope }: { readonly key: string; readonly user: string; readonly scope: string },
  secret: (reference: string) => Promise<string>,
  now: () => Ms,
): Grant => ({
  what: 'the key of the service account',
  ask: async () => {
    const account = accountOf(await secret(key));
    const seconds = Math.floor(now() / 1000);
    const assertion = signJwt({
      algorithm: 'RS256',
      header: account.id === undefined ? {} : { kid: account.id },
      claims: { iss: account.email, sub: user, scope, aud: account.url.href, iat: seconds, exp: seconds + life },
      key: account.key,
    });
    return {
      url: account.url,
      fields: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion },
      secrets: [assertion, account.pem],
    };
  },
});
