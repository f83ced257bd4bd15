/** Full mailboxes: work is bounded, expected canaries come first, and what is left is read by the next look. */
import { afterEach, expect, test } from 'vitest';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, looked } from './bench.ts';
import { secret, settingsFor, startEmbedded, user } from './embedded.ts';
import { bounceMail, canaryMail, idOf, messageIdOf, otherMail } from './mails.ts';

let server: ImapServer;
afterEach(() => server.close());

const open = async (deliver: (store: ImapServer['store']) => void) => {
  server = await startEmbedded();
  deliver(server.store);
  return openMailbox(settingsFor(server.port, { timeout: 60_000 }), {
    name: 'outside',
    now: Date.now,
    secret: async () => secret,
  });
};

test("a first look does not fetch 5,000 of somebody's mails", async () => {
  const mailbox = await open((store) => {
    for (let number = 0; number < 5000; number += 1) store.deliver(user, 'INBOX', otherMail(number));
    store.deliver(user, 'INBOX', canaryMail(idOf(1)));
  });
  const { mails, complete, cursor } = looked(await mailbox.look(ask()));
  expect(mails).toMatchObject([{ messageId: messageIdOf(idOf(1)) }]);
  expect(complete).toBe(true);
  expect(cursor.INBOX?.uidNext).toBe(5002);
  // The newest thousand, and twice one that says where they begin.
  expect(server.commands.get('* FETCH')).toBe(1002);
  expect(server.commands.has('UID STORE')).toBe(false);
  await mailbox.close();
});

test('what arrives between two looks is read by range, in pages', async () => {
  const mailbox = await open(() => {});
  const { cursor } = looked(await mailbox.look(ask()));
  for (let number = 0; number < 2500; number += 1) server.store.deliver(user, 'INBOX', otherMail(number));
  server.store.deliver(user, 'INBOX', canaryMail(idOf(1), { header: false }));
  server.commands.clear();
  const look = looked(await mailbox.look(ask({ cursor })));
  expect(look.mails).toHaveLength(1);
  expect(look.complete).toBe(true);
  expect(server.commands.get('UID FETCH')).toBe(3);
  expect(server.commands.has('UID SEARCH')).toBe(false);
  await mailbox.close();
});

test('wide gaps between UIDs cost no commands', async () => {
  const mailbox = await open(() => {});
  const { cursor } = looked(await mailbox.look(ask()));
  for (let number = 0; number < 20; number += 1) {
    server.store.deliver(user, 'INBOX', canaryMail(idOf(number)));
    const folder = server.store.find(user, 'INBOX');
    if (folder !== undefined) folder.uidNext += 150_000_000;
  }
  server.commands.clear();
  expect(looked(await mailbox.look(ask({ cursor }))).mails).toHaveLength(20);
  expect(server.commands.get('UID FETCH')).toBe(1);
  await mailbox.close();
});

test('a flood of forged canaries does not starve an expected one, and is worked off', {
  timeout: 120_000,
}, async () => {
  const mailbox = await open((store) => {
    for (let number = 1; number <= 20_100; number += 1)
      store.deliver(user, 'INBOX', `X-Mail-Canary: forged\r\nMessage-ID: <${number}@evil.example>\r\n\r\n`);
    store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    store.deliver(user, 'Junk', canaryMail(idOf(2)));
  });
  const first = looked(await mailbox.look(ask({ expected: [1, 2].map(idOf) })));
  for (const id of [1, 2].map(idOf)) expect(first.mails.map(({ messageId }) => messageId)).toContain(messageIdOf(id));
  expect(first.mails).toHaveLength(20_001);
  expect(first.complete).toBe(false);
  expect(first.detail).toContain('folder "INBOX" holds more than one look reads');
  expect(first.cursor.INBOX?.uidNext).toBe(19_001);

  const second = looked(await mailbox.look(ask({ cursor: first.cursor })));
  expect(second.mails).toHaveLength(1101);
  expect(second.complete).toBe(true);
  expect(second.cursor.INBOX?.uidNext).toBe(20_102);
  await mailbox.close();
});

test("a flood of somebody's bounces is worked off too", async () => {
  const mailbox = await open((store) => {
    for (let number = 0; number < 350; number += 1)
      store.deliver(user, 'INBOX', bounceMail(idOf(number)).replaceAll(/[bcdfg]{5}h/g, 'a'));
    store.deliver(user, 'INBOX', bounceMail(idOf(1)));
  });
  let cursor = looked(await mailbox.look(ask())).cursor;
  expect(cursor.INBOX?.uidNext).toBe(301);
  const second = looked(await mailbox.look(ask({ cursor })));
  cursor = second.cursor;
  expect(second).toMatchObject({
    complete: true,
    mails: expect.arrayContaining([expect.objectContaining({ messageId: messageIdOf(idOf(1)) })]),
  });
  expect(cursor.INBOX?.uidNext).toBe(352);
  await mailbox.close();
});

test("a flood of somebody's bounces does not hide the canaries behind it", { timeout: 120_000 }, async () => {
  const mailbox = await open(() => {});
  let { cursor } = looked(await mailbox.look(ask()));
  for (let number = 0; number < 1500; number += 1)
    server.store.deliver(user, 'INBOX', bounceMail(idOf(number)).replaceAll(/[bcdfg]{5}h/g, 'a'));
  server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
  const look = looked(await mailbox.look(ask({ cursor })));
  expect(look.mails.filter(({ bounce }) => bounce === undefined)).toMatchObject([{ messageId: messageIdOf(idOf(1)) }]);
  expect(look.mails).toHaveLength(301);
  expect(look).toMatchObject({ complete: false, detail: expect.stringContaining('read up to UID 300 of 1501') });
  for (let looks = 0; looks < 4; looks += 1) cursor = looked(await mailbox.look(ask({ cursor }))).cursor;
  const last = looked(await mailbox.look(ask({ cursor })));
  expect(last).toMatchObject({ complete: true, cursor: { INBOX: { uidNext: 1502 } } });
  await mailbox.close();
});
