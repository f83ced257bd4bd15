/** Deleting on a real Dovecot that does not let us, or not everything: rights (RFC 4314), a maildir that may only be read, no UIDPLUS. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import type { Removal } from '../../lambdas/core/ports.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, looked } from '../mailbox/bench.ts';
import { canaryMail, idOf, otherMail } from '../mailbox/mails.ts';
import { startDovecot } from './dovecot.ts';

const dir = mkdtempSync(join(tmpdir(), 'mail-canary-removal-'));
const dovecot = await startDovecot(dir);
const { host, port, password, ca } = dovecot;
const config = join(dir, 'dovecot.conf');

afterAll(async () => {
  await dovecot.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Takes more settings; they hold for sessions from now on. */
const configure = (more: string): void => {
  appendFileSync(config, more);
  execFileSync('doveadm', ['-c', config, 'reload']);
};
configure(
  'protocol imap {\n  mail_plugins = quota imap_quota acl imap_acl\n}\nplugin {\n  acl = vfile:cache_secs=0\n}\n',
);

/** A session of a mail program. */
const connect = async (user: string): Promise<ImapFlow> => {
  const client = new ImapFlow({
    host,
    port,
    secure: true,
    tls: { ca: readFileSync(ca) },
    auth: { user, pass: password },
    logger: false,
  });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.close());
  return client;
};

type Kept = { readonly uid: number; readonly flags: readonly string[]; readonly raw: string };

/** All mails of a folder, as another client sees them. */
const mailsIn = async (client: ImapFlow, folder: string): Promise<readonly Kept[]> => {
  await client.mailboxOpen(folder, { readOnly: true });
  const found = await client.fetchAll('1:*', { flags: true, source: true }, { uid: true });
  return found.map(({ uid, flags, source }) => ({
    uid,
    // \Recent belongs to the session, not to the message.
    flags: [...(flags ?? [])].filter((flag) => flag !== '\\Recent').sort(),
    raw: source?.toString('latin1') ?? '',
  }));
};

const unflagged = (mails: readonly Kept[]) =>
  mails.map((mail) => ({ ...mail, flags: mail.flags.filter((flag) => flag !== '\\Deleted') }));

/** A mailbox of its own: INBOX with somebody's mails, of which one waits for its EXPUNGE, and as many canaries in each folder. */
const filled = async (user: string, canaries: number, waits = true) => {
  const client = await connect(user);
  await client.append('INBOX', Buffer.from(otherMail(1)), waits ? ['\\Deleted', '\\Seen'] : ['\\Seen']);
  for (const folder of ['INBOX', 'Junk'])
    for (let number = 0; number < canaries; number += 1)
      await client.append(folder, Buffer.from(canaryMail(idOf(number))), number % 2 === 0 ? ['\\Seen'] : []);
  await client.append('INBOX', Buffer.from(otherMail(2)), ['\\Flagged']);
  return client;
};

const boxOf = (user: string) =>
  openMailbox(
    {
      imap: { host, port, secure: true, tls: { ca: `file:${ca}` } },
      auth: { kind: 'password', user, secret: 'env:LAB_IMAP_PASSWORD' },
      timeout: 30_000,
    },
    { name: 'outside', now: Date.now, secret: async () => password },
  );

/** What the adapter answers to removing all that it finds, in a session of its own. */
const removeAll = async (user: string): Promise<Removal> => {
  const mailbox = boxOf(user);
  try {
    return await mailbox.remove(looked(await mailbox.look(ask())).mails.map(({ place }) => place));
  } finally {
    await mailbox.close();
  }
};

const isCanary = ({ raw }: Kept) => raw.includes('X-Mail-Canary');

/** Takes rights from the owner of a mailbox; `letters` are those that stay (RFC 4314 2.1). */
const allow = (user: string, folder: 'INBOX' | 'Junk', letters: string): void =>
  writeFileSync(join(dir, 'mail', user, folder === 'INBOX' ? '' : '.Junk', 'dovecot-acl'), `owner ${letters}\n`, {
    mode: 0o644,
  });

/** The same words for both folders. */
const both = (words: string) => ['INBOX', 'Junk'].map((folder) => `folder "${folder}": ${words}`).join('; ');
const kept = (lacks: string) =>
  `the server answered OK and 3 messages are still there; the user lacks ${lacks} (RFC 4314)`;

