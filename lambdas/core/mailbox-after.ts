/** What is remembered of a mailbox from one round to the next: cursor, darkness with its back-off, what was found out about it. */
import { withSample } from './brewing.ts';
import type { MailboxState, Stuck } from './items.ts';
import type { Limits } from './limits.ts';
import type { Sorted } from './sighting.ts';
import type { Cursor, Look, Ms, Place } from './words.ts';

export type RoundOfMailbox = {
  readonly look: Look;
  readonly sorted: Sorted | undefined;
  /** Whether its state was asked for in this round. */
  readonly asked: boolean;
  /** Own mail that waits for its batch, or for being removed. */
  readonly waiting: readonly Place[];
  /** Canaries called lost in this round. */
  readonly lost: number;
  /** Rounds in a row in which removing failed. */
  readonly unremoved: number;
  readonly stuck: Stuck | undefined;
  /** A trusted server is to judge senders. */
  readonly judgesSenders: boolean;
  /** When the round began. */
  readonly now: Ms;
};

/** Facts that hold until a mail shows otherwise. */
const facts = (before: MailboxState | undefined, { sorted, judgesSenders, now }: RoundOfMailbox) => {
  const arrivals = (sorted?.own ?? []).filter(({ mail, stale }) => mail.bounce === undefined && !stale);
  const clock = sorted?.clock;
  const clockOff =
    clock === undefined ? before?.clockOff : clock === 'unusable' ? (before?.clockOff ?? now) : undefined;
  const isJudged = arrivals.some(({ mail }) => mail.authentication !== undefined);
  const known = arrivals.length === 0 ? before?.unjudged : isJudged ? undefined : (before?.unjudged ?? now);
  const unjudged = judgesSenders ? known : undefined;
  return { ...(clockOff === undefined ? {} : { clockOff }), ...(unjudged === undefined ? {} : { unjudged }) };
};

/** A server that does not answer once has not emptied the mailbox: its last figure holds for so long. */
const quoted: Ms = 24 * 60 * 60_000;

/** How full it is, when that was asked for and told. */
const housekept = (before: MailboxState | undefined, { look, sorted, asked, now }: RoundOfMailbox) => {
  const { askedAt, quota, foreign } = before ?? {};
  if (!asked || look.state === 'dark')
    return {
      ...(askedAt === undefined ? {} : { askedAt }),
      ...(quota === undefined ? {} : { quota }),
      ...(foreign === undefined ? {} : { foreign }),
    };
  const told = quota !== undefined && now - (quota.at(-1)?.at ?? 0) <= quoted ? quota : undefined;
  const samples = look.quota === undefined ? told : withSample(quota ?? [], { ...look.quota, at: now });
  const others = look.messages === undefined ? undefined : Math.max(0, look.messages - (sorted?.own.length ?? 0));
  return {
    askedAt: now,
    ...(samples === undefined ? {} : { quota: samples }),
    ...(others === undefined ? {} : { foreign: others }),
  };
};

/** The mailbox's item after a round. */
export const mailboxAfter = (
  before: MailboxState | undefined,
  round: RoundOfMailbox,
  limits: Pick<Limits, 'imapBackoff'>,
): MailboxState => {
  const { look, sorted, waiting, lost, unremoved, stuck, now } = round;
  const seen = (sorted?.own ?? []).some(({ mail }) => mail.bounce === undefined);
  const proven = before?.provenAt ?? (seen ? now : undefined);
  const kept = {
    ...(proven === undefined ? {} : { provenAt: proven }),
    unseen: (before?.unseen ?? 0) + (before?.provenAt === undefined ? lost : 0),
    ...(unremoved === 0 ? {} : { unremoved }),
    ...(stuck === undefined ? {} : { stuck }),
    ...facts(before, round),
    ...housekept(before, round),
  };
  if (look.state === 'looked') return { ...kept, cursor: held(look.cursor, waiting) };
  const dark = before?.dark;
  const isNew = dark === undefined || dark.nextTry <= now;
  const tries = (dark?.tries ?? 0) + (isNew ? 1 : 0);
  const wait = limits.imapBackoff[Math.min(tries, limits.imapBackoff.length) - 1] ?? 0;
  return {
    ...kept,
    ...(before?.cursor === undefined ? {} : { cursor: before.cursor }),
    dark: {
      since: dark?.since ?? now,
      cause: look.cause,
      detail: look.detail,
      tries,
      nextTry: isNew ? now + wait : dark.nextTry,
    },
  };
};

/** The cursor, held back at the first of our own mails that waits. */
const held = (cursor: Cursor, waiting: readonly Place[]): Cursor =>
  Object.fromEntries(
    Object.entries(cursor).map(([folder, at]) => {
      const uids = waiting
        .filter((place) => place.folder === folder && place.uidValidity === at.uidValidity)
        .map(({ uid }) => uid);
      return [folder, { ...at, uidNext: Math.min(at.uidNext, ...uids) }];
    }),
  );
