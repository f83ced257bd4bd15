/** Keys and certificates as people store them: in any order, with chains and text between; and signatures that others verify. */
import { generateKeyPairSync, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { keyAndCertificateOf, privateKeyOf, signJwt } from '../../lambdas/oauth/jwt.ts';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
const both = fixture('oauth/application.pem');
const [key = '', certificate = ''] = [
  both.slice(0, both.indexOf('-----BEGIN CERTIFICATE-----')),
  both.slice(both.indexOf('-----BEGIN CERTIFICATE-----')),
];
const other = fixture('tls/server.pem');

describe('a PEM text', () => {
  test.each([
    ['key first', both],
    ['certificate first', `${certificate}${key}`],
    ['a chain before', `${other}${certificate}${key}${other}`],
    [
      'text between, and line ends of Windows',
      `Bag Attributes\r\n${certificate}\nkey:\n${key}`.replaceAll('\n', '\r\n'),
    ],
    ['a broken certificate besides', `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${both}`],
  ])('with %s', (_, text) => {
    const found = keyAndCertificateOf(text);
    expect(found.certificate.subject).toBe('CN=mail-canary test application');
    expect(found.certificate.checkPrivateKey(found.key)).toBe(true);
  });

  test.each([
    ['nothing', '', 'it holds no private key in PEM'],
    ['a key that never ends', '-----BEGIN PRIVATE KEY-----\nAAAA', 'it holds no private key in PEM'],
    ['a key of another kind', fixture('tls/server.key'), 'its private key must be RSA, got ec'],
    ['the certificate of another', `${key}${other}`, 'its certificate does not belong to its private key'],
  ])('with %s is refused', (_, text, words) => {
    expect(() => keyAndCertificateOf(text)).toThrow(new Error(words));
  });

  test('of the older form is read as well, and refused with a passphrase', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const older = (options: object) => String(privateKey.export({ type: 'pkcs1', format: 'pem', ...options }));
    expect(privateKeyOf(older({})).asymmetricKeyType).toBe('rsa');
    const closed = older({ cipher: 'aes-128-cbc', passphrase: 'x' });
    expect(() => privateKeyOf(closed)).toThrow('its private key is encrypted: it must be stored without a passphrase');
  });
});

test.each([
  ['RS256', {}],
  ['PS256', { padding: 6, saltLength: 32 }],
] as const)('a token signed with %s is verified by whoever has the certificate', (algorithm, how) => {
  const found = keyAndCertificateOf(both);
  const jwt = signJwt({ algorithm, header: { kid: '1' }, claims: { iss: 'a', exp: 1 }, key: found.key });
  const [head = '', body = '', signature = ''] = jwt.split('.');
  expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toEqual({ alg: algorithm, typ: 'JWT', kid: '1' });
  expect(JSON.parse(Buffer.from(body, 'base64url').toString())).toEqual({ iss: 'a', exp: 1 });
  const signed = (text: string) =>
    verify(
      'sha256',
      Buffer.from(text),
      { key: found.certificate.publicKey, ...how },
      Buffer.from(signature, 'base64url'),
    );
  expect([signed(`${head}.${body}`), signed(`${head}.${body}x`)]).toEqual([true, false]);
});
