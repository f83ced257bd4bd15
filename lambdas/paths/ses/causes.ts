/** From what SES answered, or what kept it from answering, to a handover. */
import type { Cause } from '../../core/causes.ts';
import { asEvidence, classify, classifyCode } from '../../core/replies.ts';
import type { CanaryMail, Handover, Said, Stage } from '../../core/words.ts';

/** What is known of an attempt when it ends. */
export type Attempt = {
  readonly mail: Pick<CanaryMail, 'from' | 'to' | 'sentAt'>;
  /** The configuration set is one that our own stack makes. */
  readonly ownSet: boolean;
  readonly deadline: AbortSignal;
  /** The endpoint that was called, once it is known. */
  readonly server: string | undefined;
  /** False while only credentials were looked up: SES was not asked yet. */
  readonly begun: boolean;
  readonly stage: Stage;
  readonly sent: boolean;
  /** What the request carried and no answer may repeat. */
  readonly secrets: readonly string[];
};

type Refusal = { readonly state: 'refused'; readonly cause: Cause; readonly temporary: boolean };
type Verdict = Refusal | { readonly state: 'unsent'; readonly cause: Cause };

const no = (cause: Cause): Refusal => ({ state: 'refused', cause, temporary: false });
const later = (cause: Cause): Refusal => ({ state: 'refused', cause, temporary: true });
/** Our role, our credentials, our request: applications that send with their own may be well. */
const ours = { state: 'unsent', cause: 'sender-failed' } as const;

/**
 * By the error's code and words; the first row that holds. What SES says of the account, its identities and its limits
 * holds for everybody who sends through it: refused.
 * @see https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html
 */
const rows: readonly (readonly [code: RegExp, words: RegExp, verdict: Verdict])[] = [
  [/^(Account|ConfigurationSet)SendingPaused/, /(?:)/, no('account-paused')],
  [
    /^MessageRejected/,
    /sending (is |was |has been )?(paused|suspended|disabled)|account is (paused|suspended|locked)/i,
    no('account-paused'),
  ],
  [/^MessageRejected/, /address blacklisted|suppression list/i, no('suppressed')],
  // SES cannot read the MX record of the identity's own MAIL FROM domain, and was told not to send without it.
  [/^MailFromDomainNotVerified/, /(?:)/, no('sender-rejected')],
  [/^(Throttl|RequestThrottled|TooManyRequests|LimitExceeded)/, /daily message quota/i, later('quota-exceeded')],
  [/^(Throttl|RequestThrottled|TooManyRequests|LimitExceeded)/, /(?:)/, later('throttled')],
  [
    /^(InvalidParameterValue|MessageRejected)/,
    /message length is more than|message (size|too large)/i,
    no('too-large'),
  ],
  [/^RequestEntityTooLarge/, /(?:)/, no('too-large')],
  [/^(AccessDenied|NotAuthorized|UnauthorizedOperation|OptInRequired)/, /(?:)/, ours],
  [
    /^(SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClient|ExpiredToken|MissingAuthenticationToken|RequestExpired|RequestTimeTooSkewed)/,
    /(?:)/,
    ours,
  ],
  [
    /^(InvalidParameter|InvalidAction|InvalidQueryParameter|InvalidTag|Malformed|Missing(Action|Parameter)|Validation)/,
    /(?:)/,
    ours,
  ],
];

/** Whom SES does not know: the sender, or (as it says in the sandbox only) the recipient. It may not name all of them. */
const unverified = (words: string, { mail }: Attempt): Refusal => {
  const listed = (/failed the check in region [A-Za-z0-9-]{1,30}: (.*)$/s.exec(words)?.[1] ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => (/<([^<>]*)>/.exec(name)?.[1] ?? name).trim());
  const is = (address: string) => {
    const whole = address.toLowerCase();
    return listed.includes(whole) || listed.includes(whole.split('@')[1] ?? '');
  };
  if (is(mail.from)) return no('sender-rejected');
  return is(mail.to) ? no('sandbox') : no('sender-rejected');
};

