/** One look: which folders, in which order, and what its parts come to. */
import type { ListResponse } from 'imapflow';
import type { Ask } from '../core/ports.ts';
import type { Cursor, MailSeen } from '../core/words.ts';
import { heldBack, toDigest, withDigests } from './attachments.ts';
import { search } from './commands.ts';
import { CannotLook, explain, isRefusal } from './failure.ts';
import { readFolder, searchIds, sinceOf } from './folder.ts';
import { idsNamed } from './header.ts';
import { type Budget, budgetOfLook, type Folder, readHeaders, unreadable } from './messages.ts';
import { detailsOf, keyOf, type Looked, looked, openFolder, type Task } from './task.ts';

const isJunk = (folder: ListResponse) => folder.flags.has('\\Junk');
const isSelectable = ({ flags }: ListResponse) => !flags.has('\\Noselect') && !flags.has('\\NonExistent');
/** A folder that repeats the others (Gmail's "All Mail") is searched last, for what the others did not have. */
const repeats = ({ flags }: ListResponse) => flags.has('\\All') || flags.has('\\Flagged') || flags.has('\\Important');

/** A folder of the settings: by its path, with or without the namespace that the server puts in front. */
const named = (listed: readonly ListResponse[], name: string, prefix: string): ListResponse | undefined =>
  listed.find(({ path }) => path === name || path === `${prefix}${name}`);

/** INBOX, the folder that carries `\Junk` (never by its name), and those of the settings. */
const chosen = (task: Task, listed: readonly ListResponse[]) => {
  const prefix = task.client.namespace?.prefix ?? '';
  const found = task.folders.map((name) => ({ name, folder: named(listed, name, prefix) }));
  const paths = [
    'INBOX',
    ...listed.filter(isJunk).map(({ path }) => path),
    ...found.flatMap(({ folder }) => (folder === undefined ? [] : [folder.path])),
  ];
  return {
    paths: [...new Set(paths)],
    missing: found.filter(({ folder }) => folder === undefined).map(({ name }) => `folder "${name}" is not there`),
  };
};

const readChosen = async (task: Task, listed: readonly ListResponse[]): Promise<Looked> => {
  const { paths, missing } = chosen(task, listed);
  const junk = new Set(listed.filter(isJunk).map(({ path }) => path));
  const budget: Budget = budgetOfLook();
  const mails: MailSeen[] = [];
  const cursor: Record<string, Cursor[string]> = {};
  const details = [...missing];
  for (const path of paths)
    try {
      const folder = await openFolder(task, path, junk.has(path));
      const reading = await readFolder(folder, task.ask, budget);
      mails.push(...reading.mails);
      cursor[folder.path] = { uidValidity: folder.uidValidity, uidNext: reading.next };
      details.push(...reading.details);
    } catch (error) {
      // Without INBOX there is nothing to say; any other folder that refuses makes the look a partial one.
      if (path === 'INBOX' || !isRefusal(error)) throw error;
      const before = task.ask.cursor?.[path];
      if (before !== undefined) cursor[path] = before;
      details.push(explain(error, task.progress.stage).message);
    }
  return looked(task.at, mails, cursor, details);
};

/** More ids than this are looked for by one search for anything that carries our header. */
const manyLastCalls = 200;

const lastCallIn = async (folder: Folder, ids: readonly string[], ask: Ask) => {
  const mails: MailSeen[] = [];
  const unread: number[] = [];
  const within = sinceOf(ask);
  const everything = () => search(folder.client, folder, { ...within, header: { 'X-Mail-Canary': true } });
  const uids =
    folder.exists === 0 ? [] : await (ids.length > manyLastCalls ? everything() : searchIds(folder, ids, within));
  for (let at = 0; at < uids.length; at += 500) {
    const read = await readHeaders(folder, uids.slice(at, at + 500));
    mails.push(...read.mails);
    unread.push(...read.unread);
  }
  return { mails, details: unreadable(folder, unread) };
};

/** Searches every selectable folder for ids that are about to be called lost: a rule may have moved them. */
const lastCall = async (task: Task, listed: readonly ListResponse[], before: Looked): Promise<Looked> => {
  const mails = [...before.mails];
  const seen = new Set(mails.map(keyOf));
  const named = new Set(mails.flatMap(idsNamed));
  const details = detailsOf(before);
  const selectable = listed.filter(isSelectable);
  const ordered = [...selectable.filter((folder) => !repeats(folder)), ...selectable.filter(repeats)];
  for (const listing of ordered) {
    const missing = task.ask.lastCall.filter((id) => !named.has(id));
    if (missing.length === 0) break;
    try {
      const folder = await openFolder(task, listing.path, isJunk(listing));
      const found = await lastCallIn(folder, missing, task.ask);
      for (const mail of found.mails) {
        if (seen.has(keyOf(mail))) continue;
        seen.add(keyOf(mail));
        mails.push(mail);
        for (const id of idsNamed(mail)) named.add(id);
      }
      details.push(...found.details);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      details.push(explain(error, task.progress.stage).message);
    }
    task.progress.soFar = heldBack(
      looked(before.at, mails, before.cursor, [...details, 'not every folder was searched']),
      toDigest(task.ask, mails),
    );
  }
  return looked(before.at, mails, before.cursor, details);
};

/** Looks. Throws what kept it from looking. */
export const takeLook = async (given: Task): Promise<Looked> => {
  const task = given.bouncesOnly ? { ...given, ask: { ...given.ask, expected: [], lastCall: [], digests: [] } } : given;
  task.progress.soFar = undefined;
  task.progress.stage = 'list folders';
  const listed = await task.client.list();
  if (!listed.some(({ path }) => path === 'INBOX'))
    throw new CannotLook('imap-folder-gone', 'folder "INBOX" is not there');
  const before = await readChosen(task, listed);
  if (task.ask.lastCall.length === 0) return withDigests(task, before);
  task.progress.soFar = heldBack(
    looked(before.at, before.mails, before.cursor, [...detailsOf(before), 'not every folder was searched']),
    toDigest(task.ask, before.mails),
  );
  return withDigests(task, await lastCall(task, listed, before));
};
