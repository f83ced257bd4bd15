/** What a look costs: at most five commands where there is nothing to do, and no more in a mailbox that is full of somebody's mail. */
import { describe, expect, test } from 'vitest';
import type { ImapOptions } from '../../demo/servers/imap/options.ts';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import { createClient } from '../../lambdas/mailbox/client.ts';
import { examine, listFolders, newestUids } from '../../lambdas/mailbox/commands.ts';
import { ask, looked } from './bench.ts';
import { secret, settingsFor, user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { canaryMail, idOf, messageIdOf, otherMail } from './mails.ts';

/** A server that writes down what it is told. */
const listening = async (options: Partial<ImapOptions> = {}) => {
  const said: string[] = [];
  const server = await start({ ...options, onCommand: (name) => void said.push(name) });
  return { server, said };
};

const idle = ['AUTHENTICATE', 'LIST', 'EXAMINE', 'EXAMINE', 'LOGOUT'];

describe('a round with nothing to do', () => {
  const round = async (server: ImapServer, cursor: Parameters<typeof ask>[0] = {}) => {
    const mailbox = openAt(server.port, { timeout: 20_000 });
    const look = looked(await mailbox.look(ask(cursor)));
    await mailbox.close();
    return look;
  };

  test('is five commands: login, LIST, INBOX, Junk, LOGOUT', async () => {
    const { server, said } = await listening();
    const { cursor } = await round(server);
    said.length = 0;
    expect(await round(server, { cursor, expected: [idOf(1)] })).toMatchObject({ complete: true, mails: [], cursor });
    expect(said).toEqual(idle);
  });

  test('and no more on a server that tells less: no ID, NAMESPACE, SPECIAL-USE, SASL-IR, UIDNEXT or MOVE', async () => {
    const without = ['ID', 'NAMESPACE', 'SPECIAL-USE', 'SASL-IR', 'UIDPLUS', 'MOVE', 'ENABLE', 'IDLE'];
    const { server, said } = await listening({ faults: { without, silent: ['UIDNEXT'] } });
    const { cursor } = await round(server);
    said.length = 0;
    expect((await round(server, { cursor })).complete).toBe(true);
    expect(said).toEqual(idle);
  });

  test('one that says its capabilities only when asked is asked before the login and behind it', async () => {
    const { server, said } = await listening({ faults: { silent: ['CAPABILITY'] } });
    const { cursor } = await round(server);
    said.length = 0;
    expect((await round(server, { cursor })).complete).toBe(true);
    expect(said).toEqual(['CAPABILITY', 'AUTHENTICATE', 'CAPABILITY', ...idle.slice(1)]);
  });

  test('in a session that stays open it is three', async () => {
    const { server, said } = await listening();
    const mailbox = openAt(server.port);
    const { cursor } = looked(await mailbox.look(ask()));
    said.length = 0;
    await mailbox.look(ask({ cursor }));
    expect(said).toEqual(['LIST', 'EXAMINE', 'EXAMINE']);
  });
});

describe("a mailbox full of somebody's mail", () => {
  /** Commands and bytes of one look. */
  const cost = async (server: ImapServer, question: Parameters<typeof ask>[0], mails: number) => {
    const mailbox = openAt(server.port, { timeout: 60_000 });
    const before = { ...server.traffic };
    server.commands.clear();
    const look = looked(await mailbox.look(ask(question)));
    await mailbox.close();
    expect(look).toMatchObject({ complete: true });
    expect(look.mails).toHaveLength(mails);
    const messages = server.commands.get('* FETCH') ?? 0;
    server.commands.delete('* FETCH');
    return {
      cursor: look.cursor,
      messages,
      commands: Object.fromEntries(server.commands),
      sent: server.traffic.sent - before.sent,
      received: server.traffic.received - before.received,
    };
  };

  const full = async (count: number) => {
    const server = await start();
    for (let number = 0; number < count; number += 1) server.store.deliver(user, 'INBOX', otherMail(number));
    const first = await cost(server, {}, 0);
    const nothing = await cost(server, { cursor: first.cursor, expected: [idOf(1)] }, 0);
    for (const number of [1, 2]) server.store.deliver(user, 'INBOX', canaryMail(idOf(number)));
    const some = await cost(server, { cursor: first.cursor, expected: [1, 2].map(idOf) }, 2);
    return { first, nothing, some };
  };

  test('of 100,000 costs what one of 100 costs; a first look is bounded', { timeout: 120_000 }, async () => {
    const small = await full(100);
    const large = await full(100_000);
    for (const part of ['nothing', 'some'] as const) {
      expect(large[part].commands).toEqual(small[part].commands);
      expect(large[part].messages).toBe(small[part].messages);
      // Numbers of six digits instead of three.
      expect(Math.abs(large[part].sent - small[part].sent)).toBeLessThan(100);
      expect(Math.abs(large[part].received - small[part].received)).toBeLessThan(100);
    }
    expect(large.nothing.messages).toBe(0);
    expect(large.some.messages).toBe(3);
    expect(Object.values(large.first.commands).reduce((sum, count) => sum + count, 0)).toBeLessThan(12);
    expect(large.first.messages).toBeLessThan(1100);
    expect(large.first.sent).toBeLessThan(1_000_000);
  });

  test('10,000 forged canaries before an expected one do not keep it from being found in the first look', {
    timeout: 240_000,
  }, async () => {
    for (const [place, position] of [
      ['behind', 10_000],
      ['between', 5000],
    ] as const) {
      const server = await start();
      for (let number = 0; number <= 10_000; number += 1)
        server.store.deliver(
          user,
          'INBOX',
          number === position
            ? canaryMail(idOf(1))
            : canaryMail(idOf(7)).replace(/^X-Mail-Canary: .*$/m, `X-Mail-Canary: 1.k3y.forged${number}.AAAA`),
        );
      const look = looked(await openAt(server.port, { timeout: 100_000 }).look(ask({ expected: [idOf(1)] })));
      expect(look.complete, place).toBe(true);
      expect(look.mails.some(({ messageId }) => messageId === messageIdOf(idOf(1)))).toBe(true);
      expect(look.mails).toHaveLength(10_001);
    }
  });
});

describe('the list of folders', () => {
  const listed = async (prepare: (server: ImapServer) => void, options: Partial<ImapOptions> = {}) => {
    const { server, said } = await listening(options);
    prepare(server);
    const client = await createClient(settingsFor(server.port), { user, pass: secret });
    await client.connect();
    said.length = 0;
    const folders = await listFolders(client).finally(() => client.logout());
    return { said, folders };
  };

  test('is one command; special uses are flags, never names; paths are decoded', async () => {
    const { said, folders } = await listed(({ store }) => {
      store.createFolder(user, 'INBOX/Spam');
      store.createFolder(user, 'Entw&APw-rfe', { specialUse: '\\Drafts' });
      store.createFolder(user, 'nothing', { noselect: true });
    });
    expect(said).toEqual(['LIST', 'LOGOUT']);
    const of = (path: string) => folders.find((folder) => folder.path === path);
    expect(of('INBOX')).toMatchObject({ delimiter: '/', specialUse: undefined });
    expect(of('Junk')).toMatchObject({ specialUse: '\\Junk' });
    expect(of('INBOX/Spam')).toMatchObject({ specialUse: undefined });
    expect(of('Entwürfe')).toMatchObject({ specialUse: '\\Drafts' });
    expect(of('nothing')?.flags.has('\\Noselect')).toBe(true);
  });

  test('a folder with such a name is read like any other', async () => {
    const server = await start();
    server.store.createFolder(user, 'Entw&APw-rfe');
    server.store.deliver(user, 'Entw&APw-rfe', canaryMail(idOf(1)));
    const look = looked(await openAt(server.port, { folders: ['Entwürfe'] }).look(ask()));
    expect(look).toMatchObject({ complete: true, mails: [{ place: { folder: 'Entwürfe' } }] });
  });

  test('a login that Exchange took and did not mean is a refused login', async () => {
    const { server } = await listening({ faults: { no: { LIST: 'User is authenticated but not connected.' } } });
    const look = await openAt(server.port).look(ask());
    expect(look).toMatchObject({ state: 'dark', cause: expect.stringMatching(/^imap-(?!search)/) });
  });

  test('the newest messages are named without a search', async () => {
    const server = await start();
    for (let number = 1; number <= 30; number += 1) server.store.deliver(user, 'Archive', otherMail(number));
    const client = await createClient(settingsFor(server.port), { user, pass: secret });
    await client.connect();
    const folder = await examine(client, 'Archive');
    expect(await newestUids(client, folder, 3)).toEqual([28, 29, 30]);
    expect(await newestUids(client, folder, 100)).toHaveLength(30);
    expect(await newestUids(client, await examine(client, 'Junk'), 100)).toEqual([]);
    await client.logout();
  });
});