/** What an error of SES means. */
const verdictOf = (code: string, words: string, status: number, attempt: Attempt): Verdict => {
  if (/^MessageRejected/.test(code) && /address is not verified/i.test(words)) return unverified(words, attempt);
  // A set that people named is one that their application may send with, too; our own is missing by our own fault.
  if (/^ConfigurationSetDoesNotExist/.test(code)) return attempt.ownSet ? ours : no('unknown');
  const row = rows.find(([name, said]) => name.test(code) && said.test(words));
  if (row !== undefined) return row[2];
  if (status >= 500) return later('temporary-refusal');
  // In the words that SES would use over SMTP.
  return /^MessageRejected/.test(code) ? no(classify(`554 Message rejected: ${words}`).cause) : no('unknown');
};

const said = (attempt: Attempt, stage: Stage, words: string): Said => ({
  sentAt: attempt.mail.sentAt,
  stage,
  ownServer: false,
  evidence: asEvidence(words, attempt.secrets),
  answeredBy: stage === 'dns' ? undefined : attempt.server,
});

const field = (error: Error, name: string): unknown => Reflect.get(error, name);
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The status of an HTTP answer, when there was one. */
const statusOf = (error: Error): number | undefined => {
  const metadata = field(error, '$metadata');
  const status: unknown =
    typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'httpStatusCode') : undefined;
  return typeof status === 'number' ? status : undefined;
};

/** Node puts the failures of several addresses into one error without words of its own. */
const wordsOf = (error: Error): string =>
  error.message !== '' || !(error instanceof AggregateError)
    ? // The SDK adds a line of advice for developers.
      (error.message.split('\n')[0] ?? '')
    : error.errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; ');

/** SES took the mail. Without the id that it must give, nobody knows. */
export const accepted = (attempt: Attempt, messageId: string | undefined): Handover => {
  const queueId = asEvidence(messageId ?? '', attempt.secrets, 200);
  if (queueId === '')
    return { state: 'unanswered', ...said(attempt, 'http', 'HTTP 200 without the MessageId that SES answers with') };
  return { state: 'accepted', ...said(attempt, 'http', `MessageId ${queueId}`), queueId, product: 'ses' };
};

/** The attempt failed; reads from the error, and from how far the request came, what that says. */
export const failed = (attempt: Attempt, error: Error): Handover => {
  const { deadline, stage } = attempt;
  const unsent = (words: string): Handover => ({ ...ours, ...said(attempt, stage, words) });
  const status = statusOf(error);
  const code = textOf(field(error, 'Code'));
  if (status !== undefined && code !== undefined) {
    // A refused signature is answered with the whole signed text, a session token in it.
    const words = error.message.split(/The Canonical String|The String-to-Sign/)[0] ?? '';
    const verdict = verdictOf(code, words, status, attempt);
    return { ...verdict, ...said(attempt, 'http', `${code}: ${words}`), product: 'ses' };
  }
  if (!attempt.begun)
    return unsent(deadline.aborted ? 'no credentials for SES before the deadline' : `${error.name}: ${wordsOf(error)}`);
  // 200 for the whole mail may be a yes that we could not read.
  if (status !== undefined && !(attempt.sent && status >= 200 && status < 300)) {
    const verdict = status >= 500 ? later('temporary-refusal') : no('protocol-error');
    return { ...verdict, ...said(attempt, 'http', `HTTP ${status} without an error of SES: ${wordsOf(error)}`) };
  }

  const network = textOf(field(error, 'code'));
  const timedOut =
    deadline.aborted || network === 'ETIMEDOUT' || (network === undefined && error.name === 'TimeoutError');
  const end = timedOut ? `no answer at stage "${stage}" before the deadline` : wordsOf(error);
  if (attempt.sent) return { state: 'unanswered', ...said(attempt, 'http', `${end}, after the whole mail was sent`) };
  if (timedOut) {
    const cause = stage === 'dns' ? 'dns-failed' : stage === 'connect' ? 'connect-timeout' : 'timeout-at-stage';
    return { ...no(cause), ...said(attempt, stage, end) };
  }
  const cause = classifyCode(network);
  // Such as too many open files: our own machine could not even try.
  if (cause === undefined) return unsent(`${error.name}: ${end}`);
  return { ...no(cause), ...said(attempt, cause === 'dns-failed' ? 'dns' : stage, end) };
};
