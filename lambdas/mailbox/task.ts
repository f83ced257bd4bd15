/** What the parts of a look share: the task, what was found so far, and how a folder is opened for it. */
import type { ImapFlow } from 'imapflow';
import type { Ask } from '../core/ports.ts';
import type { Look, MailSeen, Ms } from '../core/words.ts';
import { examine } from './commands.ts';
import type { Folder } from './messages.ts';
import type { Progress } from './session.ts';

/** What was looked at. A look that ends in its last part, the last call, still counts with all that came before. */
export type Looked = Extract<Look, { state: 'looked' }>;
export type LookProgress = Progress & {
  /** What was seen; a part, and it says so. */
  soFar?: Looked | undefined;
  /** All that was to be looked at. What runs now only adds to it. */
  whole?: Looked | undefined;
};

/** How far the last calls came in a mailbox with more folders than one look searches; kept as long as the mailbox is open. */
export type Lap = {
  /** The folders, by which it is known that they are still the same ones. */
  folders: string;
  /** Where the next look goes on. */
  next: number;
  /** In how many folders in a row each id was searched. */
  readonly done: Map<string, number>;
};

export type Task = {
  readonly client: ImapFlow;
  readonly ask: Ask;
  /** When the look began. */
  readonly at: Ms;
  readonly now: () => Ms;
  /** The time at which no further folder is begun, so that what comes behind has its part of the deadline. */
  readonly until: Ms;
  /** Folders of the settings, besides INBOX and Junk. */
  readonly folders: readonly string[];
  /** Nothing but reports is looked for: the mailbox belongs to somebody. */
  readonly bouncesOnly: boolean;
  /** Whose `Authentication-Results` are believed. */
  readonly trustedAuthservId: string | undefined;
  readonly lap: Lap;
  readonly progress: LookProgress;
};

/** Opens a folder read-only, and says so for messages about where a look ended. */
export const openFolder = async (
  { client, now, bouncesOnly, trustedAuthservId, progress }: Task,
  path: string,
  junk: boolean,
): Promise<Folder> => {
  progress.stage = `open folder "${path}"`;
  const opened = await examine(client, path);
  progress.stage = `read folder "${path}"`;
  return { ...opened, client, junk, now, bouncesOnly, trustedAuthservId };
};

type Found = Pick<Looked, 'at' | 'mails' | 'cursor' | 'messages' | 'quota' | 'unmarked'>;

/** A look; complete when nothing has to be said of it. */
export const looked = (found: Found, details: readonly string[]): Looked => ({
  ...found,
  state: 'looked',
  complete: details.length === 0,
  detail: details.length === 0 ? undefined : details.join('; '),
});

/** The look with something else in it, and with more that keeps it from being complete. */
export const amended = (look: Looked, change: Partial<Found>, details: readonly string[] = []): Looked =>
  looked({ ...look, ...change }, [...(look.detail === undefined ? [] : [look.detail]), ...details]);

/** Names a message. */
export const keyOf = ({ place }: MailSeen) => `${place.uidValidity}/${place.uid}/${place.folder}`;
