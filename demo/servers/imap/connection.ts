/** One connection: greets, reads commands one by one, answers each, and plays the scripted faults. */
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { connectionCommands } from './commands-connection.ts';
import { folderCommands } from './commands-folder.ts';
import { messageCommands } from './commands-message.ts';
import { capabilities, type Faults, type ImapOptions } from './options.ts';
import { type Command, type Session, tellChanges } from './session.ts';
import type { Store } from './store.ts';
import { createReader, textOf, tokenise } from './wire.ts';

const commands: Readonly<Record<string, Command>> = { ...connectionCommands, ...folderCommands, ...messageCommands };
const withUid = ['FETCH', 'SEARCH', 'STORE', 'EXPUNGE', 'COPY', 'MOVE'];
/** Sequence numbers must not move while these run (RFC 3501 7.4.1). */
const keepsNumbers = ['FETCH', 'SEARCH', 'STORE'];

const forever = (): Promise<never> => new Promise(() => {});

/** Writes at once, or byte by byte when the drip fault is set. */
const createWriter = (socket: () => Socket, faults: Faults) => {
  let dripping: Promise<void> = Promise.resolve();
  const drip = async (bytes: Buffer) => {
    for (const byte of bytes) {
      if (socket().destroyed) return;
      socket().write(Buffer.from([byte]));
      await new Promise((resolve) => setTimeout(resolve, faults.drip ?? 0));
    }
  };
  return (bytes: Buffer): void => {
    if (faults.drip === undefined) socket().write(bytes);
    else dripping = dripping.then(() => drip(bytes));
  };
};

/** A status line without the response codes that the server does not say. */
const silenced = (line: string, { silent = [] }: Faults): string =>
  silent.reduce((said, code) => said.replace(new RegExp(`^(\\S+ OK )\\[${code} [^\\]]*\\] `), '$1'), line);

export type Connection = {
  readonly options: ImapOptions;
  readonly faults: Faults;
  readonly store: Store;
  readonly count: (name: string) => void;
  readonly traffic: { sent: number; received: number };
};

/** Serves one client until it leaves. Never rejects. */
export const serve = async (first: Socket, { options, faults, store, count, traffic }: Connection): Promise<void> => {
  let socket: Socket = first;
  const write = createWriter(() => socket, faults);
  const send = (...parts: readonly (string | Buffer)[]) => {
    const [begin = '', ...rest] = parts;
    const said = typeof begin === 'string' ? silenced(begin, faults) : begin;
    const bytes = Buffer.concat(
      [said, ...rest, '\r\n'].map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
    );
    traffic.sent += bytes.length;
    write(bytes);
  };
  const reader = createReader(() => send('+ go on'));
  const listen = (to: Socket) => {
    to.on('data', (chunk: Buffer) => {
      traffic.received += chunk.length;
      try {
        reader.push(chunk);
      } catch {
        to.destroy();
      }
    });
    to.on('error', () => to.destroy());
    to.on('close', () => reader.end());
  };
  listen(socket);

  const session: Session = {
    options,
    faults,
    store,
    user: undefined,
    folder: undefined,
    readOnly: true,
    view: [],
    secure: options.tls !== undefined && options.startTls !== true,
    send,
    read: () => reader.next(),
    count,
    // Graceful, so that the half answer before it arrives: a reset may overtake it.
    drop: () => socket.end(),
  };

  const startTls = async (tag: string): Promise<void> => {
    const { tls } = options;
    if (tls === undefined || options.startTls !== true || session.secure) return send(`${tag} BAD no TLS here`);
    send(`${tag} OK begin`);
    if (faults.hangAt === 'TLS') await forever();
    socket.removeAllListeners('data');
    socket = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(tls) });
    listen(socket);
    session.secure = true;
  };

  const answer = async (tag: string, name: string, args: ReturnType<typeof tokenise>): Promise<boolean> => {
    const byUid = name.startsWith('UID ');
    const bare = byUid ? name.slice(4) : name;
    if (name === 'STARTTLS') {
      await startTls(tag);
      return true;
    }
    const command = byUid && !withUid.includes(bare) ? undefined : commands[bare];
    const refusal = faults.no?.[name];
    const reply =
      refusal !== undefined
        ? `NO ${refusal}`
        : command === undefined
          ? 'BAD unknown command'
          : await command(session, args, byUid);
    if (reply === undefined) return false;
    tellChanges(session, byUid || !keepsNumbers.includes(bare), bare);
    send(`${tag} ${reply}`);
    return name !== 'LOGOUT';
  };

  const converse = async () => {
    if (faults.hangAt === 'GREETING') await forever();
    if (faults.greetAfter !== undefined) await new Promise((resolve) => setTimeout(resolve, faults.greetAfter));
    send(`* OK [CAPABILITY ${capabilities(options, faults, session.secure).join(' ')}] mail-canary demo ready`);
    for (;;) {
      const line = await reader.next();
      if (line === undefined) return;
      let tag = '*';
      try {
        const tokens = tokenise(line);
        tag = textOf(tokens.shift());
        const verb = textOf(tokens.shift()).toUpperCase();
        const name = verb === 'UID' ? `UID ${textOf(tokens.shift()).toUpperCase()}` : verb;
        count(name);
        options.onCommand?.(name);
        if (faults.hangAt === name) await forever();
        if (faults.dropAt === name) return session.drop();
        if (!(await answer(tag, name, tokens))) return socket.destroyed ? undefined : void socket.end();
      } catch (error) {
        send(`${tag} BAD ${error instanceof Error ? error.message : 'malformed'}`);
      }
    }
  };
  await converse();
};
