/** A property: whatever the mailbox holds and whatever is removed, nothing but the given places ever changes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, looked } from './bench.ts';
import { mailServer, secret, settingsFor, startEmbedded } from './embedded.ts';
import { bounceMail, canaryMail, foreignMails, idOf, otherMail } from './mails.ts';

const foreign = Object.values(foreignMails(idOf(1)));
const folders = ['INBOX', 'Junk', 'Archive'] as const;
const raws = [
  canaryMail(idOf(1)),
  canaryMail(idOf(2), { header: false }),
  bounceMail(idOf(3)),
  otherMail(1),
  ...foreign,
];

const mail = fc.record({
  folder: fc.constantFrom(...folders),
  raw: fc.constantFrom(...raws),
  flags: fc.subarray(['\\Seen', '\\Deleted', '\\Flagged', 'mine']),
  remove: fc.boolean(),
});

test('nothing but the given places is flagged, moved or deleted', async () => {
  const run = async (
    mails: readonly { folder: string; raw: string; flags: string[]; remove: boolean }[],
    uidPlus: boolean,
  ) => {
    const embedded = await startEmbedded({ startTls: true, faults: uidPlus ? {} : { without: ['UIDPLUS'] } });
    const server = mailServer(embedded);
    const imap = { host: '127.0.0.1', port: embedded.port, secure: false };
    const mailbox = openMailbox(settingsFor(embedded.port, { imap }), {
      name: 'outside',
      now: Date.now,
      secret: async () => secret,
    });
    try {
      for (const { folder, raw, flags } of mails) await server.deliver(folder, raw, { flags });
      const all = () => Promise.all(folders.map(async (folder) => [folder, await server.messages(folder)] as const));
      const before = await all();
      const look = looked(await mailbox.look(ask({ expected: [idOf(1), idOf(2)], lastCall: [1, 2, 3].map(idOf) })));
      expect(await all()).toEqual(before);

      const places = look.mails.map(({ place }) => place).filter(({ uid }) => mails[uid - 1]?.remove ?? false);
      const given = (folder: string, uid: number) =>
        places.some((place) => place.folder === folder && place.uid === uid);
      const { removed, refused } = await mailbox.remove(places);
      const after = await all();
      const left = before.map(([folder, messages]) => [folder, messages.filter(({ uid }) => !given(folder, uid))]);
      const others = after.map(([folder, messages]) => [folder, messages.filter(({ uid }) => !given(folder, uid))]);
      expect(others).toEqual(left);
      const count = (list: typeof before) => list.reduce((sum, [, messages]) => sum + messages.length, 0);
      expect(count(before) - count(after)).toBe(removed);
      // Only an EXPUNGE that knows no list may have to wait for somebody.
      if (uidPlus) expect(refused).toBeUndefined();
      if (refused === undefined) expect(removed).toBe(places.length);
    } finally {
      await mailbox.close();
      await server.stop();
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(mail, { maxLength: 12 }), fc.boolean(), run), { numRuns: 80 });
});
