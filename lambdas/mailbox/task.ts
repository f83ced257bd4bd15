/** What the parts of a look share: the task, what was found so far, and how a folder is opened for it. */
import type { ImapFlow } from 'imapflow';
import type { Ask } from '../core/ports.ts';
import type { Cursor, Look, MailSeen, Ms } from '../core/words.ts';
import { examine } from './commands.ts';
import type { Folder } from './messages.ts';
import type { Progress } from './session.ts';

/** What was looked at. A look that ends in its last part, the last call, still counts with all that came before. */
export type Looked = Extract<Look, { state: 'looked' }>;
export type LookProgress = Progress & { soFar?: Looked | undefined };

export type Task = {
  readonly client: ImapFlow;
  readonly ask: Ask;
  /** When the look began. */
  readonly at: Ms;
  readonly now: () => Ms;
  /** Folders of the settings, besides INBOX and Junk. */
  readonly folders: readonly string[];
  /** Nothing but reports is looked for: the mailbox belongs to somebody. */
  readonly bouncesOnly: boolean;
  readonly progress: LookProgress;
};

/** Opens a folder read-only, and says so for messages about where a look ended. */
export const openFolder = async (
  { client, now, bouncesOnly, progress }: Task,
  path: string,
  junk: boolean,
): Promise<Folder> => {
  progress.stage = `open folder "${path}"`;
  const opened = await examine(client, path);
  progress.stage = `read folder "${path}"`;
  return { ...opened, client, junk, now, bouncesOnly };
};

/** A look; complete when nothing has to be said of it. */
export const looked = (at: Ms, mails: readonly MailSeen[], cursor: Cursor, details: readonly string[]): Looked => ({
  state: 'looked',
  at,
  complete: details.length === 0,
  detail: details.length === 0 ? undefined : details.join('; '),
  mails,
  cursor,
});

/** Why a look is not complete, as a list. */
export const detailsOf = ({ detail }: Looked): string[] => (detail === undefined ? [] : [detail]);

/** Names a message. */
export const keyOf = ({ place }: MailSeen) => `${place.uidValidity}/${place.uid}/${place.folder}`;
