/** Deleting exactly the given messages, and nothing that somebody else flagged; a server that does not delete is an answer. */
import type { ImapFlow } from 'imapflow';
import type { Removal } from '../core/ports.ts';
import type { Place } from '../core/words.ts';
import { type Opened, search, toSet } from './commands.ts';
import {
  counted,
  expunge,
  flagDeleted,
  inParts,
  isAnswer,
  isForbidden,
  isMissing,
  missingRights,
  wordsOf,
} from './expunge.ts';
import { Gone } from './failure.ts';
import { isGmail, trashOf } from './gmail.ts';
import type { Progress } from './session.ts';
import { emptyTrash, type Moved, moveToTrash } from './trash.ts';

/** Gmail's labels are shown over IMAP one by one, as its user ticked them. */
const hiddenTrash = 'Gmail deletes only what is moved to its trash, and shows none: tick "Show in IMAP" for that label';

type Refusal = NonNullable<Removal['refused']>;
/** `left`: how many the server answered OK for and kept. */
type Part = { readonly removed: number; readonly left: number; readonly refused?: Refusal };
type Trash = { readonly path: string; readonly moved: Moved[] };

const keeping = (detail: string, readOnly = false): Part => ({ removed: 0, left: 0, refused: { readOnly, detail } });

const byFolder = (places: readonly Place[]): Map<string, Place[]> => {
  const groups = new Map<string, Place[]>();
  for (const place of places) {
    const group = groups.get(place.folder);
    if (group === undefined) groups.set(place.folder, [place]);
    else group.push(place);
  }
  return groups;
};

/**
 * Without UIDPLUS (RFC 4315) there is only EXPUNGE, which removes everything that anybody flagged \Deleted and may still
 * want back. So where another message carries that flag nothing is done: not even our own are flagged, because the next
 * EXPUNGE of any client would then be ours. They are tried again. The flags are read once more behind our own STORE; what
 * another client flags between that and EXPUNGE cannot be seen by any client.
 */
const removeWithoutList = async (client: ImapFlow, folder: Opened, uids: readonly number[]): Promise<Part> => {
  const own = new Set(uids);
  const sets = inParts(uids).map(toSet);
  const flag = async (how: '+' | '-') => {
    for (const set of sets) await flagDeleted(client, set, how);
  };
  const others = async () => (await search(client, folder, { deleted: true })).filter((uid) => !own.has(uid)).length;
  const words = (count: number) =>
    `the server has no UIDPLUS, and EXPUNGE would remove ${count} other message${count === 1 ? '' : 's'} flagged \\Deleted`;
  const before = await others();
  if (before > 0) return keeping(words(before));
  await flag('+');
  const between = await others();
  if (between === 0) return counted(client, folder, uids, () => expunge(client, undefined));
  await flag('-');
  return keeping(words(between));
};

const removePart = async (
  client: ImapFlow,
  folder: Opened,
  uids: readonly number[],
  trash: Trash | undefined,
): Promise<Part> => {
  const set = toSet(uids);
  try {
    if (trash !== undefined && trash.path !== folder.path)
      return await moveToTrash(client, folder, uids, trash.path, trash.moved);
    if (!client.capabilities.has('UIDPLUS')) return await removeWithoutList(client, folder, uids);
    return await counted(client, folder, uids, async () => {
      await flagDeleted(client, set, '+');
      await expunge(client, set);
    });
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return keeping(wordsOf(error), isForbidden(error));
  }
};

/** Some servers refuse SELECT where EXAMINE is allowed. */
const mayBeRead = async (client: ImapFlow, folder: string): Promise<boolean> => {
  try {
    return (await client.mailboxOpen(folder, { readOnly: true })) !== undefined;
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return false;
  }
};

const open = async (client: ImapFlow, folder: string) => {
  try {
    const box = await client.mailboxOpen(folder, { readOnly: false });
    if (box === undefined) throw new Gone('the connection ended');
    return box.readOnly === true ? { readOnly: true, detail: 'the server opens it read-only' } : box;
  } catch (error) {
    if (!isAnswer(error)) throw error;
    // Whoever took the folder away took its messages with it.
    if (isMissing(error)) return undefined;
    return { readOnly: isForbidden(error) || (await mayBeRead(client, folder)), detail: wordsOf(error) };
  }
};

