/** What gateways, filters, relays and lists make of a canary on its way: each takes the mail as it was sent, and gives it as it arrives. */
import { headerOf } from './headers.ts';

type Mail = { readonly header: readonly string[]; readonly body: string };

const parse = (raw: string): Mail => {
  const at = raw.indexOf('\r\n\r\n');
  return { header: raw.slice(0, at).split('\r\n'), body: raw.slice(at + 4) };
};
const join = ({ header, body }: Mail): string => `${header.join('\r\n')}\r\n\r\n${body}`;

/** Changes one field, or takes it out. */
const field = (name: string, change: (value: string) => string | undefined) => (raw: string) => {
  const { header, body } = parse(raw);
  const lines = header.flatMap((line) => {
    if (!line.toLowerCase().startsWith(`${name.toLowerCase()}:`)) return [line];
    const value = change(line.slice(name.length + 1).trim());
    return value === undefined ? [] : [`${line.slice(0, name.length)}: ${value}`];
  });
  return join({ header: lines, body });
};
const without = (name: string) => field(name, () => undefined);
const subject = (change: (value: string) => string) => field('Subject', change);
const above =
  (...lines: string[]) =>
  (raw: string) =>
    `${lines.join('\r\n')}\r\n${raw}`;
const each = (change: (line: string) => string) => (raw: string) => {
  const { header, body } = parse(raw);
  return join({ header: header.map(change), body });
};
const content = (lines: readonly string[], change: (body: string) => string) => (raw: string) => {
  const { header, body } = parse(raw);
  const kept = header.filter((line) => !/^(?:content-|mime-)/i.test(line));
  return join({ header: [...kept, 'MIME-Version: 1.0', ...lines], body: change(body) });
};
const part = (type: string, body: string) => `--gw\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`;
const base64 = (text: string) => Buffer.from(text).toString('base64').replace(/.{76}/g, '$&\r\n');

const idOf = (raw: string) => /^Message-ID: (.*)$/m.exec(raw)?.[1] ?? '';
const tokenOf = (raw: string) => /^X-Mail-Canary: (.*)$/m.exec(raw)?.[1] ?? '';
const stripped = (raw: string) => without('X-Mail-Canary')(raw);
const rewritten = field('Message-ID', () => '<20251106100001.4XyZ@gateway.elsewhere.example>');

const person = (extra: readonly string[], body: string) =>
  join({
    header: ['From: Kim <kim@example.com>', 'To: canary@elsewhere.example', 'Message-ID: <a1@example.com>', ...extra],
    body,
  });

type Case = readonly [name: string, change: (raw: string) => string];

