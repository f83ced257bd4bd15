/** Embedded servers and mailboxes that are closed behind each test. */
import { onTestFinished } from 'vitest';
import type { ImapOptions } from '../../demo/servers/imap/options.ts';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import type { Mailbox } from '../../lambdas/core/ports.ts';
import { type MailboxSettings, openMailbox } from '../../lambdas/mailbox/reader.ts';
import { secret, settingsFor, startEmbedded } from './embedded.ts';

/** Starts the embedded server for one test. */
export const start = async (options: Partial<ImapOptions> = {}): Promise<ImapServer> => {
  const server = await startEmbedded(options);
  onTestFinished(() => server.close());
  return server;
};

/** Opens the mailbox of the server on this port, for one test. */
export const openAt = (port: number, change: Partial<MailboxSettings> = {}, resolve = async () => secret): Mailbox => {
  const mailbox = openMailbox(settingsFor(port, change), { name: 'outside', now: Date.now, secret: resolve });
  onTestFinished(() => mailbox.close());
  return mailbox;
};

/** An `imap` block for a server on loopback. */
export const imapAt = (port: number, change: object = {}) => ({ host: '127.0.0.1', port, secure: true, ...change });
