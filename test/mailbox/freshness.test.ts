/** A look sees all that is there now: new mail that a server does not announce, what a search does not know, and what a FETCH leaves out. */
import { describe, expect, test } from 'vitest';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import { ask, hour, idsOf, looked } from './bench.ts';
import { user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { bounceMail, canaryMail, idOf, messageIdOf, otherMail } from './mails.ts';

const fill = (server: ImapServer, count: number, folder = 'INBOX', internalDate = Date.now()) => {
  for (let number = 0; number < count; number += 1)
    server.store.deliver(user, folder, otherMail(number), { internalDate });
};
const deliver = (server: ImapServer, ...numbers: readonly number[]) => {
  for (const number of numbers) server.store.deliver(user, 'INBOX', canaryMail(idOf(number)));
};
const inbox = (server: ImapServer) => server.store.find(user, 'INBOX') ?? expect.fail('no INBOX');
/** A mailbox with one old mail, and a session that has looked at it. */
const begun = async (faults: ImapServer['faults'] = {}) => {
  const server = await start();
  fill(server, 1);
  const mailbox = openAt(server.port, { timeout: 20_000 });
  const { cursor } = looked(await mailbox.look(ask()));
  Object.assign(server.faults, faults);
  server.commands.clear();
  return { server, mailbox, cursor };
};

describe('an open session', () => {
  test('sees mail that the server tells of only behind a new EXAMINE', async () => {
    const { server, mailbox, cursor } = await begun({ staleView: true });
    // Nothing else is opened between, as in a mailbox without a folder flagged \Junk.
    server.store.removeFolder(user, 'Junk');
    deliver(server, 1);
    const second = looked(await mailbox.look(ask({ cursor })));
    expect(idsOf(second.mails)).toEqual([idOf(1)]);
    deliver(server, 2);
    expect(idsOf(looked(await mailbox.look(ask({ cursor: second.cursor }))).mails)).toEqual([idOf(2)]);
    expect(server.connections.total).toBe(1);
  });

  test('reads what was there when the folder was opened; the rest waits for the next look', async () => {
    let server: ImapServer | undefined;
    const onCommand = (name: string) => {
      if (name === 'UID FETCH' && server?.commands.get(name) === 1) deliver(server, 2);
    };
    server = await start({ onCommand });
    const mailbox = openAt(server.port);
    const { cursor } = looked(await mailbox.look(ask()));
    deliver(server, 1);
    const first = looked(await mailbox.look(ask({ cursor })));
    expect(first).toMatchObject({ complete: true, cursor: { INBOX: { uidNext: 2 } } });
    expect(idsOf(first.mails)).toEqual([idOf(1)]);
    expect(idsOf(looked(await mailbox.look(ask({ cursor: first.cursor }))).mails)).toEqual([idOf(2)]);
  });
});

describe('a search that does not know the newest mails', () => {
  test('keeps no canary from being seen in the same look, with a cursor and without', async () => {
    const { server, mailbox, cursor } = await begun({ searchMisses: 500 });
    deliver(server, 1);
    const question = ask({ cursor, expected: [idOf(1)] });
    expect(looked(await mailbox.look(question))).toMatchObject({
      complete: true,
      mails: [{ messageId: messageIdOf(idOf(1)) }],
    });
    expect(looked(await mailbox.look({ ...question, cursor: undefined }))).toMatchObject({
      complete: true,
      mails: [{ messageId: messageIdOf(idOf(1)) }],
    });
  });

  test('nor in a full mailbox, where the older ones are searched for', async () => {
    const server = await start({ faults: { searchMisses: 400 } });
    deliver(server, 1);
    fill(server, 1500);
    deliver(server, 2);
    fill(server, 700);
    deliver(server, 3);
    server.store.deliver(user, 'INBOX', bounceMail(idOf(4)));
    const look = looked(await openAt(server.port, { timeout: 20_000 }).look(ask({ expected: [idOf(1), idOf(3)] })));
    expect(look.complete).toBe(true);
    expect(idsOf(look.mails)).toEqual([1, 2, 3, 4].map(idOf));
    expect(server.commands.get('* FETCH')).toBeLessThan(1100);
  });

  test('is not believed when it does not know even the oldest of the newest thousand', async () => {
    const server = await start({ faults: { searchMisses: 1100 } });
    // Neither among the newest thousand nor known to the search.
    fill(server, 450);
    deliver(server, 1);
    fill(server, 50);
    deliver(server, 2);
    fill(server, 998);
    deliver(server, 3);
    const look = looked(await openAt(server.port, { timeout: 20_000 }).look(ask({ expected: [1, 2, 3].map(idOf) })));
    expect(look.complete).toBe(true);
    expect(idsOf(look.mails)).toEqual([1, 2, 3].map(idOf));
    expect(new Set(look.mails.map(({ place }) => place.uid)).size).toBe(3);
    expect(look.cursor.INBOX?.uidNext).toBe(1502);
  });

  test('refused altogether, a full mailbox is read by range, nothing twice', async () => {
    const server = await start({ faults: { no: { 'UID SEARCH': 'index is broken' } } });
    deliver(server, 1);
    fill(server, 1200);
    deliver(server, 2);
    const look = looked(await openAt(server.port, { timeout: 20_000 }).look(ask()));
    expect(look.complete).toBe(true);
    expect(look.mails.map(({ place }) => place.uid).sort()).toEqual([1, 1202]);
  });

  test('what a first look does not concern is passed over in every part of it', async () => {
    const server = await start();
    const internalDate = Date.now() - 72 * hour;
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)), { internalDate });
    fill(server, 1200, 'INBOX', internalDate);
    server.store.deliver(user, 'INBOX', canaryMail(idOf(2)), { internalDate });
    server.store.deliver(user, 'INBOX', bounceMail(idOf(3)), { internalDate });
    deliver(server, 4);
    const look = looked(await openAt(server.port, { timeout: 20_000 }).look(ask()));
    expect(idsOf(look.mails)).toEqual([idOf(4)]);
    expect(look.complete).toBe(true);
  });
});

