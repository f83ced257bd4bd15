/** What a host that sends by its own clock tells of a canary, and what that means: from its mailer's own words to a handover. */
import { productOf } from './products.ts';
import { asEvidence, classify, seenAsInRefusal } from './replies.ts';
import { bySmtp, timedOut } from './told-conversation.ts';
import type { Handover, Ms, Said, Slot, Stage } from './words.ts';

/** A telling after parsing. All of it was written by somebody else. */
export type Telling = {
  readonly host: string;
  readonly path: string;
  /** Signed with the key of the fleet, not with the host's own. */
  readonly fleet: boolean;
  readonly generation: number;
  readonly slot: Slot;
  /** When it began to send, by the host's clock. */
  readonly at: Ms;
} & (
  | { readonly phase: 'sending'; readonly address?: string | undefined; readonly mailboxes: readonly string[] }
  | ({ readonly phase: 'done'; readonly mailbox: string } & Outcome)
);

/** What came of one mail, as the host's mailer reported it. */
export type Outcome = {
  readonly via: 'sendmail' | 'smtp';
  /** The exit status of curl (smtp) or sendmail; other programs that speak SMTP use curl's numbers. */
  readonly exit: number;
  /** smtp: a line each, `> ` what the host said, `< ` what the server said, `* ` remarks. sendmail: its words. */
  readonly said: string;
  /** Why the mail still waits in the host's own queue, in the words of `mailq`. */
  readonly queue?: string | undefined;
  readonly leftFrom?: string | undefined;
};

/** A relay's reply as mailers repeat it: Postfix' mailq ("said: 450 …"), msmtp ("server message: 554 …"), ssmtp ("(554 …)"). */
const replyIn = (words: string): string | undefined =>
  /(?:\bsaid: |\bserver message: |> \()([45]\d\d[ -][^\n]{1,400})/.exec(words)?.[1] ??
  /\b([45]\d\d[ -][45]\.\d{1,3}\.\d{1,3} [^\n]{1,400})/.exec(words)?.[1];

const answered: readonly (readonly [RegExp, Stage])[] = [
  [/\bto MAIL FROM\b/i, 'mail'],
  [/\bto RCPT TO\b/i, 'rcpt'],
  [/\bto end of DATA\b/i, 'body'],
  [/\bto DATA\b/i, 'data'],
];

/** What a relay answered, in the words of the host's own mail server. */
const relayed = (words: string, said: Said, clean: (text: string, most?: number) => string) => {
  const reply = replyIn(words);
  if (reply === undefined) return undefined;
  const by = /\bhost ([A-Za-z0-9._-]{1,255})\[/.exec(words)?.[1]?.toLowerCase();
  const stage = answered.find(([pattern]) => pattern.test(words))?.[1];
  const { cause, temporary } = classify(reply);
  const evidence = clean(reply);
  return {
    temporary,
    said: {
      ...said,
      cause,
      stage,
      evidence,
      answeredBy: by,
      ownServer: false,
      seenAs: seenAsInRefusal(reply),
      product: productOf(reply),
    },
  };
};

/** sysexits.h */
const usage = 64;
const tryLater = 75;
const bySendmail = (outcome: Outcome, said: Said, clean: (text: string, most?: number) => string): Handover => {
  const own: Said = { ...said, ownServer: true, evidence: clean(outcome.said) || undefined };
  if (outcome.exit === 0) {
    const { queue } = outcome;
    if (queue === undefined || queue.trim() === '') return { state: 'accepted', ...own };
    const waits: Said = { ...own, evidence: clean(queue) };
    // It is tried again by the host's own mail server: refused only when it does not arrive in time.
    const relay = relayed(queue, waits, clean);
    return { state: 'refused', cause: 'queued-on-host', ...(relay?.said ?? waits), temporary: true };
  }
  if (outcome.exit === 127) return { state: 'refused', cause: 'no-mailer', temporary: false, ...own };
  if (outcome.exit === usage) return { state: 'unsent', cause: 'sender-failed', ...own };
  if (outcome.exit === timedOut) return { state: 'unanswered', ...own };
  const relay = relayed(outcome.said, own, clean);
  if (relay !== undefined) return { state: 'refused', ...relay.said, temporary: relay.temporary };
  return { state: 'refused', cause: 'unknown', temporary: outcome.exit === tryLater, ...own };
};

/** The handover that an outcome means. `sentAt` by our clock; the secrets must not appear in anything that is kept. */
export const handoverOf = (outcome: Outcome, sentAt: Ms, secrets: readonly string[]): Handover => {
  const clean = (text: string, most?: number) => asEvidence(text, secrets, most);
  const said: Said = { sentAt, leftFrom: outcome.leftFrom };
  return outcome.via === 'smtp' ? bySmtp(outcome, said, clean) : bySendmail(outcome, said, clean);
};
