/** Reading one folder from the cursor on: by range when little is new, by search otherwise, never more than the budget. */
import type { SearchObject } from 'imapflow';
import type { Ask } from '../core/ports.ts';
import type { MailSeen } from '../core/words.ts';
import { search } from './commands.ts';
import { isRefusal } from './failure.ts';
import { type Budget, type Folder, readHeaders, readReports, unreadable } from './messages.ts';
import { suspectSearch } from './suspects.ts';

/** A page of a range; ranges in pages are what costs least (FACTS). */
const page = 1000;
/** UIDs that need not be neighbours: the command line stays below the 8,000 octets that servers take. */
const chunk = 500;
/** A query for an id takes about 130 octets. */
const idsPerSearch = 50;
/** Above this many ids, all recent mails are cheaper than as many searches. */
const manyIds = 200;
/** What a folder may read by search even when the folders before it took the whole budget. */
const reserve = 1000;
const day = 86_400_000;

/** What was read, and the UID to go on from. */
export type Reading = {
  readonly mails: readonly MailSeen[];
  readonly next: number;
  readonly details: readonly string[];
};

const capped = (folder: Folder, next: number, to: number) =>
  `folder "${folder.path}" holds more than one look reads: it is read up to UID ${next - 1} of ${to}`;

/** What the pages of a folder come to, and where the next look has to begin: at the first report that was not opened. */
const gather = (folder: Folder, to: number, budget: Budget) => {
  const mails: MailSeen[] = [];
  const unread: number[] = [];
  let stopped = to + 1;
  return {
    take: async (wanted: Parameters<typeof readHeaders>[1]): Promise<number> => {
      const read = await readHeaders(folder, wanted);
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
        details: [...(next > to ? [] : [capped(folder, next, to)]), ...unreadable(folder, unread)],
      };
    },
  };
};

/** Reads every message from `from` to `to`, in pages, until the budget is spent. */
export const readRange = async (folder: Folder, from: number, to: number, budget: Budget): Promise<Reading> => {
  const pages = gather(folder, to, budget);
  // UIDs have gaps: a page is as many UIDs as hold about a thousand messages.
  const width = Math.max(page, Math.ceil((page * (to - from + 1)) / Math.max(1, folder.exists)));
  for (let at = from; at <= to; at += width) {
    if (budget.messages <= 0) return pages.reading(at);
    // Reports that were left do not keep the canaries behind them from being seen.
    budget.messages -= await pages.take({ from: at, to: Math.min(to, at + width - 1) });
  }
  return pages.reading(to + 1);
};

/** Where an id may stand: the Message-ID carries it; the subject finds candidates where a gateway rewrote that. */
const naming = (id: string): SearchObject[] => [
  { header: { 'X-Mail-Canary': id } },
  { header: { 'Message-ID': id } },
  { subject: id },
];

/** SINCE has the granularity of a day, in the server's zone. */
export const sinceOf = (ask: Pick<Ask, 'since'>): SearchObject => ({ since: new Date(Math.max(0, ask.since - day)) });

/** UIDs of mails that may carry one of the ids. What is found is a candidate; its headers decide. */
export const searchIds = async (folder: Folder, ids: readonly string[], within: SearchObject): Promise<number[]> => {
  const found = new Set<number>();
  for (let at = 0; at < ids.length; at += idsPerSearch) {
    const or = ids.slice(at, at + idsPerSearch).flatMap(naming);
    for (const uid of await search(folder.client, folder, { ...within, or })) found.add(uid);
  }
  return [...found].sort((a, b) => a - b);
};

/** UIDs of everything that carries the header of a canary, and of what may be a report. */
const searchMarked = (folder: Folder, within: SearchObject): Promise<number[]> => {
  const own: SearchObject[] = folder.bouncesOnly ? [] : [{ header: { 'X-Mail-Canary': true } }];
  return search(folder.client, folder, { ...within, or: [...own, ...suspectSearch] });
};

const candidates = async (folder: Folder, ask: Ask, within: SearchObject, budget: Budget) => {
  const marked = await searchMarked(folder, within);
  if (ask.expected.length > manyIds) {
    const recent = await search(folder.client, folder, within);
    if (recent.length <= budget.messages) return { wanted: [], marked: recent };
  }
  return { wanted: await searchIds(folder, ask.expected, within), marked };
};

/** Finds canaries by search, the expected ones first, and fetches only those. */
const readFound = async (folder: Folder, ask: Ask, from: number, to: number, budget: Budget): Promise<Reading> => {
  const { wanted, marked } = await candidates(folder, ask, { ...sinceOf(ask), uid: `${from}:${to}` }, budget);
  const expected = new Set(wanted);
  const queue = [...wanted, ...marked.filter((uid) => !expected.has(uid))];
  // A flood in one folder must not keep the expected ones of the next from being read.
  const room = Math.max(budget.messages, reserve);
  const uids = queue.slice(0, room).sort((a, b) => a - b);
  const left = queue.slice(room).reduce((lowest, uid) => Math.min(lowest, uid), to + 1);
  budget.messages -= uids.length;

  const pages = gather(folder, to, budget);
  for (let at = 0; at < uids.length; at += chunk) await pages.take(uids.slice(at, at + chunk));
  return pages.reading(left);
};

/**
 * Reads what is new in a folder. Without a cursor, with another UIDVALIDITY or with more new mails than the budget
 * it searches; where the server refuses to search it reads on by range, a budget at a time.
 */
export const readFolder = async (folder: Folder, ask: Ask, budget: Budget): Promise<Reading> => {
  const known = ask.cursor?.[folder.path];
  // A next UID that went backwards is a folder restored from a backup, whatever its UIDVALIDITY says.
  const valid = known?.uidValidity === folder.uidValidity && known.uidNext <= folder.uidNext;
  const from = valid && known !== undefined ? known.uidNext : 1;
  const to = folder.uidNext - 1;
  if (from > to || folder.exists === 0) return { mails: [], next: folder.uidNext, details: [] };
  if (valid && Math.min(to - from + 1, folder.exists) <= budget.messages) return readRange(folder, from, to, budget);
  try {
    return await readFound(folder, ask, from, to, budget);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return readRange(folder, from, to, budget);
  }
};
