/** Reading one folder from the cursor on: by range when little is new, by search otherwise, never more than the budget. */
import type { SearchObject } from 'imapflow';
import type { Ask } from '../core/ports.ts';
import { search, uidAt } from './commands.ts';
import { isRefusal, Refused } from './failure.ts';
import { type Budget, type Folder, uidsPerCommand } from './messages.ts';
import { gather, page, type Reading, readRange } from './range.ts';
import { suspectSearch } from './suspects.ts';

/** A query for an id takes about 130 octets. */
const idsPerSearch = 50;
/** Above this many ids, all recent mails are cheaper than as many searches. */
const manyIds = 200;
/** What a folder may read by search even when the folders before it took the whole budget. */
const reserve = 1000;
const day = 86_400_000;

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

/**
 * True when SEARCH does not know some of the newest mails, nor the oldest of those that it should: then it may not know others
 * before them either. Where it only lags behind the mail, it knows the older ones.
 */
const isBlind = (newest: Reading, marked: readonly number[], since: number): boolean => {
  const found = new Set(marked);
  const should = newest.mails
    .filter(({ canary, bounce, internalDate }) => canary !== undefined && bounce === undefined && internalDate >= since)
    .map(({ place }) => place.uid);
  return should.length > 0 && !found.has(Math.min(...should));
};

/** Finds canaries by search, the expected ones first, and fetches only those. */
const readFound = async (folder: Folder, ask: Ask, from: number, to: number, budget: Budget, newest: Reading) => {
  const { wanted, marked } = await candidates(folder, ask, { ...sinceOf(ask), uid: `${from}:*` }, budget);
  if (isBlind(newest, marked, ask.since)) throw new Refused(`folder "${folder.path}" does not find what it holds`);
  const expected = new Set(wanted);
  const queue = [...wanted, ...marked.filter((uid) => !expected.has(uid))].filter((uid) => uid <= to);
  // A flood in one folder must not keep the expected ones of the next from being read.
  const room = Math.max(budget.messages, reserve);
  const uids = queue.slice(0, room).sort((a, b) => a - b);
  const left = queue.slice(room).reduce((lowest, uid) => Math.min(lowest, uid), to + 1);
  budget.messages -= uids.length;

  const pages = gather(folder, to, budget);
  for (let at = 0; at < uids.length; at += uidsPerCommand) await pages.take(uids.slice(at, at + uidsPerCommand));
  return pages.reading(left);
};

/**
 * Reads a folder of which more is new than is read by range: the newest thousand by range all the same, because an index may
 * lag behind the mail, and what is older by search. Where the server refuses to search, by range, a budget at a time.
 */
const readMuch = async (folder: Folder, ask: Ask, from: number, to: number, budget: Budget): Promise<Reading> => {
  const oldest = ask.since - 2 * day;
  const begins = folder.exists <= page ? from : await uidAt(folder.client, folder, folder.exists - page + 1);
  const middle = Math.max(from, begins ?? from);
  budget.messages = Math.max(budget.messages, reserve);
  const newest = await readRange(folder, middle, to, budget, oldest);
  if (middle === from) return newest;
  const before = await readFound(folder, ask, from, middle - 1, budget, newest).catch((error: unknown) => {
    if (!isRefusal(error)) throw error;
    return readRange(folder, from, middle - 1, budget, oldest);
  });
  return {
    mails: [...before.mails, ...newest.mails],
    next: before.next < middle ? before.next : newest.next,
    details: [...before.details, ...newest.details],
  };
};

/**
 * Reads what is new in a folder. Without a cursor, with another UIDVALIDITY or with more new mails than the budget
 * it searches too.
 */
export const readFolder = async (folder: Folder, ask: Ask, budget: Budget): Promise<Reading> => {
  const known = ask.cursor?.[folder.path];
  // A next UID that went backwards is a folder restored from a backup, whatever its UIDVALIDITY says.
  const valid =
    known?.uidValidity === folder.uidValidity && (known.uidNext <= folder.uidNext || folder.uidNextGuessed === true);
  const from = valid && known !== undefined ? known.uidNext : 1;
  const to = folder.uidNext - 1;
  if (from > to || folder.exists === 0) return { mails: [], next: Math.max(from, folder.uidNext), details: [] };
  const little = valid && Math.min(to - from + 1, folder.exists) <= budget.messages;
  return little ? readRange(folder, from, to, budget) : readMuch(folder, ask, from, to, budget);
};
