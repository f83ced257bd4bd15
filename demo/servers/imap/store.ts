/** What the embedded IMAP server holds: users, their folders and messages; in memory, with its own clock. */

export type StoredMessage = {
  readonly uid: number;
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

/** Makes an empty store; each user gets INBOX, Junk, Archive, Sent and Trash. */
export const createStore = (users: readonly string[], now: () => number) => {
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

  const deliver = (user: string, name: string, raw: Buffer | string, how: Delivery = {}): number => {
    const folder = get(user, name);
    const uid = folder.uidNext;
    folder.uidNext += 1;
    folder.messages.push({
      uid,
      internalDate: how.internalDate ?? now(),
      raw: typeof raw === 'string' ? Buffer.from(raw) : raw,
      flags: new Set((how.flags ?? []).map(canonicalFlag)),
    });
    changed();
    return uid;
  };

  for (const user of users) {
    tree.set(user, new Map());
    for (const name of ['INBOX', 'Junk', 'Archive', 'Sent', 'Trash'])
      createFolder(user, name, name === 'INBOX' ? {} : { specialUse: `\\${name}` });
  }

  return {
    /** Puts a message into a folder, as a delivery agent would; answers its UID. */
    deliver,
    createFolder,
    removeFolder: (user: string, name: string): boolean => foldersOf(user).delete(key(name)),
    find,
    /** All folders of a user. */
    folders: (user: string): readonly Folder[] => [...foldersOf(user).values()],
    /** The messages of a folder as they are now. */
    messages: (user: string, name: string): readonly StoredMessage[] => [...get(user, name).messages],
    /** Takes messages away; answers those that went. */
    expunge(folder: Folder, which: (message: StoredMessage) => boolean): StoredMessage[] {
      const gone = folder.messages.filter(which);
      if (gone.length === 0) return gone;
      folder.messages = folder.messages.filter((message) => !gone.includes(message));
      changed();
      return gone;
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
      let bytes = 0;
      for (const folder of foldersOf(user).values()) for (const { raw } of folder.messages) bytes += raw.length;
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
