/** From a web host's answer to a handover: what the application claims, what its relay refused, and what says nothing of mail. */
import { isIP } from 'node:net';
import * as z from 'zod';
import type { Cause } from '../../core/causes.ts';
import { asEvidence, classify, classifyCode, seenAsInRefusal } from '../../core/replies.ts';
import type { Handover, Said, Stage } from '../../core/words.ts';
import type { Answer } from './exchange.ts';

/** Whom we asked. */
export type Asked = {
  readonly sentAt: number;
  readonly host: string;
  /** The web host as the URL names it. */
  readonly server: string;
  readonly deadline: AbortSignal;
  /** Must not appear in anything that is kept. */
  readonly secrets: readonly string[];
};

// An application may leave out or misspell what is optional; that must not hide what it says of the mail.
const optional = z.string().optional().catch(undefined);
const sentAnswer = z.object({
  state: z.literal('sent'),
  response: optional,
  queueId: optional,
  server: optional,
  seenAs: optional,
});
const failedAnswer = z.object({
  state: z.literal('failed'),
  error: z.string().catch('no words'),
  response: optional,
  server: optional,
  seenAs: optional,
  code: optional,
});
const otherHost = z.object({ host: z.string().min(1) });

const json = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Error pages are HTML; their words are what helps. */
const asText = (body: string): string =>
  body
    .slice(0, 4000)
    .replace(/<[^<>]{0,500}>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);

/** Reads the answer of the host that was asked. */
export const handoverOf = (asked: Asked, answer: Answer): Handover => {
  const clean = (text: string | undefined, most?: number): string | undefined => {
    const kept = text === undefined ? '' : asEvidence(text, asked.secrets, most);
    return kept === '' ? undefined : kept;
  };
  const ofWebHost = (evidence: string, stage: Stage): Said => ({
    sentAt: asked.sentAt,
    evidence: clean(evidence),
    answeredBy: clean(asked.server, 255),
    ownServer: true,
    stage,
  });
  const ofRelay = (told: {
    readonly server?: string | undefined;
    readonly seenAs?: string | undefined;
  }): Partial<Said> => ({
    ownServer: false,
    answeredBy: clean(told.server, 255)?.toLowerCase(),
    seenAs: told.seenAs !== undefined && isIP(told.seenAs) !== 0 ? told.seenAs : undefined,
  });
  const unsent = (cause: Cause, words: string, stage: Stage = 'http'): Handover => ({
    state: 'unsent',
    cause,
    ...ofWebHost(words, stage),
  });

  const failed = (told: z.output<typeof failedAnswer>): Handover => {
    const base = { state: 'refused' as const, ...ofWebHost(told.response ?? told.error, 'http') };
    if (told.response !== undefined && /^[45]\d\d/.test(told.response)) {
      const seenAs = ofRelay(told).seenAs ?? seenAsInRefusal(told.response);
      return { ...base, ...ofRelay(told), ...classify(told.response), seenAs };
    }
    const cause = classifyCode(told.code);
    const relay = cause !== undefined || told.server !== undefined ? ofRelay(told) : {};
    return { ...base, ...relay, cause: cause ?? 'app-error', temporary: false };
  };

  if (answer.state === 'none') {
    const words = asked.deadline.aborted
      ? `no answer at stage "${answer.stage}" before the deadline`
      : answer.error.message;
    if (answer.sent) return { state: 'unanswered', ...ofWebHost(`${words}, after the whole request was sent`, 'http') };
    const code: unknown = Reflect.get(answer.error, 'code');
    const cause = asked.deadline.aborted || typeof code !== 'string' ? undefined : classifyCode(code);
    return unsent(cause ?? 'trigger-failed', words === '' ? String(code) : words, answer.stage);
  }

  const { status, location } = answer;
  const told = json(answer.body);
  const words = [`HTTP ${status}`, location === undefined ? '' : `to ${location}, not followed`, asText(answer.body)];
  const inWords = words.filter((word) => word !== '').join(': ');
  if (status === 200) {
    const sent = sentAnswer.safeParse(told);
    if (!sent.success) return unsent('trigger-failed', inWords);
    const { response, queueId, server } = sent.data;
    const base = { state: 'claimed' as const, ...ofWebHost(response ?? '', 'http'), queueId: clean(queueId, 200) };
    return server === undefined ? base : { ...base, ...ofRelay(sent.data) };
  }
  if (status === 502) {
    // A proxy in front of the application says 502 as well: only the application says so in these words.
    const refusal = failedAnswer.safeParse(told);
    return refusal.success ? failed(refusal.data) : unsent('trigger-failed', inWords);
  }
  if (status === 421) {
    const other = otherHost.safeParse(told);
    if (other.success && other.data.host !== asked.host)
      return unsent('not-in-rotation', `${other.data.host} answered in place of ${asked.host}`);
  }
  return unsent(status === 401 || status === 403 ? 'trigger-unauthorised' : 'trigger-failed', inWords);
};
