/** The IMAP commands of a look, over imapflow: whatever is not an answer throws, so that nothing failed reads as "not there". */
import type { FetchMessageObject, FetchQueryObject, ImapFlow, SearchObject } from 'imapflow';
import { Gone, Refused } from './failure.ts';

/** A folder as EXAMINE described it, at that moment: imapflow's own object moves on with every answer. */
export type Opened = {
  readonly path: string;
  readonly uidValidity: string;
  readonly uidNext: number;
  /** The server did not say its next UID: `uidNext` is one more than the newest, and falls when that is deleted. */
  readonly uidNextGuessed?: true;
  readonly exists: number;
};

/** A folder that the server lists. */
export type Listed = {
  /** As EXAMINE takes it: decoded from modified UTF-7, with the prefix of its namespace ("INBOX.Archive"). */
  readonly path: string;
  /** Between the levels of a path; undefined where the server knows no levels. */
  readonly delimiter: string | undefined;
  /** As the server wrote them: `\Junk`, `\Noselect`, ... */
  readonly flags: ReadonlySet<string>;
  /** The one among them that says what the folder is for (RFC 6154); never guessed from its name. */
  readonly specialUse?: string | undefined;
};

const uses = ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash', '\\Important'];

/** What Exchange says to the first command behind a login that it took and did not mean (there is no such mailbox). */
const notConnected = /user is authenticated but not connected/i;

/**
 * Lists every folder, with one command. Throws when the server refuses; what Exchange says of a login that leads nowhere is
 * an error with `authenticationFailed`, as imapflow itself marks it.
 */
export const listFolders = async (client: ImapFlow): Promise<readonly Listed[]> => {
  // Some servers tell special uses only to those who ask (Cyrus), which takes LIST-EXTENDED (RFC 5258); imapflow asks then,
  // in the same command. Elsewhere it would send an LSUB behind, of which a look has no use.
  const listOnly = !client.capabilities.has('LIST-EXTENDED');
  const listed = await client.list({ listOnly }).catch((error: unknown) => {
    const said: unknown = error instanceof Error ? Reflect.get(error, 'responseText') : undefined;
    if (error instanceof Error && typeof said === 'string' && notConnected.test(said))
      throw Object.assign(error, { authenticationFailed: true });
    throw error;
  });
  return listed.map(({ path, delimiter, flags }) => ({
    path,
    delimiter: typeof delimiter === 'string' && delimiter !== '' ? delimiter : undefined,
    flags,
    specialUse: uses.find((use) => flags.has(use)),
  }));
};

/** Throws when the folder is not the one that answers any more. */
export const stillOpen = (client: ImapFlow, path: string): void => {
  if (!client.usable || client.mailbox === false || client.mailbox.path !== path)
    throw new Gone('the connection ended');
};

/** Opens a folder read-only: nothing that follows can flag or move a message. */
export const examine = async (client: ImapFlow, path: string): Promise<Opened> => {
  const box = await client.mailboxOpen(path, { readOnly: true });
  if (box === undefined) throw new Gone('the connection ended');
  const { uidValidity, exists } = box;
  if (typeof uidValidity !== 'bigint') throw new Refused(`folder "${path}" has no UIDVALIDITY`);
  const opened = { path: box.path, uidValidity: String(uidValidity), exists };
  if (typeof box.uidNext === 'number') return { ...opened, uidNext: box.uidNext };
  // UIDNEXT is not promised by RFC 3501 servers; the newest message tells it.
  const newest = exists === 0 ? undefined : await client.fetchOne('*', { uid: true });
  stillOpen(client, box.path);
  if (newest === false) throw new Refused(`folder "${path}" does not say its next UID`);
  return { ...opened, uidNext: (newest?.uid ?? 0) + 1, uidNextGuessed: true };
};

/** UIDs that match, ascending. imapflow answers `false` when the server refused and when the session ended. */
export const search = async (client: ImapFlow, folder: Opened, query: SearchObject): Promise<number[]> => {
  const found = await client.search(query, { uid: true });
  stillOpen(client, folder.path);
  if (!Array.isArray(found)) throw new Refused(`the server refused to search folder "${folder.path}"`);
  return found.sort((a, b) => a - b);
};

/** "1:3,7": UIDs as a sequence set; they come ascending. */
export const toSet = (uids: readonly number[]): string => {
  const ranges: [number, number][] = [];
  for (const uid of uids) {
    const last = ranges.at(-1);
    if (last !== undefined && uid <= last[1] + 1) last[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}:${to}`)).join(',');
};

const fetch = async (
  client: ImapFlow,
  folder: Opened,
  set: string,
  query: FetchQueryObject,
  take: (message: FetchMessageObject) => void,
): Promise<void> => {
  for await (const message of client.fetch(set, { uid: true, ...query }, { uid: true })) take(message);
  stillOpen(client, folder.path);
};

/** Fetches the first bytes of whole messages, with PEEK. */
export const fetchSources = (
  client: ImapFlow,
  folder: Opened,
  uids: readonly number[],
  maxLength: number,
  take: (message: FetchMessageObject & { readonly source: Buffer }) => void,
): Promise<void> =>
  fetch(client, folder, toSet(uids), { internalDate: true, source: { start: 0, maxLength } }, (message) => {
    const { source } = message;
    if (Buffer.isBuffer(source) && message.uid !== undefined) take({ ...message, source });
  });

/** The UID of the message with this sequence number; undefined when the server names none. */
export const uidAt = async (client: ImapFlow, folder: Opened, sequence: number): Promise<number | undefined> => {
  const message = await client.fetchOne(String(sequence), { uid: true });
  stillOpen(client, folder.path);
  return message === false || message === undefined ? undefined : message.uid;
};

/**
 * UIDs of the newest messages, ascending: those that an index may not know yet, so that a search for something does not find
 * them. One command, whatever the folder holds.
 */
export const newestUids = async (client: ImapFlow, folder: Opened, count: number): Promise<number[]> => {
  if (folder.exists === 0) return [];
  const uids = new Set<number>();
  const first = Math.max(1, folder.exists - count + 1);
  for await (const { uid } of client.fetch(`${first}:${folder.exists}`, { uid: true }))
    if (uid !== undefined) uids.add(uid);
  stillOpen(client, folder.path);
  return [...uids].sort((a, b) => a - b);
};

/** Those of the UIDs that are still there, ascending. */
export const fetchUids = async (client: ImapFlow, folder: Opened, uids: readonly number[]): Promise<number[]> => {
  const asked = new Set(uids);
  const there = new Set<number>();
  await fetch(client, folder, toSet(uids), {}, ({ uid }) => {
    if (asked.has(uid)) there.add(uid);
  });
  return [...there].sort((a, b) => a - b);
};
