/** One look: which folders, in which order, and what its parts come to. */
import type { ImapFlow, ListResponse } from 'imapflow';
import type { Ask } from '../core/ports.ts';
import type { Cursor, Look, MailSeen, Ms } from '../core/words.ts';
import { examine, search, toSet } from './commands.ts';
import { CannotLook, explain, isRefusal } from './failure.ts';
import { type Budget, budgetOfLook, type Folder, readFolder, readHeaders, searchIds, sinceOf } from './folder.ts';
import { names } from './header.ts';
import type { Progress } from './session.ts';

/** What was looked at. A look that ends in its last part, the last call, still counts with all that came before. */
type Looked = Extract<Look, { state: 'looked' }>;
export type LookProgress = Progress & { soFar?: Looked | undefined };

type Task = {
  readonly client: ImapFlow;
  readonly ask: Ask;
  /** When the look began. */
  readonly at: Ms;
  readonly now: () => Ms;
  /** Folders of the settings, besides INBOX and Junk. */
  readonly folders: readonly string[];
  readonly progress: LookProgress;
};

const isJunk = (folder: ListResponse) => folder.flags.has('\\Junk');
const isSelectable = ({ flags }: ListResponse) => !flags.has('\\Noselect') && !flags.has('\\NonExistent');
/** A folder that repeats the others (Gmail's "All Mail") is searched last, for what the others did not have. */
const repeats = ({ flags }: ListResponse) => flags.has('\\All') || flags.has('\\Flagged') || flags.has('\\Important');

/** A folder of the settings: by its path, with or without the namespace that the server puts in front. */
const named = (listed: readonly ListResponse[], name: string, prefix: string): ListResponse | undefined =>
  listed.find(({ path }) => path === name || path === `${prefix}${name}`);

const open = async ({ client, now, progress }: Task, path: string, junk: boolean): Promise<Folder> => {
  progress.stage = `open folder "${path}"`;
  const opened = await examine(client, path);
  progress.stage = `read folder "${path}"`;
  return { ...opened, client, junk, now };
};

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
      const folder = await open(task, path, junk.has(path));
      const reading = await readFolder(folder, task.ask, budget);
      mails.push(...reading.mails);
      cursor[folder.path] = { uidValidity: folder.uidValidity, uidNext: reading.next };
      if (reading.detail !== undefined) details.push(reading.detail);
    } catch (error) {
      // Without INBOX there is nothing to say; any other folder that refuses makes the look a partial one.
      if (path === 'INBOX' || !isRefusal(error)) throw error;
      const before = task.ask.cursor?.[path];
      if (before !== undefined) cursor[path] = before;
      details.push(explain(error, task.progress.stage).message);
    }
  return looked(task.at, mails, cursor, details);
};

const looked = (at: Ms, mails: readonly MailSeen[], cursor: Cursor, details: readonly string[]): Looked => ({
  state: 'looked',
  at,
  complete: details.length === 0,
  detail: details.length === 0 ? undefined : details.join('; '),
  mails,
  cursor,
});

const keyOf = ({ place }: MailSeen) => `${place.uidValidity}/${place.uid}/${place.folder}`;

/** More ids than this are looked for by one search for anything that carries our header. */
const manyLastCalls = 200;

const lastCallIn = async (folder: Folder, ids: readonly string[], ask: Ask): Promise<readonly MailSeen[]> => {
  if (folder.exists === 0) return [];
  const within = sinceOf(ask);
  const uids =
    ids.length > manyLastCalls
      ? await search(folder.client, folder, { ...within, header: { 'X-Mail-Canary': true } })
      : await searchIds(folder, ids, within);
  const mails: MailSeen[] = [];
  for (let at = 0; at < uids.length; at += 500)
    mails.push(...(await readHeaders(folder, toSet(uids.slice(at, at + 500)))).mails);
  return mails;
};

/** Searches every selectable folder for ids that are about to be called lost: a rule may have moved them. */
const lastCall = async (task: Task, listed: readonly ListResponse[], before: Looked): Promise<Looked> => {
  const mails = [...before.mails];
  const seen = new Set(mails.map(keyOf));
  const details = before.detail === undefined ? [] : [before.detail];
  const selectable = listed.filter(isSelectable);
  const ordered = [...selectable.filter((folder) => !repeats(folder)), ...selectable.filter(repeats)];
  for (const listing of ordered) {
    const missing = task.ask.lastCall.filter((id) => !mails.some((mail) => names(mail, id)));
    if (missing.length === 0) break;
    try {
      const folder = await open(task, listing.path, isJunk(listing));
      const found = await lastCallIn(folder, missing, task.ask);
      mails.push(...found.filter((mail) => !seen.has(keyOf(mail))));
      for (const mail of found) seen.add(keyOf(mail));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      details.push(explain(error, task.progress.stage).message);
    }
    task.progress.soFar = looked(before.at, mails, before.cursor, [...details, 'not every folder was searched']);
  }
  return looked(before.at, mails, before.cursor, details);
};

/** Looks. Throws what kept it from looking. */
export const takeLook = async (task: Task): Promise<Looked> => {
  task.progress.soFar = undefined;
  task.progress.stage = 'list folders';
  const listed = await task.client.list();
  if (!listed.some(({ path }) => path === 'INBOX'))
    throw new CannotLook('imap-folder-gone', 'folder "INBOX" is not there');
  const before = await readChosen(task, listed);
  if (task.ask.lastCall.length === 0) return before;
  task.progress.soFar = looked(before.at, before.mails, before.cursor, [
    ...(before.detail === undefined ? [] : [before.detail]),
    'not every folder was searched',
  ]);
  return lastCall(task, listed, before);
};
