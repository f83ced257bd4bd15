/** The corpus of reports in test/fixtures/bounces: what must be read from each, and how a canary's own headers get into it. */
import { readdirSync, readFileSync } from 'node:fs';
import { keyOf, mint } from '../../lambdas/core/canary.ts';

const folder = new URL('../fixtures/bounces/', import.meta.url);

export const key = keyOf('the key of the corpus');
const slot = 29_373_720;
export const sentAt = Date.UTC(2025, 10, 6, 10, 0, 0);

/** The canary that all of them return, name, or only look as if they did. */
export const canary = mint('web-03/app/outside', slot, sentAt, key, {
  from: 'orders@example.com',
  to: 'canary@elsewhere.example',
  autoSubmitted: true,
});

const headersWith = (messageId: string): string =>
  [
    'Received: from web-03.example.com (web-03.example.com [198.51.100.7])',
    '\tby mail-gw-2.example.com (Postfix) with ESMTP id 4XyZ0Y1x',
    '\tfor <canary@elsewhere.example>; Thu,  6 Nov 2025 10:00:01 +0000 (UTC)',
    `From: ${canary.from}`,
    `To: ${canary.to}`,
    `Subject: ${canary.subject}`,
    `Message-ID: ${messageId}`,
    'Date: Thu, 06 Nov 2025 10:00:00 +0000',
    ...Object.entries(canary.headers).map(([name, value]) => `${name}: ${value}`),
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
  ].join('\n');

const headers = headersWith(canary.messageId);
const escaped = headers.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const quotedPrintable = headers
  .replaceAll('=', '=3D')
  .split('\n')
  .map((line) => line.replace(/.{72}(?=.)/g, '$&=\n'))
  .join('\n');

const placeholders: Readonly<Record<string, string>> = {
  HEADERS: headers,
  // SES gives every mail a Message-ID of its own.
  HEADERS_SES: headersWith('<0102019a58000000-12345678-1234-1234-1234-123456789012-000000@eu-west-1.amazonses.com>'),
  HEADERS_HTML: escaped,
  HEADERS_QP: quotedPrintable,
  HEADERS_QUOTED: headers.replace(/^/gm, '> '),
  HEADERS_BASE64: Buffer.from(headers).toString('base64').replace(/.{76}/g, '$&\n'),
  MESSAGE_ID: canary.messageId,
  ENVID: canary.id,
};

/** The mail of a file, one character per byte, with line ends as they come over IMAP. */
export const mailOf = (name: string): string =>
  readFileSync(new URL(`${name}.eml`, folder), 'latin1')
    .replace(/\{\{([A-Z_0-9]+)\}\}/g, (_, what: string) => {
      const text = placeholders[what];
      if (text === undefined) throw new Error(`${name}.eml: no such placeholder: ${what}`);
      return text;
    })
    .replaceAll('\n', '\r\n');

/** The names of all files, without `.eml`. */
export const allFiles = (): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.eml'))
    .map((file) => file.slice(0, -4))
    .sort();

type Row = readonly [
  file: string,
  words: string,
  reportedBy: string | undefined,
  how?: { readonly delayed?: true; readonly by?: 'envelope id' | 'queue id' },
];

const mx = 'mx.elsewhere.example';