/** Still the canary: one of its marks is whole. */
export const own: readonly Case[] = [
  ['nothing happens', (raw) => raw],
  ['[EXTERNAL] in the subject', subject((value) => `[EXTERNAL] ${value}`)],
  ['***SPAM*** in the subject', subject((value) => `***SPAM*** ${value}`)],
  [
    'a subject in encoded words, base64',
    subject((value) => `=?utf-8?B?${Buffer.from(`[Extern] ${value}`).toString('base64')}?=`),
  ],
  [
    'a subject in encoded words, quoted-printable',
    subject((value) => `=?iso-8859-1?Q?=DCbung:_${value.replaceAll(' ', '_')}?=`),
  ],
  ['no subject left', without('Subject')],
  ['X- headers stripped', stripped],
  ['the header renamed', each((line) => line.replace(/^X-Mail-Canary/, 'X-Original-X-Mail-Canary'))],
  ['the header cut off', field('X-Mail-Canary', (value) => value.slice(0, 60))],
  ['the header with another signature', field('X-Mail-Canary', (value) => value.replace(/m=.{8}/, 'm=00000000'))],
  ['the Message-ID rewritten', rewritten],
  ['the Message-ID stripped', without('Message-ID')],
  ['the Message-ID of SES', field('Message-ID', () => '<0102019a58000000-1234-000000@eu-west-1.amazonses.com>')],
  [
    'the Message-ID in lower case, X- headers stripped',
    (raw) => field('Message-ID', (id) => id.toLowerCase())(stripped(raw)),
  ],
  [
    'a banner above the text',
    content(['Content-Type: text/plain'], (body) => `CAUTION: this mail came from outside.\r\n\r\n${body}`),
  ],
  [
    'a disclaimer below the text',
    content(['Content-Type: text/plain'], (body) => `${body}\r\n-- \r\nConfidential.\r\n`),
  ],
  ['the text gone', content(['Content-Type: text/plain'], () => '')],
  [
    'a banner in HTML',
    content(
      ['Content-Type: multipart/alternative; boundary=gw'],
      (body) => `${part('text/plain', body)}${part('text/html', `<b>EXTERNAL</b><pre>${body}</pre>`)}--gw--\r\n`,
    ),
  ],
  [
    'wrapped in multipart/mixed with a footer',
    content(
      ['Content-Type: multipart/mixed; boundary=gw'],
      (body) => `${part('text/plain', body)}${part('text/plain', '-- \r\nScanned by a gateway')}--gw--\r\n`,
    ),
  ],
  [
    'another charset',
    content(['Content-Type: text/plain; charset=utf-16be', 'Content-Transfer-Encoding: base64'], (body) =>
      base64(Buffer.from(body, 'utf16le').swap16().toString('latin1')),
    ),
  ],
  [
    'another transfer encoding',
    content(['Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: base64'], base64),
  ],
  [
    'signed with S/MIME by a gateway',
    content(
      ['Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=gw'],
      (body) =>
        `${part('text/plain', body)}${part('application/pkcs7-signature; name=smime.p7s', base64(body))}--gw--\r\n`,
    ),
  ],
  [
    'opaque with S/MIME',
    content(
      [
        'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m',
        'Content-Transfer-Encoding: base64',
      ],
      base64,
    ),
  ],
  [
    'encrypted with PGP/MIME',
    content(
      ['Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=gw'],
      () =>
        `${part('application/pgp-encrypted', 'Version: 1')}${part('application/octet-stream', '-----BEGIN PGP MESSAGE-----')}--gw--\r\n`,
    ),
  ],
  ['headers in another order', (raw) => join({ ...parse(raw), header: [...parse(raw).header].reverse() })],
  ['headers twice', (raw) => join({ ...parse(raw), header: parse(raw).header.flatMap((line) => [line, line]) })],
  ['upper case', each((line) => line.replace(/^[\w-]+:/, (name) => name.toUpperCase()))],
  ['lower case', each((line) => line.replace(/^[\w-]+:/, (name) => name.toLowerCase()))],
  ['blanks behind every field', each((line) => `${line} \t `)],
  ['no blank behind the colon', each((line) => line.replace(/^([\w-]+): /, '$1:'))],
  ['folded behind the colon', each((line) => line.replace(/^([\w-]+): /, '$1:\r\n\t'))],
  ['folded at every blank', each((line) => line.replace(/(?<!:) /g, '\r\n '))],
  ['SRS', above('Return-Path: <SRS0=Z8Bj=5H=example.com=orders@forwarder.example>')],
  ['BATV', above('Return-Path: <prvs=1234abcdef=orders@example.com>')],
  ['no sender', above('Return-Path: <>')],
  ['the sender of a list', above('Return-Path: <ops-bounces+canary=elsewhere.example@lists.example>')],
  ['From rewritten', field('From', () => '"orders via ops" <ops@lists.example>')],
  ['To rewritten', field('To', () => 'undisclosed-recipients:;')],
  ['Date rewritten', field('Date', () => 'Mon, 1 Jan 1990 00:00:00 +0000')],
  [
    'the copy of a list that keeps the headers',
    (raw) =>
      above(
        'List-Id: <ops.example.com>',
        'Precedence: list',
        'Errors-To: ops-bounces@example.com',
      )(subject((value) => `[ops] ${value}`)(raw)),
  ],
  ['an ARC set', above(...headerOf('gmail').split('\r\n').slice(3, 13))],
  ...['gmail', 'microsoft-365', 'fastmail', 'amavis', 'exchange-on-premises'].map(
    (name): Case => [`the trace of ${name}`, (raw) => `${headerOf(name).split('\r\nFrom:')[0]}\r\n${raw}`],
  ),
];

/** Somebody's mail, whatever it carries of the canary. */
export const foreign: readonly Case[] = [
  ['both marks gone', (raw) => rewritten(stripped(raw))],
  [
    'both marks moved into other fields',
    (raw) =>
      above(`X-Original-Message-ID: ${idOf(raw)}`, `X-Original-Canary: ${tokenOf(raw)}`)(rewritten(stripped(raw))),
  ],
  [
    'wrapped whole by a gateway that writes a header of its own',
    (raw) =>
      person(
        ['Subject: Fwd: Mail canary', 'Content-Type: multipart/mixed; boundary=gw'],
        `${part('message/rfc822', raw)}--gw--\r\n`,
      ),
  ],
  [
    'the report of a journal (Exchange)',
    (raw) =>
      join({
        header: [
          'Return-Path: <>',
          'From: "Microsoft Exchange" <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com>',
          'To: canary@elsewhere.example',
          'Subject: Mail canary web-03',
          'Message-ID: <0123456789abcdef@journal.report.generator>',
          'X-MS-Journal-Report:',
          'MIME-Version: 1.0',
          'Content-Type: multipart/mixed; boundary=gw',
        ],
        body: `${part('text/plain', `Sender: orders@example.com\r\nSubject: Mail canary web-03\r\nMessage-Id: ${idOf(raw)}\r\nRecipient: canary@elsewhere.example`)}${part('message/rfc822', raw)}--gw--\r\n`,
      }),
  ],
  [
    'the digest of a quarantine',
    (raw) =>
      person(
        ['Subject: Quarantined messages', 'Auto-Submitted: auto-generated'],
        `Held: ${idOf(raw)}\r\nX-Mail-Canary: ${tokenOf(raw)}\r\n`,
      ),
  ],
  [
    'the notice of a portal that holds the mail',
    (raw) => person([`Subject: Secure message: Mail canary`, `X-Mail-Id: ${idOf(raw)}`], 'Log in to read it.'),
  ],
];
