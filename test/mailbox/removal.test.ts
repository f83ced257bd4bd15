/** Deleting: never more than the given messages; a server that refuses is an answer, whatever else fails throws. */
import { describe, expect, test } from 'vitest';
import type { Faults, ImapOptions } from '../../demo/servers/imap/options.ts';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import type { Place } from '../../lambdas/core/words.ts';
import { secret, user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { canaryMail, idOf, otherMail } from './mails.ts';

/** The flags of what a folder holds, by UID. */
const uidsOf = (server: ImapServer, folder = 'INBOX') =>
  server.store.messages(user, folder).map(({ uid, flags }) => [uid, ...flags]);

const folderOf = (server: ImapServer, name = 'INBOX') => server.store.find(user, name) ?? expect.fail();

/** The places of these UIDs as a look would tell them. */
const placesIn = (server: ImapServer, folder: string, uids: readonly number[]): Place[] =>
  uids.map((uid) => ({ folder, uidValidity: String(folderOf(server, folder).uidValidity), uid }));

/** INBOX: somebody's mail as UID 1, which may wait for its own EXPUNGE, then canaries, whose places are known. */
const withMails = async (
  faults: Faults = {},
  {
    canaries = 1,
    flags = [],
    onCommand,
  }: { canaries?: number; flags?: string[] } & Pick<ImapOptions, 'onCommand'> = {},
) => {
  const server = await start({ faults, ...(onCommand && { onCommand }) });
  server.store.deliver(user, 'INBOX', otherMail(1), { flags });
  const uids: number[] = [];
  for (let number = 1; number <= canaries; number += 1)
    uids.push(server.store.deliver(user, 'INBOX', canaryMail(idOf(number))));
  const mailbox = openAt(server.port);
  // A session that is open, as the one that looked.
  expect(await mailbox.remove([{ folder: 'INBOX', uidValidity: '1', uid: 1 }])).toEqual({ removed: 0 });
  server.commands.clear();
  return { server, mailbox, places: placesIn(server, 'INBOX', uids) };
};

describe('with UIDPLUS', () => {
  test("somebody's \\Deleted stays, and nothing is asked that the server tells by itself", async () => {
    const { server, mailbox, places } = await withMails({}, { canaries: 3, flags: ['\\Deleted'] });
    expect(await mailbox.remove(places)).toEqual({ removed: 3 });
    expect(uidsOf(server)).toEqual([[1, '\\Deleted']]);
    expect(Object.fromEntries(server.commands)).toEqual({ SELECT: 1, 'UID STORE': 1, 'UID EXPUNGE': 1 });
  });

  test('2,500 neighbours take two commands of each kind, 700 that lie apart three', async () => {
    const server = await start();
    for (let number = 1; number <= 3900; number += 1) server.store.deliver(user, 'INBOX', otherMail(number));
    const all = Array.from({ length: 3900 }, (_, index) => index + 1);
    const places = placesIn(
      server,
      'INBOX',
      all.filter((uid) => uid <= 2500 || uid % 2 === 0),
    );
    const mailbox = openAt(server.port);
    expect(await mailbox.remove(places.slice(0, 2500))).toEqual({ removed: 2500 });
    expect(server.commands.get('UID EXPUNGE')).toBe(2);
    expect(await mailbox.remove(places.slice(2500).reverse())).toEqual({ removed: 700 });
    expect(server.commands.get('UID EXPUNGE')).toBe(5);
    expect(server.store.messages(user, 'INBOX').map(({ uid }) => uid)).toEqual(
      Array.from({ length: 700 }, (_, index) => 2501 + 2 * index),
    );
  });

  test('a place given twice is removed once', async () => {
    const { mailbox, places } = await withMails({}, { canaries: 2 });
    expect(await mailbox.remove([...places, ...places])).toEqual({ removed: 2 });
  });
});

describe('without UIDPLUS', () => {
  const without = ['UIDPLUS', 'MOVE'];
  const waits = (count: string) => ({
    removed: 0,
    refused: {
      readOnly: false,
      detail: `folder "INBOX": the server has no UIDPLUS, and EXPUNGE would remove ${count} flagged \\Deleted`,
    },
  });

  test('nothing is flagged while another message waits for its EXPUNGE', async () => {
    const { server, mailbox, places } = await withMails({ without }, { flags: ['\\Deleted'] });
    expect(await mailbox.remove(places)).toEqual(waits('1 other message'));
    expect(uidsOf(server)).toEqual([[1, '\\Deleted'], [2]]);
    expect(server.commands.has('UID STORE')).toBe(false);
  });

  test('our own go when nobody else is concerned', async () => {
    const { server, mailbox, places } = await withMails({ without }, { canaries: 2 });
    expect(await mailbox.remove(places)).toEqual({ removed: 2 });
    expect(uidsOf(server)).toEqual([[1]]);
  });

  test('what somebody flags behind our own STORE stays, and ours are unflagged', async () => {
    const act: { now?: (name: string) => void } = {};
    const { server, mailbox, places } = await withMails({ without }, { onCommand: (name) => act.now?.(name) });
    act.now = (name) => {
      if (name === 'UID STORE' && !server.commands.has('EXPUNGE'))
        server.store.messages(user, 'INBOX')[0]?.flags.add('\\Deleted');
    };
    expect(await mailbox.remove(places)).toEqual(waits('1 other message'));
    expect(uidsOf(server)).toEqual([[1, '\\Deleted'], [2]]);
    expect(server.commands.get('UID STORE')).toBe(2);
    expect(server.commands.has('EXPUNGE')).toBe(false);
  });

  test('our own that a round left flagged are not taken for somebody else', async () => {
    const { server, mailbox, places } = await withMails({ without }, { canaries: 2500 });
    for (const { uid, flags } of server.store.messages(user, 'INBOX')) if (uid > 1) flags.add('\\Deleted');
    expect(await mailbox.remove(places)).toEqual({ removed: 2500 });
    expect(uidsOf(server)).toEqual([[1]]);
  });

  test('a search that is refused keeps everything', async () => {
    const { server, mailbox, places } = await withMails({ without });
    server.faults.no = { 'UID SEARCH': 'index is broken' };
    expect(await mailbox.remove(places)).toMatchObject({ removed: 0, refused: { readOnly: false } });
    expect(uidsOf(server)).toEqual([[1], [2]]);
  });
});

describe('a server that refuses', () => {
  const readOnly: readonly [string, Faults, string][] = [
    ['SELECT answers READ-ONLY', { readOnly: true }, 'the server opens it read-only'],
    ['SELECT is refused, EXAMINE is not', { no: { SELECT: '[LIMIT] go away' } }, 'go away'],
    ['STORE is not permitted', { no: { 'UID STORE': '[NOPERM] not yours' } }, 'not yours'],
    ['EXPUNGE is not permitted', { no: { 'UID EXPUNGE': '[NOPERM] not yours' } }, 'not yours'],
    ['STORE says it in words', { no: { 'UID STORE': 'Mailbox is read-only' } }, 'Mailbox is read-only'],
    ['EXPUNGE says nothing but its code', { no: { 'UID EXPUNGE': '[NOPERM]' } }, 'NOPERM'],
  ];
  test.each(readOnly)('%s: it may only be read', async (_, faults, words) => {
    const { server, mailbox, places } = await withMails({});
    Object.assign(server.faults, faults);
    const refused = { readOnly: true, detail: `folder "INBOX": ${words}` };
    expect(await mailbox.remove(places)).toEqual({ removed: 0, refused });
    expect(server.store.messages(user, 'INBOX').map(({ uid }) => uid)).toEqual([1, 2]);
    expect(uidsOf(server)[0]).toEqual([1]);
  });

  test.each<[string, Faults, string]>([
    ['STORE', { no: { 'UID STORE': '[CANNOT] this mailbox is on hold' } }, 'this mailbox is on hold'],
    ['EXPUNGE', { no: { 'UID EXPUNGE': '[SERVERBUG] disk is full' } }, 'disk is full'],
    ['SELECT and EXAMINE', { no: { SELECT: '[INUSE] busy', EXAMINE: '[INUSE] busy' } }, 'busy'],
  ])('%s, for another reason: in its words', async (_, faults, words) => {
    const { server, mailbox, places } = await withMails({});
    Object.assign(server.faults, faults);
    const refused = { readOnly: false, detail: `folder "INBOX": ${words}` };
    expect(await mailbox.remove(places)).toEqual({ removed: 0, refused });
    expect(server.store.messages(user, 'INBOX')).toHaveLength(2);
  });

  test('with the secret in its words: masked', async () => {
    const { server, mailbox, places } = await withMails({});
    server.faults.no = { 'UID STORE': `no, ${secret}` };
    expect(await mailbox.remove(places)).toMatchObject({ refused: { detail: 'folder "INBOX": no, ***' } });
  });

  test('OK, and everything is still there', async () => {
    const { server, mailbox, places } = await withMails({ keeps: 'all' }, { canaries: 3 });
    const detail = 'folder "INBOX": the server answered OK and 3 messages are still there';
    expect(await mailbox.remove(places)).toEqual({ removed: 0, refused: { readOnly: false, detail } });
    expect(uidsOf(server)[0]).toEqual([1]);
  });

  test('OK, and one of them is still there', async () => {
    const { server, mailbox, places } = await withMails({ keeps: [3] }, { canaries: 3 });
    const detail = 'folder "INBOX": the server answered OK and 1 message is still there';
    expect(await mailbox.remove(places)).toEqual({ removed: 2, refused: { readOnly: false, detail } });
    expect(server.store.messages(user, 'INBOX').map(({ uid }) => uid)).toEqual([1, 3]);
  });

  test('one folder does not keep the others from being cleaned', async () => {
    const server = await start();
    server.store.createFolder(user, 'Rules');
    for (const folder of ['Rules', 'INBOX', 'Junk']) server.store.deliver(user, folder, canaryMail(idOf(1)));
    const places = ['Rules', 'INBOX', 'Junk'].flatMap((folder) => placesIn(server, folder, [1]));
    server.store.removeFolder(user, 'Rules');
    server.store.createFolder(user, 'Rules', { noselect: true });
    expect(await openAt(server.port).remove(places)).toEqual({
      removed: 2,
      refused: { readOnly: false, detail: 'folder "Rules": no such mailbox' },
    });
  });
});

describe('meanwhile', () => {
  test('a message that somebody moved stays where it is, and refuses nothing', async () => {
    const { server, mailbox, places } = await withMails({}, { canaries: 2 });
    const raw = server.store.messages(user, 'INBOX')[1]?.raw ?? expect.fail();
    server.store.expunge(folderOf(server), ({ uid }) => uid === 2);
    server.store.deliver(user, 'Archive', raw, { flags: ['\\Flagged'] });
    expect(await mailbox.remove(places)).toEqual({ removed: 1 });
    expect(uidsOf(server, 'Archive')).toEqual([[1, '\\Flagged']]);
    expect(uidsOf(server)).toEqual([[1]]);
  });

  test('a folder that was recreated under another UIDVALIDITY keeps everything', async () => {
    const { server, mailbox, places } = await withMails({}, { canaries: 2 });
    server.store.renumber(user, 'INBOX');
    expect(await mailbox.remove(places)).toEqual({ removed: 0 });
    expect(uidsOf(server)).toEqual([[1], [2], [3]]);
  });

  test('a folder that is gone refuses nothing', async () => {
    const server = await start();
    server.store.deliver(user, 'Junk', canaryMail(idOf(1)));
    server.store.deliver(user, 'INBOX', canaryMail(idOf(2)));
    const places = ['Junk', 'INBOX'].flatMap((folder) => placesIn(server, folder, [1]));
    server.store.removeFolder(user, 'Junk');
    expect(await openAt(server.port).remove(places)).toEqual({ removed: 1 });
    expect(uidsOf(server)).toEqual([]);
  });

  test("another client's EXPUNGE in the same moment is not counted as ours", async () => {
    const act: { now?: (name: string) => void } = {};
    const { server, mailbox, places } = await withMails({}, { canaries: 2, onCommand: (name) => act.now?.(name) });
    for (const number of [8, 9]) server.store.deliver(user, 'INBOX', otherMail(number));
    act.now = (name) => {
      if (name === 'UID EXPUNGE') server.store.expunge(folderOf(server), ({ uid }) => uid === 1 || uid === 4);
    };
    expect(await mailbox.remove(places)).toEqual({ removed: 2 });
    expect(uidsOf(server)).toEqual([[5]]);
  });

  test('mail that comes in the same moment hides nothing that was kept', async () => {
    const act: { now?: (name: string) => void } = {};
    const { server, mailbox, places } = await withMails({ keeps: 'all' }, { onCommand: (name) => act.now?.(name) });
    act.now = (name) => {
      if (name === 'UID EXPUNGE') server.store.deliver(user, 'INBOX', otherMail(10));
    };
    expect(await mailbox.remove(places)).toMatchObject({ removed: 0, refused: { readOnly: false } });
  });
});

describe('what is no answer throws', () => {
  test.each<[string, Faults, RegExp]>([
    ['cut at SELECT', { dropAt: 'SELECT' }, /^mailbox outside: delete in folder "INBOX": /],
    ['cut at STORE', { dropAt: 'UID STORE' }, /^mailbox outside: delete in folder "INBOX": /],
    ['cut at EXPUNGE', { dropAt: 'UID EXPUNGE' }, /^mailbox outside: delete in folder "INBOX": /],
    ['hanging', { hangAt: 'UID EXPUNGE' }, /^mailbox outside: delete in folder "INBOX": no answer within 200 ms/],
    [
      'throttled',
      { no: { 'UID STORE': 'Request is throttled. Suggested Backoff Time: 10 milliseconds' } },
      /^mailbox outside: delete in folder "INBOX": Request is throttled/,
    ],
  ])('%s', async (_, faults, words) => {
    const { server, mailbox, places } = await withMails({});
    Object.assign(server.faults, faults);
    const patient = faults.hangAt === undefined ? mailbox : openAt(server.port, { timeout: 200 });
    await expect(patient.remove(places)).rejects.toThrow(words);
    expect(server.store.messages(user, 'INBOX').map(({ uid }) => uid)).toEqual([1, 2]);
    expect(uidsOf(server)[0]).toEqual([1]);
  });
});

describe('at Gmail', () => {
  const trash = '[Gmail]/Trash';
  const allMail = '[Gmail]/All Mail';
  /** INBOX and the trash hold somebody's mail, flagged by its owner. */
  const withTrash = async (canaries = 2) => {
    const server = await start({ gmail: true });
    server.store.deliver(user, 'INBOX', otherMail(1), { flags: ['\\Deleted'] });
    for (let number = 1; number <= canaries; number += 1) server.store.deliver(user, 'INBOX', canaryMail(idOf(number)));
    server.store.deliver(user, trash, otherMail(7), { flags: ['\\Deleted'] });
    const places = placesIn(server, 'INBOX', [2, 3].slice(0, canaries));
    return { server, mailbox: openAt(server.port), places };
  };

  test('ours are moved to the trash, and expunged from there', async () => {
    const { server, mailbox, places } = await withTrash();
    expect(await mailbox.remove(places)).toEqual({ removed: 2 });
    for (const folder of ['INBOX', allMail, trash]) expect(uidsOf(server, folder)).toEqual([[1, '\\Deleted']]);
    expect(server.commands.get('UID MOVE')).toBe(1);
    expect(server.store.find(user, trash)?.uidNext).toBe(4);
  });

  test('one that is given in two folders goes once', async () => {
    const { server, mailbox, places } = await withTrash();
    expect(await mailbox.remove([...places, ...placesIn(server, allMail, [2, 3])])).toEqual({ removed: 2 });
    for (const folder of ['INBOX', allMail, trash]) expect(uidsOf(server, folder)).toEqual([[1, '\\Deleted']]);
  });

  test('what lies in the trash is expunged there', async () => {
    const { server, mailbox } = await withTrash(0);
    server.store.deliver(user, trash, canaryMail(idOf(5)));
    expect(await mailbox.remove(placesIn(server, trash, [2]))).toEqual({ removed: 1 });
    expect(uidsOf(server, trash)).toEqual([[1, '\\Deleted']]);
    expect(server.commands.has('UID MOVE')).toBe(false);
  });

  test('a trash that refuses to expunge is left to Gmail', async () => {
    const { server, mailbox, places } = await withTrash();
    server.faults.no = { 'UID EXPUNGE': 'no' };
    expect(await mailbox.remove(places)).toEqual({ removed: 2 });
    expect(uidsOf(server)).toEqual([[1, '\\Deleted']]);
    expect(server.store.messages(user, trash).map(({ uid }) => uid)).toEqual([1, 2, 3]);
  });

  test('a MOVE that is refused, or not known, keeps everything', async () => {
    const { server, mailbox, places } = await withTrash();
    server.faults.no = { 'UID MOVE': 'not now' };
    const detail = `folder "INBOX": the server refused to move messages to folder "${trash}"`;
    expect(await mailbox.remove(places)).toEqual({ removed: 0, refused: { readOnly: false, detail } });
    server.faults.no = {};
    server.faults.without = ['MOVE', 'UIDPLUS'];
    expect(await openAt(server.port).remove(places)).toEqual({
      removed: 0,
      refused: { readOnly: false, detail: 'folder "INBOX": the server has no MOVE' },
    });
    expect(uidsOf(server)).toEqual([[1, '\\Deleted'], [2], [3]]);
    expect(server.commands.has('UID COPY')).toBe(false);
  });

  test('a trash that is not shown over IMAP keeps everything', async () => {
    const { server, mailbox, places } = await withTrash();
    server.store.removeFolder(user, trash);
    expect(await mailbox.remove(places)).toEqual({
      removed: 0,
      refused: { readOnly: false, detail: expect.stringContaining('Show in IMAP') },
    });
    expect(uidsOf(server)).toEqual([[1, '\\Deleted'], [2], [3]]);
  });
});
