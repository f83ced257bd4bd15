/** What the embedded IMAP server holds: users, their folders and messages; in memory, with its own clock. */
import { expunged, gmailFolders, labelsOf, show } from './labels.ts';

export type StoredMessage = {
  readonly uid: number;
  /** The message itself, wherever it is shown (Gmail); a copy is another one. */
  readonly id: number;
  readonly internalDate: number;
  readonly raw: Buffer;
  readonly flags: Set<string>;
};

export type Folder = {
  readonly name: string;
  readonly specialUse: string | undefined;
  readonly noselect: boolean;
  uidValidity: number;
  uidNext: number;
  messages: StoredMessage[];
};

const system = ['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft'];

/** System flags in their own spelling, whatever the client's (RFC 3501 2.3.2: flags are case-insensitive). */
export const canonicalFlag = (flag: string): string =>
  system.find((known) => known.toLowerCase() === flag.toLowerCase()) ?? flag;

type Delivery = { readonly internalDate?: number; readonly flags?: readonly string[] };

const usual: typeof gmailFolders = ['INBOX', 'Junk', 'Archive', 'Sent', 'Trash'].map((name) => [
  name,
  name === 'INBOX' ? undefined : `\\${name}`,
]);

/** Makes an empty store; each user gets INBOX, Junk, Archive, Sent and Trash, or the folders of Gmail with its way to keep mail. */
export const createStore = (users: readonly string[], now: () => number, gmail = false) => {
  let ids = 0;
  let validity = Math.floor(now() / 1000);
  const listeners = new Set<() => void>();
  const tree = new Map<string, Map<string, Folder>>();
  const limits = new Map<string, number>();

  const foldersOf = (user: string): Map<string, Folder> => {
    const folders = tree.get(user);
    if (folders === undefined) throw new Error(`no such user: ${user}`);
    return folders;
  };
  const key = (name: string) => (/^inbox$/i.test(name) ? 'INBOX' : name);
  const find = (user: string, name: string): Folder | undefined => foldersOf(user).get(key(name));
  const get = (user: string, name: string): Folder => {
    const folder = find(user, name);
    if (folder === undefined) throw new Error(`no such folder: ${name}`);
    return folder;
  };
  const changed = () => {
    for (const listener of listeners) listener();
  };

  const createFolder = (user: string, name: string, options: { specialUse?: string; noselect?: boolean } = {}) => {
    const folders = foldersOf(user);
    if (folders.has(key(name))) throw new Error(`folder exists: ${name}`);
    validity += 1;
    const { specialUse, noselect = false } = options;
    folders.set(key(name), { name: key(name), specialUse, noselect, uidValidity: validity, uidNext: 1, messages: [] });
  };

  const put = (folder: Folder, message: Omit<StoredMessage, 'uid'>): number => {
    const uid = folder.uidNext;
    folder.uidNext += 1;
    folder.messages.push({ ...message, uid });
    return uid;
  };

  const place = (user: string, folder: Folder, message: Omit<StoredMessage, 'uid'>): number => {
    const uid = gmail ? show([...foldersOf(user).values()], folder, message, put) : put(folder, message);
    changed();
    return uid;
  };

  const deliver = (user: string, name: string, raw: Buffer | string, how: Delivery = {}): number => {
    ids += 1;
    return place(user, get(user, name), {
      id: ids,
      internalDate: how.internalDate ?? now(),
      raw: typeof raw === 'string' ? Buffer.from(raw) : raw,
      flags: new Set((how.flags ?? []).map(canonicalFlag)),
    });
  };

  for (const user of users) {
    tree.set(user, new Map());
    for (const [name, specialUse] of gmail ? gmailFolders : usual)
      createFolder(user, name, { noselect: name === '[Gmail]', ...(specialUse !== undefined && { specialUse }) });
  }

  return {
    /** Puts a message into a folder, as a delivery agent would; answers its UID. */
    deliver,
    /** Copies a message, with its date and flags; at Gmail that shows it in one more folder. Answers its UID there. */
    copy(user: string, { id, internalDate, raw, flags }: StoredMessage, name: string): number {
      if (gmail) return place(user, get(user, name), { id, internalDate, raw, flags });
      return deliver(user, name, raw, { internalDate, flags: [...flags] });
    },
    /** The labels of a message of the open folder, as X-GM-LABELS has them. */
    labels: (user: string, open: Folder, message: StoredMessage): string[] =>
      labelsOf([...foldersOf(user).values()], open, message),
    createFolder,
    removeFolder: (user: string, name: string): boolean => foldersOf(user).delete(key(name)),
    find,
    /** All folders of a user. */
    folders: (user: string): readonly Folder[] => [...foldersOf(user).values()],
    /** The messages of a folder as they are now. */
    messages: (user: string, name: string): readonly StoredMessage[] => [...get(user, name).messages],
    /** Takes messages away; answers those that went. */
    expunge(folder: Folder, which: (message: StoredMessage) => boolean): StoredMessage[] {
      const flagged = folder.messages.filter(which);
      const gone = new Set(gmail ? expunged(folder, flagged) : flagged);
      if (gone.size === 0) return [];
      folder.messages = folder.messages.filter((message) => !gone.has(message));
      changed();
      return [...gone];
    },
    /** Recreates a folder as a restore from backup does: other UIDVALIDITY, UIDs counted anew. */
    renumber(user: string, name: string): void {
      const folder = get(user, name);
      validity += 1;
      folder.uidValidity = validity;
      folder.messages = folder.messages.map((message, index) => ({ ...message, uid: index + 1 }));
      folder.uidNext = folder.messages.length + 1;
      changed();
    },
    /** Storage in KiB, as QUOTA counts (RFC 9208). */
    quota(user: string): { readonly used: number; readonly limit: number } {
      const sizes = new Map<number, number>();
      for (const { messages } of foldersOf(user).values())
        for (const { id, raw } of messages) sizes.set(id, raw.length);
      const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
      return { used: Math.ceil(bytes / 1024), limit: limits.get(user) ?? 1024 * 1024 };
    },
    setQuota: (user: string, kib: number): void => void limits.set(user, kib),
    /** Calls the listener after each change; answers how to stop that. */
    onChange(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

export type Store = ReturnType<typeof createStore>;
