/** Which mails may be reports of a mail system: told from a few header fields, so that nobody's mail is opened without need. */
import type { SearchObject } from 'imapflow';
import { contentType, type Field, first } from './header.ts';

const daemon = /\bmailer-?daemon\b|\bmdaemon@|\bMicrosoftExchange[0-9a-f]{8,}/i;
const system =
  /\bpostmaster\b|\bmail (?:delivery|administrator)|\b(?:system|mail) administrator|\bdelivery (?:status|sub ?system|system)|\bmail(?:er| router| server|system)\b/i;
const subjects =
  /undeliver|non-?deliver|not (?:be(?:en)? )?delivered|deliver[a-z]{0,4}\b.{0,40}(?:fail|status|problem|delay|notif|report|error|incomplete)|fail(?:ed|ure)\b.{0,40}(?:deliver|notice)|return(?:ed|ing)\b.{0,40}(?:mail|message|sender)|e?mail\b.{0,20}(?:fail|return|delay)|could not send|message .{0,20}blocked|delayed/i;

const reportType = (fields: readonly Field[]): string | undefined => {
  const value = first(fields, 'Content-Type');
  // Hardly any mail is one, and reading the parameters takes its time.
  if (value === undefined || !/multipart\/report/i.test(value.slice(0, 2000))) return undefined;
  const { type, parameters } = contentType(value);
  return type === 'multipart/report' ? (parameters.get('report-type')?.toLowerCase() ?? '') : undefined;
};

const has = (fields: readonly Field[], name: string) => first(fields, name) !== undefined;
const fromDaemon = (fields: readonly Field[]) => daemon.test((first(fields, 'From') ?? '').slice(0, 500));
const fromNobody = (fields: readonly Field[]) => /^<(?:MAILER-DAEMON)?>$/i.test(first(fields, 'Return-Path') ?? '');
/** Fields that only a server which returns a mail writes: Exim and Gmail the first, Exchange the second. */
const isMarked = (fields: readonly Field[]) =>
  has(fields, 'X-Failed-Recipients') || has(fields, 'X-MS-Exchange-Message-Is-Ndr');

/** A server's own report, of whatever kind. Its header is never that of an arrived canary, even if the server copied it there. */
export const isServersOwn = (fields: readonly Field[]): boolean =>
  reportType(fields) !== undefined || isMarked(fields) || (fromNobody(fields) && fromDaemon(fields));

/**
 * True for a mail whose body may say that a mail was returned or delayed. A read receipt, a feedback report and an
 * out-of-office are never opened: those say nothing of a canary's way.
 */
export const mayBeBounce = (fields: readonly Field[]): boolean => {
  const type = reportType(fields);
  if (type !== undefined) return type === '' || type === 'delivery-status';
  if (isMarked(fields) || fromDaemon(fields)) return true;
  const bySystem = system.test((first(fields, 'From') ?? '').slice(0, 500));
  const bySubject = subjects.test((first(fields, 'Subject') ?? '').slice(0, 500));
  const automatic = /^auto-/i.test(first(fields, 'Auto-Submitted') ?? '');
  const marks = [bySystem, bySubject, automatic, fromNobody(fields)].filter((mark) => mark).length;
  return (bySystem || bySubject) && marks > 1;
};

/** The same as a search, which may find more: what it finds is decided by `mayBeBounce`. */
export const suspectSearch: readonly SearchObject[] = [
  { header: { 'Content-Type': 'multipart/report' } },
  { header: { 'X-Failed-Recipients': true } },
  { header: { 'X-MS-Exchange-Message-Is-Ndr': true } },
  ...['daemon', 'postmaster', 'administrator', 'delivery', 'MicrosoftExchange'].map((from) => ({ from })),
  ...['deliver', 'failure', 'return', 'could not send', 'blocked'].map((subject) => ({ subject })),
];
