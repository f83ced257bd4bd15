/** Follows one SMTP conversation in the transport's log, so that whatever ends it, the stage and the server's words are known. */
import type { Stage } from '../../core/words.ts';
import { type Spoken, withoutLogin } from './conversation.ts';

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
  /** The last reply to EHLO (or HELO) that was none of refusal. */
  readonly ehlo: () => string | undefined;
  /** Refusals of EHLO and HELO. */
  readonly ehloRefused: () => readonly string[];
  /**
   * The first refusal of sender, recipient or data, else that of the last login. With PIPELINING the transport learns of one
   * only when all replies are in, and a server may end the connection right after it.
   */
  readonly refusal: () => Heard | undefined;
  /** What the server said of a login before it refused it, decoded (XOAUTH2 does so in base64). */
  readonly challenge: () => string | undefined;
  readonly spoken: () => readonly Spoken[];
  readonly last: () => Heard | undefined;
  /** The stage that a reply was an answer to. */
  readonly stageOf: (reply: string) => Stage | undefined;
  /** For the transport's option `logger`. Of a login that we say nothing but the method is kept. */
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

const isOfMail = ({ stage }: Heard): boolean => stage === 'mail' || stage === 'rcpt' || stage === 'data';
const isRefusal = (reply: string): boolean => /^[45]\d\d/.test(reply);

/** What a server may say in one conversation; more comes from one that means no good, and would fill the memory. */
const mostReplies = 100;
const mostCharacters = 256 * 1024;

/**
 * A new transcript: nothing has happened yet but the question for the server's address. `endless` is called once the server
 * has said too much.
 */
export const keepTranscript = (endless: () => void): Transcript => {
  const waiting: Stage[] = [];
  const heard: Heard[] = [];
  const spoken: Spoken[] = [];
  let now: Stage = 'dns';
  let dot = false;
  let characters = 0;

  const said = (line: string) => {
    // Whatever is none of these is a step of a login, and may hold a secret.
    now = verbs.find(([pattern]) => pattern.test(line))?.[1] ?? 'auth';
    waiting.push(now);
    spoken.push({ by: 'C', text: withoutLogin(line, now === 'auth') });
  };
  const answered = (reply: string) => {
    const stage = waiting.shift() ?? now;
    characters += reply.length;
    if (heard.length >= mostReplies || characters > mostCharacters) return endless();
    heard.push({ stage, reply });
    spoken.push({ by: 'S', text: reply });
    now = stage === 'data' && /^[23]/.test(reply) ? 'body' : stage;
  };
  const note = (entry: unknown, message: unknown) => {
    const tnx = typeof entry === 'object' && entry !== null && 'tnx' in entry ? entry.tnx : undefined;
    if (tnx === 'client') said(String(message));
    if (tnx === 'server') answered(String(message));
    if (tnx === 'message') {
      dot = true;
      waiting.push('body');
      const bytes: unknown = Reflect.get(Object(entry), 'outByteCount');
      spoken.push({ by: 'C', text: `(message, ${Number(bytes)} bytes)` });
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
    ehloRefused: () =>
      heard.filter(({ stage, reply }) => stage === 'ehlo' && isRefusal(reply)).map(({ reply }) => reply),
    refusal: () => {
      const ofMail = heard.find((one) => isRefusal(one.reply) && isOfMail(one));
      const login = heard.findLast(({ stage }) => stage === 'auth');
      return ofMail ?? (login !== undefined && isRefusal(login.reply) ? login : undefined);
    },
    challenge: () => {
      const asked = heard.findLast(({ stage, reply }) => stage === 'auth' && /^334 ?ey/.test(reply))?.reply;
      if (asked === undefined) return undefined;
      const decoded = Buffer.from(asked.slice(4, 2000), 'base64').toString();
      return decoded.startsWith('{') ? decoded : undefined;
    },
    spoken: () => spoken,
    last: () => heard.at(-1),
    stageOf: (reply) => {
      const same = heard.filter((one) => one.reply === reply);
      return (same.find(isOfMail) ?? same.at(-1))?.stage;
    },
    logger: { trace: note, debug: note, info: note, warn: note, error: note, fatal: note },
  };
};