test.each<[string, string, string, string]>([
  ['all but to delete', 'no-delete', 'lrwsi', kept('the right "te"')],
  ['all but to flag as deleted', 'no-flag', 'lrwsie', kept('the right "t"')],
  ['all but to expunge', 'no-expunge', 'lrwsit', kept('the right "e"')],
  ['to read', 'read-only', 'lr', 'the server opens it read-only'],
])('a user who has the right %s is told so, and nothing goes', async (_, user, letters, words) => {
  const client = await filled(user, 3);
  const before = [await mailsIn(client, 'INBOX'), await mailsIn(client, 'Junk')] as const;
  expect(before.map(({ length }) => length)).toEqual([5, 3]);
  for (const folder of ['INBOX', 'Junk'] as const) allow(user, folder, letters);
  expect(await removeAll(user)).toEqual({ removed: 0, refused: { readOnly: true, detail: both(words) } });
  const after = [await mailsIn(client, 'INBOX'), await mailsIn(client, 'Junk')] as const;
  expect(after[0].filter((mail) => !isCanary(mail))).toEqual(before[0].filter((mail) => !isCanary(mail)));
  expect(after.map(unflagged)).toEqual(before.map(unflagged));
});

test('a folder without the right does not keep the other from being cleaned', async () => {
  const client = await filled('one-folder', 3);
  const before = await mailsIn(client, 'INBOX');
  allow('one-folder', 'Junk', 'lrwsit');
  const detail = `folder "Junk": ${kept('the right "e"')}`;
  expect(await removeAll('one-folder')).toEqual({ removed: 3, refused: { readOnly: true, detail } });
  expect(await mailsIn(client, 'INBOX')).toEqual(before.filter((mail) => !isCanary(mail)));
  expect(await mailsIn(client, 'Junk')).toHaveLength(3);
});

test('messages that may only be read stay, and Junk is cleaned', async () => {
  const client = await filled('read-only-maildir', 3);
  const before = await mailsIn(client, 'INBOX');
  await client.logout();
  // The indexes may be written, the messages may not: as after a restore by the wrong user.
  const messages = ['cur', 'new'].map((name) => join(dir, 'mail', 'read-only-maildir', name));
  for (const folder of messages) {
    execFileSync('chown', ['root', folder]);
    chmodSync(folder, 0o555);
  }
  expect(await removeAll('read-only-maildir')).toEqual({
    removed: 3,
    refused: { readOnly: true, detail: 'folder "INBOX": the server opens it read-only' },
  });
  const again = await connect('read-only-maildir');
  expect(await mailsIn(again, 'INBOX')).toEqual(before);
});

test('1,000 canaries go, and nothing that somebody flagged', async () => {
  const client = await filled('thousand', 500);
  const before = await mailsIn(client, 'INBOX');
  expect(before).toHaveLength(502);
  expect(await removeAll('thousand')).toEqual({ removed: 1000 });
  expect(await mailsIn(client, 'INBOX')).toEqual(before.filter((mail) => !isCanary(mail)));
  expect(await mailsIn(client, 'Junk')).toEqual([]);
});

test('a message that another client moved meanwhile stays where it is', async () => {
  const client = await filled('moved', 3);
  const mailbox = boxOf('moved');
  onTestFinished(() => mailbox.close());
  const places = looked(await mailbox.look(ask())).mails.map(({ place }) => place);
  await client.mailboxOpen('INBOX');
  await client.messageMove('2', 'Archive');
  const [mine] = await mailsIn(client, 'Archive');
  expect(await mailbox.remove(places)).toEqual({ removed: 5 });
  expect(await mailsIn(client, 'Archive')).toEqual([mine]);
  expect((await mailsIn(client, 'INBOX')).some(isCanary)).toBe(false);
});

// The last one: it takes UIDPLUS from every session that follows.
test('without UIDPLUS ours wait for somebody who flagged, and go when nobody did', async () => {
  const waiting = await filled('waiting', 3);
  const alone = await filled('alone', 3, false);
  const before = await mailsIn(waiting, 'INBOX');
  const beforeAlone = await mailsIn(alone, 'INBOX');
  configure(
    'protocol imap {\n  imap_capability = IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE SPECIAL-USE NAMESPACE\n}\n',
  );
  expect(await removeAll('waiting')).toEqual({
    // Junk is nobody else's.
    removed: 3,
    refused: {
      readOnly: false,
      detail: 'folder "INBOX": the server has no UIDPLUS, and EXPUNGE would remove 1 other message flagged \\Deleted',
    },
  });
  expect(await mailsIn(waiting, 'INBOX')).toEqual(before);
  expect(await removeAll('alone')).toEqual({ removed: 6 });
  expect(await mailsIn(alone, 'INBOX')).toEqual(beforeAlone.filter((mail) => !isCanary(mail)));
});
