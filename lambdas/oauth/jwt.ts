/** Signed requests to token endpoints: JSON Web Tokens (RFC 7519) over RSA, and the keys and certificates that sign them. */
import { constants, createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';

/** How a token is signed (RFC 7518 3.3 and 3.5): Google takes RS256, Microsoft asks for PS256. */
export type JwtAlgorithm = 'RS256' | 'PS256';

const part = (fields: Readonly<Record<string, unknown>>): string =>
  Buffer.from(JSON.stringify(fields)).toString('base64url');

/** A signed token. Times among the claims are seconds since 1970. */
export const signJwt = ({
  algorithm,
  header,
  claims,
  key,
}: {
  readonly algorithm: JwtAlgorithm;
  readonly header: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, string | number>>;
  readonly key: KeyObject;
}): string => {
  const signed = `${part({ alg: algorithm, typ: 'JWT', ...header })}.${part(claims)}`;
  const padding =
    algorithm === 'PS256'
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { padding: constants.RSA_PKCS1_PADDING };
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, ...padding }).toString('base64url')}`;
};

/** The blocks of a PEM text (RFC 7468) by label, in their order; whatever stands between them is ignored. */
const pemBlocks = (text: string): readonly { readonly label: string; readonly block: string }[] => {
  const blocks: { label: string; block: string }[] = [];
  for (let at = text.indexOf('-----BEGIN '); at >= 0; at = text.indexOf('-----BEGIN ', at + 1)) {
    const label = /^[A-Z0-9 ]{1,40}(?=-----)/.exec(text.slice(at + 11, at + 60))?.[0];
    if (label === undefined) continue;
    const end = `-----END ${label}-----`;
    const until = text.indexOf(end, at);
    if (until < 0) break;
    blocks.push({ label, block: `${text.slice(at, until)}${end}\n` });
  }
  return blocks;
};

/** An RSA key for signing. Throws in words that hold nothing of the text: it is, or was meant to be, a secret. */
export const privateKeyOf = (text: string): KeyObject => {
  const blocks = pemBlocks(text).filter(({ label }) => label.endsWith('PRIVATE KEY'));
  const [first] = blocks;
  if (first === undefined) throw new Error('it holds no private key in PEM');
  if (first.label.startsWith('ENCRYPTED') || /\bENCRYPTED\b/.test(first.block))
    throw new Error('its private key is encrypted: it must be stored without a passphrase');
  let key: KeyObject;
  try {
    key = createPrivateKey(first.block);
  } catch {
    throw new Error('its private key cannot be read');
  }
  if (key.asymmetricKeyType !== 'rsa') throw new Error(`its private key must be RSA, got ${key.asymmetricKeyType}`);
  return key;
};

const certificateIn = (block: string): X509Certificate | undefined => {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
};

/** The private key of a PEM text and the certificate that belongs to it, wherever in the text they stand. Throws as `privateKeyOf` does. */
export const keyAndCertificateOf = (
  text: string,
): { readonly key: KeyObject; readonly certificate: X509Certificate } => {
  const key = privateKeyOf(text);
  const certificates = pemBlocks(text)
    .filter(({ label }) => label === 'CERTIFICATE')
    .flatMap(({ block }) => certificateIn(block) ?? []);
  if (certificates.length === 0) throw new Error('it holds a private key and no certificate in PEM');
  const certificate = certificates.find((one) => one.checkPrivateKey(key));
  if (certificate === undefined) throw new Error('its certificate does not belong to its private key');
  return { key, certificate };
};
