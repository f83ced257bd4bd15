/** How full a mailbox is, as real servers and odd ones tell it. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { ImapFlow } from 'imapflow';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Gone } from '../../lambdas/mailbox/failure.ts';
import { quotaOf } from '../../lambdas/mailbox/quota.ts';
import { secret, user } from './embedded.ts';
import { start } from './harness.ts';

const connect = async (port: number, secure: boolean): Promise<ImapFlow> => {
  const tls = { rejectUnauthorized: false };
  const client = new ImapFlow({ host: '127.0.0.1', port, secure, tls, auth: { user, pass: secret }, logger: false });
  client.on('error', () => {});
  onTestFinished(() => client.close());
  await client.connect();
  return client;
};

type Replies = Readonly<Record<string, readonly string[]>>;

/** A server that knows quotas alone: the lines of a reply, `T` for the tag; a reply without such a line never ends. */
const scripted = async (replies: Replies, capability = 'IMAP4rev1 QUOTA') => {
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write(`* OK [CAPABILITY ${capability}] ready\r\n`);
    createInterface(socket).on('line', (line) => {
      const [tag = '', ...words] = line.split(' ');
      const command = words.join(' ');
      const verb = words[0]?.toUpperCase() ?? '';
      if (verb.startsWith('GETQUOTA')) commands.push(command);
      const reply =
        replies[command] ??
        replies[verb] ??
        (verb === 'CAPABILITY' ? [`* CAPABILITY ${capability}`, 'T OK done'] : ['T OK done']);
      if (reply.includes('hang up')) return void socket.destroy();
      for (const said of reply) socket.write(`${said.replace(/^T /, `${tag} `)}\r\n`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const client = await connect((server.address() as AddressInfo).port, false);
  return { client, commands };
};

const root = '* QUOTAROOT INBOX "User quota"';
const told = (...resources: readonly string[]) => [
  root,
  ...resources.map((list) => `* QUOTA "User quota" (${list})`),
  'T OK done',
];

describe('the embedded server', () => {
  test('tells its storage in KiB', async () => {
    const server = await start();
    server.store.deliver(user, 'INBOX', `Subject: x\r\n\r\n${'y'.repeat(50 * 1024)}\r\n`);
    const quota = await quotaOf(await connect(server.port, true));
    expect(quota).toEqual({ resource: 'STORAGE', ...server.store.quota(user) });
    expect(quota?.used).toBeGreaterThanOrEqual(50);
    expect(quota?.used).toBeLessThan(60);
    expect(server.commands.get('GETQUOTAROOT')).toBe(1);
    expect(server.commands.has('GETQUOTA')).toBe(false);
  });

  test('that cannot is not asked, and one that refuses is told nothing of', async () => {
    const without = await start({ faults: { without: ['QUOTA'] } });
    expect(await quotaOf(await connect(without.port, true))).toBeUndefined();
    expect(without.commands.has('GETQUOTAROOT')).toBe(false);
    const refusing = await start({ faults: { no: { GETQUOTAROOT: '[NOPERM] not for you' } } });
    const client = await connect(refusing.port, true);
    expect(await quotaOf(client)).toBeUndefined();
    // The session goes on.
    expect((await client.list()).length).toBeGreaterThan(0);
  });

  test('whose connection ends is no answer', async () => {
    const server = await start({ faults: { dropAt: 'GETQUOTAROOT' } });
    await expect(quotaOf(await connect(server.port, true))).rejects.toThrow(Gone);
  });

  test('that hangs is ended by closing, as the deadline of a session does it', async () => {
    const server = await start({ faults: { hangAt: 'GETQUOTAROOT' } });
    const client = await connect(server.port, true);
    const asked = expect(quotaOf(client)).rejects.toThrow(Gone);
    await expect.poll(() => server.commands.get('GETQUOTAROOT')).toBe(1);
    client.close();
    await asked;
    await expect(quotaOf(client)).rejects.toThrow(Gone);
  });
});

describe('of what servers say', () => {
  const storage = { resource: 'STORAGE', used: 100, limit: 512 };

  test.each<[string, readonly string[], object | undefined]>([
    ['storage', told('STORAGE 100 512'), storage],
    ['messages', told('MESSAGE 7 10'), { resource: 'MESSAGE', used: 7, limit: 10 }],
    ['the fuller of both', told('STORAGE 100 512 MESSAGE 9 10'), { resource: 'MESSAGE', used: 9, limit: 10 }],
    ['in any case and order', told('message 1 10 storage 100 512'), storage],
    ['beyond the limit', told('STORAGE 600 512'), { ...storage, used: 600 }],
    ['nothing used', told('STORAGE 0 512'), { ...storage, used: 0 }],
    ['other resources are passed over', told('X-NUM-FOLDERS 99 100 MAILBOX 5 5 STORAGE 100 512'), storage],
    ['a limit of 0 tells nothing', told('STORAGE 100 0'), undefined],
    ['nor does one beyond all numbers', told('STORAGE 100 9223372036854775807'), undefined],
    ['nor an empty list', told(''), undefined],
    ['nor a list that ends early', told('STORAGE 100'), undefined],
    [
      'nor numbers that are none',
      told('STORAGE -1 512', 'STORAGE 1e3 512', 'STORAGE "1 2" 512', 'STORAGE NIL 512'),
      undefined,
    ],
    ['a good one among them counts', told('STORAGE x 512', 'STORAGE 100 512'), storage],
    ['no root', ['* QUOTAROOT INBOX', 'T OK done'], undefined],
    ['nothing at all', ['T OK done'], undefined],
    ['a refusal after a part of the answer', [root, '* QUOTA "User quota" (STORAGE 100 512)', 'T NO sorry'], storage],
    ['BAD', ['T BAD what?'], undefined],
  ])('%s', async (_, reply, quota) => {
    const { client } = await scripted({ GETQUOTAROOT: reply });
    expect(await quotaOf(client)).toEqual(quota);
    expect(client.usable).toBe(true);
  });

  test('the fullest of several roots counts, wherever it stands', async () => {
    const roots = ['* QUOTAROOT INBOX "User quota" "Domain quota"'];
    const user = '* QUOTA "User quota" (STORAGE 500 512)';
    const domain = '* QUOTA "Domain quota" (STORAGE 1000 999999)';
    for (const quotas of [
      [user, domain],
      [domain, user],
    ]) {
      const { client, commands } = await scripted({ GETQUOTAROOT: [...roots, ...quotas, 'T OK done'] });
      expect(await quotaOf(client)).toEqual({ resource: 'STORAGE', used: 500, limit: 512 });
      expect(commands).toEqual(['GETQUOTAROOT INBOX']);
    }
  });

  test('a root without its numbers is asked for; not more than five of them', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `"root ${index}"`);
    const { client, commands } = await scripted({
      GETQUOTAROOT: [`* QUOTAROOT INBOX ${names.join(' ')}`, 'T OK done'],
      'GETQUOTA "root 3"': ['* QUOTA "root 3" (STORAGE 100 512)', 'T OK done'],
    });
    expect(await quotaOf(client)).toEqual(storage);
    expect(commands).toEqual(['GETQUOTAROOT INBOX', ...names.slice(0, 5).map((name) => `GETQUOTA ${name}`)]);
  });

  test('one that ends in the middle of it all is no answer', async () => {
    const { client } = await scripted({
      GETQUOTAROOT: ['* QUOTAROOT INBOX ""', 'T OK done'],
      'GETQUOTA ""': ['hang up'],
    });
    await expect(quotaOf(client)).rejects.toThrow(Gone);
  });

  test('of a library without the command that is used, nothing is told', async () => {
    const { client, commands } = await scripted({ GETQUOTAROOT: told('STORAGE 100 512') });
    Reflect.set(client, 'exec', undefined);
    expect(await quotaOf(client)).toBeUndefined();
    expect(commands).toEqual([]);
  });
});
