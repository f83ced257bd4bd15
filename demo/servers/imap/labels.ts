/** Mail as Gmail keeps it: one pool, shown in as many folders as a message has labels. Junk and Trash stand apart. */
import type { Folder, StoredMessage } from './store.ts';

/** The folders of a new account, as IMAP shows them in English. */
export const gmailFolders: readonly (readonly [name: string, specialUse: string | undefined])[] = [
  ['INBOX', undefined],
  ['[Gmail]', undefined],
  ['[Gmail]/All Mail', '\\All'],
  ['[Gmail]/Drafts', '\\Drafts'],
  ['[Gmail]/Important', '\\Important'],
  ['[Gmail]/Sent Mail', '\\Sent'],
  ['[Gmail]/Spam', '\\Junk'],
  ['[Gmail]/Starred', '\\Flagged'],
  ['[Gmail]/Trash', '\\Trash'],
];

const isApart = ({ specialUse }: Folder) => specialUse === '\\Junk' || specialUse === '\\Trash';
const isAll = ({ specialUse }: Folder) => specialUse === '\\All';

const inFolder = ({ messages }: Folder, id: number) => messages.find((message) => message.id === id);

/** Shows a message in a folder, which is to label it; in Junk and Trash it is nowhere else. Answers its UID there. */
export const show = (
  folders: readonly Folder[],
  target: Folder,
  message: Omit<StoredMessage, 'uid'>,
  put: (folder: Folder, message: Omit<StoredMessage, 'uid'>) => number,
): number => {
  if (isApart(target))
    for (const folder of folders)
      if (folder !== target) folder.messages = folder.messages.filter(({ id }) => id !== message.id);
  const all = folders.find(isAll);
  if (!isApart(target) && all !== undefined && all !== target && inFolder(all, message.id) === undefined)
    put(all, message);
  return inFolder(target, message.id)?.uid ?? put(target, message);
};

/** What EXPUNGE takes away at the account's default setting: a label; from All Mail nothing; from Junk and Trash the message. */
export const expunged = (folder: Folder, gone: readonly StoredMessage[]): readonly StoredMessage[] => {
  for (const { flags } of gone) flags.delete('\\Deleted');
  return isAll(folder) ? [] : gone;
};

/** X-GM-LABELS: all labels but that of the folder which is open. */
export const labelsOf = (folders: readonly Folder[], open: Folder, { id }: StoredMessage): string[] =>
  folders
    .filter((folder) => folder !== open && !isAll(folder) && inFolder(folder, id) !== undefined)
    .map(({ name, specialUse }) => (name === 'INBOX' ? '\\Inbox' : (specialUse ?? name)));
