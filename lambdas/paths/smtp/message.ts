/** The canary as it goes over the wire: one text/plain part of 7-bit lines, with the header lines exactly as they were given. */
import type { CanaryMail } from '../../core/words.ts';

// Lines are not folded: a gateway that folds again breaks at other places, and RFC 5322 allows 998 characters.
const header = (name: string, value: string): string => `${name}: ${encoded(value.replace(/[\r\n]+[ \t]*/g, ' '))}`;

const encoded = (value: string): string =>
  /^[\x20-\x7e\t]*$/.test(value) ? value : `=?utf-8?B?${Buffer.from(value).toString('base64')}?=`;

/** RFC 5322 with CRLF. The composer of nodemailer would fold the Message-ID and choose its own transfer encoding. */
export const mimeOf = (mail: CanaryMail): string =>
  [
    header('From', mail.from),
    header('To', mail.to),
    header('Subject', mail.subject),
    header('Message-ID', mail.messageId),
    header('Date', new Date(mail.sentAt).toUTCString().replace('GMT', '+0000')),
    ...Object.entries(mail.headers).map(([name, value]) => header(name, value)),
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    'Content-Transfer-Encoding: 7bit',
    '',
    ...mail.text.replace(/[^\x20-\x7e\t\r\n]/g, '?').split(/\r?\n/),
  ].join('\r\n');
