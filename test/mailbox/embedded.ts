/** The embedded IMAP server as the mailbox tests use it: one user, TLS with the fixtures' CA. */
import { readFileSync } from 'node:fs';
import type { ImapOptions } from '../../demo/servers/imap/options.ts';
import { type ImapServer, startImapServer } from '../../demo/servers/imap/server.ts';
import type { MailboxSettings } from '../../lambdas/mailbox/reader.ts';
import type { MailServer } from './bench.ts';

const fixtures = new URL('../fixtures/tls/', import.meta.url);
const pem = (name: string) => readFileSync(new URL(name, fixtures), 'utf8');

/** `file:` reference of the CA that signed every fixture certificate. */
export const ca = `file:${new URL('ca.pem', fixtures).pathname}`;

export const certificate = (name: 'server' | 'other-name' | 'expired') => ({
  key: pem(`${name}.key`),
  cert: pem(`${name}.pem`),
});

export const user = 'canary@elsewhere.example';
export const secret = 's3cret-of-the-mailbox';

/** Settings that fit a server on this port. */
export const settingsFor = (port: number, change: Partial<MailboxSettings> = {}): MailboxSettings => ({
  imap: { host: '127.0.0.1', port, secure: true, tls: { ca } },
  auth: { kind: 'password', user, secret: 'env:SECRET' },
  timeout: 5000,
  ...change,
});

/** Starts the embedded server with one user. */
export const startEmbedded = (options: Partial<ImapOptions> = {}): Promise<ImapServer> =>
  startImapServer({ users: { [user]: secret }, tls: certificate('server'), ...options });

/** The embedded server behind the contract's interface. */
export const mailServer = (server: ImapServer, settings = settingsFor(server.port)): MailServer => ({
  settings,
  secret,
  deliver: async (folder, raw, how) => void server.store.deliver(user, folder, Buffer.from(raw, 'latin1'), how ?? {}),
  messages: async (folder) =>
    server.store
      .messages(user, folder)
      .map(({ uid, flags, raw }) => ({ uid, flags: [...flags].sort(), raw: raw.toString('latin1') })),
  createFolder: async (name, specialUse) =>
    server.store.createFolder(user, name, specialUse === undefined ? {} : { specialUse }),
  stop: () => server.close(),
});
