/** Which folders are read and searched, and that many of them cost no more than a look may: bounded, and none is left out for ever. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import type { Mailbox } from '../../lambdas/core/ports.ts';
import { carries, foldersOf } from '../../lambdas/mailbox/folders.ts';
import { foldersPerLook } from '../../lambdas/mailbox/last-call.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, hour, idsOf, looked } from './bench.ts';
import { secret, settingsFor, user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { canaryMail, idOf, messageIdOf, otherMail } from './mails.ts';

const folder = (path: string, ...flags: readonly string[]) => ({ path, delimiter: '/', flags: new Set(flags) });

describe('which folders', () => {
  test('the names of folders decide nothing, their flags do, in whatever case', () => {
    const listed = [
      folder('INBOX', '\\HasChildren'),
      folder('Junk'),
      folder('Спам', '\\junk'),
      folder('Lists', '\\NoSelect'),
      folder('Gone', '\\NonExistent'),
      folder('Deleted Items', '\\Trash'),
      folder('Sent Items', '\\Sent'),
      folder('Drafts', '\\Drafts'),
      folder('All', '\\All'),
      folder('Archive', '\\Archive'),
    ];
    expect(foldersOf(listed, [], undefined)).toEqual({
      main: 'INBOX',
      read: ['INBOX', 'Спам'],
      junk: new Set(['Спам']),
      // What was sent from here did not arrive; what shows other folders once more comes last.
      others: ['Junk', 'Deleted Items', 'Archive', 'All'],
      missing: [],
    });
    expect(carries(folder('a', '\\JUNK'), '\\Junk')).toBe(true);
  });

  test('folders of the settings by their path, whatever the delimiter, with or without INBOX before it', () => {
    const dotted = { path: 'INBOX.Rules.2026', delimiter: '.', flags: new Set<string>() };
    const listed = [folder('INBOX'), dotted, folder('Sent', '\\Sent')];
    for (const name of ['INBOX.Rules.2026', 'Rules.2026', 'Rules/2026'])
      expect(foldersOf(listed, [name], undefined)).toMatchObject({ read: ['INBOX', 'INBOX.Rules.2026'], missing: [] });
    expect(foldersOf(listed, ['Sent', '2026'], undefined)).toMatchObject({
      read: ['INBOX', 'Sent'],
      missing: ['folder "2026" is not there'],
    });
    const exact = [folder('INBOX'), folder('INBOX/Rules'), folder('Rules')];
    expect(foldersOf(exact, ['Rules'], undefined).read).toEqual(['INBOX', 'Rules']);
  });
});

/** A mailbox whose clock is the test's. */
const clocked = (server: ImapServer, now: () => number): Mailbox => {
  const mailbox = openMailbox(settingsFor(server.port, { timeout: 20_000 }), {
    name: 'outside',
    now,
    secret: async () => secret,
  });
  onTestFinished(() => mailbox.close());
  return mailbox;
};

