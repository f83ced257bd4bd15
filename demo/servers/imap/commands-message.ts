/** Commands on the messages of the selected folder: fetch, search, store, expunge, copy, move. */
import { copyTo } from './commands-folder.ts';
import { imapDate, section } from './message.ts';
import { compile } from './search.ts';
import { type Command, folderOf, type Session, userOf } from './session.ts';
import { canonicalFlag, type StoredMessage } from './store.ts';
import { bodyStructure } from './structure.ts';
import { inSet, itemsOf, quote, textOf } from './wire.ts';

type Picked = { readonly message: StoredMessage; readonly sequence: number };

const pick = (session: Session, set: string, byUid: boolean): Picked[] => {
  const last = byUid ? (session.view.at(-1)?.uid ?? 0) : session.view.length;
  const test = inSet(set, last);
  return session.view
    .map((message, index) => ({ message, sequence: index + 1 }))
    .filter(({ message, sequence }) => test(byUid ? message.uid : sequence));
};

const macros: Readonly<Record<string, readonly string[]>> = {
  FAST: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
  ALL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
};

const body = /^BODY(\.PEEK)?\[([^\]]*)\](?:<(\d+)\.(\d+)>)?$/i;

/** One data item of a FETCH answer: its name and value, the value of a section as a literal. */
const item = (session: Session, message: StoredMessage, name: string, hides: boolean): (string | Buffer)[] => {
  switch (name.toUpperCase()) {
    case 'X-GM-MSGID':
      return [`X-GM-MSGID ${message.id}`];
    case 'X-GM-LABELS':
      return [
        `X-GM-LABELS (${session.store.labels(userOf(session), folderOf(session), message).map(quote).join(' ')})`,
      ];
    case 'UID':
      return [`UID ${message.uid}`];
    case 'FLAGS':
      return [`FLAGS (${[...message.flags].join(' ')})`];
    case 'INTERNALDATE':
      return [`INTERNALDATE "${imapDate(message.internalDate, session.options.zone?.(message.internalDate))}"`];
    case 'RFC822.SIZE':
      return [`RFC822.SIZE ${message.raw.length}`];
    case 'BODYSTRUCTURE':
      return [`BODYSTRUCTURE ${bodyStructure(message.raw)}`];
  }
  const match = body.exec(name);
  if (match === null) throw new Error(`unknown data item ${name}`);
  const [, , spec = '', offset, length] = match;
  const whole = section(message.raw, spec);
  const label = `BODY[${spec}]${offset === undefined ? '' : `<${offset}>`}`;
  if (whole === undefined || hides) return [`${label} NIL`];
  const bytes = offset === undefined ? whole : whole.subarray(Number(offset), Number(offset) + Number(length));
  return [`${label} {${bytes.length}}\r\n`, bytes];
};

const fetch: Command = (session, [set, wanted], byUid) => {
  folderOf(session);
  const asked = itemsOf(wanted).flatMap((token) => macros[textOf(token).toUpperCase()] ?? [textOf(token)]);
  const names = byUid && !asked.some((name) => /^uid$/i.test(name)) ? ['UID', ...asked] : asked;
  const marks = names.some((name) => body.exec(name)?.[1] === undefined && body.test(name));
  const inParts = names.some((name) => /^\d/.test(body.exec(name)?.[2] ?? ''));
  const goesOn = inParts && names.some((name) => Number(body.exec(name)?.[3] ?? 0) > 0);
  const { parts: fault, hide = [] } = session.faults;
  if (inParts && fault === 'hang') return new Promise(() => {});
  if (inParts && fault === 'no') return 'NO [SERVERBUG] message is damaged';
  const hides = ({ uid }: StoredMessage) =>
    hide.includes(uid) || (inParts && fault === 'nil') || (goesOn && fault === 'short');
  const { uids: left = [], by } = session.faults.leaveOut ?? {};
  const leaves = by === 'any' || textOf(set).includes(':') ? left : [];
  let served = 0;
  for (const { message, sequence } of pick(session, textOf(set), byUid)) {
    if (leaves.includes(message.uid)) continue;
    if (marks && !session.readOnly) message.flags.add('\\Seen');
    const parts = names.flatMap((name, index) => [
      index === 0 ? '' : ' ',
      ...item(session, message, name, hides(message)),
    ]);
    if (session.faults.dropAfter !== undefined && served >= session.faults.dropAfter) {
      session.send(`* ${sequence} FETCH (BODY[] {1000}`);
      session.drop();
      return undefined;
    }
    session.send(`* ${sequence} FETCH (`, ...parts, ')');
    session.count('* FETCH');
    served += 1;
  }
  return 'OK done';
};

