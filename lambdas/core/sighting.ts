/** From what a look brought to what the mailbox says of one canary: ours told from everybody else's, the earliest arrival first. */
import { digestOf } from './attachment.ts';
import { type HostKey, type Keys, recognise } from './canary.ts';
import type { Bounce, Look, MailSeen, Ms, Sighting, Slot } from './words.ts';

/** The dates of a mailbox are believed as far as they may be wrong: this much, and the whole seconds in which they are said. */
export const clockTolerance: Ms = 30_000;

/** A date within the time from sending to seeing shows that a clock is right only where that time is short. */
const conclusive: Ms = 90_000;

/** A mail in one mailbox that carries a valid token of ours. */
export type OwnMail = {
  readonly mail: MailSeen;
  readonly id: string;
  readonly slot: Slot;
  readonly sentAt: Ms;
  readonly stale: boolean;
  /** Set when a host minted it: whose canaries it may be. */
  readonly by?: HostKey['host'] | undefined;
  /** When it arrived, as far as that can be known. */
  readonly arrivedAt: Ms;
};

export type Sorted = {
  /** Whether the mailbox's own dates could be used; undefined where no mail shows it. */
  readonly clock?: 'usable' | 'unusable' | undefined;
  readonly own: readonly OwnMail[];
  readonly forged: number;
  /** Reports without a token that name a canary by its envelope id or queue id: somebody's mail, and a hint. */
  readonly hints: readonly Bounce[];
};

type Timed = Omit<OwnMail, 'arrivedAt'>;

/** What one mail shows of the mailbox's clock: its date lies outside of what is possible, or inside of a narrow span. */
const shows = ({ mail, sentAt }: Timed, now: Ms): Sorted['clock'] => {
  const { internalDate } = mail;
  if (internalDate < sentAt - clockTolerance || internalDate > now + clockTolerance) return 'unusable';
  return now - sentAt <= conclusive ? 'usable' : undefined;
};

/** One date that is conclusive shows that the clock can be used; hosts' own clocks say nothing of the mailbox's. */
const clockOf = (own: readonly Timed[], now: Ms): Sorted['clock'] => {
  const said = own
    .filter(({ mail, stale, by }) => !stale && by === undefined && mail.bounce === undefined)
    .map((one) => shows(one, now));
  return said.find((word) => word === 'usable') ?? said.find((word) => word === 'unusable');
};

/**
 * Sorts what a look brought: ours by token, forged ones counted, everything else passed over. `unusable`: the dates of
 * this mailbox could not be used so far; then, and as long as no mail shows otherwise, arrival is the time we saw it.
 */
export const sortMails = (look: Look, keys: Keys, now: Ms, replay: Ms, unusable = false): Sorted => {
  if (look.state === 'dark') return { own: [], forged: 0, hints: [] };
  const own: Timed[] = [];
  const hints: Bounce[] = [];
  let forged = 0;
  for (const mail of look.mails) {
    const what = recognise(mail, keys, now, replay);
    if (what.kind === 'forged') forged += 1;
    else if (what.kind === 'foreign') {
      if (mail.bounce?.envelopeId !== undefined || mail.bounce?.queueId !== undefined) hints.push(mail.bounce);
    } else
      own.push({ mail, id: what.id, slot: what.slot, sentAt: what.sentAt, stale: what.kind === 'stale', by: what.by });
  }
  const clock = clockOf(own, now);
  const isSeen = clock === undefined ? unusable : clock === 'unusable';
  const timed = own.map((one) => ({ ...one, arrivedAt: isSeen ? now : Math.min(one.mail.internalDate, now) }));
  return { own: timed, forged, hints, ...(clock === undefined ? {} : { clock }) };
};

/** INTERNALDATE is the clock of another machine: no mail arrives before it was sent, or after it was seen. */
export const arrivalOf = ({ arrivedAt, sentAt }: Pick<OwnMail, 'arrivedAt' | 'sentAt'>, now: Ms): Ms =>
  Math.min(Math.max(arrivedAt, sentAt), now);

/** The sighting of one canary: of several mails with its id, the earliest arrival; a bounce only where none arrived. */
export const sightingOf = (
  mails: readonly OwnMail[],
  look: Look | undefined,
  now: Ms,
  expected: {
    readonly bounce?: Bounce | undefined;
    readonly size?: number | undefined;
    readonly id?: string | undefined;
  } = {},
): Sighting => {
  const arrivals = mails
    .filter(({ mail }) => mail.bounce === undefined)
    .map((one) => ({ ...one, arrivedAt: arrivalOf(one, now) }))
    .sort((a, b) => a.arrivedAt - b.arrivedAt);
  const [first] = arrivals;
  if (first !== undefined) {
    const { mail, sentAt, arrivedAt } = first;
    const altered =
      expected.size !== undefined && mail.digest !== undefined && mail.digest !== digestOf(first.id, expected.size);
    const { junk, place, hops, authentication, spam, moved } = mail;
    return {
      state: 'seen',
      arrivedAt,
      sentAt,
      junk,
      folder: place.folder,
      hops,
      ...(authentication && { authentication }),
      ...(spam !== undefined && { spam }),
      ...(moved && { moved }),
      ...(altered && { altered }),
    };
  }
  const bounce =
    mails.find(({ mail }) => mail.bounce !== undefined && !mail.bounce.delayed)?.mail.bounce ?? expected.bounce;
  if (bounce !== undefined) return { state: 'bounced', words: bounce.words, reportedBy: bounce.reportedBy };
  if (look === undefined)
    return { state: 'dark', cause: 'looked-partly', detail: 'the mailbox is not in the settings' };
  if (look.state === 'dark') return { state: 'dark', cause: look.cause, detail: look.detail };
  const unmarked = look.unmarked?.find(({ id }) => id === expected.id)?.folder;
  if (look.complete && expected.id !== undefined && look.unsearched?.includes(expected.id))
    return { state: 'dark', cause: 'looked-partly', detail: 'some folders are still to be searched for it' };
  return look.complete
    ? { state: 'absent', lookedAt: look.at, ...(unmarked !== undefined && { unmarked }) }
    : { state: 'dark', cause: 'looked-partly', detail: look.detail ?? 'the look was not complete' };
};
