/** Somebody's mails, as they lie in a mailbox of canaries: whatever they quote, none of them is ours. */
import { canaryId, keyOf, mint } from '../../lambdas/core/canary.ts';
import type { CanaryMail, Ms, Slot } from '../../lambdas/core/words.ts';
import { bounceMail, foreignMails } from './mails.ts';

export const key = keyOf('the-key-of-this-monitor');
const otherKey = keyOf('the-key-of-another-monitor');
const options = { from: 'orders@example.com', to: 'canary@elsewhere.example', autoSubmitted: true };

/** The canary of a host, minted by us or by another monitor. */
export const canaryOf = (host: string, slot: Slot, sentAt: Ms, by = key): CanaryMail =>
  mint(`${host}/app/outside`, slot, sentAt, by, options);

const crlf = '\r\n';
const message = (headers: readonly string[], body: string): string => `${headers.join(crlf)}${crlf}${crlf}${body}`;

const tokenOf = (mail: CanaryMail): string => mail.headers['X-Mail-Canary'] ?? '';
const headersOf = (mail: CanaryMail): string[] => [
  'Received: from web-01.example.com (web-01.example.com [198.51.100.7]) by mx.elsewhere.example with ESMTPS id 4XyZ',
  `X-Mail-Canary: ${tokenOf(mail)}`,
  'Auto-Submitted: auto-generated',
  `Message-ID: ${mail.messageId}`,
  `From: ${mail.from}`,
  `To: ${mail.to}`,
  `Subject: ${mail.subject}`,
];

/** A canary as a gateway may leave it: it is ours as long as one of its marks is whole. */
export const forms = {
  whole: (mail) => message(headersOf(mail), mail.text),
  'without its header': (mail) =>
    message(
      headersOf(mail).filter((line) => !line.startsWith('X-')),
      mail.text,
    ),
  'under another Message-ID': (mail) =>
    message(
      headersOf(mail).map((line) =>
        line.startsWith('Message-ID') ? 'Message-ID: <0102@eu-west-1.ses.example>' : line,
      ),
      `EXTERNAL MAIL${crlf}${mail.text}`,
    ),
  returned: (mail) => bounceOf(mail.messageId, tokenOf(mail)),
} as const satisfies Record<string, (mail: CanaryMail) => string>;

/** A report with the headers of this mail in it. */
const bounceOf = (messageId: string, token: string | undefined, action = 'failed'): string => {
  const id = canaryId('web-01/app/outside', 1);
  const mark = token === undefined ? 'X-Somebody: else' : `X-Mail-Canary: ${token}`;
  return bounceMail(id, { action })
    .replace(/^X-Mail-Canary: .*$/m, mark)
    .replace(/^Message-ID: <[bcdfgh].*$/m, `Message-ID: ${messageId}`);
};

/** Another letter in the place of the first one behind `m=`. */
const spoilt = (token: string): string =>
  token.replace(/m=([0-9a-f])/, (_, digit: string) => `m=${digit === '0' ? '1' : '0'}`);
const spoiltId = (messageId: string): string =>
  messageId.replace(
    /\.([0-9a-f])([0-9a-f]{39}@)/,
    (_, digit: string, rest: string) => `.${digit === '0' ? '1' : '0'}${rest}`,
  );

const people = ['From: Kim <kim@example.com>', 'To: canary@elsewhere.example'];
const human = (words: string) => [...people, `Message-ID: <${words.length}.a1@example.com>`];
const attached = (raw: string, type = 'message/rfc822') =>
  ['--b', 'Content-Type: text/plain', '', 'See below', '--b', `Content-Type: ${type}`, '', raw, '--b--', ''].join(crlf);
const mixed = 'Content-Type: multipart/mixed; boundary="b"';
const quoted = (raw: string) => raw.replace(/^/gm, '> ');

type Kind = (mail: CanaryMail, words: string) => string;

