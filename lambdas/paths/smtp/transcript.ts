/** Follows one SMTP conversation in the transport's log, so that whatever ends it, the stage and the server's words are known. */
import type { Stage } from '../../core/words.ts';

type Heard = { readonly stage: Stage; readonly reply: string };

/** What is known of a conversation at any moment. */
export type Transcript = {
  /** The stage of the first command that has no reply yet, else of the last thing that happened. */
  readonly stage: () => Stage;
  /** The connection came to this stage (before SMTP begins). */
  readonly reached: (stage: Stage) => void;
  /** The whole message is out: from here on the server may have taken it. */
  readonly dotSent: () => boolean;
  readonly banner: () => string | undefined;
  /** The last reply to EHLO. */
  readonly ehlo: () => string | undefined;
  /** The first refusal of sender, recipient or data. With PIPELINING the transport learns of it only when all replies are in. */
  readonly refusal: () => Heard | undefined;
  readonly last: () => Heard | undefined;
  /** The stage that a reply was an answer to. */
  readonly stageOf: (reply: string) => Stage | undefined;
  /** For the transport's option `logger`. Of what we say only the verb is looked at, and nothing is kept. */
  readonly logger: Record<'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', (...entry: unknown[]) => void>;
};

const verbs: readonly (readonly [RegExp, Stage])[] = [
  [/^(EHLO|HELO) /i, 'ehlo'],
  [/^STARTTLS$/i, 'tls'],
  [/^MAIL FROM:/i, 'mail'],
  [/^RCPT TO:/i, 'rcpt'],
  [/^DATA$/i, 'data'],
  [/^\.$/, 'body'],
];

/** A new transcript: nothing has happened yet but the question for the server's address. */
export const keepTranscript = (): Transcript => {
  const waiting: Stage[] = [];
  const heard: Heard[] = [];
  let now: Stage = 'dns';
  let dot = false;

  const said = (line: string) => {
    // Whatever is none of these is a step of a login, and may hold a secret.
    now = verbs.find(([pattern]) => pattern.test(line))?.[1] ?? 'auth';
    waiting.push(now);
  };
  const answered = (reply: string) => {
    const stage = waiting.shift() ?? now;
    heard.push({ stage, reply });
    now = stage === 'data' && /^[23]/.test(reply) ? 'body' : stage;
  };
  const note = (entry: unknown, message: unknown) => {
    const tnx = typeof entry === 'object' && entry !== null && 'tnx' in entry ? entry.tnx : undefined;
    if (tnx === 'client') said(String(message));
    if (tnx === 'server') answered(String(message));
    if (tnx === 'message') {
      dot = true;
      waiting.push('body');
    }
  };

  return {
    stage: () => waiting[0] ?? now,
    reached: (stage) => {
      now = stage;
      if (stage === 'banner') waiting.push('banner');
    },
    dotSent: () => dot,
    banner: () => heard.find(({ stage }) => stage === 'banner')?.reply,
    ehlo: () => heard.findLast(({ stage, reply }) => stage === 'ehlo' && reply.startsWith('2'))?.reply,
    refusal: () =>
      heard.find(
        ({ stage, reply }) => /^[45]\d\d/.test(reply) && (stage === 'mail' || stage === 'rcpt' || stage === 'data'),
      ),
    last: () => heard.at(-1),
    stageOf: (reply) => heard.find((one) => one.reply === reply)?.stage,
    logger: { trace: note, debug: note, info: note, warn: note, error: note, fatal: note },
  };
};
