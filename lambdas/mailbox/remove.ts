/** Deleting exactly the given messages, and nothing that somebody else flagged. */
import type { ImapFlow } from 'imapflow';
import type { Place } from '../core/words.ts';
import { fetchUids, type Opened, search, toSet } from './commands.ts';
import { Gone, isRefusal, Refused } from './failure.ts';
import type { Progress } from './session.ts';

const chunk = 500;

const byFolder = (places: readonly Place[]): Map<string, Place[]> => {
  const groups = new Map<string, Place[]>();
  for (const place of places) {
    const group = groups.get(place.folder);
    if (group === undefined) groups.set(place.folder, [place]);
    else group.push(place);
  }
  return groups;
};

const refused = (folder: string, what: string) => new Refused(`folder "${folder}": ${what}`);

/**
 * Those of the UIDs that are still there. SEARCH says it in one line, where FETCH takes one for each message; but where
 * an index lags (Gmail) it may leave out some, and those would stay for ever: so unless it has them all, FETCH decides.
 */
const stillThere = async (client: ImapFlow, folder: Opened, uids: readonly number[]): Promise<readonly number[]> => {
  try {
    const found = new Set(await search(client, folder, { uid: toSet(uids) }));
    if (uids.every((uid) => found.has(uid))) return uids;
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  return fetchUids(client, folder, uids);
};

/**
 * Deletes these UIDs of the open folder.
 *
 * With UIDPLUS (RFC 4315) UID EXPUNGE takes a list. Without it there is only EXPUNGE, which removes everything that
 * anybody flagged \Deleted and may still want back. So where another message carries that flag nothing is done: not
 * even our own are flagged, because the next EXPUNGE of any client would then be ours. They count as not removed and
 * are tried again. The flags are read once more behind our own STORE; what another client flags between that and
 * EXPUNGE cannot be seen by any client.
 */
const removeUids = async (client: ImapFlow, folder: string, uids: readonly number[]): Promise<number> => {
  const box = client.mailbox;
  if (box === false) throw new Gone('the connection ended');
  const opened = { path: box.path, uidValidity: String(box.uidValidity), uidNext: box.uidNext, exists: box.exists };
  const there = await stillThere(client, opened, uids);
  if (there.length === 0) return 0;
  const set = toSet(there);
  if (client.capabilities.has('UIDPLUS')) {
    if ((await client.messageDelete(set, { uid: true })) !== true)
      throw refused(folder, 'the server refused to delete');
    return there.length;
  }
  const own = new Set(there);
  const others = async () => (await search(client, opened, { deleted: true })).some((uid) => !own.has(uid));
  if (await others()) return 0;
  if (!(await client.messageFlagsAdd(set, ['\\Deleted'], { uid: true, silent: true })))
    throw refused(folder, 'the server refused to delete');
  if (await others()) {
    await client.messageFlagsRemove(set, ['\\Deleted'], { uid: true, silent: true });
    return 0;
  }
  if ((await client.messageDelete(set, { uid: true })) !== true) throw refused(folder, 'the server refused to delete');
  return there.length;
};

const removeFrom = async (client: ImapFlow, folder: string, places: readonly Place[], progress: Progress) => {
  progress.stage = `delete in folder "${folder}"`;
  const box = await client.mailboxOpen(folder, { readOnly: false });
  if (box === undefined) throw new Gone('the connection ended');
  if (box.readOnly === true)
    throw refused(folder, 'it is read-only; the user of the mailbox needs the right to delete');
  // UIDs of another UIDVALIDITY name other messages, or none.
  const uids = places.filter(({ uidValidity }) => uidValidity === String(box.uidValidity)).map(({ uid }) => uid);
  const sorted = [...new Set(uids)].sort((a, b) => a - b);
  let removed = 0;
  for (let at = 0; at < sorted.length; at += chunk)
    removed += await removeUids(client, folder, sorted.slice(at, at + chunk));
  return removed;
};

/** Deletes the messages at these places. A folder that refuses does not keep the others from being cleaned; it throws last. */
export const removePlaces = async (client: ImapFlow, places: readonly Place[], progress: Progress): Promise<number> => {
  let removed = 0;
  const failures: unknown[] = [];
  for (const [folder, group] of byFolder(places))
    try {
      removed += await removeFrom(client, folder, group, progress);
    } catch (error) {
      if (!client.usable) throw error;
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
  return removed;
};
