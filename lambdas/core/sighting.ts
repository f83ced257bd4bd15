/** From what a look brought to what the mailbox says of one canary: ours told from everybody else's, the earliest arrival first. */
import { digestOf } from './attachment.ts';
import { type HostKey, type Keys, recognise } from './canary.ts';
import type { Bounce, Look, MailSeen, Ms, Sighting, Slot } from './words.ts';

/** A mail in one mailbox that carries a valid token of ours. */
export type OwnMail = {
  readonly mail: MailSeen;
  readonly id: string;
  readonly slot: Slot;
  readonly sentAt: Ms;
  readonly stale: boolean;
  /** Set when a host minted it: whose canaries it may be. */
  readonly by?: HostKey['host'] | undefined;
};

export type Sorted = {
  readonly own: readonly OwnMail[];
  readonly forged: number;
  /** Reports without a token that name a canary by its envelope id or queue id: somebody's mail, and a hint. */
  readonly hints: readonly Bounce[];
};

/** Sorts what a look brought: ours by token, forged ones counted, everything else passed over. */
export const sortMails = (look: Look, keys: Keys, now: Ms, replay: Ms): Sorted => {
  if (look.state === 'dark') return { own: [], forged: 0, hints: [] };
  const own: OwnMail[] = [];
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
  return { own, forged, hints };
};

/** INTERNALDATE is the clock of another machine: no mail arrives before it was sent, or after it was seen. */
export const arrivalOf = (mail: MailSeen, sentAt: Ms, now: Ms): Ms =>
  Math.min(Math.max(mail.internalDate, sentAt), now);

/** The sighting of one canary: of several mails with its id, the earliest arrival; a bounce only where none arrived. */
export const sightingOf = (
  mails: readonly OwnMail[],
  look: Look | undefined,
  now: Ms,
  expected: { readonly bounce?: Bounce | undefined; readonly size?: number | undefined } = {},
): Sighting => {
  const arrivals = mails
    .filter(({ mail }) => mail.bounce === undefined)
    .map(({ mail, id, sentAt }) => ({ mail, id, sentAt, arrivedAt: arrivalOf(mail, sentAt, now) }))
    .sort((a, b) => a.arrivedAt - b.arrivedAt);
  const [first] = arrivals;
  if (first !== undefined) {
    const { mail, sentAt, arrivedAt } = first;
    const altered =
      expected.size !== undefined && mail.digest !== undefined && mail.digest !== digestOf(first.id, expected.size);
    const { junk, place, hops } = mail;
    return { state: 'seen', arrivedAt, sentAt, junk, folder: place.folder, hops, ...(altered ? { altered } : {}) };
  }
  const bounce =
    mails.find(({ mail }) => mail.bounce !== undefined && !mail.bounce.delayed)?.mail.bounce ?? expected.bounce;
  if (bounce !== undefined) return { state: 'bounced', words: bounce.words, reportedBy: bounce.reportedBy };
  if (look === undefined)
    return { state: 'dark', cause: 'looked-partly', detail: 'the mailbox is not in the settings' };
  if (look.state === 'dark') return { state: 'dark', cause: look.cause, detail: look.detail };
  return look.complete
    ? { state: 'absent', lookedAt: look.at }
    : { state: 'dark', cause: 'looked-partly', detail: look.detail ?? 'the look was not complete' };
};
