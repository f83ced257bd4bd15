/** The embedded IMAP server, as imapflow sees it: the commands that the adapter does not use but demo and tests may. */
import { ImapFlow } from 'imapflow';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ImapServer, startImapServer } from '../../demo/servers/imap/server.ts';

let server: ImapServer;
let client: ImapFlow;
beforeEach(async () => {
  server = await startImapServer({ users: { kim: 'pw', lee: 'pw' } });
  client = new ImapFlow({
    host: server.host,
    port: server.port,
    secure: false,
    auth: { user: 'kim', pass: 'pw' },
    logger: false,
  });
  client.on('error', () => {});
  await client.connect();
});
afterEach(async () => {
  await client.logout();
  await server.close();
});

test('listens on loopback only', async () => {
  await expect(startImapServer({ host: '0.0.0.0', users: {} })).rejects.toThrow('loopback only, got "0.0.0.0"');
});

test('lists folders with their special use; create and delete', async () => {
  expect((await client.list()).map(({ path, specialUse }) => [path, specialUse])).toContainEqual(['Junk', '\\Junk']);
  await client.mailboxCreate('Rules');
  expect(server.store.folders('kim').map(({ name }) => name)).toContain('Rules');
  await client.mailboxDelete('Rules');
  expect(server.store.folders('kim').map(({ name }) => name)).not.toContain('Rules');
});

test('append, status, fetch, flags, search', async () => {
  await client.append(
    'INBOX',
    'Subject: one\r\nFrom: a@example.com\r\n\r\nHello',
    ['\\Seen'],
    new Date('2025-11-06T10:00:00Z'),
  );
  await client.append('INBOX', 'Subject: two\r\n\r\nHello', [], new Date('2025-11-08T10:00:00Z'));
  expect(await client.status('INBOX', { messages: true, unseen: true, uidNext: true })).toMatchObject({
    messages: 2,
    unseen: 1,
    uidNext: 3,
  });
  await client.mailboxOpen('INBOX');
  const [one] = await client.fetchAll(
    '1',
    { flags: true, internalDate: true, size: true, source: true, headers: ['subject'] },
    { uid: true },
  );
  expect(one).toMatchObject({ uid: 1, size: 42, internalDate: new Date('2025-11-06T10:00:00Z') });
  expect(one?.headers?.toString()).toBe('Subject: one\r\n\r\n');
  const [part] = await client.fetchAll('1', { source: { start: 9, maxLength: 3 } });
  expect(part?.source?.toString()).toBe('one');
  await client.messageFlagsAdd('2', ['\\Flagged', 'mine']);
  for (const [query, uids] of [
    [{ all: true }, [1, 2]],
    [{ seen: true }, [1]],
    [{ seen: false }, [2]],
    [{ subject: 'TWO' }, [2]],
    [{ from: 'example.com' }, [1]],
    [{ keyword: 'mine' }, [2]],
    [{ since: new Date('2025-11-07') }, [2]],
    [{ before: new Date('2025-11-07') }, [1]],
    [{ not: { subject: 'one' } }, [2]],
    [{ or: [{ subject: 'one' }, { subject: 'two' }, { subject: 'three' }] }, [1, 2]],
    [{ header: { Subject: true }, uid: '2:*' }, [2]],
  ] as const)
    expect(
      await client.search(query as Parameters<typeof client.search>[0], { uid: true }),
      JSON.stringify(query),
    ).toEqual(uids);
});

test('copy, move, expunge', async () => {
  for (const name of ['a', 'b', 'c']) server.store.deliver('kim', 'INBOX', `Subject: ${name}\r\n\r\n`);
  await client.mailboxOpen('INBOX');
  expect(await client.messageCopy('1', 'Archive', { uid: true })).toMatchObject({ uidMap: new Map([[1, 1]]) });
  expect(await client.messageMove('2', 'Junk', { uid: true })).toMatchObject({ uidMap: new Map([[2, 1]]) });
  expect(server.commands.get('UID MOVE')).toBe(1);
  server.store.messages('kim', 'INBOX')[1]?.flags.add('\\Deleted');
  await client.messageDelete('1', { uid: true });
  expect(server.store.messages('kim', 'INBOX').map(({ uid }) => uid)).toEqual([3]);
  expect(server.store.messages('kim', 'Archive')).toHaveLength(1);
  expect(server.store.messages('kim', 'Junk')).toHaveLength(1);
});