/** A server may take a command that its user has no right to, and do nothing. */
const whyKept = async (
  client: ImapFlow,
  path: string,
  flags: ReadonlySet<string> | undefined,
  words: string,
): Promise<Refusal> => {
  const missing = (await missingRights(client, path)) ?? '';
  if (missing !== '') return { readOnly: true, detail: `${words}; the user lacks the right "${missing}" (RFC 4314)` };
  if (flags !== undefined && !flags.has('\\Deleted') && !flags.has('\\*'))
    return { readOnly: true, detail: `${words}; it keeps no \\Deleted flag` };
  return { readOnly: false, detail: words };
};

const removeFrom = async (
  client: ImapFlow,
  path: string,
  places: readonly Place[],
  trash: Trash | undefined,
): Promise<Removal> => {
  const box = await open(client, path);
  if (box === undefined) return { removed: 0 };
  if (!('uidValidity' in box)) return { removed: 0, refused: box };
  // UIDs of another UIDVALIDITY name other messages, or none.
  const uidValidity = String(box.uidValidity);
  const valid = places.filter((place) => place.uidValidity === uidValidity).map(({ uid }) => uid);
  const uids = [...new Set(valid)].sort((a, b) => a - b);
  const folder = { path: box.path, uidValidity, uidNext: box.uidNext, exists: box.exists };
  let removed = 0;
  let left = 0;
  // An EXPUNGE without a list is for all of them, or they would be in each other's way.
  const isListed = client.capabilities.has('UIDPLUS') || (trash !== undefined && trash.path !== box.path);
  for (const some of isListed ? inParts(uids) : [uids]) {
    if (some.length === 0) continue;
    const part = await removePart(client, folder, some, trash);
    removed += part.removed;
    left += part.left;
    // What refuses a part refuses the others.
    if (part.refused !== undefined) return { removed, refused: part.refused };
  }
  if (left === 0) return { removed };
  const words = `the server answered OK and ${left} message${left === 1 ? ' is' : 's are'} still there`;
  return { removed, refused: await whyKept(client, folder.path, box.permanentFlags, words) };
};

/**
 * Deletes the messages at these places: for good, at Gmail by way of the trash. `removed` counts those that really went
 * now. A folder that refuses is told in `refused` and does not keep the others from being cleaned; a folder, or a message,
 * that is gone refuses nothing. Whatever else fails throws, at the end where the session outlived it.
 */
export const removePlaces = async (
  client: ImapFlow,
  places: readonly Place[],
  progress: Progress,
): Promise<Removal> => {
  const refusals: Refusal[] = [];
  const failures: unknown[] = [];
  let removed = 0;
  let trash: Trash | undefined;
  if (isGmail(client)) {
    progress.stage = 'list folders';
    const path = trashOf(await client.list());
    if (path === undefined) return { removed: 0, refused: { readOnly: false, detail: hiddenTrash } };
    trash = { path, moved: [] };
  }
  for (const [path, group] of byFolder(places)) {
    progress.stage = `delete in folder "${path}"`;
    try {
      const one = await removeFrom(client, path, group, trash);
      removed += one.removed;
      if (one.refused !== undefined)
        refusals.push({ ...one.refused, detail: `folder "${path}": ${one.refused.detail}` });
    } catch (error) {
      if (!client.usable) throw error;
      failures.push(error);
    }
  }
  if (trash !== undefined) {
    progress.stage = `delete in folder "${trash.path}"`;
    await emptyTrash(client, trash.path, trash.moved);
  }
  if (failures.length > 0) throw failures[0];
  if (refusals.length === 0) return { removed };
  const detail = refusals.map((one) => one.detail).join('; ');
  return { removed, refused: { readOnly: refusals.some(({ readOnly }) => readOnly), detail } };
};
