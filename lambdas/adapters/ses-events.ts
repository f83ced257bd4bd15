/**
 * What SES says of a canary after it took it, as notes: bounces, rejections, delays, as EventBridge brings them.
 * @see https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html (the `detail` of each event)
 */
import * as z from 'zod';
import type { Recognised } from '../core/canary.ts';
import type { Cause } from '../core/causes.ts';
import { asEvidence } from '../core/replies.ts';
import type { Ms, Note } from '../core/words.ts';

// SES adds fields as it likes, and leaves out what a server did not say: nothing but the kind of event is required.
const text = z.string().max(20_000).optional().catch(undefined);
const list = <T extends z.ZodType>(one: T) => z.array(one).max(200).catch([]);
const recipient = z.object({ action: text, status: text, diagnosticCode: text });

const mail = z.object({
  messageId: z.string().max(500),
  headers: list(z.object({ name: z.string(), value: z.string() })),
  tags: z.record(z.string(), list(z.string())).catch({}),
});

const envelope = z.object({
  source: z.literal('aws.ses'),
  'detail-type': z.string(),
  region: text,
  detail: z.looseObject({ mail }),
});

const bounce = z.object({
  bounceType: text,
  bounceSubType: text,
  bouncedRecipients: list(recipient),
  reportingMTA: text,
  remoteMtaIp: text,
});
const delay = z.object({ delayType: text, delayedRecipients: list(recipient), reportingMTA: text });
const reject = z.object({ reason: text });
const failure = z.object({ errorMessage: text, templateName: text });

type Says = Note['says'];
/** Words and servers of one event; `refused` is what SES itself did not send. */
type Reading = {
  readonly clean: (words: string | undefined, most?: number) => string | undefined;
  readonly refused: (cause: Cause, words: string | undefined) => Says;
};

const joined = (...parts: readonly (string | undefined)[]): string | undefined => {
  const said = parts.filter((part) => part !== undefined && part !== '');
  return said.length === 0 ? undefined : said.join(' ');
};

/** The words of the servers, else what SES makes of them. */
const wordsOf = (kind: string | undefined, recipients: readonly z.output<typeof recipient>[]): string | undefined => {
  const codes = recipients.flatMap(({ diagnosticCode }) => diagnosticCode ?? []);
  return codes.length > 0 ? codes.join('; ') : joined(kind, ...recipients.map(({ status }) => status));
};

/** `dns; a8-96.smtp-out.amazonses.com` (RFC 3464) without its type. */
const server = (name: string | undefined): string | undefined => name?.replace(/^\s*[a-z]{1,10};\s*/i, '');

/** Lists of addresses that SES does not send to: its own, the account's, a tenant's. */
const suppressing = /^(Suppressed|On[A-Za-z]{1,20}SuppressionList)$/;

const ofBounce = (value: unknown, { clean, refused }: Reading): Says | undefined => {
  const { data } = bounce.safeParse(value);
  if (data === undefined) return undefined;
  const kind = joined(data.bounceType, data.bounceSubType);
  const words = wordsOf(kind, data.bouncedRecipients);
  if (suppressing.test(data.bounceSubType ?? '')) return refused('suppressed', words);
  const returned =
    data.bounceType === 'Permanent' || data.bouncedRecipients.some(({ action }) => action?.toLowerCase() === 'failed');
  return {
    // SES takes an out-of-office for a bounce as well: without a recipient that failed it only explains.
    state: returned ? 'bounced' : 'delayed',
    words: clean(words) ?? 'a bounce without words',
    reportedBy: clean(joined(data.remoteMtaIp) ?? server(data.reportingMTA), 255),
  };
};

const ofDelay = (value: unknown, { clean }: Reading): Says | undefined => {
  const { data } = delay.safeParse(value);
  if (data === undefined) return undefined;
  const words = clean(wordsOf(data.delayType, data.delayedRecipients)) ?? 'a delay without words';
  return { state: 'delayed', words, reportedBy: clean(server(data.reportingMTA), 255) };
};

