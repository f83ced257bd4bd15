/** The client-credentials grant (RFC 6749 section 4.4): the application itself logs in, with a secret or with its certificate. */
import { createHash, randomUUID } from 'node:crypto';
import type { Ms } from '../core/words.ts';
import { TokenError } from './exchange.ts';
import { keyAndCertificateOf, signJwt } from './jwt.ts';
import type { Grant } from './token.ts';

export type ClientSettings = {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly scope: string;
  /** Reference to the client secret; or `certificate`. */
  readonly clientSecret?: string | undefined;
  /** Reference to a PEM text with the private key and the certificate; or `clientSecret`. */
  readonly certificate?: string | undefined;
};

/** Seconds for which a signed request holds; Microsoft takes 5 to 10 minutes. */
const life = 300;

/**
 * The assertion that stands in place of a client secret (RFC 7523 section 2.2), as Microsoft wants it.
 * @see https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 */
const assertionOf = (pem: string, { tokenUrl, clientId }: ClientSettings, now: Ms): string => {
  const { key, certificate } = keyAndCertificateOf(pem);
  const seconds = Math.floor(now / 1000);
  const ended = certificate.validToDate;
  if (ended.getTime() <= now) {
    const words = `not asked, since the certificate of the application expired on ${ended.toISOString().slice(0, 10)}`;
    throw new TokenError('client-refused', new URL(tokenUrl).host, words);
  }
  return signJwt({
    algorithm: 'PS256',
    header: { 'x5t#S256': createHash('sha256').update(certificate.raw).digest('base64url') },
    claims: {
      aud: tokenUrl,
      iss: clientId,
      sub: clientId,
      jti: randomUUID(),
      iat: seconds,
      nbf: seconds,
      exp: seconds + life,
    },
    key,
  });
};

/** The grant of an application. With a certificate each request is signed anew, so that none can be used twice. */
export const clientGrant = (
  settings: ClientSettings,
  secret: (reference: string) => Promise<string>,
  now: () => Ms,
): Grant => {
  const { clientId, scope, clientSecret, certificate } = settings;
  const fields = { grant_type: 'client_credentials', client_id: clientId, scope };
  if (certificate === undefined)
    return {
      what: 'the client secret',
      ask: async () => {
        const value = await secret(clientSecret ?? '');
        return { fields: { ...fields, client_secret: value }, secrets: [value] };
      },
    };
  return {
    what: 'the certificate of the application',
    ask: async () => {
      const pem = await secret(certificate);
      const assertion = assertionOf(pem, settings, now());
      return {
        fields: {
          ...fields,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
        },
        secrets: [assertion],
      };
    },
  };
};