/** By what they are. `mail` is a canary that is really under way, with a valid token; `words` is anything on one line. */
export const foreignKinds = {
  ordinary: (_, words) => message([...human(words), `Subject: ${words}`], words),
  reply: (mail, words) =>
    message(
      [
        ...human(words),
        `In-Reply-To: ${mail.messageId}`,
        `References: ${mail.messageId}`,
        `Subject: Re: ${mail.subject}`,
      ],
      `${words}${crlf}${quoted(forms.whole(mail))}`,
    ),
  'reply above the original': (mail, words) =>
    message(
      [...human(words), `In-Reply-To: ${mail.messageId}`, `Subject: AW: ${mail.subject}`],
      `${words}${crlf}${crlf}-----Original Message-----${crlf}${forms.whole(mail)}`,
    ),
  forward: (mail, words) =>
    message(
      [...human(words), `Subject: Fwd: ${mail.subject}`],
      `-------- Forwarded Message --------${crlf}${forms.whole(mail)}`,
    ),
  'forward as attachment': (mail, words) =>
    message([...human(words), `Subject: Fwd: ${mail.subject}`, mixed], attached(forms.whole(mail))),
  'marks in the header of a part': (mail, words) =>
    message(
      [...human(words), `Subject: ${words}`, mixed],
      `--b${crlf}X-Mail-Canary: ${tokenOf(mail)}${crlf}Message-ID: ${mail.messageId}${crlf}${crlf}x${crlf}--b--`,
    ),
  'out of office': (mail, words) =>
    message(
      [
        ...human(words),
        'Auto-Submitted: auto-replied',
        `In-Reply-To: ${mail.messageId}`,
        `Subject: Automatic reply: ${mail.subject}`,
      ],
      `${words}${crlf}-----Original Message-----${crlf}${forms.whole(mail)}`,
    ),
  'out of office that calls it undelivered': (mail, words) =>
    message(
      [...human(words), 'Auto-Submitted: auto-replied', 'Subject: Undelivered: I am away', 'Return-Path: <>'],
      `Your mail was not read.${crlf}--- Below this line is a copy of the message.${crlf}${crlf}${forms.whole(mail)}`,
    ),
  'list copy': (mail, words) =>
    message(
      [
        'List-Id: <ops.example.com>',
        ...human(words),
        `Subject: [ops] ${mail.subject}`,
        `X-Original-Message-ID: ${mail.messageId}`,
        `X-Original-X-Mail-Canary: ${tokenOf(mail)}`,
      ],
      mail.text,
    ),
  'token in the body': (mail, words) =>
    message(
      [...human(words), `Subject: ${words}`],
      `X-Mail-Canary: ${tokenOf(mail)}${crlf}Message-ID: ${mail.messageId}`,
    ),
  'token in the subject': (mail, words) =>
    message([...human(words), `Subject: X-Mail-Canary: ${tokenOf(mail)}`], words),
  'token in a folded subject': (mail, words) =>
    message(
      [
        ...human(words),
        `Subject: ${words}${crlf} X-Mail-Canary: ${tokenOf(mail)}${crlf}\tMessage-ID: ${mail.messageId}`,
      ],
      words,
    ),
  'token in an odd header': (mail, words) =>
    message(
      [
        `X-Mail-Canary-Copy: ${tokenOf(mail)}`,
        `Resent-Message-ID: ${mail.messageId}`,
        `Comments: X-Mail-Canary: ${tokenOf(mail)}`,
        ...human(words),
      ],
      words,
    ),
  'a canary of another monitor': (mail) => forms.whole(canaryOf('web-01', mail.slot, mail.sentAt, otherKey)),
  'a returned canary of another monitor': (mail) =>
    forms.returned(canaryOf('web-01', mail.slot, mail.sentAt, otherKey)),
  forged: (mail) =>
    message([`X-Mail-Canary: ${spoilt(tokenOf(mail))}`, `Message-ID: ${spoiltId(mail.messageId)}`], mail.text),
  'forged, in its header': (mail, words) =>
    message([`X-Mail-Canary: ${spoilt(tokenOf(mail))}`, ...human(words)], mail.text),
  'forged, in its Message-ID': (mail, words) =>
    message([...people, `Message-ID: ${spoiltId(mail.messageId)}`, `Subject: ${words}`], ''),
  'forged, for another host': (mail, words) =>
    message([`X-Mail-Canary: ${tokenOf(mail).replace(/r=[^;]*/, 'r=db-99/app/outside')}`, ...human(words)], words),
  'forged, for another minute': (mail, words) =>
    message([`X-Mail-Canary: ${tokenOf(mail).replace(/s=\d+/, `s=${mail.slot + 1}`)}`, ...human(words)], words),
  'forged, without a signature': (mail, words) =>
    message([`X-Mail-Canary: ${tokenOf(mail).replace(/; m=.*/, '')}`, ...human(words)], words),
  'forged, with the other signature': (mail, words) => {
    const mac = /\.([0-9a-f]{40})@/.exec(mail.messageId)?.[1] ?? '';
    return message([`X-Mail-Canary: ${tokenOf(mail).replace(/m=.*/, `m=${mac}`)}`, ...human(words)], words);
  },
  'forged and returned': (mail) => bounceOf(spoiltId(mail.messageId), spoilt(tokenOf(mail))),
  'a bounce of somebody': (_, words) => bounceOf(`<${words.length}@shop.example>`, undefined),
  'a bounce, forwarded by a person': (mail, words) =>
    message(
      [...human(words), 'Subject: Fwd: Undelivered Mail Returned to Sender', mixed],
      attached(forms.returned(mail)),
    ),
  'a bounce, quoted by a person': (mail, words) =>
    message(
      [...human(words), 'Subject: Fwd: Undelivered Mail Returned to Sender'],
      `${words}${crlf}${crlf}This is the mail system at host mx.example.com.${crlf}${quoted(forms.returned(mail))}`,
    ),
  'a report of success': (mail) => bounceOf(mail.messageId, tokenOf(mail), 'relayed'),
  'a report that names nobody': (mail) => foreignMails(mail.id)['something that calls itself a report'] ?? '',
  'a read receipt': (mail) => foreignMails(mail.id)['read receipt'] ?? '',
  'two headers, the second ours': (mail, words) =>
    message(
      ['X-Mail-Canary: tweet', ...human(words), `X-Mail-Canary: ${tokenOf(mail)}`, `Message-ID: ${mail.messageId}`],
      words,
    ),
  'a header that is too long': (mail, words) =>
    message([`X-Mail-Canary: ${tokenOf(mail)}${'; x=y'.repeat(600)}`, ...human(words)], words),
  'no header at all': (mail) =>
    `no header at all${crlf}\x00\xff: what${crlf}:${crlf}${crlf}X-Mail-Canary: ${tokenOf(mail)}${crlf}`,
  'a body that never ends its parts': (mail, words) =>
    message(
      [...human(words), 'Content-Type: multipart/report; report-type=delivery-status; boundary="b'],
      attached(`--b${crlf}${forms.whole(mail)}`),
    ),
  'parts in parts': (mail, words) =>
    message(
      [...human(words), 'Content-Type: multipart/mixed; boundary="0"'],
      Array.from(
        { length: 20 },
        (_, depth) => `--${depth}${crlf}Content-Type: multipart/mixed; boundary="${depth + 1}"${crlf}${crlf}`,
      ).join('') + forms.whole(mail),
    ),
  'eight bits and zeros': (mail, words) =>
    message([...human(words), 'Subject: \xff\xfe\x80\x00'], `\x00\x01${crlf}${tokenOf(mail)}`),
  empty: () => '',
  'bare line feeds': (mail, words) =>
    message([...human(words), `Subject: ${words}`], forms.whole(mail)).replaceAll(crlf, '\n'),
} as const satisfies Record<string, Kind>;
