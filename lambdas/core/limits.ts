/**
 * The limits on ourselves (DESIGN 8) and the spans that rules wait for, in one place.
 * Everything that is a span scales with `tick`, so that the demo can run the same rules faster.
 */
import type { Ms } from './words.ts';

export type Limits = {
  /** The length of a slot. */
  readonly tick: Ms;
  /** A canary not sent this long after its slot began is not sent at all: an old canary is noise. */
  readonly sendBy: Ms;
  /** A regular batch is delayed by less than this, so that lanes do not leave together. */
  readonly spread: Ms;
  /** Not seen this long after it was sent: lost, if a complete look says so. */
  readonly lostAfter: Ms;
  /** The longest period in which a host may send by its own clock, 0 without such paths: that much later everything ends. */
  readonly patience: Ms;
  /** A host that registered itself is forgotten when it was silent this long. */
  readonly forgets: Ms;
  /** How long a `confirm` round holds its lease; longer than its function may run. */
  readonly lease: Ms;
  /** Slots that one round of `confirm` reads at most. */
  readonly window: number;
  /** Routes in a path's `again` batch. */
  readonly again: number;
  /** Bad verdicts that make a route failing: this many in a row, or that many of the last so many. */
  readonly failing: { readonly inRow: number; readonly of: readonly [bad: number, last: number] };
  /** Good verdicts in a row that make it healthy again. */
  readonly healthy: number;
  /** How long a group with fewer than two fresh verdicts waits for its siblings. */
  readonly siblings: Ms;
  /** An incident that comes back within this is the same one. */
  readonly reopen: Ms;
  /** This many openings within `unstable.within` make one incident, "unstable". */
  readonly unstable: { readonly openings: number; readonly within: Ms };
  /** `unsent` becomes a ticket after this. */
  readonly unsentTicket: Ms;
  /** Refused canaries per host and relay within `refusals.within`; then back to the own cadence (fail2ban bans after 5). */
  readonly refusals: { readonly most: number; readonly within: Ms };
  /** Causes marked `gently` are tried at most this often. */
  readonly gently: Ms;
  /** A mailbox that has not seen a canary yet gets one per this, and none after so many unseen. */
  readonly unproven: { readonly every: Ms; readonly most: number };
  /** Waits between tries of a refused IMAP login; the last one repeats. */
  readonly imapBackoff: readonly Ms[];
  /** A mailbox that hung is given this long, but for one round of five. */
  readonly hurried: Ms;
  /** How often a mailbox is asked how full it is, and for what earlier rounds left in it. */
  readonly housekeeping: Ms;
  /** Darkness of this length is told. */
  readonly darkFor: Ms;
  /** Messages of somebody else from which on a mailbox is not ours. */
  readonly foreign: number;
  /** Rounds for which the cursor waits for mail that could not be removed; then that mail is left behind. */
  readonly removals: number;
  /** A token older than this is never an arrival. */
  readonly replay: Ms;
};

const minute = 60_000;

/** The limits for a monitor; `pace` below 1 shortens every span but `lostAfter`, which the settings say. */
export const limitsFor = (
  settings: { readonly lostAfter: Ms; readonly patience?: Ms | undefined },
  pace = 1,
): Limits => ({
  tick: minute * pace,
  sendBy: 2 * minute * pace,
  spread: 0.75 * minute * pace,
  lostAfter: settings.lostAfter,
  patience: settings.patience ?? 0,
  forgets: 7 * 24 * 60 * minute * pace,
  lease: 1.5 * minute * pace,
  // What is always open, and half an hour more to catch up with.
  window: Math.ceil((settings.lostAfter + (settings.patience ?? 0) + 4 * minute * pace) / (minute * pace)) + 30,
  again: 50,
  failing: { inRow: 2, of: [3, 10] },
  healthy: 3,
  siblings: 1.5 * minute * pace,
  reopen: 60 * minute * pace,
  unstable: { openings: 3, within: 24 * 60 * minute * pace },
  unsentTicket: 30 * minute * pace,
  refusals: { most: 3, within: 10 * minute * pace },
  gently: 60 * minute * pace,
  unproven: { every: 15 * minute * pace, most: 10 },
  imapBackoff: [1, 5, 15, 60].map((minutes) => minutes * minute * pace),
  hurried: 3000,
  housekeeping: 60 * minute * pace,
  darkFor: 2 * minute * pace,
  foreign: 1000,
  removals: 10,
  replay: 14 * 24 * 60 * minute,
});
