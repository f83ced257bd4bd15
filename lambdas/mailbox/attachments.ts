/** The attachments of a look: which mails wait for theirs, and reading them last of all. */
import type { Ask } from '../core/ports.ts';
import type { MailSeen } from '../core/words.ts';
import { digestsPerLook, readDigest } from './digest.ts';
import { explain, isRefusal } from './failure.ts';
import { idsNamed } from './header.ts';
import { amended, keyOf, type Looked, openFolder, type Task } from './task.ts';

/** The mails whose attachment has to be read before anything is said of them. */
export const toDigest = (ask: Ask, mails: readonly MailSeen[]): readonly MailSeen[] => {
  const ids = new Set(ask.digests);
  if (ids.size === 0) return [];
  return mails.filter((mail) => mail.bounce === undefined && idsNamed(mail).some((id) => ids.has(id)));
};

/** The look without mails that could not be read to their end: the cursor stays before them, and the next look has them again. */
export const heldBack = (look: Looked, unread: readonly MailSeen[]): Looked => {
  if (unread.length === 0) return look;
  const left = new Set(unread.map(keyOf));
  const cursor = Object.entries(look.cursor).map(([folder, at]) => {
    const uids = unread
      .filter(({ place }) => place.folder === folder && place.uidValidity === at.uidValidity)
      .map(({ place }) => place.uid);
    return [folder, { ...at, uidNext: Math.min(at.uidNext, ...uids) }] as const;
  });
  const mails = look.mails.filter((mail) => !left.has(keyOf(mail)));
  const words = `${unread.length} attachment${unread.length === 1 ? ' is' : 's are'} not read yet`;
  return amended(look, { mails, cursor: Object.fromEntries(cursor) }, [words]);
};

/** Reads the attachments that were asked for, as far as the budget goes; behind everything else that a look must do, since they take the longest. */
export const withDigests = async (task: Task, look: Looked): Promise<Looked> => {
  let unread = toDigest(task.ask, look.mails);
  const digests = new Map<string, string | undefined>();
  const details: string[] = [];
  const soFar = () => {
    const mails = look.mails.map((mail) => {
      const digest = digests.get(keyOf(mail));
      return digest === undefined ? mail : { ...mail, digest };
    });
    return heldBack(amended(look, { mails }, details), unread);
  };
  const unlessRefused = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      details.push(explain(error, task.progress.stage).message);
    }
  };
  const now = [...unread].sort((a, b) => a.place.uid - b.place.uid).slice(0, digestsPerLook);
  for (const path of new Set(now.map(({ place }) => place.folder))) {
    task.progress.soFar = soFar();
    await unlessRefused(async () => {
      const folder = await openFolder(task, path, false);
      task.progress.stage = `read attachments in folder "${path}"`;
      for (const mail of now) {
        // A folder that was recreated meanwhile is read again by the next look.
        if (mail.place.folder !== path || mail.place.uidValidity !== folder.uidValidity) continue;
        await unlessRefused(async () => {
          digests.set(keyOf(mail), await readDigest(task.client, folder, mail.place.uid));
          unread = unread.filter((one) => one !== mail);
        });
        task.progress.soFar = soFar();
      }
    });
  }
  return soFar();
};