describe('a message that a FETCH leaves out', () => {
  const leavesOut = (by: 'range' | 'any', ...uids: readonly number[]) => ({ leaveOut: { uids, by } });
  const uidsOf = (mails: readonly { place: { uid: number } }[]) => mails.map(({ place }) => place.uid).sort();

  test.each([
    ['the oldest of the new ones', 2],
    ['one between', 3],
    ['the newest', 5],
  ])('%s, is asked for by itself', async (_, uid) => {
    const { server, mailbox, cursor } = await begun(leavesOut('range', uid));
    deliver(server, 1, 2, 3, 4);
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look).toMatchObject({ complete: true, detail: undefined, cursor: { INBOX: { uidNext: 6 } } });
    expect(uidsOf(look.mails)).toEqual([2, 3, 4, 5]);
  });

  test('all of them, too', async () => {
    const { server, mailbox, cursor } = await begun(leavesOut('range', 2, 4));
    deliver(server, 1);
    server.store.expunge(inbox(server), ({ uid }) => uid === 1);
    server.store.deliver(user, 'INBOX', otherMail(9));
    server.store.expunge(inbox(server), ({ uid }) => uid === 3);
    deliver(server, 2);
    expect(uidsOf(looked(await mailbox.look(ask({ cursor }))).mails)).toEqual([2, 4]);
  });

  test.each([2, 3, 5])('and not shown then either, makes the look a partial one: UID %i', async (uid) => {
    const { server, mailbox, cursor } = await begun(leavesOut('any', uid));
    deliver(server, 1, 2, 3, 4);
    const detail = `folder "INBOX": the server does not show 1 of its messages, the first with UID ${uid}`;
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look).toMatchObject({ complete: false, detail });
    expect(look.mails).toHaveLength(3);
    // Who calls it lost has to search for it first, and meets it again.
    const id = idOf(uid - 1);
    const last = looked(await mailbox.look(ask({ cursor: look.cursor, expected: [id], lastCall: [id] })));
    expect(last).toMatchObject({ complete: false, detail });
    server.faults.leaveOut = undefined;
    const found = looked(await mailbox.look(ask({ cursor: look.cursor, expected: [id], lastCall: [id] })));
    expect(found).toMatchObject({ complete: true, mails: [{ messageId: messageIdOf(id) }] });
  });

  test.each([2, 3, 5])('and not known to the search either, does so by its number: UID %i', async (uid) => {
    for (const faults of [{ searchMisses: 9 }, { no: { 'UID SEARCH': 'index is broken' } }]) {
      const { server, mailbox, cursor } = await begun({ ...leavesOut('any', uid), ...faults });
      deliver(server, 1, 2, 3, 4);
      const look = looked(await mailbox.look(ask({ cursor })));
      expect(look.mails).toHaveLength(3);
      expect(look).toMatchObject({
        complete: false,
        detail: 'folder "INBOX": the server leaves out 1 of its messages',
      });
    }
  });

  test('in a first look as well, and in a full mailbox', async () => {
    const server = await start({ faults: leavesOut('any', 1202) });
    fill(server, 1200);
    deliver(server, 1, 2);
    const mailbox = openAt(server.port, { timeout: 20_000 });
    expect(looked(await mailbox.look(ask()))).toMatchObject({
      complete: false,
      detail: expect.stringContaining('does not show 1 of its messages, the first with UID 1202'),
      mails: [{ place: { uid: 1201 } }],
    });
    server.faults.leaveOut = { uids: [1202], by: 'range' };
    const look = looked(await mailbox.look(ask()));
    expect(look.complete).toBe(true);
    expect(uidsOf(look.mails)).toEqual([1201, 1202]);
  });
});

