/** A session that fails in the middle is dark or partial; nothing that failed reads as "not there". */
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../lambdas/core/attachment.ts';
import { ask, looked } from './bench.ts';
import { user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { bounceMail, canaryMail, idOf, messageIdOf, otherMail } from './mails.ts';
import { sizedId, sizedMail } from './sized.ts';

describe('in the middle', () => {
  test.each(['AUTHENTICATE', 'LIST', 'EXAMINE', 'UID SEARCH', 'UID FETCH'])(
    'a connection cut at %s is connection-lost',
    async (dropAt) => {
      const server = await start({ faults: { dropAt } });
      for (let number = 0; number < 1001; number += 1) server.store.deliver(user, 'INBOX', otherMail(number));
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

  test('a message that the server names and does not show makes the look a partial one, once', async () => {
    const server = await start();
    const mailbox = openAt(server.port);
    const { cursor } = looked(await mailbox.look(ask()));
    for (const number of [1, 2, 3]) server.store.deliver(user, 'INBOX', canaryMail(idOf(number)));
    server.faults.hide = [2];
    const detail = 'folder "INBOX": the server does not show 1 of its messages, the first with UID 2';
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look).toMatchObject({ complete: false, detail, mails: [{ place: { uid: 1 } }, { place: { uid: 3 } }] });
    expect(looked(await mailbox.look(ask({ cursor: look.cursor }))).complete).toBe(true);
    // Who calls it lost has to search for it first, and meets it again; so does a first look.
    const lastCall = looked(await mailbox.look(ask({ cursor: look.cursor, lastCall: [idOf(2)] })));
    expect(lastCall).toMatchObject({ complete: false, detail });
    expect(looked(await openAt(server.port).look(ask()))).toMatchObject({ complete: false, detail });
  });

  test('so does a report that it does not show', async () => {
    const server = await start();
    server.store.deliver(user, 'INBOX', bounceMail(idOf(1)));
    const mailbox = openAt(server.port);
    server.faults.no = { 'UID SEARCH': 'no' };
    const found = looked(await mailbox.look(ask()));
    expect(found).toMatchObject({ complete: true, mails: [{ messageId: messageIdOf(idOf(1)) }] });
    server.faults.hide = [1];
    expect(looked(await mailbox.look(ask()))).toMatchObject({ complete: false, mails: [] });
  });

  test("another client's flags are no message that did not come", async () => {
    const server = await start();
    for (const number of [1, 2]) server.store.deliver(user, 'INBOX', canaryMail(idOf(number)));
    const mailbox = openAt(server.port);
    const { mails } = looked(await mailbox.look(ask()));
    expect(mails).toHaveLength(2);
    server.store.expunge(server.store.folders(user)[0] ?? expect.fail(), ({ uid }) => uid === 1);
    expect(looked(await mailbox.look(ask()))).toMatchObject({ complete: true, mails: [{ place: { uid: 2 } }] });
  });
});

describe('an attachment that cannot be read now', () => {
  /** Long enough to be read in two pieces. */
  const size = 1_500_000;
  const sized = async (timeout: number) => {
    const server = await start();
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    server.store.deliver(user, 'INBOX', Buffer.from(sizedMail(2, 1000), 'latin1'));
    const mailbox = openAt(server.port, { timeout });
    const { cursor } = looked(await mailbox.look(ask()));
    server.store.deliver(user, 'INBOX', Buffer.from(sizedMail(3, size), 'latin1'));
    server.store.deliver(user, 'INBOX', canaryMail(idOf(4)));
    return { server, mailbox, question: ask({ cursor, digests: [sizedId(3)], expected: [sizedId(3)] }) };
  };

  test.each(['nil', 'short', 'no', 'hang'] as const)(
    '%s: its mail waits for the next look, and no other',
    async (parts) => {
      const { server, mailbox, question } = await sized(2000);
      server.faults.parts = parts;
      const look = looked(await mailbox.look(question));
      expect(look).toMatchObject({ complete: false, detail: expect.stringContaining('1 attachment is not read yet') });
      expect(look.mails).toMatchObject([{ messageId: messageIdOf(idOf(4)) }]);
      expect(look.cursor.INBOX?.uidNext).toBe(3);
      server.faults.parts = undefined;
      const next = looked(await mailbox.look({ ...question, cursor: look.cursor }));
      expect(next.complete).toBe(true);
      expect(next.mails.map(({ digest }) => digest)).toEqual([digestOf(sizedId(3), size), undefined]);
    },
  );

  test('a last call that hangs keeps it waiting too', async () => {
    const { server, mailbox, question } = await sized(1200);
    server.faults.hangAt = 'UID SEARCH';
    const look = looked(await mailbox.look({ ...question, lastCall: [idOf(9)] }));
    expect(look.mails).toMatchObject([{ messageId: messageIdOf(idOf(4)) }]);
    expect(look.cursor.INBOX?.uidNext).toBe(3);
  });
});
