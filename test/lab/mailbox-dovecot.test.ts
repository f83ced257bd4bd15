/** The mailbox contract on a real Dovecot, given by the environment (see dovecot.ts): it keeps the embedded server honest. */
import { readFileSync } from 'node:fs';
import { ImapFlow } from 'imapflow';
import type { MailboxSettings } from '../../lambdas/mailbox/reader.ts';
import type { MailServer } from '../mailbox/bench.ts';
import { mailboxContract } from '../mailbox/contract.ts';

const variable = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new Error(
      `${name} is not set; the lab tests need LAB_IMAP_HOST, LAB_IMAP_PORT, LAB_IMAP_USER, LAB_IMAP_PASSWORD and LAB_IMAP_CA (a PEM file)`,
    );
  return value;
};

const host = variable('LAB_IMAP_HOST');
const port = Number(variable('LAB_IMAP_PORT'));
const user = variable('LAB_IMAP_USER');
const pass = variable('LAB_IMAP_PASSWORD');
const ca = variable('LAB_IMAP_CA');

const settings: MailboxSettings = {
  imap: { host, port, secure: true, tls: { ca: `file:${ca}` } },
  auth: { kind: 'password', user, secret: 'env:LAB_IMAP_PASSWORD' },
  timeout: 15_000,
};

/** A folder whose last message went keeps counting its UIDs, so a clean mailbox still has a past, as real ones do. */
const clean = async (client: ImapFlow): Promise<void> => {
  for (const { path } of await client.list()) {
    await client.mailboxOpen(path);
    await client.messageDelete('1:*', { uid: true });
    await client.mailboxClose();
    if (!['INBOX', 'Junk', 'Archive'].includes(path)) await client.mailboxDelete(path);
  }
};

const start = async (): Promise<MailServer> => {
  const client = new ImapFlow({
    host,
    port,
    secure: true,
    tls: { ca: readFileSync(ca) },
    auth: { user, pass },
    logger: false,
  });
  client.on('error', () => {});
  await client.connect();
  await clean(client);
  return {
    settings,
    secret: pass,
    deliver: async (folder, raw, how = {}) => {
      const date = how.internalDate === undefined ? undefined : new Date(how.internalDate);
      await client.append(folder, Buffer.from(raw, 'latin1'), [...(how.flags ?? [])], date);
    },
    messages: async (folder) => {
      await client.mailboxOpen(folder, { readOnly: true });
      const found = await client.fetchAll('1:*', { flags: true, source: true }, { uid: true });
      return found.map(({ uid, flags, source }) => ({
        uid,
        // \Recent belongs to the session, not to the message.
        flags: [...(flags ?? [])].filter((flag) => flag !== '\\Recent').sort(),
        raw: source?.toString('latin1') ?? '',
      }));
    },
    createFolder: async (name) => void (await client.mailboxCreate(name)),
    stop: async () => {
      await client.logout();
    },
  };
};

mailboxContract('Dovecot', { start });