const ofReject = (value: unknown, { refused }: Reading): Says | undefined => {
  const { data } = reject.safeParse(value);
  return data === undefined ? undefined : refused('policy-blocked', data.reason);
};

const ofFailure = (value: unknown, { refused }: Reading): Says | undefined => {
  const { data } = failure.safeParse(value);
  return data === undefined ? undefined : refused('unknown', data.errorMessage ?? data.templateName);
};

type Kind = {
  readonly id: string;
  readonly field: string;
  readonly read: (value: unknown, reading: Reading) => Says | undefined;
};

/** The events that say something, by their `detail-type`. lib/ses.ts has them sent to us. */
const kinds = new Map<string, Kind>([
  ['Email Bounced', { id: 'bounce', field: 'bounce', read: ofBounce }],
  ['Email Delivery Delayed', { id: 'delay', field: 'deliveryDelay', read: ofDelay }],
  ['Email Rejected', { id: 'reject', field: 'reject', read: ofReject }],
  ['Email Rendering Failed', { id: 'rendering-failure', field: 'failure', read: ofFailure }],
]);

/** The `detail-type` of every event that becomes a note. */
export const sesDetailTypes: readonly string[] = [...kinds.keys()];

/** The signed header from the tags, in which lambdas/paths/ses/send.ts repeats it: not every event carries headers. */
const fromTags = (tags: z.output<typeof mail>['tags']): string =>
  Buffer.from(
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((part) => tags[`mail-canary-token-${part}`]?.[0] ?? '').join(''),
    'base64url',
  ).toString();

const tokensOf = ({ headers, tags }: z.output<typeof mail>): readonly string[] => [
  ...headers.filter(({ name }) => name.toLowerCase() === 'x-mail-canary').map(({ value }) => value),
  fromTags(tags),
];

type Own = Exclude<Recognised, { readonly kind: 'forged' } | { readonly kind: 'foreign' }>;

/** The endpoint of SES in a Region, as `send` names the server that answered. */
const endpointOf = (region: string | undefined): string =>
  region !== undefined && /^[a-z]{2}(-[a-z]{1,12}){1,3}-\d$/.test(region)
    ? `email.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
    : 'ses';

/**
 * Reads an EventBridge event of SES. Route and slot come from the signed token alone (`recognise` of core/canary.ts, with
 * the keys of this monitor); an event without a valid one, of another kind, or malformed, is nobody's: no note.
 * Never throws. `now` is when it was said, by our clock.
 */
export const notesOfSesEvent = (
  event: unknown,
  recognise: (mail: { readonly canary: string }) => Recognised,
  now: Ms,
): readonly Note[] => {
  const { data } = envelope.safeParse(event);
  const kind = data === undefined ? undefined : kinds.get(data['detail-type']);
  if (data === undefined || kind === undefined) return [];
  const { mail: sent } = data.detail;
  const own = tokensOf(sent)
    .slice(0, 5)
    .map((canary) => recognise({ canary }))
    .find((what): what is Own => what.kind === 'own');
  if (own?.route === undefined) return [];
  // A host's own key speaks for its own canaries alone.
  if (own.by !== undefined && own.by !== 'every' && own.by !== own.route.split('/')[0]) return [];

  const clean = (words: string | undefined, most?: number) => {
    const kept = asEvidence(words ?? '', [], most);
    return kept === '' ? undefined : kept;
  };
  const messageId = sent.messageId.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 120);
  const refused = (cause: Cause, words: string | undefined): Says => ({
    state: 'handed',
    handover: {
      state: 'refused',
      cause,
      temporary: false,
      sentAt: own.sentAt,
      evidence: clean(words),
      answeredBy: endpointOf(data.region),
      ownServer: false,
      queueId: messageId === '' ? undefined : messageId,
      product: 'ses',
    },
  });
  const says = kind.read(Reflect.get(data.detail, kind.field), { clean, refused });
  if (says === undefined) return [];
  return [{ id: `ses.${messageId}.${kind.id}`, route: own.route, slot: own.slot, at: now, says }];
};