describe('a hole between UIDs', () => {
  test('is nothing that is missing, and costs nothing', async () => {
    const { server, mailbox, cursor } = await begun();
    deliver(server, 1, 2, 3, 4, 5);
    server.store.expunge(inbox(server), ({ uid }) => [2, 4, 6].includes(uid));
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look).toMatchObject({ complete: true, mails: [{ place: { uid: 3 } }, { place: { uid: 5 } }] });
    // The range, and the message before it: an old one.
    expect([server.commands.get('UID FETCH'), server.commands.get('FETCH')]).toEqual([1, 1]);
    expect(server.commands.has('UID SEARCH')).toBe(false);
  });

  test('at which all that was new is gone again, too', async () => {
    const { server, mailbox, cursor } = await begun();
    deliver(server, 1, 2);
    server.store.expunge(inbox(server), ({ uid }) => uid > 1);
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look).toMatchObject({ complete: true, mails: [], cursor: { INBOX: { uidNext: 4 } } });
  });

  test.each(['UID FETCH', 'FETCH'])('that opens during the look, at %s, is one', async (at) => {
    let hit = (_: string) => {};
    const server = await start({ onCommand: (name) => hit(name) });
    fill(server, 1);
    const mailbox = openAt(server.port);
    const { cursor } = looked(await mailbox.look(ask()));
    deliver(server, 1, 2, 3);
    hit = (name) => {
      if (name !== at) return;
      hit = () => {};
      server.store.expunge(inbox(server), ({ uid }) => uid === 1 || uid === 3);
      deliver(server, 4);
    };
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look.complete).toBe(true);
    const uids = look.mails.map(({ place }) => place.uid);
    expect(uids).toContain(2);
    expect(uids).toContain(4);
    expect(new Set(uids).size).toBe(uids.length);
    const next = looked(await mailbox.look(ask({ cursor: look.cursor })));
    expect(next).toMatchObject({ complete: true, mails: [{ messageId: messageIdOf(idOf(4)) }] });
  });

  test('that opens during the look hides no message that was left out', async () => {
    let hit = (_: string) => {};
    const server = await start({ onCommand: (name) => hit(name), faults: leaveOutOfRange(4) });
    fill(server, 1);
    const mailbox = openAt(server.port);
    const { cursor } = looked(await mailbox.look(ask()));
    deliver(server, 1, 2, 3);
    hit = (name) => {
      if (name === 'UID FETCH') server.store.expunge(inbox(server), ({ uid }) => uid === 2);
    };
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look.complete).toBe(true);
    expect(look.mails.map(({ place }) => place.uid)).toContain(4);
  });
});

const leaveOutOfRange = (...uids: readonly number[]) => ({ leaveOut: { uids, by: 'range' as const } });

describe('UIDs', () => {
  test('counted anew: everything is looked for again', async () => {
    const { server, mailbox, cursor } = await begun();
    deliver(server, 1);
    server.store.renumber(user, 'INBOX');
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look.mails).toMatchObject([{ place: { uid: 2 } }]);
    expect(look.cursor.INBOX?.uidValidity).not.toBe(cursor.INBOX?.uidValidity);
  });

  test('that went backwards under the same UIDVALIDITY: so too', async () => {
    const { server, mailbox } = await begun();
    deliver(server, 1, 2, 3);
    const { cursor } = looked(await mailbox.look(ask()));
    const folder = inbox(server);
    server.store.expunge(folder, () => true);
    folder.uidNext = 2;
    deliver(server, 4);
    const look = looked(await mailbox.look(ask({ cursor })));
    expect(look).toMatchObject({ complete: true, mails: [{ messageId: messageIdOf(idOf(4)), place: { uid: 2 } }] });
    expect(look.cursor.INBOX?.uidNext).toBe(3);
  });

  test('of a server that does not say the next one are read off the newest message', async () => {
    const { server, mailbox } = await begun({ silent: ['UIDNEXT'] });
    deliver(server, 1, 2);
    const first = looked(await mailbox.look(ask()));
    expect(first).toMatchObject({ complete: true, cursor: { INBOX: { uidNext: 4 } } });
    expect(first.mails).toHaveLength(2);
    // Our own are removed: the newest is an old one again, and that is no restored backup.
    server.store.expunge(inbox(server), ({ uid }) => uid > 1);
    server.commands.clear();
    const second = looked(await mailbox.look(ask({ cursor: first.cursor })));
    expect(second).toMatchObject({ complete: true, mails: [], cursor: { INBOX: { uidNext: 4 } } });
    expect(server.commands.has('UID FETCH')).toBe(false);
    deliver(server, 3);
    expect(looked(await mailbox.look(ask({ cursor: second.cursor }))).mails).toMatchObject([{ place: { uid: 4 } }]);
    server.store.expunge(inbox(server), () => true);
    expect(looked(await mailbox.look(ask()))).toMatchObject({ complete: true, mails: [] });
  });
});
