/** What is different at Gmail: folders are labels on one pool of mail, and EXPUNGE takes a label away and no more. */
import type { ImapFlow } from 'imapflow';
import type { MailSeen } from '../core/words.ts';
import { type Listed, stillOpen, toSet } from './commands.ts';
import { carries, isSelectable } from './folders.ts';
import { type Folder, uidsPerCommand } from './messages.ts';

/** True behind a login at Gmail (https://developers.google.com/workspace/gmail/imap/imap-extensions). */
export const isGmail = (client: ImapFlow): boolean => client.capabilities.has('X-GM-EXT-1');

const firstWith = (folders: readonly Listed[], flag: string): string | undefined =>
  folders.find((folder) => carries(folder, flag) && isSelectable(folder))?.path;

/**
 * The folder that holds what INBOX holds and what a filter archived; everything but Junk and Trash. Undefined where the
 * owner of the account does not show it over IMAP.
 */
export const allMailOf = (folders: readonly Listed[]): string | undefined => firstWith(folders, '\\All');

/**
 * Where a message must be moved (UID MOVE) to be deleted, whatever the account's settings are: by default EXPUNGE in INBOX
 * or in All Mail archives. There it goes for good after 30 days, or by EXPUNGE. Undefined where IMAP does not show it.
 */
export const trashOf = (folders: readonly Listed[]): string | undefined => firstWith(folders, '\\Trash');

/**
 * Canaries of All Mail that have arrived, and those that have not: it holds what is sent as well, and a canary that the
 * account sends for itself is there before it has come back, which gives it `\Inbox` and no new UID. Elsewhere all arrived.
 */
export const arrivedIn = async (folder: Folder, mails: readonly MailSeen[]) => {
  if (!isGmail(folder.client) || mails.length === 0) return { arrived: mails, sent: [] };
  const sent = new Set<number>();
  const uids = mails.map(({ place }) => place.uid).sort((a, b) => a - b);
  const query = { uid: true, labels: true } as const;
  for (let at = 0; at < uids.length; at += uidsPerCommand) {
    const set = toSet(uids.slice(at, at + uidsPerCommand));
    for await (const { uid, labels } of folder.client.fetch(set, query, { uid: true }))
      if (labels?.has('\\Sent') && !labels.has('\\Inbox')) sent.add(uid);
    stillOpen(folder.client, folder.path);
  }
  const isSent = ({ place, bounce }: MailSeen) => bounce === undefined && sent.has(place.uid);
  return { arrived: mails.filter((mail) => !isSent(mail)), sent: mails.filter(isSent) };
};
