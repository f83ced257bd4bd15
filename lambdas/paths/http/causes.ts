/** From a web host's answer to a handover: what the application claims, what its relay refused, and what says nothing of mail. */
import { isIP } from 'node:net';
import * as z from 'zod';
import type { Cause } from '../../core/causes.ts';
import { productOf } from '../../core/products.ts';
import { asEvidence, classify, classifyCode, seenAsInRefusal } from '../../core/replies.ts';
import type { Handover, Said, Stage } from '../../core/words.ts';
import type { Answer } from './exchange.ts';

/** Whom we asked. */
export type Asked = {
  readonly sentAt: number;
  readonly host: string;
  readonly to: string;
  /** The web host as the URL names it. */
  readonly server: string;
  readonly deadline: AbortSignal;
  /** Must not appear in anything that is kept. */
  readonly secrets: readonly string[];
};

// An application may leave out or misspell what is optional; that must not hide what it says of the mail.
const optional = z.string().optional().catch(undefined);
const failures = z.int().min(0).max(1_000_000).optional().catch(undefined);
const sentAnswer = z.object({
  state: z.literal('sent'),
  response: optional,
  queueId: optional,
  server: optional,
  seenAs: optional,
  failures,
});
const failedAnswer = z.object({
  state: z.literal('failed'),
  error: z.string().catch('no words'),
  response: optional,
  server: optional,
  seenAs: optional,
  code: optional,
  failures,
});
const otherHost = z.object({ host: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/) });

const json = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** The name that the body of a 421 gives; undefined when it is none that a host can have. */
export const nameIn = (body: string): string | undefined => {
  const parsed = otherHost.safeParse(json(body));
  return parsed.success ? parsed.data.host : undefined;
};

/** Error pages are HTML; their words are what helps. */
const asText = (body: string): string =>
  body
    .slice(0, 4000)
    .replace(/<[^<>]{0,500}>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);

const counted = (failures: number | undefined): Partial<Said> =>
  failures === undefined ? {} : { appFailures: failures };

const clean = ({ secrets }: Asked, text: string | undefined, most?: number): string | undefined => {
  const kept = text === undefined ? '' : asEvidence(text, secrets, most);
  return kept === '' ? undefined : kept;
};

const ofWebHost = (asked: Asked, evidence: string, stage: Stage): Said => ({
  sentAt: asked.sentAt,
  evidence: clean(asked, evidence),
  answeredBy: clean(asked, asked.server, 255),
  ownServer: true,
  stage,
});

/** The host could not be asked: nothing is known of its mail. */
export const unsentBy = (asked: Asked, cause: Cause, words: string, stage: Stage = 'http'): Handover => ({
  state: 'unsent',
  cause,
  ...ofWebHost(asked, words, stage),
});

/** Reads the answer of the host that was asked. */
export const handoverOf = (asked: Asked, answer: Answer): Handover => {
  const ofRelay = (told: {
    readonly server?: string | undefined;
    readonly seenAs?: string | undefined;
  }): Partial<Said> => ({
    ownServer: false,
    answeredBy: clean(asked, told.server, 255)?.toLowerCase(),
    seenAs: told.seenAs !== undefined && isIP(told.seenAs) !== 0 ? told.seenAs : undefined,
  });
  const failed = (told: z.output<typeof failedAnswer>): Handover => {
    const said = ofWebHost(asked, told.response ?? told.error, 'http');
    const base = { state: 'refused' as const, ...said, ...counted(told.failures) };
    if (told.response !== undefined && /^[45]\d\d/.test(told.response)) {
      const seenAs = ofRelay(told).seenAs ?? seenAsInRefusal(told.response);
      return {
        ...base,
        ...ofRelay(told),
        ...classify(told.response, asked.to),
        product: productOf(told.response),
        seenAs,
      };
    }
    const cause = classifyCode(told.code);
    const relay = cause !== undefined || told.server !== undefined ? ofRelay(told) : {};
    return { ...base, ...relay, cause: cause ?? 'app-error', temporary: false };
  };

  if (answer.state === 'none') {
    const words = asked.deadline.aborted
      ? `no answer at stage "${answer.stage}" before the deadline`
      : answer.error.message;
    if (answer.sent)
      return { state: 'unanswered', ...ofWebHost(asked, `${words}, after the whole request was sent`, 'http') };
    const code: unknown = Reflect.get(answer.error, 'code');
    const cause = asked.deadline.aborted || typeof code !== 'string' ? undefined : classifyCode(code);
    return unsentBy(asked, cause ?? 'trigger-failed', words === '' ? String(code) : words, answer.stage);
  }

  const { status, location } = answer;
  const told = json(answer.body);
  const words = [`HTTP ${status}`, location === undefined ? '' : `to ${location}, not followed`, asText(answer.body)];
  const inWords = words.filter((word) => word !== '').join(': ');
  if (status === 200) {
    const sent = sentAnswer.safeParse(told);
    if (!sent.success) return unsentBy(asked, 'trigger-failed', inWords);
    const { response, queueId, server } = sent.data;
    const said = {
      ...ofWebHost(asked, response ?? '', 'http'),
      queueId: clean(asked, queueId, 200),
      ...counted(sent.data.failures),
    };
    const base = { state: 'claimed' as const, ...said };
    return server === undefined ? base : { ...base, ...ofRelay(sent.data) };
  }
  if (status === 502) {
    // A proxy in front of the application says 502 as well: only the application says so in these words.
    const refusal = failedAnswer.safeParse(told);
    return refusal.success ? failed(refusal.data) : unsentBy(asked, 'trigger-failed', inWords);
  }
  if (status === 421) {
    const other = nameIn(answer.body);
    if (other !== undefined && other !== asked.host)
      return unsentBy(asked, 'not-in-rotation', `${other} answered in place of ${asked.host}`);
  }
  return unsentBy(asked, status === 401 || status === 403 ? 'trigger-unauthorised' : 'trigger-failed', inWords);
};
