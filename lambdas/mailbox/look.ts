/** One look: which folders, in which order, and what its parts come to. */
import type { Cursor, MailSeen, Ms, Quota } from '../core/words.ts';
import { heldBack, toDigest, withDigests } from './attachments.ts';
import { listFolders } from './commands.ts';
import { CannotLook, explain, isRefusal } from './failure.ts';
import { readFolder } from './folder.ts';
import { type Folders, foldersOf } from './folders.ts';
import { allMailOf, arrivedIn, isGmail } from './gmail.ts';
import { lastCall } from './last-call.ts';
import { type Budget, budgetOfLook } from './messages.ts';
import { quotaOf } from './quota.ts';
import { withSwept } from './sweep.ts';
import { amended, type Looked, looked, openFolder, type Task } from './task.ts';

/** Where Gmail does not show All Mail over IMAP, a message stands in INBOX and once more under each of its labels; Spam is none. */
const withoutLabels = () => {
  const shown = new Map<string, string>();
  return (mails: readonly MailSeen[]) =>
    mails.filter(({ place, junk, internalDate, messageId, canary, bounce }) => {
      if (junk) return true;
      const key = JSON.stringify([internalDate, messageId, canary, bounce?.words]);
      const folder = shown.get(key) ?? place.folder;
      shown.set(key, folder);
      return folder === place.folder;
    });
};

/** The cursor stays before a canary that was sent and has not come back; an old one never will. */
const before = (sent: readonly MailSeen[], next: number, since: number): number =>
  Math.min(next, ...sent.filter(({ internalDate }) => internalDate >= since).map(({ place }) => place.uid));

const readChosen = async (task: Task, folders: Folders): Promise<Looked> => {
  const budget: Budget = budgetOfLook();
  const mails: MailSeen[] = [];
  const cursor: Record<string, Cursor[string]> = {};
  const details = [...folders.missing];
  const once = isGmail(task.client) ? withoutLabels() : (all: readonly MailSeen[]) => all;
  let messages: number | undefined;
  for (const path of folders.read)
    try {
      const folder = await openFolder(task, path, folders.junk.has(path));
      const reading = await readFolder(folder, task.ask, budget);
      if (path === folders.main && task.ask.state === true) messages = folder.exists;
      const { arrived, sent } =
        path === folders.main ? await arrivedIn(folder, reading.mails) : { arrived: reading.mails, sent: [] };
      for (const mail of once(arrived)) mails.push(mail);
      cursor[folder.path] = {
        uidValidity: folder.uidValidity,
        uidNext: before(sent, reading.next, task.ask.since),
      };
      details.push(...reading.details);
    } catch (error) {
      // Without INBOX there is nothing to say; any other folder that refuses makes the look a partial one.
      if (path === folders.main || !isRefusal(error)) throw error;
      const known = task.ask.cursor?.[path];
      if (known !== undefined) cursor[path] = known;
      details.push(explain(error, task.progress.stage).message);
    }
  return looked({ at: task.at, mails, cursor, ...(messages !== undefined && { messages }) }, details);
};

/** Longer than that nobody waits for a number. */
const quotaPatience: Ms = 5000;

/**
 * How full the mailbox is. A server that refuses, or never answers, does not tell; with the latter the session ends, since its
 * answer would be taken for that of the next command.
 */
const toldQuota = async ({ client, at, until }: Task): Promise<Quota | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(
      () => {
        client.close();
        resolve(undefined);
      },
      Math.min(quotaPatience, (until - at) / 2),
    );
  });
  try {
    return await Promise.race([quotaOf(client), late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
};

/** What is asked besides canaries. It never changes what the look says of those, even where it cannot be had. */
const withState = async (task: Task, look: Looked): Promise<Looked> => {
  if (task.ask.state !== true) return look;
  task.progress.whole = look;
  task.progress.stage = 'ask for the quota';
  const quota = await toldQuota(task);
  return quota === undefined ? look : amended(look, { quota });
};

/** Looks. Throws what kept it from looking. */
export const takeLook = async (given: Task): Promise<Looked> => {
  const nothing = { expected: [], lastCall: [], digests: [], sweep: undefined };
  const task = given.bouncesOnly ? { ...given, ask: { ...given.ask, ...nothing } } : given;
  const { ask, progress } = task;
  progress.soFar = undefined;
  progress.whole = undefined;
  progress.stage = 'list folders';
  const listed = await listFolders(task.client);
  if (!listed.some(({ path }) => path === 'INBOX'))
    throw new CannotLook('imap-folder-gone', 'folder "INBOX" is not there');
  const folders = foldersOf(listed, task.folders, isGmail(task.client) ? allMailOf(listed) : undefined);
  const read = await readChosen(task, folders);
  if (ask.lastCall.length > 0)
    progress.soFar = heldBack(amended(read, {}, ['not every folder was searched']), toDigest(ask, read.mails));
  const look = await withDigests(task, ask.lastCall.length === 0 ? read : await lastCall(task, folders, read));
  return withState(task, await withSwept(task, folders, look));
};
