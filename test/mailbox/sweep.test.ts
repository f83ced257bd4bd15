/** Own mail that was left: brought in bounded parts, oldest first, and whatever happens to it changes nothing of the look. */
import { describe, expect, test } from 'vitest';
import type { Faults } from '../../demo/servers/imap/options.ts';
import { mostSwept, pickOld } from '../../lambdas/mailbox/sweep.ts';
import { ask, hour, looked } from './bench.ts';
import { user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { canaryMail, idOf, otherMail } from './mails.ts';
import { sizedId, sizedMail } from './sized.ts';

const old = { internalDate: Date.now() - 100 * hour };
const sweep = Date.now() - 50 * hour;

describe('what is picked', () => {
  const uids = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const minute = 60_000;

  test('everything where there is room, the oldest where there is not', () => {
    expect(pickOld(uids(10), 10, 0)).toEqual(uids(10));
    const picked = pickOld(uids(1000), 100, 0);
    expect(picked).toHaveLength(100);
    expect(picked.slice(0, 50)).toEqual(uids(50));
    expect([...picked].sort((a, b) => a - b)).toEqual(picked);
  });

  test.each([1, 5, 60, 1440])('what nobody deletes hides nothing for ever, with a look every %s minutes', (every) => {
    const met = new Set<number>();
    for (let look = 0; look < 40; look += 1)
      for (const uid of pickOld(uids(10_000), 2000, look * every * minute)) met.add(uid);
    expect(met.size).toBe(10_000);
  });
});

test('the oldest 2,000 in a look, and the rest when they are gone', { timeout: 120_000 }, async () => {
  const server = await start();
  for (let number = 0; number < 2500; number += 1)
    server.store.deliver(user, 'INBOX', canaryMail(idOf(number)), { internalDate: old.internalDate + number });
  for (let number = 0; number < 10; number += 1)
    server.store.deliver(user, 'Junk', canaryMail(idOf(3000 + number)), old);
  server.store.deliver(user, 'INBOX', otherMail(1), old);
  const mailbox = openAt(server.port, { timeout: 60_000 });
  const { cursor, mails: none } = looked(await mailbox.look(ask()));
  expect(none).toEqual([]);
  const first = looked(await mailbox.look(ask({ cursor, sweep })));
  expect(first.complete).toBe(true);
  expect(first.mails).toHaveLength(mostSwept);
  expect(first.mails.filter(({ junk }) => junk)).toHaveLength(10);
  const inInbox = first.mails.filter(({ junk }) => !junk).map(({ place }) => place.uid);
  expect(inInbox.slice(0, 900)).toEqual(Array.from({ length: 900 }, (_, index) => index + 1));
  const { removed } = await mailbox.remove(first.mails.map(({ place }) => place));
  expect(removed).toBe(mostSwept);
  const second = looked(await mailbox.look(ask({ cursor, sweep })));
  expect(second.mails).toHaveLength(510);
});

test('it waits for no attachment, and brings no mail that waits for one', async () => {
  const server = await start();
  for (let number = 0; number < 12; number += 1)
    server.store.deliver(user, 'INBOX', Buffer.from(sizedMail(number, 500), 'latin1'), old);
  server.store.deliver(user, 'INBOX', canaryMail(idOf(1)), old);
  const mailbox = openAt(server.port);
  const digests = Array.from({ length: 12 }, (_, number) => sizedId(number));
  const look = looked(await mailbox.look(ask({ since: old.internalDate - hour, digests, expected: digests, sweep })));
  expect(look).toMatchObject({ complete: false, detail: '2 attachments are not read yet' });
  expect(look.mails.filter(({ digest }) => digest === undefined)).toMatchObject([{ canary: expect.any(String) }]);
  const later = looked(await mailbox.look(ask({ cursor: look.cursor, sweep })));
  expect(later.mails).toHaveLength(13);
});

describe('what fails', () => {
  const prepared = async (timeout = 20_000) => {
    const server = await start();
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)), old);
    const mailbox = openAt(server.port, { timeout });
    const { cursor } = looked(await mailbox.look(ask()));
    server.store.deliver(user, 'INBOX', canaryMail(idOf(2)));
    return { server, mailbox, question: ask({ cursor, sweep, state: true }) };
  };

  test.each<[string, Faults]>([
    ['a search that is refused', { no: { 'UID SEARCH': 'index is broken' } }],
    ['a quota that is refused', { no: { GETQUOTAROOT: 'no quota here' } }],
  ])('%s changes nothing of the look', async (_, faults) => {
    const { server, mailbox, question } = await prepared();
    Object.assign(server.faults, faults);
    const look = looked(await mailbox.look(question));
    expect(look).toMatchObject({ complete: true, detail: undefined, messages: 2, cursor: { INBOX: { uidNext: 3 } } });
    const refusesSearch = faults.no?.['UID SEARCH'] !== undefined;
    expect(look.mails.map(({ place }) => place.uid)).toEqual(refusesSearch ? [2] : [2, 1]);
    expect(look.quota !== undefined).toBe(refusesSearch);
  });

  test.each<[string, Faults]>([
    ['hangs at the sweep', { hangAt: 'UID SEARCH' }],
    ['ends at the sweep', { dropAt: 'UID SEARCH' }],
    ['hangs at the quota', { hangAt: 'GETQUOTAROOT' }],
    ['ends at the quota', { dropAt: 'GETQUOTAROOT' }],
  ])('a server that %s has told all the rest', async (_, faults) => {
    const { server, mailbox, question } = await prepared(3000);
    Object.assign(server.faults, faults);
    const look = looked(await mailbox.look(question));
    expect(look).toMatchObject({ complete: true, detail: undefined, messages: 2 });
    expect(look.quota).toBeUndefined();
    expect(look.mails[0]).toMatchObject({ place: { uid: 2 } });
    for (const fault of Object.keys(faults)) Reflect.deleteProperty(server.faults, fault);
    expect(looked(await mailbox.look(question)).quota).toMatchObject({ resource: 'STORAGE' });
  });

  test('an incomplete look stays what it was', async () => {
    const { server, question } = await prepared();
    const mailbox = openAt(server.port, { folders: ['Nowhere'], timeout: 3000 });
    server.faults.hangAt = 'UID SEARCH';
    const look = looked(await mailbox.look(question));
    expect(look).toMatchObject({ complete: false, detail: 'folder "Nowhere" is not there', mails: [{}] });
  });
});

test('a look may have a shorter deadline than the mailbox', async () => {
  const server = await start();
  const mailbox = openAt(server.port, { timeout: 60_000 });
  await mailbox.look(ask());
  server.faults.hangAt = 'EXAMINE';
  const begun = Date.now();
  const detail = 'open folder "INBOX": no answer within 300 ms';
  expect(await mailbox.look(ask({ within: 300 }))).toEqual({ state: 'dark', cause: 'timeout-at-stage', detail });
  expect(Date.now() - begun).toBeLessThan(20_000);
  // A longer one than its own it does not get.
  const impatient = openAt(server.port, { timeout: 2000 });
  expect(await impatient.look(ask({ within: 60_000 }))).toMatchObject({ detail: expect.stringContaining('2000 ms') });
});

test('a mailbox of bounces is not swept', async () => {
  const server = await start();
  server.store.deliver(user, 'INBOX', canaryMail(idOf(1)), old);
  expect(looked(await openAt(server.port, { bouncesOnly: true }).look(ask({ sweep }))).mails).toEqual([]);
});
