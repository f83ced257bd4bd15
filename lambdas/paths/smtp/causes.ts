/** From the end of a conversation to a handover: what was refused, where, why, and in whose words. */
import type { Cause } from '../../core/causes.ts';
import { asEvidence, classify, classifyCode, seenAsInGreeting, seenAsInRefusal } from '../../core/replies.ts';
import type { Handover, Said, Stage } from '../../core/words.ts';
import { queueIdIn, serverIn } from './reading.ts';
import type { Transcript } from './transcript.ts';

/** What is known of an attempt when it ends. */
export type Attempt = {
  readonly sentAt: number;
  readonly transcript: Transcript;
  /** `host:port` as we called it, and `address:port` once somebody took the connection. */
  readonly called: string;
  readonly remote: () => string | undefined;
  /** Our own end of the connection, once there is one. */
  readonly local: () => string | undefined;
  /** What we said in EHLO. */
  readonly name: () => string;
  readonly ownServer: boolean;
  readonly requireTls: boolean;
  readonly deadline: AbortSignal;
  /** Must not appear in anything that is kept. */
  readonly secrets: readonly string[];
};

const said = (attempt: Attempt, stage: Stage, words: string, refusal?: string): Said => {
  const clean = (text: string | undefined, most?: number) => {
    const kept = text === undefined ? '' : asEvidence(text, attempt.secrets, most);
    return kept === '' ? undefined : kept;
  };
  const banner = attempt.transcript.banner();
  const ehlo = attempt.transcript.ehlo();
  return {
    sentAt: attempt.sentAt,
    stage,
    ownServer: attempt.ownServer,
    evidence: clean(words),
    leftFrom: attempt.local(),
    answeredBy: clean(
      (banner === undefined ? undefined : serverIn(banner)) ??
        attempt.remote() ??
        (stage === 'dns' ? undefined : attempt.called),
      255,
    ),
    seenAs:
      (refusal === undefined ? undefined : seenAsInRefusal(refusal)) ??
      (ehlo === undefined ? undefined : seenAsInGreeting(ehlo, attempt.name())),
  };
};

/** The server took the mail. */
export const accepted = (attempt: Attempt, reply: string): Handover => {
  const queueId = queueIdIn(asEvidence(reply, attempt.secrets));
  return { state: 'accepted', ...said(attempt, 'body', reply), queueId };
};

/** A refusal with a reply; some replies mean something only at their stage. */
const refusedWith = (attempt: Attempt, stage: Stage, reply: string): Handover => {
  const { cause, temporary } = classify(reply);
  const unclear = cause === 'unknown';
  const here = (): Cause => {
    if (stage === 'tls') return attempt.requireTls && !temporary ? 'tls-required' : 'tls-failed';
    if (stage === 'auth' && unclear) return /^50[234]/.test(reply) ? 'auth-method-disabled' : 'auth-failed';
    return cause;
  };
  return { state: 'refused', cause: here(), temporary, ...said(attempt, stage, reply, reply) };
};

const late: Partial<Record<Stage, readonly [Cause, string]>> = {
  dns: ['dns-failed', 'no answer from the name server before the deadline'],
  connect: ['connect-timeout', 'no answer to the connection attempt before the deadline'],
};

const heardLast = (attempt: Attempt): string => {
  const last = attempt.transcript.last();
  return last === undefined ? '' : `; the last reply was: ${last.reply}`;
};

/** Node puts the failures of several addresses into one error without words of its own. */
const wordsOf = (error: Error): string =>
  error.message !== '' || !(error instanceof AggregateError)
    ? error.message
    : error.errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; ');

const field = (error: Error, name: string): string | undefined => {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : undefined;
};

/** Our own machine could not even try: no fact about the host. */
const ownFault = /^(EMFILE|ENFILE|ENOBUFS|ENOMEM|ERR_ACCESS_DENIED|ECONFIG|ESTREAM)$/;

/** The attempt failed; reads from the error and the transcript what that says. */
export const failed = (attempt: Attempt, error: Error): Handover => {
  const { transcript, deadline } = attempt;
  const response = field(error, 'response');
  const reply = response !== undefined && /^[45]\d\d/.test(response) ? response : undefined;
  if (reply !== undefined) return refusedWith(attempt, transcript.stageOf(reply) ?? transcript.stage(), reply);

  const code = field(error, 'originalCode') ?? field(error, 'code');
  const timedOut = deadline.aborted || code === 'ETIMEDOUT';
  const stage = transcript.stage();
  const end = timedOut ? `no answer at stage "${stage}" before the deadline` : wordsOf(error);
  if (transcript.dotSent())
    return {
      state: 'unanswered',
      ...said(attempt, 'body', `${end}, after the whole mail was sent${heardLast(attempt)}`),
    };

  const refusal = transcript.refusal();
  if (refusal !== undefined) return refusedWith(attempt, refusal.stage, refusal.reply);
  if (timedOut) {
    const [cause, words] = late[stage] ?? (['timeout-at-stage', `${end}${heardLast(attempt)}`] as const);
    return { state: 'refused', cause, temporary: false, ...said(attempt, stage, words) };
  }
  const cause = code === 'EPROTOCOL' || response !== undefined ? 'protocol-error' : classifyCode(code);
  if (cause === undefined || (code !== undefined && ownFault.test(code)) || cause === 'auth-failed')
    return { state: 'unsent', cause: 'sender-failed', ...said(attempt, stage, wordsOf(error)) };
  const words = cause === 'connection-lost' ? `${wordsOf(error)}${heardLast(attempt)}` : wordsOf(error);
  return { state: 'refused', cause, temporary: false, ...said(attempt, stage, response ?? words) };
};
