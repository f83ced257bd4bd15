/** The canary as it goes over the wire: 7-bit lines, with the header lines exactly as they were given (RFC 5322, 2045, 2046). */
import { attachmentName, attachmentOf } from './attachment.ts';
import type { CanaryMail } from './words.ts';

const encoded = (value: string): string =>
  /^[\x20-\x7e\t]*$/.test(value) ? value : `=?utf-8?B?${Buffer.from(value).toString('base64')}?=`;

// Lines are not folded: a gateway that folds again breaks at other places, and RFC 5322 allows 998 characters.
const header = (name: string, value: string): string => `${name}: ${encoded(value.replace(/[\r\n]+[ \t]*/g, ' '))}`;

const textPart = (text: string): string[] => [
  'Content-Type: text/plain; charset=us-ascii',
  'Content-Transfer-Encoding: 7bit',
  '',
  ...text.replace(/[^\x20-\x7e\t\r\n]/g, '?').split(/\r?\n/),
];

const attachedPart = (id: string, size: number): string[] => [
  `Content-Type: application/octet-stream; name="${attachmentName}"`,
  'Content-Transfer-Encoding: base64',
  `Content-Disposition: attachment; filename="${attachmentName}"`,
  '',
  ...(attachmentOf(id, size)
    .toString('base64')
    .match(/.{1,76}/g) ?? []),
];

/** The whole message with CRLF. A mail composer would fold the Message-ID and choose its own transfer encoding. */
export const mimeOf = (mail: CanaryMail): Buffer => {
  // Consonants only: no line of the message can be mistaken for it.
  const boundary = `mail-canary-${mail.id}`;
  const content =
    mail.size === undefined
      ? textPart(mail.text)
      : [
          `Content-Type: multipart/mixed; boundary="${boundary}"`,
          '',
          `--${boundary}`,
          ...textPart(mail.text),
          `--${boundary}`,
          ...attachedPart(mail.id, mail.size),
          `--${boundary}--`,
          '',
        ];
  return Buffer.from(
    [
      header('From', mail.from),
      header('To', mail.to),
      header('Subject', mail.subject),
      header('Message-ID', mail.messageId),
      header('Date', new Date(mail.sentAt).toUTCString().replace('GMT', '+0000')),
      ...Object.entries(mail.headers).map(([name, value]) => header(name, value)),
      'MIME-Version: 1.0',
      ...content,
    ].join('\r\n'),
  );
};
