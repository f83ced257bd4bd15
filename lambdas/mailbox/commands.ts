/** The IMAP commands of a look, over imapflow: whatever is not an answer throws, so that nothing failed reads as "not there". */
import type { FetchMessageObject, FetchQueryObject, ImapFlow, SearchObject } from 'imapflow';
import { Gone, Refused } from './failure.ts';
import { fieldNames } from './header.ts';

/** A folder as EXAMINE described it, at that moment: imapflow's own object moves on with every answer. */
export type Opened = {
  readonly path: string;
  readonly uidValidity: string;
  readonly uidNext: number;
  readonly exists: number;
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
  let uidNext: number | undefined = box.uidNext;
  if (typeof uidNext !== 'number') {
    // UIDNEXT is not promised by RFC 3501 servers; the newest message tells it.
    const newest = exists === 0 ? undefined : await client.fetchOne('*', { uid: true });
    stillOpen(client, box.path);
    if (newest === false) throw new Refused(`folder "${path}" does not say its next UID`);
    uidNext = (newest?.uid ?? 0) + 1;
  }
  return { path: box.path, uidValidity: String(uidValidity), uidNext, exists };
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

/**
 * Fetches the header fields of a look, with PEEK; message by message, so that a page does not fill the memory. Resolves with
 * the UIDs that the server named without their header: another message's flags, or a message that it cannot read.
 */
export const fetchHeaders = async (
  client: ImapFlow,
  folder: Opened,
  set: string,
  take: (message: FetchMessageObject & { readonly headers: Buffer }) => void,
): Promise<readonly number[]> => {
  const bare = new Set<number>();
  const read = new Set<number>();
  await fetch(client, folder, set, { internalDate: true, headers: [...fieldNames] }, (message) => {
    const { headers, uid } = message;
    if (uid === undefined) return;
    // imapflow says `false` for NIL, whatever its types say.
    if (!Buffer.isBuffer(headers)) bare.add(uid);
    else {
      read.add(uid);
      take({ ...message, headers });
    }
  });
  return [...bare].filter((uid) => !read.has(uid));
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

/** Those of the UIDs that are still there, ascending. */
export const fetchUids = async (client: ImapFlow, folder: Opened, uids: readonly number[]): Promise<number[]> => {
  const asked = new Set(uids);
  const there = new Set<number>();
  await fetch(client, folder, toSet(uids), {}, ({ uid }) => {
    if (asked.has(uid)) there.add(uid);
  });
  return [...there].sort((a, b) => a - b);
};
