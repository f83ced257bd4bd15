/** Commands on folders: list, select, status, create, append. */
import { parseImapDate } from './message.ts';
import { type Command, type Session, userOf } from './session.ts';
import type { Folder, StoredMessage } from './store.ts';
import { itemsOf, quote, textOf } from './wire.ts';

const find = (session: Session, name: string): Folder | undefined => session.store.find(userOf(session), name);

/** LIST patterns: `*` matches everything, `%` stops at the hierarchy delimiter. */
const matcher = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll(/\*+/g, '.*')
      .replaceAll('%', '[^/]*')}$`,
    'i',
  );

const list =
  (name: 'LIST' | 'LSUB'): Command =>
  (session, [reference, pattern]) => {
    const user = userOf(session);
    const wanted = textOf(reference) + textOf(pattern);
    if (wanted === '') session.send(`* ${name} (\\Noselect) "/" ""`);
    const test = matcher(wanted);
    for (const folder of session.store.folders(user)) {
      if (!test.test(folder.name)) continue;
      const special = name === 'LIST' && folder.specialUse !== undefined ? ` ${folder.specialUse}` : '';
      const attributes = `${folder.noselect ? '\\Noselect' : '\\HasNoChildren'}${special}`;
      session.send(`* ${name} (${attributes}) "/" ${quote(folder.name)}`);
    }
    return 'OK done';
  };

const open =
  (examine: boolean): Command =>
  (session, [name]) => {
    session.folder = undefined;
    session.view = [];
    const folder = find(session, textOf(name));
    if (folder === undefined || folder.noselect) return 'NO [NONEXISTENT] no such mailbox';
    session.folder = folder;
    session.readOnly = examine || session.faults.readOnly === true;
    session.view = [...folder.messages];
    session.send('* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)');
    session.send(
      `* OK [PERMANENTFLAGS (${session.readOnly ? '' : '\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*'})] ok`,
    );
    session.send(`* ${folder.messages.length} EXISTS`);
    session.send('* 0 RECENT');
    session.send(`* OK [UIDVALIDITY ${folder.uidValidity}] ok`);
    session.send(`* OK [UIDNEXT ${folder.uidNext}] ok`);
    return `OK [${session.readOnly ? 'READ-ONLY' : 'READ-WRITE'}] done`;
  };

const counts: Readonly<Record<string, (folder: Folder) => number>> = {
  MESSAGES: (folder) => folder.messages.length,
  RECENT: () => 0,
  UIDNEXT: (folder) => folder.uidNext,
  UIDVALIDITY: (folder) => folder.uidValidity,
  UNSEEN: (folder) => folder.messages.filter((message) => !message.flags.has('\\Seen')).length,
};

const status: Command = (session, [name, wanted]) => {
  const folder = find(session, textOf(name));
  if (folder === undefined) return 'NO [NONEXISTENT] no such mailbox';
  const items = itemsOf(wanted).map((token) => textOf(token).toUpperCase());
  const said = items.flatMap((item) => (counts[item] === undefined ? [] : [`${item} ${counts[item](folder)}`]));
  session.send(`* STATUS ${quote(folder.name)} (${said.join(' ')})`);
  return 'OK done';
};

const append: Command = (session, args) => {
  const user = userOf(session);
  const folder = find(session, textOf(args[0]));
  if (folder === undefined) return 'NO [TRYCREATE] no such mailbox';
  const rest = args.slice(1);
  const flags = rest[0]?.kind === 'list' ? itemsOf(rest.shift()).map(textOf) : [];
  const date = rest.length > 1 ? parseImapDate(textOf(rest.shift())) : Number.NaN;
  const raw = Buffer.from(textOf(rest[0]), 'latin1');
  const { used, limit } = session.store.quota(user);
  if (used + raw.length / 1024 > limit) return 'NO [OVERQUOTA] quota exceeded';
  const how = Number.isNaN(date) ? { flags } : { flags, internalDate: date };
  const uid = session.store.deliver(user, folder.name, raw, how);
  return `OK [APPENDUID ${folder.uidValidity} ${uid}] done`;
};

/** Copies messages; answers the COPYUID code (RFC 4315), undefined when the target is not there. */
export const copyTo = (session: Session, messages: readonly StoredMessage[], name: string): string | undefined => {
  const folder = find(session, name);
  if (folder === undefined) return undefined;
  const uids = messages.map((message) => session.store.copy(userOf(session), message, folder.name));
  return uids.length === 0 ? '' : `[COPYUID ${folder.uidValidity} ${messages.map(({ uid }) => uid)} ${uids}] `;
};

export const folderCommands: Readonly<Record<string, Command>> = {
  LIST: list('LIST'),
  LSUB: list('LSUB'),
  SELECT: open(false),
  EXAMINE: open(true),
  STATUS: status,
  APPEND: append,
  CREATE: (session, [name]) => {
    session.store.createFolder(userOf(session), textOf(name));
    return 'OK done';
  },
  DELETE: (session, [name]) =>
    session.store.removeFolder(userOf(session), textOf(name)) ? 'OK done' : 'NO [NONEXISTENT] no such mailbox',
  SUBSCRIBE: () => 'OK done',
  UNSUBSCRIBE: () => 'OK done',
};
