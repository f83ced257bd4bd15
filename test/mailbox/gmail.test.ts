/** Gmail, where folders are labels: All Mail is read in place of INBOX, a message appears once, and what is deleted is gone. */
import { describe, expect, test } from 'vitest';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import { trashOf } from '../../lambdas/mailbox/gmail.ts';
import { ask, hour, idsOf, looked } from './bench.ts';
import { user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { bounceMail, canaryMail, idOf, messageIdOf, otherMail, strippedMail } from './mails.ts';

const all = '[Gmail]/All Mail';
const spam = '[Gmail]/Spam';
const trash = '[Gmail]/Trash';
const sent = '[Gmail]/Sent Mail';

const messagesIn = (server: ImapServer, folder: string) => server.store.messages(user, folder);
/** Puts a message of one folder into another as well, as a filter or the owner does. */
const label = (server: ImapServer, from: string, uid: number, to: string) =>
  server.store.copy(user, messagesIn(server, from).find((one) => one.uid === uid) ?? expect.fail(), to);

describe('reading', () => {
  test('what INBOX holds and what a filter archived is read, once, from All Mail', async () => {
    const server = await start({ gmail: true });
    server.store.createFolder(user, 'Receipts');
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    server.store.deliver(user, all, canaryMail(idOf(2)));
    server.store.deliver(user, 'Receipts', canaryMail(idOf(3)));
    server.store.deliver(user, spam, canaryMail(idOf(4)));
    server.store.deliver(user, 'INBOX', otherMail(1));
    label(server, 'INBOX', 1, '[Gmail]/Important');
    label(server, 'INBOX', 1, '[Gmail]/Starred');
    label(server, 'INBOX', 1, 'Receipts');
    // A folder of the settings is a label: what it holds is in All Mail.
    const mailbox = openAt(server.port, { folders: ['Receipts'] });
    const look = looked(await mailbox.look(ask({ expected: [1, 2, 3, 4].map(idOf), state: true })));
    expect(look).toMatchObject({ complete: true, messages: 4 });
    expect(look.mails.map(({ place, junk, moved, messageId }) => [place.folder, junk, moved, messageId])).toEqual([
      [all, false, undefined, messageIdOf(idOf(1))],
      [all, false, undefined, messageIdOf(idOf(2))],
      [all, false, undefined, messageIdOf(idOf(3))],
      [spam, true, undefined, messageIdOf(idOf(4))],
    ]);
    expect(Object.keys(look.cursor).sort()).toEqual([all, spam]);
    server.store.deliver(user, 'INBOX', canaryMail(idOf(5)));
    expect(idsOf(looked(await mailbox.look(ask({ cursor: look.cursor }))).mails)).toEqual([idOf(5)]);
  });

  test('the last call searches Trash besides, and no label', async () => {
    const server = await start({ gmail: true });
    for (let number = 0; number < 20; number += 1) server.store.createFolder(user, `Label ${number}`);
    server.store.deliver(user, trash, canaryMail(idOf(1)), { internalDate: Date.now() - hour / 2 });
    server.store.deliver(user, 'Label 3', strippedMail(idOf(2)));
    const mailbox = openAt(server.port);
    const { cursor } = looked(await mailbox.look(ask()));
    server.commands.clear();
    const look = looked(await mailbox.look(ask({ cursor, lastCall: [1, 2].map(idOf) })));
    expect(look).toMatchObject({ complete: true, unmarked: [{ id: idOf(2), folder: all }] });
    expect(look.mails).toMatchObject([{ moved: true, place: { folder: trash } }]);
    expect(server.commands.get('EXAMINE')).toBe(5);
  });

  test('a canary that the account sends for itself has not arrived before it is back', async () => {
    const server = await start({ gmail: true });
    server.store.deliver(user, 'INBOX', otherMail(1));
    server.store.deliver(user, sent, canaryMail(idOf(1)));
    server.store.deliver(user, 'INBOX', canaryMail(idOf(2)));
    const mailbox = openAt(server.port);
    const question = { expected: [1, 2].map(idOf) };
    const first = looked(await mailbox.look(ask(question)));
    expect(idsOf(first.mails)).toEqual([idOf(2)]);
    expect(first).toMatchObject({ complete: true, cursor: { [all]: { uidNext: 2 } } });
    const called = looked(await mailbox.look(ask({ ...question, cursor: first.cursor, lastCall: [idOf(1)] })));
    expect(called.complete).toBe(true);
    expect(idsOf(called.mails)).toEqual([idOf(2)]);
    label(server, sent, 1, 'INBOX');
    const second = looked(await mailbox.look(ask({ ...question, cursor: first.cursor })));
    expect(idsOf(second.mails)).toEqual([idOf(1), idOf(2)]);
    expect(second.cursor[all]?.uidNext).toBe(4);
    // One that never came back is left behind.
    server.store.deliver(user, sent, canaryMail(idOf(3)), { internalDate: Date.now() - 3 * hour });
    const third = looked(await mailbox.look(ask({ cursor: second.cursor })));
    expect(third).toMatchObject({ complete: true, mails: [], cursor: { [all]: { uidNext: 5 } } });
    const swept = looked(await mailbox.look(ask({ cursor: third.cursor, sweep: Date.now() - hour })));
    expect(swept.mails).toEqual([]);
  });

  test('a returned canary is found in All Mail', async () => {
    const server = await start({ gmail: true });
    server.store.deliver(user, all, bounceMail(idOf(1)));
    const { mails } = looked(await openAt(server.port, { bouncesOnly: true }).look(ask()));
    expect(mails).toMatchObject([{ messageId: messageIdOf(idOf(1)), place: { folder: all } }]);
  });

  test('where All Mail is not shown INBOX is read, and a message with a label once', async () => {
    const server = await start({ gmail: true });
    server.store.removeFolder(user, all);
    server.store.createFolder(user, 'Receipts');
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    label(server, 'INBOX', 1, 'Receipts');
    server.store.deliver(user, 'Receipts', canaryMail(idOf(2)));
    const look = looked(await openAt(server.port, { folders: ['Receipts'] }).look(ask({ state: true })));
    expect(look).toMatchObject({ complete: true, messages: 1 });
    expect(look.mails.map(({ place, messageId }) => [place.folder, messageId])).toEqual([
      ['INBOX', messageIdOf(idOf(1))],
      ['Receipts', messageIdOf(idOf(2))],
    ]);
  });
});

test('elsewhere a folder flagged \\All is one of many, and searched last', async () => {
  const server = await start();
  server.store.createFolder(user, 'Everything', { specialUse: '\\All' });
  server.store.createFolder(user, 'Zoo');
  for (const folder of ['Everything', 'Zoo']) server.store.deliver(user, folder, canaryMail(idOf(1)));
  server.store.deliver(user, 'Everything', canaryMail(idOf(2)));
  const look = looked(await openAt(server.port).look(ask({ lastCall: [1, 2].map(idOf) })));
  expect(look.mails.map(({ place, messageId }) => [place.folder, messageId])).toEqual([
    ['Zoo', messageIdOf(idOf(1))],
    ['Everything', messageIdOf(idOf(2))],
  ]);
});

describe('deleting', () => {
  test('the trash is known by its flag', () => {
    const folder = (path: string, ...flags: string[]) => ({ path, delimiter: '/', flags: new Set(flags) });
    expect(trashOf([folder('Trash'), folder('[Gmail]/Papierkorb', '\\HasNoChildren', '\\Trash')])).toBe(
      '[Gmail]/Papierkorb',
    );
    expect(trashOf([folder('Trash'), folder('Bin', '\\Noselect', '\\Trash')])).toBeUndefined();
  });

  test('own mail leaves INBOX and All Mail, and nobody else is touched', async () => {
    const server = await start({ gmail: true });
    server.store.deliver(user, 'INBOX', otherMail(1), { flags: ['\\Deleted'] });
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    server.store.deliver(user, spam, canaryMail(idOf(2)));
    server.store.deliver(user, trash, otherMail(2), { flags: ['\\Deleted'] });
    const mailbox = openAt(server.port);
    const { mails, cursor } = looked(await mailbox.look(ask()));
    expect(idsOf(mails)).toEqual([1, 2].map(idOf));
    expect(await mailbox.remove(mails.map(({ place }) => place))).toMatchObject({ removed: 2 });
    expect(messagesIn(server, 'INBOX')).toMatchObject([{ uid: 1 }]);
    expect(messagesIn(server, all)).toMatchObject([{ uid: 1 }]);
    expect(messagesIn(server, spam)).toEqual([]);
    expect(messagesIn(server, trash).some(({ raw }) => raw.toString() === otherMail(2))).toBe(true);
    expect(looked(await mailbox.look(ask({ cursor })))).toMatchObject({ complete: true, mails: [] });
    expect(looked(await mailbox.look(ask({ sweep: Date.now() })))).toMatchObject({ complete: true, mails: [] });
  });
});

describe('the embedded server as Gmail', () => {
  test('EXPUNGE takes a label, and in All Mail nothing', async () => {
    const server = await start({ gmail: true });
    server.store.deliver(user, 'INBOX', otherMail(1), { flags: ['\\Deleted'] });
    const folder = (name: string) => server.store.find(user, name) ?? expect.fail();
    server.store.expunge(folder(all), () => true);
    expect(messagesIn(server, all)).toHaveLength(1);
    server.store.expunge(folder('INBOX'), () => true);
    expect([messagesIn(server, 'INBOX'), messagesIn(server, all)]).toMatchObject([[], [{ uid: 1 }]]);
    label(server, all, 1, trash);
    expect([messagesIn(server, all), messagesIn(server, trash)]).toMatchObject([[], [{ uid: 1 }]]);
    label(server, trash, 1, 'INBOX');
    server.store.expunge(folder(trash), () => true);
    expect([messagesIn(server, 'INBOX'), messagesIn(server, all), messagesIn(server, trash)]).toMatchObject([
      [{ uid: 2 }],
      [{ uid: 2 }],
      [],
    ]);
  });
});
