/** Canaries with an attachment, as they are sent and as gateways hand them on. */
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import { mimeOf } from '../../lambdas/core/mime.ts';

const key = keyOf('the key of sized canaries');
const slot = 29_373_720;

const minted = (number: number, size: number) =>
  mint(`web-${number}/app/outside`, slot, Date.UTC(2025, 10, 6, 10), key, {
    from: 'orders@example.com',
    to: 'canary@elsewhere.example',
    autoSubmitted: true,
    size,
  });

/** The id of the canary with this number. */
export const sizedId = (number: number): string => minted(number, 1).id;

/** A canary with an attachment of `size` bytes. */
export const sizedMail = (number: number, size: number): string => mimeOf(minted(number, size)).toString('latin1');

const parts = (raw: string): readonly [header: string, body: string] => {
  const at = raw.indexOf('\r\n\r\n');
  return [raw.slice(0, at), raw.slice(at + 4)];
};

/** The same, wrapped by a gateway that adds a notice below. */
export const wrapped = (raw: string): string => {
  const [header, body] = parts(raw);
  const type = /Content-Type: multipart\/mixed; boundary="[^"]*"/.exec(header)?.[0] ?? '';
  return [
    header.replace(type, 'Content-Type: multipart/mixed; boundary="gateway"'),
    '',
    '--gateway',
    type,
    '',
    body,
    '--gateway',
    'Content-Type: text/plain',
    '',
    'This mail came from outside.',
    '--gateway--',
    '',
  ].join('\r\n');
};

/** The same, with its attachment in quoted-printable. */
export const requoted = (raw: string): string =>
  raw.replace(
    /Content-Transfer-Encoding: base64([\s\S]*?\r\n\r\n)([\w+/=\r\n]+)\r\n--/,
    (_, rest: string, text: string) => {
      const bytes = Buffer.from(text, 'base64');
      const lines = Array.from({ length: Math.ceil(bytes.length / 24) }, (__, index) =>
        [...bytes.subarray(index * 24, index * 24 + 24)]
          .map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)
          .join(''),
      );
      return `Content-Transfer-Encoding: quoted-printable${rest}${lines.join('=\r\n')}\r\n--`;
    },
  );

/** The same, with some bytes of its attachment changed. */
export const altered = (raw: string): string => raw.replace(/^([\w+/]{70})[\w+/]{6}$/m, '$1AAAAAA');

/** The same, stripped of its attachment by a gateway that says so. */
export const stripped = (raw: string): string =>
  raw.replace(
    /Content-Type: application\/octet-stream[\s\S]*?\r\n--/,
    'Content-Type: text/plain\r\n\r\nAttachment removed.\r\n--',
  );

/** The same, as SES hands it on: with a Message-ID of its own. */
export const renamed = (raw: string): string =>
  raw.replace(/^Message-ID: .*$/m, 'Message-ID: <0102@eu-west-1.amazonses.com>');
