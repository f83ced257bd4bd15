/** Messages of an open folder: canaries by their header, reports by their text, and somebody's mail, which leaves no trace. */
import type { FetchMessageObject, ImapFlow } from 'imapflow';
import type { MailSeen } from '../core/words.ts';
import { authenticationOf } from './authentication.ts';
import { longestReport, readReport } from './bounce.ts';
import { fetchSources, fetchUids, type Opened, search, toSet } from './commands.ts';
import { isRefusal } from './failure.ts';
import { type Field, marksOf } from './header.ts';
import { fetchHeaders, type Header } from './header-fetch.ts';
import { spamOf } from './spam.ts';
import { isServersOwn, mayBeBounce } from './suspects.ts';
import { wantedFields } from './wanted.ts';

/** What one look may still fetch, over all its folders. */
export type Budget = { messages: number; reports: number };

export const budgetOfLook = (): Budget => ({ messages: 20_000, reports: 300 });

const reportsPerFetch = 20;

/** One folder in the middle of a look. */
export type Folder = Opened & {
  readonly client: ImapFlow;
  readonly junk: boolean;
  readonly now: () => number;
  /** Nothing but reports is looked for. */
  readonly bouncesOnly: boolean;
  /** Whose `Authentication-Results` are believed. */
  readonly trustedAuthservId: string | undefined;
};

/** Messages by their UIDs, ascending, or all those of a range. */
export type Wanted = readonly number[] | { readonly from: number; readonly to: number };

const isList = (wanted: Wanted): wanted is readonly number[] => Array.isArray(wanted);

const placed = (folder: Folder, message: Pick<FetchMessageObject, 'uid' | 'internalDate'>) => {
  const internalDate = new Date(message.internalDate ?? Number.NaN).getTime();
  return {
    place: { folder: folder.path, uidValidity: folder.uidValidity, uid: message.uid },
    junk: folder.junk,
    internalDate: Number.isNaN(internalDate) ? folder.now() : internalDate,
  };
};

/** What the headers of a canary prove besides its arrival. */
const evidenceIn = ({ junk, trustedAuthservId }: Folder, fields: readonly Field[]) => {
  const authentication = trustedAuthservId === undefined ? undefined : authenticationOf(fields, trustedAuthservId);
  const spam = junk ? spamOf(fields) : undefined;
  return { ...(authentication && { authentication }), ...(spam !== undefined && { spam }) };
};

/** UIDs that need not be neighbours: the command line stays below the 8,000 octets that servers take. */
export const uidsPerCommand = 500;

const known = async (folder: Folder, uids: readonly number[]): Promise<readonly number[]> => {
  const named = await fetchUids(folder.client, folder, uids);
  if (named.length === uids.length) return named;
  try {
    // What a FETCH left out it leaves out again: SEARCH knows it by another way.
    const found = await search(folder.client, folder, { uid: toSet(uids) });
    return uids.filter((uid) => named.includes(uid) || found.includes(uid));
  } catch (error) {
    if (isRefusal(error)) return named;
    throw error;
  }
};

/** Those of the UIDs whose message is there and did not come; a message that went meanwhile is nothing to read. */
const notRead = async (folder: Folder, uids: readonly number[]): Promise<readonly number[]> => {
  const sorted = [...uids].sort((a, b) => a - b);
  const there: number[] = [];
  for (let at = 0; at < sorted.length; at += uidsPerCommand)
    there.push(...(await known(folder, sorted.slice(at, at + uidsPerCommand))));
  return there;
};

/** Why a look is not complete: there is a message in which a canary could be. */
export const unreadable = (folder: Folder, uids: readonly number[]): string[] =>
  uids.length === 0
    ? []
    : [
        `folder "${folder.path}": the server does not show ${uids.length} of its messages, the first with UID ${uids[0]}`,
      ];

/** How headers are read. */
export type How = {
  /** Told of every message that the server names. */
  readonly note?: ((uid: number, sequence: number) => void) | undefined;
  /** What arrived before this is passed over. */
  readonly oldest?: number | undefined;
};

/**
 * Fetches header fields. `suspects` may be reports, by their headers; `unread` are messages that the server names and does
 * not show, asked for twice.
 */
export const readHeaders = async (folder: Folder, wanted: Wanted, { note, oldest = 0 }: How = {}) => {
  const mails: MailSeen[] = [];
  const suspects: number[] = [];
  const came = new Set<number>();
  const take = (message: Header) => {
    if (came.has(message.uid)) return;
    came.add(message.uid);
    if (new Date(message.internalDate ?? Number.NaN).getTime() < oldest) return;
    const fields = wantedFields(message.headers);
    const marks = isServersOwn(fields) ? undefined : marksOf(fields);
    if (marks === undefined) {
      if (mayBeBounce(fields)) suspects.push(message.uid);
    } else if (!folder.bouncesOnly) mails.push({ ...placed(folder, message), ...marks, ...evidenceIn(folder, fields) });
  };
  const set = isList(wanted) ? toSet(wanted) : `${wanted.from}:${wanted.to}`;
  const bare = await fetchHeaders(folder.client, folder, set, take, note);
  const missing = isList(wanted)
    ? wanted.filter((uid) => !came.has(uid))
    : bare.filter((uid) => uid >= wanted.from && uid <= wanted.to);
  const there = await notRead(folder, missing);
  for (let at = 0; at < there.length; at += uidsPerCommand)
    await fetchHeaders(folder.client, folder, toSet(there.slice(at, at + uidsPerCommand)), take);
  return {
    mails,
    suspects: suspects.sort((a, b) => a - b),
    count: came.size,
    unread: there.filter((uid) => !came.has(uid)),
  };
};

/** Opens what may be reports, as far as the budget goes; `stopped` is the first one that was left. */
export const readReports = async (folder: Folder, suspects: readonly number[], budget: Budget) => {
  const mails: MailSeen[] = [];
  const now = suspects.slice(0, Math.max(0, budget.reports));
  const came = new Set<number>();
  for (let at = 0; at < now.length; at += reportsPerFetch)
    await fetchSources(folder.client, folder, now.slice(at, at + reportsPerFetch), longestReport, (message) => {
      came.add(message.uid);
      const returned = readReport(message.source);
      if (returned !== undefined) mails.push({ ...placed(folder, message), ...returned });
    });
  budget.reports -= now.length;
  const unread = await notRead(
    folder,
    now.filter((uid) => !came.has(uid)),
  );
  return { mails, stopped: suspects[now.length], unread };
};
