/** One client's state: who it is, which folder it sees and how that folder looked when it was last told. */
import type { Faults, ImapOptions } from './options.ts';
import type { Folder, Store, StoredMessage } from './store.ts';
import type { Segments, Token } from './wire.ts';

/** What a command works with. */
export type Session = {
  readonly options: ImapOptions;
  readonly faults: Faults;
  readonly store: Store;
  user: string | undefined;
  folder: Folder | undefined;
  readOnly: boolean;
  /** The messages by sequence number, as the client knows them. */
  view: StoredMessage[];
  secure: boolean;
  /** Sends one line, or parts of one with literals. */
  send(...parts: readonly (string | Buffer)[]): void;
  /** Reads the client's next line (answers to a continuation, DONE). */
  read(): Promise<Segments | undefined>;
  /** Counts something for the log. */
  count(name: string): void;
  /** Cuts the connection. */
  drop(): void;
};

/** Answers the tagged reply ("OK done"); undefined when the connection goes on without one. Throwing means BAD. */
export type Command = (
  session: Session,
  args: readonly Token[],
  byUid: boolean,
) => string | undefined | Promise<string | undefined>;

/** The user's name; commands that need a login call this first. */
export const userOf = (session: Session): string => {
  if (session.user === undefined) throw new Error('log in first');
  return session.user;
};

/** The selected folder; commands that need one call this first. */
export const folderOf = (session: Session): Folder => {
  if (session.folder === undefined) throw new Error('no mailbox selected');
  return session.folder;
};

/** Commands behind which every server tells of new mail. */
const refreshing = ['NOOP', 'CHECK', 'SELECT', 'EXAMINE', 'IDLE'];

/** Tells the client what changed in its folder. EXPUNGE only where sequence numbers may move (RFC 3501 7.4.1). */
export const tellChanges = (session: Session, mayExpunge: boolean, behind = 'IDLE'): void => {
  const { folder } = session;
  if (folder === undefined) return;
  const now = new Set(folder.messages);
  if (mayExpunge)
    for (let at = session.view.length - 1; at >= 0; at -= 1) {
      const message = session.view[at];
      if (message === undefined || now.has(message)) continue;
      session.view.splice(at, 1);
      session.send(`* ${at + 1} EXPUNGE`);
    }
  if (session.faults.staleView === true && !refreshing.includes(behind)) return;
  const known = new Set(session.view);
  const fresh = folder.messages.filter((message) => !known.has(message));
  if (fresh.length === 0) return;
  session.view.push(...fresh);
  session.send(`* ${session.view.length} EXISTS`);
};
