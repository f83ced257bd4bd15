/** Own mail that earlier rounds left: kept as evidence, of an earlier deployment with the same key, or behind a cursor that moved on. */
import type { SearchObject } from 'imapflow';
import { subjectOf } from '../core/canary.ts';
import type { MailSeen, Ms } from '../core/words.ts';
import { search } from './commands.ts';
import { isRefusal } from './failure.ts';
import type { Folders } from './folders.ts';
import { arrivedIn } from './gmail.ts';
import { idsNamed } from './header.ts';
import { type Folder, readHeaders, uidsPerCommand } from './messages.ts';
import { amended, keyOf, type Looked, openFolder, type Task } from './task.ts';

/** Mails that one look brings at most. */
export const mostSwept = 2000;
const day: Ms = 86_400_000;

/** How the subject of every canary begins: it finds those whose header a gateway took; their Message-ID decides. */
const subject = subjectOf('', '').trim();

/**
 * What may be own mail of that time. BEFORE has the granularity of a day, in the zone of each date (RFC 9051 6.4.4); with
 * WITHIN (RFC 5032) imapflow asks for seconds instead, of which there must be one at least.
 */
const oldOwn = (folder: Folder, before: Ms): SearchObject => {
  const byDay = new Date(before + day);
  const bySecond = new Date(Math.min(before, folder.now() - 1000));
  return {
    before: folder.client.capabilities.has('WITHIN') ? bySecond : byDay,
    or: [{ header: { 'X-Mail-Canary': true } }, { subject }],
  };
};

/**
 * The oldest, as far as there is room. Where there is more than that, half of the room is for others, each look for other
 * ones: what nobody may delete (forged, another stack's) must not keep our own from being found for ever.
 */
export const pickOld = (uids: readonly number[], room: number, at: Ms): readonly number[] => {
  if (uids.length <= room) return uids;
  const half = Math.floor(room / 2);
  const rest = uids.slice(half);
  const begin = Math.floor(((Math.floor(at / 60_000) * 0.618033988749895) % 1) * rest.length);
  const turned = [...rest.slice(begin), ...rest.slice(0, begin)].slice(0, room - half);
  return [...uids.slice(0, half), ...turned].sort((a, b) => a - b);
};

const sweptFrom = async (folder: Folder, before: Ms, room: number, at: Ms) => {
  const uids =
    folder.exists === 0 ? [] : pickOld(await search(folder.client, folder, oldOwn(folder, before)), room, at);
  const mails: MailSeen[] = [];
  for (let from = 0; from < uids.length; from += uidsPerCommand)
    mails.push(...(await readHeaders(folder, uids.slice(from, from + uidsPerCommand))).mails);
  return { mails: mails.filter(({ internalDate }) => internalDate < before), count: uids.length };
};

/** The look with own mail of the folders that are read that arrived before the time of the ask. What cannot be searched brings nothing, and changes nothing. */
export const withSwept = async (task: Task, folders: Folders, look: Looked): Promise<Looked> => {
  const { ask, progress } = task;
  if (ask.sweep === undefined) return look;
  const mails = [...look.mails];
  const seen = new Set(mails.map(keyOf));
  // Of those something is still to be read before they count as seen.
  const held = new Set(ask.digests);
  // INBOX last, where the most is: what the others leave of the room is its.
  const paths = [...folders.read].reverse();
  let room = mostSwept;
  for (const [index, path] of paths.entries()) {
    progress.whole = amended(look, { mails: [...mails] });
    try {
      const folder = await openFolder(task, path, folders.junk.has(path));
      const swept = await sweptFrom(folder, ask.sweep, Math.floor(room / (paths.length - index)), task.at);
      room -= swept.count;
      const { arrived } = path === folders.main ? await arrivedIn(folder, swept.mails) : { arrived: swept.mails };
      mails.push(...arrived.filter((mail) => !seen.has(keyOf(mail)) && !idsNamed(mail).some((id) => held.has(id))));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }
  return amended(look, { mails });
};
