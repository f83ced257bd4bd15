/** Reading a range of UIDs: in pages, within the budget, and with what the server left out asked for again. */
import type { MailSeen } from '../core/words.ts';
import {
  type Budget,
  type Folder,
  type How,
  readHeaders,
  readReports,
  uidsPerCommand,
  unreadable,
  type Wanted,
} from './messages.ts';
import { countMessages } from './sequence.ts';

/** A page of a range; ranges in pages are what costs least (FACTS). */
export const page = 1000;

/** What was read, and the UID to go on from. */
export type Reading = {
  readonly mails: readonly MailSeen[];
  readonly next: number;
  readonly details: readonly string[];
};

const capped = (folder: Folder, next: number, to: number) =>
  `folder "${folder.path}" holds more than one look reads: it is read up to UID ${next - 1} of ${to}`;

/** What the pages of a folder come to, and where the next look has to begin: at the first report that was not opened. */
export const gather = (folder: Folder, to: number, budget: Budget) => {
  const mails: MailSeen[] = [];
  const unread: number[] = [];
  let stopped = to + 1;
  let leftOut = 0;
  return {
    /** So many are there and were neither fetched nor found by a search. Those that a search named are told by themselves. */
    leavesOut: (count: number): void => {
      leftOut = Math.max(0, count - unread.length);
    },
    take: async (wanted: Wanted, how: How = {}): Promise<number> => {
      const read = await readHeaders(folder, wanted, how);
      const returned = await readReports(folder, read.suspects, budget);
      for (const mail of [...read.mails, ...returned.mails]) mails.push(mail);
      unread.push(...read.unread, ...returned.unread);
      stopped = Math.min(stopped, returned.stopped ?? stopped);
      return read.count;
    },
    /** `left`: the first UID that no page came to. */
    reading: (left: number): Reading => {
      const next = Math.min(left, stopped);
      return {
        mails,
        next,
        details: [
          ...(next > to ? [] : [capped(folder, next, to)]),
          ...unreadable(folder, unread),
          ...(leftOut === 0 ? [] : [`folder "${folder.path}": the server leaves out ${leftOut} of its messages`]),
        ],
      };
    },
  };
};

/** Reads every message from `from` to `to`, in pages, until the budget is spent, and asks again for what was left out. */
export const readRange = async (
  folder: Folder,
  from: number,
  to: number,
  budget: Budget,
  oldest?: number,
): Promise<Reading> => {
  const pages = gather(folder, to, budget);
  const counted = countMessages(folder, from);
  let reach = from;
  // Another client's flags may name any message at any time.
  const note = (uid: number, sequence: number) => (uid <= reach ? counted.note(uid, sequence) : undefined);
  const how = { note, oldest };
  // UIDs have gaps: a page is as many UIDs as hold about a thousand messages.
  const width = Math.max(page, Math.ceil((page * (to - from + 1)) / Math.max(1, folder.exists)));
  try {
    let at = from;
    // Reports that were left do not keep the canaries behind them from being seen.
    for (; at <= to && budget.messages > 0; at += width) {
      reach = Math.min(to, at + width - 1);
      budget.messages -= await pages.take({ from: at, to: reach }, how);
    }
    const isDone = at > to;
    const isEnd = isDone && to >= folder.uidNext - 1;
    const left = isDone ? to + 1 : counted.highest() + 1;
    if ((await counted.missing(isEnd)) !== 0) {
      const named = await counted.named(left - 1);
      for (let first = 0; first < (named?.length ?? 0); first += uidsPerCommand)
        budget.messages -= await pages.take(named?.slice(first, first + uidsPerCommand) ?? [], how);
      const missing = await counted.missing(isEnd);
      if (named === undefined || (missing !== 0 && !counted.moved())) pages.leavesOut(missing ?? 1);
    }
    return pages.reading(left);
  } finally {
    counted.stop();
  }
};
