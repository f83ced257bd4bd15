/** Embedded servers on which one story after another is played, and what their mailbox holds before and after. */
import { isDeepStrictEqual } from 'node:util';
import { gmailFolders } from '../../demo/servers/imap/labels.ts';
import type { Faults } from '../../demo/servers/imap/options.ts';
import { type ImapServer, startImapServer } from '../../demo/servers/imap/server.ts';
import type { Mailbox } from '../../lambdas/core/ports.ts';
import type { Ms } from '../../lambdas/core/words.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { secret, settingsFor, user } from './embedded.ts';

const usual = { INBOX: 'INBOX', Junk: 'Junk', Archive: 'Archive', Sent: 'Sent', Trash: 'Trash' } as const;
export type FolderDrawn = keyof typeof usual;
export const foldersDrawn = Object.keys(usual) as FolderDrawn[];
const atGmail: Readonly<Record<FolderDrawn, string>> = {
  INBOX: 'INBOX',
  Junk: '[Gmail]/Spam',
  Archive: '[Gmail]/All Mail',
  Sent: '[Gmail]/Sent Mail',
  Trash: '[Gmail]/Trash',
};

/** The name of a folder on such a server. */
export const nameOf = (folder: FolderDrawn, gmail: boolean): string => (gmail ? atGmail : usual)[folder];

export type Kept = {
  readonly uid: number;
  /** The message, wherever it is shown. */
  readonly id: number;
  readonly internalDate: number;
  readonly flags: readonly string[];
  readonly raw: Buffer;
};

/** Everything that the mailbox holds, folder by folder in the order of UIDs. */
export const contentsOf = ({ store }: ImapServer): ReadonlyMap<string, readonly Kept[]> =>
  new Map(
    store
      .folders(user)
      .map(({ name, messages }) => [name, messages.map((mail) => ({ ...mail, flags: [...mail.flags].sort() }))]),
  );

/** Byte for byte, flag for flag, under the same UID. */
export const same = (a: Kept, b: Kept): boolean =>
  a.uid === b.uid && a.internalDate === b.internalDate && isDeepStrictEqual(a.flags, b.flags) && a.raw.equals(b.raw);

export const unflagged = (mail: Kept): Kept => ({ ...mail, flags: mail.flags.filter((flag) => flag !== '\\Deleted') });

/** A message for the words of a failure. */
export const say = ({ uid, flags, raw }: Kept): string =>
  `UID ${uid} (${flags.join(' ')}) ${raw.toString('latin1').slice(0, 200)}`;

/** All folders anew, with no memory of their messages. */
const empty = ({ store }: ImapServer, gmail: boolean): void => {
  for (const { name } of store.folders(user)) store.removeFolder(user, name);
  if (gmail)
    for (const [name, specialUse] of gmailFolders)
      store.createFolder(user, name, { noselect: name === '[Gmail]', ...(specialUse && { specialUse }) });
  else
    for (const name of foldersDrawn)
      store.createFolder(user, name, name === 'INBOX' ? {} : { specialUse: `\\${name}` });
};

/** Takes all faults back but those named. */
export const heal = ({ faults }: ImapServer, but: readonly (keyof Faults)[] = []): void => {
  for (const name of Object.keys(faults) as (keyof Faults)[]) if (!but.includes(name)) delete faults[name];
};

/** A server like any other and one like Gmail, with one user each, and sessions that stay open between stories, as in `watch`. */
export const startWorld = async (begin: Ms) => {
  const users = { [user]: secret };
  const servers = { usual: await startImapServer({ users }), gmail: await startImapServer({ users, gmail: true }) };
  const clock = { now: begin };
  const open = new Map<string, Mailbox>();
  return {
    clock,
    /** The server with an empty mailbox, and in health. */
    emptied: (gmail: boolean): ImapServer => {
      const server = gmail ? servers.gmail : servers.usual;
      clock.now = begin;
      heal(server);
      empty(server, gmail);
      return server;
    },
    /** What a server can do is told at login, so each of these has a session of its own. */
    mailboxOf: (
      { port }: ImapServer,
      without: readonly string[],
      change: { readonly folders: readonly string[]; readonly bouncesOnly: boolean },
    ): Mailbox => {
      const name = JSON.stringify([port, without, change]);
      const imap = { host: '127.0.0.1', port, secure: false };
      const settings = settingsFor(port, { imap, ...change });
      const mailbox =
        open.get(name) ?? openMailbox(settings, { name: 'outside', now: () => clock.now, secret: async () => secret });
      open.set(name, mailbox);
      return mailbox;
    },
    close: async (): Promise<void> => {
      for (const mailbox of open.values()) await mailbox.close();
      for (const server of Object.values(servers)) await server.close();
    },
  };
};
export type World = Awaited<ReturnType<typeof startWorld>>;