describe('the last call', () => {
  const withFolders = async (count: number) => {
    const server = await start();
    for (let number = 0; number < count; number += 1) {
      server.store.createFolder(user, `Project ${number}`);
      server.store.deliver(user, `Project ${number}`, otherMail(number));
    }
    return server;
  };

  test('Trash counts, a copy of what was sent does not', async () => {
    const server = await start();
    server.store.deliver(user, 'Sent', canaryMail(idOf(1)));
    server.store.deliver(user, 'Trash', canaryMail(idOf(2)));
    const look = looked(await openAt(server.port).look(ask({ lastCall: [1, 2].map(idOf) })));
    expect(look).toMatchObject({ complete: true, mails: [{ moved: true, place: { folder: 'Trash' } }] });
    expect(idsOf(look.mails)).toEqual([idOf(2)]);
  });

  test('a folder of the settings that cannot be opened, or refuses, makes it a partial one', async () => {
    const server = await start();
    server.store.createFolder(user, 'Shared', { noselect: true });
    const mailbox = openAt(server.port, { folders: ['Shared', 'Nowhere'] });
    const look = looked(await mailbox.look(ask({ lastCall: [idOf(1)] })));
    expect(look.complete).toBe(false);
    for (const words of ['folder "Nowhere" is not there', 'folder "Shared"']) expect(look.detail).toContain(words);
  });

  test('one canary in a mailbox of 500 folders is found, and missed, within the deadline', {
    timeout: 60_000,
  }, async () => {
    const server = await withFolders(500);
    server.store.deliver(user, 'Project 499', canaryMail(idOf(1)), { internalDate: Date.now() - hour / 2 });
    const mailbox = openAt(server.port, { timeout: 20_000 });
    const { cursor } = looked(await mailbox.look(ask()));
    server.commands.clear();
    const found = looked(await mailbox.look(ask({ cursor, lastCall: [idOf(1)] })));
    expect(found).toMatchObject({ complete: true, mails: [{ moved: true, place: { folder: 'Project 499' } }] });
    // Two commands for each folder, and a few for the look itself.
    const commands = () =>
      [...server.commands].reduce((sum, [name, count]) => sum + (name === '* FETCH' ? 0 : count), 0);
    expect(commands()).toBeLessThan(1020);
    server.commands.clear();
    const missed = looked(await mailbox.look(ask({ cursor, lastCall: [idOf(2)] })));
    expect(missed).toMatchObject({ complete: true, mails: [] });
    expect(commands()).toBeLessThan(1020);
  });

  describe('in more folders than one look searches', () => {
    const many = foldersPerLook + 60;
    const missing = async (mailbox: Mailbox, lastCall: readonly string[]) =>
      looked(await mailbox.look(ask({ lastCall, expected: lastCall })));

    test('it goes on where it ended, and says for which ids some are left: of the others the look is complete', {
      timeout: 60_000,
    }, async () => {
      const server = await withFolders(many);
      const mailbox = openAt(server.port, { timeout: 20_000 });
      const first = await missing(mailbox, [idOf(1)]);
      expect(first).toMatchObject({ complete: true, unsearched: [idOf(1)] });
      server.commands.clear();
      const second = await missing(mailbox, [idOf(1), idOf(2)]);
      expect(second.unsearched).toEqual([idOf(2)]);
      const third = await missing(mailbox, [idOf(1), idOf(2)]);
      expect(third).toMatchObject({ complete: true, mails: [] });
      expect(third).not.toHaveProperty('unsearched');
      server.commands.clear();
      // What was searched for everywhere once is not searched for again.
      expect(await missing(mailbox, [idOf(1), idOf(2)])).toMatchObject({ complete: true });
      expect(server.commands.get('EXAMINE')).toBeLessThan(10);
      server.store.createFolder(user, 'New');
      server.store.deliver(user, 'New', canaryMail(idOf(2)));
      const until = async (looks: number): Promise<number> => {
        const look = await missing(mailbox, [idOf(1), idOf(2)]);
        return idsOf(look.mails).includes(idOf(2)) || looks > 5 ? looks : until(looks + 1);
      };
      // Other folders than before: they are all searched again.
      expect(await until(1)).toBeLessThan(4);
    });

    test('a monitor that forgets begins elsewhere each minute, and finds it', { timeout: 120_000 }, async () => {
      const server = await withFolders(many);
      const all = Array.from({ length: Math.floor(many / 50) }, (_, number) => idOf(number));
      for (const [number, id] of all.entries()) server.store.deliver(user, `Project ${50 * number}`, canaryMail(id));
      const begin = Date.UTC(2026, 0, 1);
      const found = new Set<string>();
      const sizes: number[] = [];
      for (let minute = 0; minute < 8 && found.size < all.length; minute += 1) {
        const mailbox = clocked(server, () => begin + minute * 60_000);
        const lastCall = [...all, idOf(999)];
        for (const { messageId } of (await missing(mailbox, lastCall)).mails) found.add(messageId ?? '');
        sizes.push(found.size);
      }
      // No look gets to all of them, whichever it begins with.
      expect(sizes[0]).toBeLessThan(all.length);
      expect(found.size).toBe(all.length);
    });
  });

  test('time is kept for what comes behind it', async () => {
    const server = await withFolders(40);
    server.store.deliver(user, 'INBOX', canaryMail(idOf(2)));
    const slow = openAt(server.port, { timeout: 10_000 });
    const { cursor } = looked(await slow.look(ask()));
    const clock = { now: Date.now() };
    // Every question for the time takes a second of it.
    const mailbox = clocked(server, () => {
      clock.now += 1000;
      return clock.now;
    });
    const first = looked(await mailbox.look(ask({ cursor, lastCall: [idOf(1)], state: true })));
    expect(first).toMatchObject({ complete: true, unsearched: [idOf(1)], messages: 1 });
    const looks = async (count: number): Promise<number> =>
      looked(await mailbox.look(ask({ cursor, lastCall: [idOf(1)] }))).unsearched === undefined || count > 9
        ? count
        : looks(count + 1);
    expect(await looks(1)).toBeLessThan(9);
  });

  test('a search that misses the newest mail of a folder does not hide it', async () => {
    const server = await start();
    server.store.deliver(user, 'Archive', canaryMail(idOf(1)));
    server.store.deliver(user, 'Archive', canaryMail(idOf(2)));
    server.faults.searchMisses = 2;
    const look = looked(await openAt(server.port).look(ask({ lastCall: [idOf(1)] })));
    // What was not asked for stays where it is.
    expect(look.mails).toMatchObject([{ moved: true, messageId: messageIdOf(idOf(1)) }]);
  });

  test('a folder that refuses once is searched by the next look', async () => {
    const server: ImapServer = await withFolders(3);
    server.store.deliver(user, 'Project 1', canaryMail(idOf(1)));
    const mailbox = openAt(server.port);
    server.faults.no = { 'UID SEARCH': 'index is broken' };
    expect(looked(await mailbox.look(ask({ lastCall: [idOf(2)] }))).complete).toBe(false);
    server.faults.no = undefined;
    expect(looked(await mailbox.look(ask({ lastCall: [idOf(2)] }))).complete).toBe(true);
  });
});
