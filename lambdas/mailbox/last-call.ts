/** The last call: before a canary is called lost, every folder that can be opened is searched for it once. A rule may have moved it. */
import type { Ask } from '../core/ports.ts';
import type { MailSeen, Unmarked } from '../core/words.ts';
import { heldBack, toDigest } from './attachments.ts';
import { newestUids, search } from './commands.ts';
import { explain, isRefusal } from './failure.ts';
import { searchIds, sinceOf } from './folder.ts';
import type { Folders } from './folders.ts';
import { arrivedIn } from './gmail.ts';
import { idsNamed } from './header.ts';
import { type Folder, readHeaders, uidsPerCommand, unreadable } from './messages.ts';
import { amended, keyOf, type Lap, type Looked, openFolder, type Task } from './task.ts';
import { findUnmarked, mostUnmarked } from './unmarked.ts';

/** More ids than this are looked for by one search for anything that carries our header. */
const manyIds = 200;
/** Folders that one look searches besides those that are read anyway, two commands each. */
export const foldersPerLook = 600;
/** In a mailbox of few folders the newest mails of each are read as well. */
const fewFolders = 50;
const newestRead = 20;

/** The last calls of a mailbox that was just opened. */
export const createLap = (): Lap => ({ folders: '', next: 0, done: new Map() });

/**
 * Where to begin among more folders than one look searches, when nothing is known of the look before: spread over them by
 * the minute, whatever the distance between two looks is (multiples of the golden ratio are).
 */
const somewhere = (at: number, count: number): number =>
  Math.floor(((Math.floor(at / 60_000) * 0.618033988749895) % 1) * count);

/** Makes the lap one of these folders and ids. What has no id in it begins with the first folder. */
const prepare = (lap: Lap, { ask, at }: Task, others: readonly string[]): void => {
  const folders = JSON.stringify(others);
  const ids = new Set(ask.lastCall);
  for (const id of lap.done.keys()) if (lap.folders !== folders || !ids.has(id)) lap.done.delete(id);
  if (lap.folders !== folders) lap.next = somewhere(at, others.length);
  if (others.length <= foldersPerLook && lap.done.size === 0) lap.next = 0;
  lap.folders = folders;
};

/** The UIDs of mails that may be the canaries, by search. */
const candidates = async (folder: Folder, ids: readonly string[], ask: Ask): Promise<readonly number[]> => {
  const within = sinceOf(ask);
  if (folder.exists === 0) return [];
  return ids.length > manyIds
    ? search(folder.client, folder, { ...within, header: { 'X-Mail-Canary': true } })
    : searchIds(folder, ids, within);
};

/** Searches a folder for these ids; `newest` mails of it are read whether the search finds them or not: an index may lag. */
const searched = async (folder: Folder, ids: readonly string[], ask: Ask, newest: number) => {
  const wanted = new Set(ids);
  const found = await candidates(folder, ids, ask);
  const known = new Set(found);
  const fresh = newest === 0 ? [] : await newestUids(folder.client, folder, newest);
  const more = fresh.filter((uid) => !known.has(uid));
  const mails: MailSeen[] = [];
  const unread: number[] = [];
  for (const uids of [found, more])
    for (let at = 0; at < uids.length; at += uidsPerCommand) {
      const read = await readHeaders(folder, uids.slice(at, at + uidsPerCommand));
      mails.push(...read.mails.filter((mail) => uids === found || idsNamed(mail).some((id) => wanted.has(id))));
      // A mail that nobody searched for and that is damaged is somebody's.
      if (uids === found) unread.push(...read.unread);
    }
  const canaries = new Set(mails.map(({ place }) => place.uid));
  const rest = ids.length > manyIds ? [] : found.filter((uid) => !canaries.has(uid));
  return { mails, details: unreadable(folder, unread), unmarked: await findUnmarked(folder, rest, wanted) };
};

/** Searches the folders that are read, then the others, as far as commands and time go; the next look goes on from there. */
export const lastCall = async (task: Task, folders: Folders, before: Looked): Promise<Looked> => {
  const { lap, ask, progress } = task;
  const { others } = folders;
  const mails = [...before.mails];
  const seen = new Set(mails.map(keyOf));
  const found = new Set(mails.flatMap(idsNamed));
  const details: string[] = [];
  const unmarked: Unmarked[] = [];
  const missing = () => ask.lastCall.filter((id) => !found.has(id));
  const look = (more: readonly string[], unsearched: readonly string[] = []) =>
    amended(
      before,
      {
        mails,
        ...(unmarked.length > 0 && { unmarked: unmarked.slice(0, mostUnmarked) }),
        ...(unsearched.length > 0 && { unsearched }),
      },
      [...details, ...more],
    );

  /** Searches one folder for these ids; false when that cannot be said of it. */
  const searchIn = async (path: string, ids: readonly string[], moved: boolean): Promise<boolean> => {
    try {
      const folder = await openFolder(task, path, folders.junk.has(path));
      const there = await searched(folder, ids, ask, moved && others.length <= fewFolders ? newestRead : 0);
      const { arrived } = path === folders.main ? await arrivedIn(folder, there.mails) : { arrived: there.mails };
      for (const mail of arrived) {
        if (seen.has(keyOf(mail))) continue;
        seen.add(keyOf(mail));
        mails.push(moved ? { ...mail, moved } : mail);
        for (const id of idsNamed(mail)) found.add(id);
      }
      unmarked.push(...there.unmarked);
      details.push(...there.details);
      return there.details.length === 0;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      details.push(explain(error, progress.stage).message);
      return false;
    } finally {
      progress.soFar = heldBack(look(['not every folder was searched']), toDigest(ask, mails));
    }
  };

  for (const path of folders.read) {
    const ids = missing();
    if (ids.length === 0) break;
    await searchIn(path, ids, false);
  }
  prepare(lap, task, others);
  const left = () => missing().filter((id) => (lap.done.get(id) ?? 0) < others.length);
  for (let count = 0; count < Math.min(others.length, foldersPerLook); count += 1) {
    const ids = left();
    const path = others[lap.next % others.length];
    if (ids.length === 0 || path === undefined || task.now() >= task.until) break;
    const isSearched = await searchIn(path, ids, true);
    for (const id of ids) lap.done.set(id, isSearched ? (lap.done.get(id) ?? 0) + 1 : 0);
    lap.next = (lap.next + 1) % others.length;
  }
  // Only of these "absent" cannot be said: the others were looked for everywhere.
  return look([], left());
};
