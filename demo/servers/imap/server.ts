/** A small IMAP server in memory, for the demo and the tests: real protocol, loopback only, with faults on demand. */
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { serve } from './connection.ts';
import type { Faults, ImapOptions } from './options.ts';
import { createStore, type Store } from './store.ts';

export type ImapServer = {
  readonly host: string;
  readonly port: number;
  readonly store: Store;
  /** Faults may be set and deleted at any time; they hold for what comes next on every connection. */
  readonly faults: Faults;
  readonly connections: { open: number; total: number };
  /** How often each command came ("UID FETCH"), and how many messages were sent ("* FETCH"). */
  readonly commands: Map<string, number>;
  /** Bytes, behind TLS. */
  readonly traffic: { sent: number; received: number };
  close(): Promise<void>;
};

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/** Starts the server; rejects when the host is not loopback or the port is taken. */
export const startImapServer = async (options: ImapOptions): Promise<ImapServer> => {
  const { host = '127.0.0.1', port = 0, users, now = Date.now, tls } = options;
  if (!isLoopback(host)) throw new Error(`the demo's IMAP server listens on loopback only, got "${host}"`);
  const store = createStore(Object.keys(users), now, options.gmail);
  const faults: Faults = { ...options.faults };
  const connections = { open: 0, total: 0 };
  const commands = new Map<string, number>();
  const traffic = { sent: 0, received: 0 };
  const sockets = new Set<Socket>();
  const count = (name: string) => void commands.set(name, (commands.get(name) ?? 0) + 1);

  const accept = (socket: Socket) => {
    // Small answers one after another: without this Nagle and delayed ACKs add 40 ms to each.
    socket.setNoDelay(true);
    void serve(socket, { options, faults, store, count, traffic });
  };
  const direct = tls !== undefined && options.startTls !== true;
  const secure = direct ? createTlsServer({ ...tls }, accept) : undefined;
  secure?.on('tlsClientError', () => {});

  const server = createServer((socket) => {
    connections.open += 1;
    connections.total += 1;
    sockets.add(socket);
    socket.on('close', () => {
      connections.open -= 1;
      sockets.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    if (secure === undefined) accept(socket);
    else if (faults.hangAt !== 'TLS') secure.emit('connection', socket);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    host,
    port: address.port,
    store,
    faults,
    connections,
    commands,
    traffic,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
};