/** What each report says, who said it, and (where that is not the headers that came back) by what it is matched. */
export const reports: readonly Row[] = [
  [
    'postfix',
    '550 5.1.1 <canary@elsewhere.example>: Recipient address rejected: User unknown in virtual mailbox table',
    mx,
  ],
  [
    'postfix-delay',
    'connect to mx.elsewhere.example[203.0.113.25]:25: Connection timed out',
    'mail-gw-2.example.com',
    { delayed: true },
  ],
  [
    'postfix-envelope-id',
    '554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.example',
    mx,
    { by: 'envelope id' },
  ],
  [
    'postfix-queue-id',
    'Host or domain name not found. Name service error for name=elsewhere.example type=MX: Host not found',
    'mail-gw-2.example.com',
    { by: 'queue id' },
  ],
  ['zimbra', '552 5.2.2 Over quota', 'zimbra.example.com'],
  ['sendmail', '553 5.3.0 <canary@elsewhere.example>... Spam blocked see: http://block.example/198.51.100.7', mx],
  ['sendmail-warning', 'Deferred: Connection refused by mx.elsewhere.example.', mx, { delayed: true }],
  ['sendmail-old', '550 <canary@elsewhere.example>... User unknown 550 canary@elsewhere.example... User unknown', mx],
  [
    'exim-plain',
    '550 5.1.1 <canary@elsewhere.example>: Recipient address rejected: User unknown in relay recipient table',
    mx,
  ],
  ['exim-truncated', 'Unrouteable address', 'mx.example.net'],
  ['exim-report', '550 5.7.26 Unauthenticated email from example.com is not accepted', mx],
  ['exim-delay-plain', '450 4.2.0 <canary@elsewhere.example>: Greylisted', mx, { delayed: true, by: 'queue id' }],
  ['qmail', '550 5.1.1 <canary@elsewhere.example>: Recipient address rejected: User unknown', '203.0.113.25'],
  ['qmail-local', 'Sorry, no mailbox here by that name. (#5.1.1)', 'mx.example.org'],
  [
    'gmail',
    "550-5.1.1 The email account that you tried to reach does not exist. Please 550-5.1.1 try double-checking the recipient's email address for typos or 550 5.1.1 unnecessary spaces.",
    mx,
  ],
  [
    'gmail-delay',
    'The recipient server did not accept our requests to connect. [mx.elsewhere.example. 203.0.113.25: timed out]',
    '203.0.113.25',
    { delayed: true },
  ],
  ['gmail-old', '554 5.7.1 <canary@elsewhere.example>: Relay access denied', mx],
  [
    'gmail-relay-denied',
    "550-5.7.1 Invalid credentials for relay [198.51.100.7]. The IP address you've 550-5.7.1 registered in your Workspace SMTP Relay service doesn't match the 550 5.7.1 domain of the account this email is being sent from.",
    'google.com',
  ],
  ['exchange-2003', '550 5.7.1 Unable to relay for canary@elsewhere.example', 'ex03.corp.example.com'],
  ['exchange-55', 'The recipient name is not recognized', 'corp.example.com'],
  ['exchange-2016', '550 5.7.1 Service unavailable; client [198.51.100.7] blocked using Example List', mx],
  ['exchange-text', '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##', 'ex01.corp.example.com'],
  ['exchange-html', '550 5.4.1 Recipient address rejected: Access denied', 'ex02.corp.example.com'],
  ['exchange-no-report-type', '550 5.2.1 Mailbox disabled', 'corp.example.com'],
  [
    'microsoft-365',
    '550 5.7.64 TenantAttribution; Relay Access Denied SMTP [DB5EUR01FT012.eop-eur01.prod.protection.outlook.com]',
    'eurprd01.prod.exchangelabs.com',
  ],
  ['microsoft-365-html', '550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP', mx],
  ['microsoft-smtp-delay', '4.4.7', 'web-03.corp.example.com', { delayed: true }],
  ['courier', '550 User unknown.', mx],
  ['hmailserver', '530 SMTP authentication is required.', '203.0.113.25'],
  ['domino', 'User canary (canary@elsewhere.example) not listed in Domino Directory', 'domino.corp.example.com'],
  ['domino-mixed', '550 5.7.1 Unable to relay', mx],
  ['mdaemon', '554 5.7.1 <canary@elsewhere.example>: Relay access denied', mx],
  ['imail', 'Unknown user: canary@elsewhere.example', 'mail.example.org'],
  ['ses', '550 5.1.1 user unknown', 'smtp-out.eu-west-1.amazonses.com'],
  [
    'yahoo',
    '554 5.7.9 Message not accepted for policy reasons. See https://postmaster.example/error-codes [BODY]',
    'yahoo.com',
  ],
  ['barracuda', '550 5.7.1 Message content rejected, UBE, id=04711-01', 'barracuda.example.com'],
  ['proofpoint', '550 5.7.0 Local Policy Violation', 'mx0a-00000001.pphosted.example'],
  ['mimecast', '550 5.4.1 Recipient address rejected: Access denied. AS(201806281)', mx],
  ['oracle-messaging-server', '550 5.1.1 unknown or illegal alias: canary@elsewhere.example', mx],
  ['opensmtpd', '550 Invalid recipient: <canary@elsewhere.example>', 'mail.example.org'],
  ['james', '550 5.1.1 unknown user', 'james.example.org'],
  ['gmx', '550 5.1.1 Mailbox unavailable', mx],
  ['communigate', '550 5.1.1 no such user', 'cgp.example.org'],
  ['ironport', "5.1.0 - Unknown address error 550-'5.1.1 no such user' (delivery attempts: 0)", '203.0.113.25'],
  ['unknown-daemon', '554 5.7.1 message refused', 'appliance.example.com'],
  ['several-recipients', '552 5.2.2 Mailbox full', mx],
  ['no-action', '5.4.6', 'appliance.example.com'],
  ['internationalised', '550 5.1.1 Empfänger ungültig', 'mx.example.net'],
];

/** Files that look like a report of the canary and are none: replies, forwards, successes, somebody's bounces. */
export const lookAlikes = (): string[] => allFiles().filter((name) => name.startsWith('not-'));
