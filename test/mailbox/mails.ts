/** Mails for tests: canaries, bounces, and what people and servers make of a canary. */

const letters = 'bcdfghjklmnpqrstvwxz';

/** A canary id: 20 consonants, another one for each number. */
export const idOf = (number: number): string => {
  let rest = number;
  const tail = Array.from({ length: 6 }, () => {
    const letter = letters.charAt(rest % letters.length);
    rest = Math.floor(rest / letters.length);
    return letter;
  });
  return `bcdfghjklmnpqr${tail.join('')}`;
};

export const tokenOf = (id: string): string => `1.k3y.${id}.d2ViLTAz`;
export const messageIdOf = (id: string): string => `<${id}.bWFj@mail.example.com>`;

const message = (headers: readonly string[], body = 'Hello\r\n'): string => `${headers.join('\r\n')}\r\n\r\n${body}`;

const received = [
  'Received: from mail-gw-2.example.com (mail-gw-2.example.com [203.0.113.2])',
  '\tby mx.elsewhere.example (Postfix) with ESMTPS id 4XyZ1; Thu, 6 Nov 2025 10:00:03 +0000 (UTC)',
  'Received: from web-03.example.com (unknown [198.51.100.7])',
  '\tby mail-gw-2.example.com (Postfix) with ESMTP id 4XyZ0; Thu, 6 Nov 2025 10:00:01 +0000 (UTC)',
];

type Canary = { readonly header?: boolean; readonly messageId?: string; readonly extra?: readonly string[] };

/** A canary as it arrives. */
export const canaryMail = (
  id: string,
  { header = true, messageId = messageIdOf(id), extra = [] }: Canary = {},
): string =>
  message([
    ...received,
    ...extra,
    ...(header ? [`X-Mail-Canary: ${tokenOf(id)}`] : []),
    `Message-ID: ${messageId}`,
    'From: orders@example.com',
    'To: canary@elsewhere.example',
    `Subject: Mail canary web-03 ${id}`,
    'Date: Thu, 6 Nov 2025 10:00:00 +0000',
    'Content-Type: text/plain; charset=us-ascii',
  ]);

type Stripped = { readonly subject?: string; readonly extra?: readonly string[] };

/** A canary behind a gateway that took every mark of it but the subject. */
export const strippedMail = (id: string, { subject = `Mail canary web-03 ${id}`, extra = [] }: Stripped = {}): string =>
  message([
    ...received,
    ...extra,
    'Message-ID: <20251106100004.A1@gateway.elsewhere.example>',
    'From: orders@example.com',
    'To: canary@elsewhere.example',
    `Subject: ${subject}`,
    'Date: Thu, 6 Nov 2025 10:00:00 +0000',
  ]);

/** A text as encoded words (RFC 2047) of so many bytes, each in a line of its own. */
export const encodedWords = (text: string, bytes: number): string =>
  (text.match(new RegExp(`.{1,${bytes}}`, 'g')) ?? [])
    .map((part) => `=?utf-8?B?${Buffer.from(part).toString('base64')}?=`)
    .join('\r\n ');

type Report = {
  readonly action?: string;
  readonly reportType?: string;
  readonly statusType?: string;
  readonly returnedType?: string;
  readonly encoding?: 'base64';
};

