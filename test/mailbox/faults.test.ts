/** What keeps the adapter from looking is dark with its cause, within the deadline, and never says a secret. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Faults, ImapOptions } from '../../demo/servers/imap/options.ts';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import type { Cause } from '../../lambdas/core/causes.ts';
import type { Mailbox } from '../../lambdas/core/ports.ts';
import { type MailboxSettings, openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, looked } from './contract.ts';
import { ca, certificate, secret, settingsFor, startEmbedded, user } from './embedded.ts';
import { canaryMail, idOf, otherMail } from './mails.ts';

const servers: ImapServer[] = [];
const mailboxes: Mailbox[] = [];
afterEach(async () => {
  for (const mailbox of mailboxes.splice(0)) await mailbox.close();
  for (const server of servers.splice(0)) await server.close();
});

const start = async (options: Partial<ImapOptions> = {}): Promise<ImapServer> => {
  const server = await startEmbedded(options);
  servers.push(server);
  return server;
};

const openAt = (port: number, change: Partial<MailboxSettings> = {}, resolve = async () => secret): Mailbox => {
  const mailbox = openMailbox(settingsFor(port, change), { name: 'outside', now: Date.now, secret: resolve });
  mailboxes.push(mailbox);
  return mailbox;
};

const imapAt = (port: number, change: object = {}) => ({ host: '127.0.0.1', port, secure: true, ...change });

describe('before the first folder', () => {
  test.each<[string, Cause]>([
    ['[AUTHENTICATIONFAILED] Invalid credentials (Failure)', 'imap-login-refused'],
    ['AUTHENTICATE failed.', 'imap-login-refused'],
    ['[UNAVAILABLE] Temporary authentication failure.', 'temporary-refusal'],
    ['[ALERT] Too many simultaneous connections. (Failure)', 'too-many-connections'],
    ['[LIMIT] Maximum number of connections from user+IP exceeded', 'too-many-connections'],
  ])('login refused with "%s" is %s', async (words, cause) => {
    const server = await start({ faults: { refuseLogin: words } });
    const said = words.replace(/^\[\w+\] /, '');
    expect(await openAt(server.port).look(ask())).toEqual({ state: 'dark', cause, detail: `login: ${said}` });
  });

  test('a server that repeats the password, plain or as it came, is not quoted', async () => {
    const blob = Buffer.from(`\0${user}\0${secret}`).toString('base64');
    const server = await start({ faults: { refuseLogin: `bad password ${secret} in ${blob}` } });
    const detail = 'login: bad password *** in ***';
    expect(await openAt(server.port).look(ask())).toEqual({ state: 'dark', cause: 'imap-login-refused', detail });
  });

  test.each<['server' | 'other-name' | 'expired', string | undefined, Cause]>([
    ['server', undefined, 'tls-untrusted'],
    ['server', 'file:/nowhere/ca.pem', 'tls-untrusted'],
    ['expired', ca, 'tls-expired'],
    ['other-name', ca, 'tls-name'],
  ])('certificate "%s" with the CA %s is %s, with TLS and STARTTLS', async (name, trusted, cause) => {
    for (const startTls of [false, true]) {
      const server = await start({ tls: certificate(name), startTls });
      const tls = trusted === undefined ? {} : { ca: trusted };
      const mailbox = openAt(server.port, { imap: imapAt(server.port, { secure: !startTls, tls }) });
      expect(await mailbox.look(ask())).toMatchObject({ state: 'dark', cause });
      expect(server.commands.has('AUTHENTICATE')).toBe(false);
    }
  });

  test('a certificate for another name is taken under that name', async () => {
    const server = await start({ tls: certificate('other-name') });
    const tls = { ca, serverName: 'other-name.test' };
    expect(await openAt(server.port, { imap: imapAt(server.port, { tls }) }).look(ask())).toMatchObject({
      state: 'looked',
    });
  });

  test('a port that does not speak TLS at once is tls-failed', async () => {
    const server = await start({ startTls: true });
    expect(await openAt(server.port).look(ask())).toMatchObject({ state: 'dark', cause: 'tls-failed' });
  });

  test('no password goes over plain text to another machine', async () => {
    // "127.1" is loopback to the system, but not one of the names that the adapter takes for it.
    const server = await start({ startTls: true, faults: { without: ['STARTTLS'] } });
    const imap = imapAt(server.port, { host: '127.1', secure: false });
    expect(await openAt(server.port, { imap }).look(ask())).toMatchObject({ state: 'dark', cause: 'tls-required' });
    expect([...server.commands.keys()]).not.toContain('LOGIN');
    expect([...server.commands.keys()]).not.toContain('AUTHENTICATE');
  });

  test('a server that is down is connect-refused, a name that is not known dns-failed', async () => {
    const server = await start();
    await server.close();
    expect(await openAt(server.port).look(ask())).toMatchObject({ state: 'dark', cause: 'connect-refused' });
    const imap = imapAt(993, { host: 'imap.invalid' });
    expect(await openAt(993, { imap }).look(ask())).toMatchObject({ state: 'dark', cause: 'dns-failed' });
  });

  test('a secret that cannot be read, or does not come, is dark', async () => {
    const refused = openAt(1, {}, () => Promise.reject(new Error('AccessDenied')));
    expect(await refused.look(ask())).toMatchObject({
      state: 'dark',
      cause: 'unknown',
      detail: expect.stringContaining('AccessDenied'),
    });
    const hanging = openAt(1, { timeout: 100 }, () => new Promise(() => {}));
    expect(await hanging.look(ask())).toMatchObject({
      state: 'dark',
      cause: 'timeout-at-stage',
      detail: expect.stringMatching(/^secret/),
    });
  });
});

describe('one deadline', () => {
  const stages: readonly (readonly [string, Faults, RegExp])[] = [
    ['the TLS handshake', { hangAt: 'TLS' }, /^connect: /],
    ['the greeting', { hangAt: 'GREETING' }, /^greeting: /],
    ['a late greeting', { greetAfter: 2000 }, /^greeting: /],
    ['the login', { hangAt: 'AUTHENTICATE' }, /^login: /],
    ['NAMESPACE', { hangAt: 'NAMESPACE' }, /^login: /],
    ['LIST', { hangAt: 'LIST' }, /^list folders: /],
    ['EXAMINE', { hangAt: 'EXAMINE' }, /^open folder "INBOX": /],
    ['SEARCH', { hangAt: 'UID SEARCH' }, /^read folder "INBOX": /],
    ['FETCH', { hangAt: 'UID FETCH' }, /^read folder "INBOX": /],
    ['everything, by dripping', { drip: 20 }, /^greeting: /],
  ];

  test.each(stages)('a server that hangs at %s ends the look in time', async (_, faults, detail) => {
    const server = await start({ faults });
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const mailbox = openAt(server.port, { timeout: 300 });
    const before = Date.now();
    const look = await mailbox.look(ask());
    expect(Date.now() - before).toBeLessThan(1000);
    expect(look).toEqual({ state: 'dark', cause: 'timeout-at-stage', detail: expect.stringMatching(detail) });
    for (const fault of Object.keys(server.faults)) Reflect.deleteProperty(server.faults, fault);
    expect(looked(await mailbox.look(ask())).mails).toHaveLength(1);
  });

  test('a hanging STARTTLS ends in time as well', async () => {
    const server = await start({ startTls: true, faults: { hangAt: 'TLS' } });
    const mailbox = openAt(server.port, { timeout: 300, imap: imapAt(server.port, { secure: false, tls: { ca } }) });
    expect(await mailbox.look(ask())).toMatchObject({ state: 'dark', cause: 'timeout-at-stage' });
  });

  test('what was seen before a last call that hangs is told, as a part', async () => {
    const server = await start();
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const mailbox = openAt(server.port, { timeout: 400 });
    const { cursor } = looked(await mailbox.look(ask()));
    server.store.deliver(user, 'INBOX', canaryMail(idOf(2)));
    server.faults.hangAt = 'UID SEARCH';
    const look = looked(await mailbox.look(ask({ cursor, lastCall: [idOf(3)] })));
    expect(look).toMatchObject({ complete: false, mails: [{ place: { uid: 2 } }], cursor: { INBOX: { uidNext: 3 } } });
    expect(look.detail).toMatch(/^not every folder was searched: read folder "INBOX": no answer/);
  });

  test('closing does not wait for a server that hangs, and ends a look that runs', async () => {
    const server = await start({ faults: { hangAt: 'LOGOUT' } });
    const mailbox = openAt(server.port, { timeout: 300 });
    await mailbox.look(ask());
    await mailbox.close();
    server.faults.hangAt = 'LIST';
    const look = mailbox.look(ask());
    await new Promise((resolve) => setTimeout(resolve, 100));
    await mailbox.close();
    expect(await look).toMatchObject({ state: 'dark' });
  });
});

describe('in the middle', () => {
  test.each(['AUTHENTICATE', 'LIST', 'EXAMINE', 'UID SEARCH', 'UID FETCH'])(
    'a connection cut at %s is connection-lost',
    async (dropAt) => {
      const server = await start({ faults: { dropAt } });
      server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
      expect(await openAt(server.port).look(ask())).toMatchObject({ state: 'dark', cause: 'connection-lost' });
    },
  );

  test('a connection cut in the middle of an answer is no answer', async () => {
    const server = await start({ faults: { dropAfter: 3 } });
    for (let number = 0; number < 10; number += 1) server.store.deliver(user, 'INBOX', canaryMail(idOf(number)));
    expect(await openAt(server.port).look(ask())).toMatchObject({ state: 'dark', cause: 'connection-lost' });
  });

  test('a session that died between two looks is reopened, once', async () => {
    const server = await start();
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const mailbox = openAt(server.port);
    const { cursor } = looked(await mailbox.look(ask()));
    server.faults.dropAt = 'EXAMINE';
    expect(await mailbox.look(ask({ cursor }))).toMatchObject({ state: 'dark', cause: 'connection-lost' });
    expect(server.connections.total).toBe(2);
    server.faults.dropAt = undefined;
    expect(looked(await mailbox.look(ask({ cursor }))).complete).toBe(true);
    expect(looked(await mailbox.look(ask({ cursor }))).complete).toBe(true);
    expect(server.connections.total).toBe(3);
  });

  test('a server that refuses to search is read by range', async () => {
    const server = await start({ faults: { no: { 'UID SEARCH': 'index is broken' } } });
    server.store.deliver(user, 'INBOX', otherMail(1));
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    expect(looked(await openAt(server.port).look(ask()))).toMatchObject({
      complete: true,
      mails: [{ place: { uid: 2 } }],
    });
  });

  test('a last call that cannot search makes the look a partial one', async () => {
    const server = await start({ faults: { no: { 'UID SEARCH': 'index is broken' } } });
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const look = looked(await openAt(server.port).look(ask({ lastCall: [idOf(2)] })));
    expect(look).toMatchObject({
      complete: false,
      detail: expect.stringContaining('refused to search folder "INBOX"'),
    });
    expect(look.mails).toHaveLength(1);
  });

  test.each<[string, readonly string[]]>([
    ['neither search nor fetch', ['UID SEARCH', 'UID FETCH']],
    ['open a folder', ['EXAMINE']],
    ['list folders', ['LIST']],
  ])('a server that does not %s is imap-search-failed, in its words', async (_, commands) => {
    const server = await start({ faults: { no: Object.fromEntries(commands.map((name) => [name, 'out of order'])) } });
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    expect(await openAt(server.port).look(ask())).toMatchObject({
      state: 'dark',
      cause: 'imap-search-failed',
      detail: expect.stringContaining('out of order'),
    });
  });

  test('another folder that refuses makes the look a partial one, and keeps its cursor', async () => {
    const server = await start();
    server.store.createFolder(user, 'Shared', { noselect: true });
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const cursor = { Shared: { uidValidity: '7', uidNext: 9 } };
    const look = looked(await openAt(server.port, { folders: ['Shared'] }).look(ask({ cursor })));
    expect(look).toMatchObject({ complete: false, detail: expect.stringContaining('folder "Shared"') });
    expect(look.mails).toHaveLength(1);
    expect(look.cursor.Shared).toEqual(cursor.Shared);
  });

  test('a folder that was recreated is looked through again', async () => {
    const server = await start();
    server.store.deliver(user, 'INBOX', otherMail(1));
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const mailbox = openAt(server.port);
    const { cursor } = looked(await mailbox.look(ask()));
    server.store.expunge(server.store.folders(user)[0] ?? expect.fail(), ({ uid }) => uid === 1);
    server.store.renumber(user, 'INBOX');
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look.mails).toMatchObject([{ place: { uid: 1 } }]);
    expect(look.cursor.INBOX).not.toEqual(cursor.INBOX);
  });
});

describe('deleting', () => {
  const withMails = async (faults: Faults, othersFlagged: boolean) => {
    const server = await start({ faults });
    server.store.deliver(user, 'INBOX', otherMail(1), { flags: othersFlagged ? ['\\Deleted'] : [] });
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const mailbox = openAt(server.port);
    const places = looked(await mailbox.look(ask())).mails.map(({ place }) => place);
    expect(places).toHaveLength(1);
    return { server, mailbox, places };
  };
  const uidsOf = (server: ImapServer) => server.store.messages(user, 'INBOX').map(({ uid, flags }) => [uid, ...flags]);

  test('without UIDPLUS nothing is flagged while another message waits for its EXPUNGE', async () => {
    const { server, mailbox, places } = await withMails({ without: ['UIDPLUS'] }, true);
    expect(await mailbox.remove(places)).toBe(0);
    expect(uidsOf(server)).toEqual([[1, '\\Deleted'], [2]]);
  });

  test('without UIDPLUS our own go when nobody else is concerned', async () => {
    const { server, mailbox, places } = await withMails({ without: ['UIDPLUS'] }, false);
    expect(await mailbox.remove(places)).toBe(1);
    expect(uidsOf(server)).toEqual([[1]]);
  });

  test.each<[string, Faults, RegExp]>([
    ['read-only', { readOnly: true }, /^mailbox outside: delete in folder "INBOX": folder "INBOX": it is read-only/],
    ['refused', { no: { 'UID STORE': 'no' } }, /the server refused to delete/],
    ['cut', { dropAt: 'SELECT' }, /^mailbox outside: delete in folder "INBOX": /],
    ['hanging', { hangAt: 'SELECT' }, /no answer within/],
  ])('a folder that is %s throws', async (_, faults, words) => {
    const { server, mailbox, places } = await withMails({}, false);
    Object.assign(server.faults, faults);
    const patient = faults.hangAt === undefined ? mailbox : openAt(server.port, { timeout: 300 });
    await expect(patient.remove(places)).rejects.toThrow(words);
    expect(uidsOf(server)).toEqual([[1], [2]]);
  });
});
