/** A session that fails in the middle is dark or partial; nothing that failed reads as "not there". */
import { describe, expect, test } from 'vitest';
import { ask, looked } from './bench.ts';
import { user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { canaryMail, idOf, otherMail } from './mails.ts';

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