/** A delivery status notification as Postfix writes it, for the canary with this id. */
export const bounceMail = (id: string, how: Report = {}): string => {
  const { action = 'failed', reportType = 'delivery-status', encoding } = how;
  const { statusType = 'message/delivery-status', returnedType = 'text/rfc822-headers' } = how;
  const headers = canaryMail(id).split('\r\n\r\n')[0] ?? '';
  const returned =
    encoding === 'base64' ? Buffer.from(headers).toString('base64').replace(/.{76}/g, '$&\r\n') : headers;
  return message(
    [
      'From: MAILER-DAEMON@mail-gw-2.example.com (Mail Delivery System)',
      'To: orders@example.com',
      'Subject: Undelivered Mail Returned to Sender',
      'Message-ID: <20251106100005.4XyZ9@mail-gw-2.example.com>',
      'Auto-Submitted: auto-replied',
      `Content-Type: multipart/report; report-type=${reportType};`,
      '\tboundary="4XyZ0.1762423205/mail-gw-2.example.com"',
      'MIME-Version: 1.0',
    ],
    [
      'This is a MIME-encapsulated message.',
      '',
      '--4XyZ0.1762423205/mail-gw-2.example.com',
      'Content-Type: text/plain; charset=us-ascii',
      '',
      '<canary@elsewhere.example>: host mx.elsewhere.example said: 550 5.1.1 User unknown',
      '',
      '--4XyZ0.1762423205/mail-gw-2.example.com',
      `Content-Type: ${statusType}`,
      '',
      'Reporting-MTA: dns; mail-gw-2.example.com',
      'Arrival-Date: Thu,  6 Nov 2025 10:00:01 +0000 (UTC)',
      '',
      'Final-Recipient: rfc822; canary@elsewhere.example',
      `Action: ${action}`,
      'Status: 5.1.1',
      'Diagnostic-Code: smtp; 550 5.1.1 <canary@elsewhere.example>: Recipient address',
      '    rejected: User unknown in virtual mailbox table',
      '',
      '--4XyZ0.1762423205/mail-gw-2.example.com',
      `Content-Type: ${returnedType}`,
      ...(encoding === undefined ? [] : [`Content-Transfer-Encoding: ${encoding}`]),
      '',
      returned,
      '',
      '--4XyZ0.1762423205/mail-gw-2.example.com--',
      '',
    ].join('\r\n'),
  );
};

/** What people and their programs send back: all of it carries the canary somewhere, none of it is one. */
export const foreignMails = (id: string): Readonly<Record<string, string>> => {
  const subject = `Mail canary web-03 ${id}`;
  const from = ['From: Kim <kim@example.com>', 'To: canary@elsewhere.example', 'Message-ID: <a1@example.com>'];
  return {
    reply: message(
      [...from, `In-Reply-To: ${messageIdOf(id)}`, `References: ${messageIdOf(id)}`, `Subject: Re: ${subject}`],
      `What is this?\r\n\r\n> X-Mail-Canary: ${tokenOf(id)}\r\n> Message-ID: ${messageIdOf(id)}\r\n`,
    ),
    forward: message(
      [...from, `Subject: Fwd: ${subject}`],
      `-------- Forwarded Message --------\r\nX-Mail-Canary: ${tokenOf(id)}\r\nMessage-ID: ${messageIdOf(id)}\r\n`,
    ),
    'forward as attachment': message(
      [...from, `Subject: Fwd: ${subject}`, 'Content-Type: multipart/mixed; boundary="b"'],
      `--b\r\nContent-Type: text/plain\r\n\r\nSee below\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n${canaryMail(id)}\r\n--b--\r\n`,
    ),
    'out of office': message([
      ...from,
      'Auto-Submitted: auto-replied',
      `Subject: Out of office: ${subject}`,
      `In-Reply-To: ${messageIdOf(id)}`,
    ]),
    'list copy': message(
      ['List-Id: <ops.example.com>', ...from, `Subject: [ops] ${subject}`, `X-Original-Message-ID: ${messageIdOf(id)}`],
      `X-Mail-Canary: ${tokenOf(id)}\r\n`,
    ),
    'read receipt': bounceMail(id, {
      reportType: 'disposition-notification',
      statusType: 'message/disposition-notification',
    }),
    'report of success': bounceMail(id, { action: 'relayed' }),
    'something that calls itself a report': message(
      [...from, 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"'],
      `--b\r\nContent-Type: text/plain\r\n\r\nX-Mail-Canary: ${tokenOf(id)}\r\n--b--\r\n`,
    ),
    'other id': message(['From: a@example.com', 'Message-ID: <bcdfgh.1@example.com>', 'Subject: hello']),
    malformed: 'no header at all\r\n\x00\xff: what\r\n:\r\n\r\nX-Mail-Canary: 1\r\n',
  };
};

/** Mail that has nothing to do with canaries. */
export const otherMail = (number: number): string =>
  message([
    `Message-ID: <${number}@shop.example>`,
    'From: shop@shop.example',
    'To: canary@elsewhere.example',
    `Subject: Offer ${number}`,
  ]);