test('users do not see each other, and quota is told', async () => {
  server.store.deliver('lee', 'INBOX', 'Subject: private\r\n\r\n');
  await client.mailboxOpen('INBOX');
  expect(await client.search({ all: true })).toEqual([]);
  server.store.setQuota('kim', 10);
  server.store.deliver('kim', 'INBOX', 'x'.repeat(5 * 1024));
  expect(await client.getQuota('INBOX')).toMatchObject({ storage: { usage: 5 * 1024, limit: 10 * 1024 } });
  await expect(client.append('INBOX', 'x'.repeat(6 * 1024))).rejects.toMatchObject({ serverResponseCode: 'OVERQUOTA' });
});

test('idle tells of new mail', async () => {
  await client.mailboxOpen('INBOX');
  const told = new Promise((resolve) => client.once('exists', resolve));
  const idle = client.idle();
  await expect.poll(() => server.commands.get('IDLE')).toBe(1);
  server.store.deliver('kim', 'INBOX', 'Subject: new\r\n\r\n');
  expect(await told).toMatchObject({ path: 'INBOX', count: 1 });
  await client.noop();
  await idle;
});

test('the structure of a message, and its parts by their numbers', async () => {
  const inner = 'Subject: inside\r\n\r\nHello\r\n';
  const raw = [
    'Content-Type: multipart/mixed; boundary="a"',
    '',
    'preamble',
    '--a',
    'Content-Type: multipart/alternative; boundary="a.b"',
    '',
    '--a.b',
    'Content-Type: text/plain',
    '',
    'plain',
    '--a.b',
    'Content-Type: text/html; charset="utf-8"',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    '<p>h=3D</p>',
    '--a.b--',
    '',
    '--a',
    'Content-Type: message/rfc822',
    '',
    `${inner}--a`,
    'Content-Type: application/octet-stream; name="x"',
    'Content-Disposition: attachment; filename="canary.bin"',
    'Content-Transfer-Encoding: base64',
    '',
    'AAEC',
    '--a--',
    'epilogue',
  ].join('\r\n');
  server.store.deliver('kim', 'INBOX', raw);
  server.store.deliver('kim', 'INBOX', 'Subject: two\r\n\r\nHello');
  await client.mailboxOpen('INBOX');
  const [one, two] = await client.fetchAll('1:2', { bodyStructure: true });
  expect(one?.bodyStructure).toMatchObject({
    type: 'multipart/mixed',
    childNodes: [
      {
        type: 'multipart/alternative',
        childNodes: [
          { part: '1.1', type: 'text/plain', size: 5 },
          { part: '1.2', type: 'text/html', encoding: 'quoted-printable', parameters: { charset: 'utf-8' } },
        ],
      },
      { part: '2', type: 'message/rfc822' },
      {
        part: '3',
        encoding: 'base64',
        size: 4,
        disposition: 'attachment',
        dispositionParameters: { filename: 'canary.bin' },
      },
    ],
  });
  expect(two?.bodyStructure).toMatchObject({ type: 'text/plain', size: 5 });
  const [parts] = await client.fetchAll('1', { bodyParts: ['1.1', '2', '3', '3.MIME', '4'] });
  const text = (part: string) => parts?.bodyParts?.get(part)?.toString();
  expect(['1.1', '2', '3'].map(text)).toEqual(['plain', inner.trimEnd(), 'AAEC']);
  expect(text('3.mime')).toMatch(/^Content-Type: application\/octet-stream[\s\S]*base64\r\n\r\n$/);
  expect(parts?.bodyParts?.get('4')).toBeFalsy();
  const { content } = await client.download('1', '3');
  const chunks: Buffer[] = [];
  for await (const chunk of content as AsyncIterable<Buffer>) chunks.push(chunk);
  expect(Buffer.concat(chunks)).toEqual(Buffer.from([0, 1, 2]));
});
