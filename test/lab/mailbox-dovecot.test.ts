/** The mailbox contract on a real Dovecot: it keeps the embedded server honest. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { afterAll } from 'vitest';
import type { MailServer } from '../mailbox/bench.ts';
import { mailboxContract } from '../mailbox/contract.ts';
import { startDovecot } from './dovecot.ts';

const dir = mkdtempSync(join(tmpdir(), 'mail-canary-dovecot-'));
const { host, port, password: pass, ca, stop } = await startDovecot(dir);
const user = 'canary';

afterAll(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A folder whose last message went keeps counting its UIDs, so a clean mailbox still has a past, as real ones do. */
const clean = async (client: ImapFlow): Promise<void> => {
  // Folders before those that hold them: what holds nothing any more, and nothing else, is gone by then.
  const folders = (await client.list()).sort((a, b) => b.path.length - a.path.length);
  for (const { path, flags } of folders) {
    if (flags.has('\\Noselect')) continue;
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
    settings: {
      imap: { host, port, secure: true, tls: { ca: `file:${ca}` } },
      auth: { kind: 'password', user, secret: 'env:LAB_IMAP_PASSWORD' },
      timeout: 15_000,
    },
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
