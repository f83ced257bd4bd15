/** From a conversation over SMTP, as the host's mailer wrote it down, to a handover. */
import type { Cause } from './causes.ts';
import { productOf } from './products.ts';
import { queueIdIn, serverIn } from './reading.ts';
import { classify, seenAsInGreeting, seenAsInRefusal } from './replies.ts';
import type { Handover, Said, Stage } from './words.ts';

type Heard = { readonly stage: Stage; readonly reply: string };

const verbs: readonly (readonly [RegExp, Stage])[] = [
  [/^(EHLO|HELO)\b/i, 'ehlo'],
  [/^STARTTLS\b/i, 'tls'],
  [/^MAIL FROM:/i, 'mail'],
  [/^RCPT TO:/i, 'rcpt'],
  [/^DATA\b/i, 'data'],
];

/** Follows a conversation; what comes after QUIT is no answer to the mail. */
const read = (said: string) => {
  const heard: Heard[] = [];
  const remarks: string[] = [];
  let stage: Stage = 'banner';
  let name = '';
  let lines: string[] = [];
  for (const row of said.split('\n')) {
    const mark = row.slice(0, 2);
    const text = row.slice(2).trimEnd();
    if (mark === '> ') {
      if (/^QUIT\b/i.test(text)) break;
      stage = verbs.find(([pattern]) => pattern.test(text))?.[1] ?? 'auth';
      name = /^(?:EHLO|HELO) (\S{1,255})/i.exec(text)?.[1] ?? name;
    } else if (mark === '< ') {
      lines.push(text);
      if (/^\d{3}-/.test(text)) continue;
      heard.push({ stage, reply: lines.join('\n') });
      lines = [];
      if (stage === 'data' && text.startsWith('3')) stage = 'body';
    } else if (row.trim() !== '') remarks.push(mark === '* ' ? text.trim() : row.trim());
  }
  // curl says what ended it after QUIT as well.
  const last = said
    .split('\n')
    .findLast((row) => row.startsWith('curl: '))
    ?.trimEnd();
  return { heard, remarks, stage, name, end: last ?? remarks.at(-1) ?? '' };
};

type Conversation = ReturnType<typeof read>;

/** `* Connected to mail-gw (10.0.0.5) port 25`: whom the host reached. */
const reachedIn = ({ remarks }: Conversation) => {
  const form = /^Connected to \S{1,255} \(([0-9A-Fa-f.:]{2,45})\) port (\d{1,5})/;
  const [, address, port] = remarks.flatMap((remark) => [form.exec(remark)]).find((match) => match !== null) ?? [];
  if (address === undefined) return undefined;
  return {
    server: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    own: /^(127\.|::1$)/.test(address),
  };
};

/** timeout(1) ended the mailer. */
export const timedOut = 124;

const certificate: readonly (readonly [RegExp, Cause])[] = [
  [/expired|not yet valid/i, 'tls-expired'],
  [/subject ?name|subject: alternative|target host name|hostname mismatch|name mismatch/i, 'tls-name'],
];

/** curl's exit status where no reply explains the end (https://curl.se/libcurl/c/libcurl-errors.html); undefined: not known. */
const endOf = (
  exit: number,
  conversation: Conversation,
): { readonly cause: Cause; readonly stage: Stage } | undefined => {
  const words = [...conversation.remarks, conversation.end].join('\n');
  const tls = (cause: Cause) => ({ cause, stage: 'tls' as const });
  if (exit === 6) return { cause: 'dns-failed', stage: 'dns' };
  if (exit === 7) {
    if (/connection refused/i.test(words)) return { cause: 'connect-refused', stage: 'connect' };
    const unreachable = /no route to host|unreachable/i.test(words);
    return { cause: unreachable ? 'unreachable' : 'unknown', stage: 'connect' };
  }
  if (exit === 28 || exit === timedOut) {
    if (/resolving timed out/i.test(words)) return { cause: 'dns-failed', stage: 'dns' };
    const isConnected = conversation.heard.length > 0 || reachedIn(conversation) !== undefined;
    if (isConnected) return { cause: 'timeout-at-stage', stage: conversation.stage };
    return { cause: 'connect-timeout', stage: 'connect' };
  }
  if (exit === 35) return tls('tls-failed');
  if (exit === 51) return tls('tls-name');
  if (exit === 60) return tls(certificate.find(([pattern]) => pattern.test(words))?.[1] ?? 'tls-untrusted');
  if (exit === 64) return tls('tls-required');
  if (exit === 8) return { cause: 'protocol-error', stage: conversation.stage };
  if (exit === 52 || exit === 55 || exit === 56) return { cause: 'connection-lost', stage: conversation.stage };
  return undefined;
};

/** What a conversation over SMTP means, as curl writes it down (`-v`). */
export const bySmtp = (
  outcome: { readonly exit: number; readonly said: string },
  said: Said,
  clean: (text: string, most?: number) => string,
): Handover => {
  const conversation = read(outcome.said);
  const { heard, stage, name, end } = conversation;
  const last = heard.at(-1);
  const ehlo = heard.findLast((one) => one.stage === 'ehlo' && one.reply.startsWith('2'))?.reply;
  const banner = heard.find((one) => one.stage === 'banner')?.reply;
  const reached = reachedIn(conversation);
  const refusal = last !== undefined && /^[45]\d\d/.test(last.reply) ? last : undefined;
  const base: Said = {
    ...said,
    stage,
    ownServer: reached?.own ?? false,
    product: productOf([banner, ehlo, refusal?.reply].filter((words) => words !== undefined).join('\n')),
    answeredBy: (banner === undefined ? undefined : serverIn(clean(banner))) ?? reached?.server,
    seenAs:
      (refusal === undefined ? undefined : seenAsInRefusal(refusal.reply)) ??
      (ehlo === undefined ? undefined : seenAsInGreeting(ehlo, name)),
  };
  if (last?.stage === 'body' && last.reply.startsWith('2')) {
    const evidence = clean(last.reply);
    return { state: 'accepted', ...base, evidence, queueId: queueIdIn(evidence) };
  }
  const kept = outcome.said.split('\n').filter((row) => /^[<>] /.test(row));
  const failed = { ...base, evidence: clean(end), conversation: kept.slice(0, 20).map((row) => clean(row, 160)) };
  if (refusal !== undefined)
    return {
      state: 'refused',
      ...failed,
      ...classify(refusal.reply),
      stage: refusal.stage,
      evidence: clean(refusal.reply),
    };
  if (stage === 'body') return { state: 'unanswered', ...failed };
  const why = endOf(outcome.exit, conversation);
  if (why !== undefined) return { state: 'refused', ...failed, ...why, temporary: false };
  if (outcome.exit === 0) return { state: 'claimed', ...base };
  // No curl, or one without SMTP: nothing was tried, so nothing is known of the host's mail.
  const missing = outcome.exit === 127 || outcome.exit === 1;
  return { state: 'unsent', ...failed, cause: missing ? 'no-mailer' : 'sender-failed' };
};
