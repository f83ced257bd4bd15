/** From the end of a conversation to a handover: what was refused, where, why, and in whose words. */
import type { Cause } from '../../core/causes.ts';
import { productOf } from '../../core/products.ts';
import { isHidden, isStruckOut, queueIdIn, serverIn } from '../../core/reading.ts';
import { asEvidence, classify, classifyCode, seenAsInGreeting, seenAsInRefusal } from '../../core/replies.ts';
import type { Handover, Said, Stage } from '../../core/words.ts';
import { conversationOf } from './conversation.ts';
import type { Transcript } from './transcript.ts';

/** What is known of an attempt when it ends. */
export type Attempt = {
  readonly sentAt: number;
  readonly transcript: Transcript;
  readonly recipient: string;
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
  /** Bytes of the whole message. */
  readonly bytes: number;
  /** Takes secrets out of words that are kept. */
  readonly mask: (words: string) => string;
};

const said = (attempt: Attempt, stage: Stage, words: string, refusal?: string): Said => {
  const clean = (text: string | undefined, most?: number) => {
    const kept = text === undefined ? '' : asEvidence(attempt.mask(text), [], most);
    return kept === '' ? undefined : kept;
  };
  const banner = attempt.transcript.banner();
  const ehlo = attempt.transcript.ehlo();
  const reply = refusal ?? attempt.transcript.last()?.reply;
  const heard = [banner?.slice(0, 500), reply?.slice(0, 1000), ehlo].filter((one) => one !== undefined);
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
    product: heard.length === 0 ? undefined : productOf(heard.join('\n')),
  };
};

/** As above, with all that both sides said. */
const saidAll = (...of: Parameters<typeof said>): Said => ({
  ...said(...of),
  conversation: conversationOf(of[0].transcript.spoken(), of[0].mask),
});

/** The server took the mail. */
export const accepted = (attempt: Attempt, reply: string): Handover => {
  const queueId = queueIdIn(asEvidence(attempt.mask(reply)));
  return { state: 'accepted', ...said(attempt, 'body', reply), queueId };
};

/** How a firewall shows itself: it hides the banner, strikes extensions out, or knows no EHLO where the server behind it does. */
const alteration = ({ transcript }: Attempt): string | undefined => {
  const banner = transcript.banner();
  if (banner !== undefined && isHidden(banner)) return `the banner is hidden by a firewall: ${banner}`;
  if (isStruckOut(transcript.ehlo() ?? '')) return 'extensions in the reply to EHLO are struck out by a firewall';
  const [refused, again] = transcript.ehloRefused();
  // HELO came to nothing as well: that is a server that takes no mail at all.
  if (refused === undefined || again !== undefined || !isUnrecognized(refused)) return undefined;
  return `EHLO, which every server knows, was answered ${refused}`;
};

/** Causes that only say that the conversation broke; where a firewall rewrites it, that is why. */
const broken: readonly Cause[] = [
  'tls-required',
  'tls-failed',
  'protocol-error',
  'connection-lost',
  'timeout-at-stage',
];

/** "Command unrecognized", of a command that every server knows; any other refusal comes from the server itself. */
const isUnrecognized = (reply: string): boolean => /^50[02]/.test(reply);

/** A permanent refusal: `words` are the server's, or our system's; `refusal` is a reply that says no. */
const refusedFor = (attempt: Attempt, cause: Cause, stage: Stage, words: string, refusal?: string): Handover => {
  const may = broken.includes(cause) || (cause === 'unknown' && isUnrecognized(words));
  const altered = may ? alteration(attempt) : undefined;
  const told = altered === undefined ? words : `${words}; ${altered}`;
  const named = altered === undefined ? cause : 'firewall-altered';
  return { state: 'refused', cause: named, temporary: false, ...saidAll(attempt, stage, told, refusal) };
};

/** A refusal with a reply; some replies mean something only at their stage. */
const refusedWith = (attempt: Attempt, stage: Stage, reply: string): Handover => {
  const { cause, temporary } = classify(reply, attempt.recipient);
  const challenge = stage === 'auth' ? attempt.transcript.challenge() : undefined;
  const words = challenge === undefined ? reply : `${reply}; the server said of the login: ${challenge}`;
  if (temporary) {
    const here = stage === 'tls' ? 'tls-failed' : cause;
    return { state: 'refused', cause: here, temporary, ...saidAll(attempt, stage, words, reply) };
  }
  const here = (): Cause => {
    if (stage === 'tls') return attempt.requireTls ? 'tls-required' : 'tls-failed';
    if (stage !== 'auth' || (cause !== 'unknown' && cause !== 'protocol-error')) return cause;
    if (isUnrecognized(reply) && alteration(attempt) !== undefined) return cause;
    return /^50[0234]/.test(reply) ? 'auth-method-disabled' : 'auth-failed';
  };
  return refusedFor(attempt, here(), stage, words, reply);
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

/** The transport found the mail larger than the server announced to take (RFC 1870), and did not begin. */
const tooLarge = /^Message size larger than allowed (\d{1,15})$/;

/** The attempt failed; reads from the error and the transcript what that says. */
export const failed = (attempt: Attempt, error: Error): Handover => {
  const { transcript, deadline } = attempt;
  const response = field(error, 'response');
  const reply = response !== undefined && /^[45]\d\d/.test(response) ? response : undefined;
  if (reply !== undefined) return refusedWith(attempt, transcript.stageOf(reply) ?? transcript.stage(), reply);
  const announced = response === undefined ? tooLarge.exec(error.message)?.[1] : undefined;
  if (announced !== undefined) {
    const words = `the server announces SIZE ${announced}, the mail has ${attempt.bytes} bytes`;
    return refusedFor(attempt, 'too-large', 'ehlo', words);
  }

  const code = field(error, 'originalCode') ?? field(error, 'code');
  const timedOut = deadline.aborted || code === 'ETIMEDOUT';
  const stage = transcript.stage();
  const end = timedOut ? `no answer at stage "${stage}" before the deadline` : wordsOf(error);
  if (transcript.dotSent())
    return {
      state: 'unanswered',
      ...saidAll(attempt, 'body', `${end}, after the whole mail was sent${heardLast(attempt)}`),
    };

  const refusal = transcript.refusal();
  if (refusal !== undefined) return refusedWith(attempt, refusal.stage, refusal.reply);
  if (timedOut) {
    const [cause, words] = late[stage] ?? (['timeout-at-stage', `${end}${heardLast(attempt)}`] as const);
    return refusedFor(attempt, cause, stage, words);
  }
  const cause = code === 'EPROTOCOL' || response !== undefined ? 'protocol-error' : classifyCode(code);
  if (cause === undefined || (code !== undefined && ownFault.test(code)) || cause === 'auth-failed')
    return { state: 'unsent', cause: 'sender-failed', ...saidAll(attempt, stage, wordsOf(error)) };
  const words = cause === 'connection-lost' ? `${wordsOf(error)}${heardLast(attempt)}` : wordsOf(error);
  return refusedFor(attempt, cause, stage, response ?? words);
};