const search: Command = (session, args, byUid) => {
  folderOf(session);
  const [first, second] = args;
  const charset = first?.kind === 'atom' && /^charset$/i.test(first.text) && second !== undefined;
  const test = compile(charset ? args.slice(2) : args, { messages: session.view });
  const indexed = session.view.length - (session.faults.searchMisses ?? 0);
  const found = session.view.flatMap((message, index) =>
    index < indexed && test(message, index + 1) ? [byUid ? message.uid : index + 1] : [],
  );
  session.send(`* SEARCH${found.map((number) => ` ${number}`).join('')}`);
  return 'OK done';
};

const store: Command = (session, [set, operation, value], byUid) => {
  folderOf(session);
  if (session.readOnly) return 'NO [READ-ONLY] mailbox is read-only';
  const match = /^([+-]?)FLAGS(\.SILENT)?$/i.exec(textOf(operation));
  if (match === null) return 'BAD unknown operation';
  const flags = itemsOf(value).map((token) => canonicalFlag(textOf(token)));
  for (const { message, sequence } of pick(session, textOf(set), byUid)) {
    if (match[1] === '') message.flags.clear();
    for (const flag of flags) match[1] === '-' ? message.flags.delete(flag) : message.flags.add(flag);
    if (match[2] === undefined)
      session.send(`* ${sequence} FETCH (UID ${message.uid} FLAGS (${[...message.flags].join(' ')}))`);
  }
  return 'OK done';
};

const expunge: Command = (session, [set], byUid) => {
  const folder = folderOf(session);
  if (session.readOnly) return 'NO [READ-ONLY] mailbox is read-only';
  if (byUid && session.faults.without?.includes('UIDPLUS')) return 'BAD unknown command';
  const chosen = byUid ? pick(session, textOf(set), true).map(({ message }) => message) : session.view;
  const { keeps = [] } = session.faults;
  const going = new Set(keeps === 'all' ? [] : chosen.filter(({ uid }) => !keeps.includes(uid)));
  session.store.expunge(folder, (message) => message.flags.has('\\Deleted') && going.has(message));
  return 'OK done';
};

const copy: Command = (session, [set, target], byUid) => {
  folderOf(session);
  const messages = pick(session, textOf(set), byUid).map(({ message }) => message);
  const code = copyTo(session, messages, textOf(target));
  return code === undefined ? 'NO [TRYCREATE] no such mailbox' : `OK ${code}done`;
};

const move: Command = (session, [set, target], byUid) => {
  const folder = folderOf(session);
  if (session.faults.without?.includes('MOVE')) return 'BAD unknown command';
  if (session.readOnly) return 'NO [READ-ONLY] mailbox is read-only';
  const messages = pick(session, textOf(set), byUid).map(({ message }) => message);
  const code = copyTo(session, messages, textOf(target));
  if (code === undefined) return 'NO [TRYCREATE] no such mailbox';
  session.send(`* OK ${code}moved`);
  session.store.expunge(folder, (message) => messages.includes(message));
  return 'OK done';
};

export const messageCommands: Readonly<Record<string, Command>> = {
  FETCH: fetch,
  SEARCH: search,
  STORE: store,
  EXPUNGE: expunge,
  COPY: copy,
  MOVE: move,
  CHECK: () => 'OK done',
  CLOSE: (session) => {
    const folder = folderOf(session);
    if (!session.readOnly) session.store.expunge(folder, (message) => message.flags.has('\\Deleted'));
    session.folder = undefined;
    session.view = [];
    return 'OK done';
  },
  UNSELECT: (session) => {
    session.folder = undefined;
    session.view = [];
    return 'OK done';
  },
};
