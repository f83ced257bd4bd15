/** The contract of the `Mailbox` port; every server that the adapter is run against must keep it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Ask } from '../../lambdas/core/ports.ts';
import type { Look, MailSeen } from '../../lambdas/core/words.ts';
import { type MailboxSettings, openMailbox } from '../../lambdas/mailbox/reader.ts';
import { bounceMail, canaryMail, foreignMails, idOf, messageIdOf, otherMail, tokenOf } from './mails.ts';

export type StoredMail = { readonly uid: number; readonly flags: readonly string[]; readonly raw: string };

/** A server with one empty mailbox: INBOX, a folder flagged `\Junk`, and Archive. */
export type MailServer = {
  readonly settings: MailboxSettings;
  /** The password behind `settings.auth.secret`. */
  readonly secret: string;
  deliver(
    folder: string,
    raw: string,
    how?: { readonly internalDate?: number; readonly flags?: readonly string[] },
  ): Promise<void>;
  messages(folder: string): Promise<readonly StoredMail[]>;
  createFolder(name: string, specialUse?: string): Promise<void>;
  stop(): Promise<void>;
};

const hour = 3_600_000;

/** An ask with nothing known; `since` an hour ago. */
export const ask = (part: Partial<Ask> = {}): Ask => ({
  cursor: undefined,
  expected: [],
  lastCall: [],
  since: Date.now() - hour,
  ...part,
});

/** The look, which must have been one. */
export const looked = (look: Look): Extract<Look, { state: 'looked' }> => {
  if (look.state !== 'looked') throw new Error(`the look is dark: ${look.cause}: ${look.detail}`);
  return look;
};

const idsOf = (mails: readonly MailSeen[]) => mails.map(({ messageId }) => messageId?.slice(1, 21)).sort();

/** Runs the contract against the servers of this factory; each test gets a fresh mailbox. */
export const mailboxContract = (name: string, factory: { start(): Promise<MailServer> }): void => {
  describe(`mailbox contract: ${name}`, () => {
    let server: MailServer;
    const opened: { close(): Promise<void> }[] = [];
    const open = (change: Partial<MailboxSettings> = {}, secret = server.secret) => {
      const mailbox = openMailbox(
        { ...server.settings, ...change },
        { name: 'outside', now: Date.now, secret: async () => secret },
      );
      opened.push(mailbox);
      return mailbox;
    };
    beforeEach(async () => {
      server = await factory.start();
    });
    afterEach(async () => {
      for (const mailbox of opened.splice(0)) await mailbox.close();
      await server.stop();
    });

    test('an empty mailbox is looked at completely', async () => {
      const look = looked(await open().look(ask()));
      expect(look).toMatchObject({ complete: true, detail: undefined, mails: [] });
      expect(Object.keys(look.cursor)).toContain('INBOX');
      expect(look.at).toBeLessThanOrEqual(Date.now());
    });

    test('a canary is seen with its marks, its place, its time and its way', async () => {
      const internalDate = Math.floor(Date.now() / 1000) * 1000 - 90_000;
      await server.deliver('INBOX', canaryMail(idOf(1)), { internalDate });
      const look = looked(await open().look(ask({ expected: [idOf(1)] })));
      expect(look.complete).toBe(true);
      expect(look.mails).toEqual([
        {
          place: { folder: 'INBOX', uidValidity: expect.stringMatching(/^\d+$/), uid: expect.any(Number) },
          junk: false,
          internalDate,
          canary: tokenOf(idOf(1)),
          messageId: messageIdOf(idOf(1)),
          hops: [
            {
              from: 'web-03.example.com [198.51.100.7]',
              by: 'mail-gw-2.example.com',
              at: Date.UTC(2025, 10, 6, 10, 0, 1),
            },
            {
              from: 'mail-gw-2.example.com [203.0.113.2]',
              by: 'mx.elsewhere.example',
              at: Date.UTC(2025, 10, 6, 10, 0, 3),
            },
          ],
        },
      ]);
    });

    test('an open session sees new mail, and sees nothing twice', async () => {
      const mailbox = open();
      const first = looked(await mailbox.look(ask()));
      await server.deliver('INBOX', canaryMail(idOf(1)));
      const second = looked(await mailbox.look(ask({ cursor: first.cursor })));
      expect(idsOf(second.mails)).toEqual([idOf(1)]);
      const third = looked(await mailbox.look(ask({ cursor: second.cursor })));
      expect(third).toMatchObject({ complete: true, mails: [], cursor: second.cursor });
    });

    test('mail in the folder flagged \\Junk is junk', async () => {
      await server.deliver('Junk', canaryMail(idOf(1)));
      const { mails } = looked(await open().look(ask()));
      expect(mails).toMatchObject([{ junk: true, place: { folder: 'Junk' }, canary: tokenOf(idOf(1)) }]);
    });

    test('a folder that is only called Junk is not', async () => {
      await server.createFolder('Spam');
      await server.deliver('Spam', canaryMail(idOf(1)));
      const { mails, complete } = looked(await open({ folders: ['Spam'] }).look(ask()));
      expect(mails).toMatchObject([{ junk: false, place: { folder: 'Spam' } }]);
      expect(complete).toBe(true);
    });

    test('a folder of the settings that is not there makes the look a partial one', async () => {
      await server.deliver('INBOX', canaryMail(idOf(1)));
      const look = looked(await open({ folders: ['Nowhere'] }).look(ask()));
      expect(look).toMatchObject({ complete: false, detail: 'folder "Nowhere" is not there' });
      expect(idsOf(look.mails)).toEqual([idOf(1)]);
    });

    test('either mark is enough, folded or not; of two headers the topmost counts', async () => {
      await server.deliver('INBOX', canaryMail(idOf(1), { header: false }));
      await server.deliver('INBOX', canaryMail(idOf(2), { messageId: '<0102@eu-west-1.amazonses.com>' }));
      const folded = `X-Mail-Canary: ${tokenOf(idOf(3))}\r\n  .more\r\nMessage-ID:\r\n ${messageIdOf(idOf(3))}\r\n\r\nx\r\n`;
      await server.deliver('INBOX', folded);
      await server.deliver('INBOX', canaryMail(idOf(4), { extra: ['X-Mail-Canary: first'] }));
      const { mails } = looked(await open().look(ask({ expected: [1, 2, 3, 4].map(idOf) })));
      expect(mails.map(({ canary, messageId }) => [canary, messageId])).toEqual([
        [undefined, messageIdOf(idOf(1))],
        [tokenOf(idOf(2)), '<0102@eu-west-1.amazonses.com>'],
        [`${tokenOf(idOf(3))} .more`, messageIdOf(idOf(3))],
        ['first', messageIdOf(idOf(4))],
      ]);
    });

    test('without a cursor a canary without its header is found only if it is expected', async () => {
      await server.deliver('INBOX', canaryMail(idOf(1), { header: false }));
      expect(looked(await open().look(ask())).mails).toEqual([]);
      expect(idsOf(looked(await open().look(ask({ expected: [idOf(1)] }))).mails)).toEqual([idOf(1)]);
    });

    test('many ids are searched for in several commands', async () => {
      await server.deliver('INBOX', canaryMail(idOf(120), { header: false }));
      const expected = Array.from({ length: 130 }, (_, number) => idOf(number));
      expect(idsOf(looked(await open().look(ask({ expected }))).mails)).toEqual([idOf(120)]);
      const more = Array.from({ length: 300 }, (_, number) => idOf(number));
      expect(idsOf(looked(await open().look(ask({ expected: more }))).mails)).toEqual([idOf(120)]);
    });

    test('what a first look does not concern is not read', async () => {
      await server.deliver('INBOX', canaryMail(idOf(1)), { internalDate: Date.now() - 72 * hour });
      await server.deliver('INBOX', canaryMail(idOf(2)));
      expect(idsOf(looked(await open().look(ask())).mails)).toEqual([idOf(2)]);
    });

    test('another UIDVALIDITY means that everything is looked for again', async () => {
      await server.deliver('INBOX', canaryMail(idOf(1)));
      const first = looked(await open().look(ask()));
      const cursor = { ...first.cursor, INBOX: { uidValidity: '1', uidNext: 1_000_000 } };
      const second = looked(await open().look(ask({ cursor })));
      expect(second.mails).toEqual(first.mails);
      expect(second.cursor).toEqual(first.cursor);
    });

    test('the last call finds a canary that a rule moved, and only searches', async () => {
      await server.createFolder('Rules');
      await server.deliver('Rules', canaryMail(idOf(1)));
      await server.deliver('Archive', canaryMail(idOf(2), { header: false }));
      await server.deliver('Archive', otherMail(1));
      const mailbox = open();
      const first = looked(await mailbox.look(ask()));
      expect(first.mails).toEqual([]);
      const second = looked(await mailbox.look(ask({ cursor: first.cursor, lastCall: [1, 2, 3].map(idOf) })));
      expect(second.complete).toBe(true);
      expect(second.mails.map(({ place, messageId }) => [place.folder, messageId]).sort()).toEqual([
        ['Archive', messageIdOf(idOf(2))],
        ['Rules', messageIdOf(idOf(1))],
      ]);
      expect(second.cursor).toEqual(first.cursor);
    });

    test('a last call for very many finds what carries the header', async () => {
      await server.deliver('Archive', canaryMail(idOf(7)));
      const lastCall = Array.from({ length: 250 }, (_, number) => idOf(number));
      expect(idsOf(looked(await open().look(ask({ lastCall }))).mails)).toEqual([idOf(7)]);
    });

    test('a returned canary is a bounce, with the words and the server that said them', async () => {
      await server.deliver('INBOX', bounceMail(idOf(1)));
      await server.deliver('INBOX', bounceMail(idOf(2), { returnedType: 'message/rfc822' }));
      await server.deliver('INBOX', bounceMail(idOf(3), { encoding: 'base64' }));
      const bounce = {
        words:
          '550 5.1.1 <canary@elsewhere.example>: Recipient address rejected: User unknown in virtual mailbox table',
        reportedBy: 'mail-gw-2.example.com',
      };
      const searched = looked(await open().look(ask()));
      const cursor = Object.fromEntries(
        Object.entries(searched.cursor).map(([folder, at]) => [folder, { ...at, uidNext: 1 }]),
      );
      const read = looked(await open().look(ask({ cursor })));
      for (const { mails } of [searched, read])
        expect(mails).toMatchObject(
          [1, 2, 3].map((number) => ({ canary: tokenOf(idOf(number)), messageId: messageIdOf(idOf(number)), bounce })),
        );
    });

    test("somebody's mail is passed over and left as it was, whatever it quotes", async () => {
      for (const raw of Object.values(foreignMails(idOf(1)))) await server.deliver('INBOX', raw);
      await server.deliver('INBOX', otherMail(1), { flags: ['\\Seen', '\\Deleted'] });
      await server.deliver('INBOX', canaryMail(idOf(2)));
      const before = await server.messages('INBOX');
      expect(before).toHaveLength(Object.keys(foreignMails(idOf(1))).length + 2);

      const searched = looked(await open().look(ask({ expected: [idOf(1), idOf(2)], lastCall: [idOf(1)] })));
      const cursor = Object.fromEntries(
        Object.entries(searched.cursor).map(([folder, at]) => [folder, { ...at, uidNext: 1 }]),
      );
      const read = looked(await open().look(ask({ cursor, expected: [idOf(1), idOf(2)] })));
      for (const { mails } of [searched, read]) expect(idsOf(mails)).toEqual([idOf(2)]);
      expect(await server.messages('INBOX')).toEqual(before);
    });

    test('removes exactly the given messages', async () => {
      await server.deliver('INBOX', otherMail(1), { flags: ['\\Deleted'] });
      await server.deliver('INBOX', canaryMail(idOf(1)));
      await server.deliver('INBOX', canaryMail(idOf(2)));
      await server.deliver('INBOX', otherMail(2));
      await server.deliver('Junk', canaryMail(idOf(3)));
      const mailbox = open();
      const { mails, cursor } = looked(await mailbox.look(ask()));
      const before = await server.messages('INBOX');
      const places = mails.filter(({ messageId }) => messageId !== messageIdOf(idOf(2))).map(({ place }) => place);
      expect(await mailbox.remove(places)).toBe(2);
      expect(await server.messages('INBOX')).toEqual(before.filter(({ uid }) => uid !== places[0]?.uid));
      expect(await server.messages('Junk')).toEqual([]);
      expect(await mailbox.remove(places)).toBe(0);
      await server.deliver('INBOX', canaryMail(idOf(4)));
      expect(idsOf(looked(await mailbox.look(ask({ cursor }))).mails)).toEqual([idOf(4)]);
    });

    test('removes nothing under another UIDVALIDITY', async () => {
      await server.deliver('INBOX', canaryMail(idOf(1)));
      const mailbox = open();
      const { mails } = looked(await mailbox.look(ask()));
      const places = mails.map(({ place }) => ({ ...place, uidValidity: '1' }));
      expect(await mailbox.remove(places)).toBe(0);
      expect(await server.messages('INBOX')).toHaveLength(1);
    });

    test('removing from a folder that is not there throws, and cleans the others', async () => {
      await server.deliver('INBOX', canaryMail(idOf(1)));
      const mailbox = open();
      const places = looked(await mailbox.look(ask())).mails.map(({ place }) => place);
      const nowhere = { folder: 'Nowhere', uidValidity: '1', uid: 1 };
      await expect(mailbox.remove([nowhere, ...places])).rejects.toThrow(/^mailbox outside: delete in folder/);
      expect(await server.messages('INBOX')).toEqual([]);
    });

    test('a refused login is dark, and says no password', async () => {
      const look = await open({}, 'wrong-and-secret').look(ask());
      expect(look).toMatchObject({ state: 'dark', cause: 'imap-login-refused' });
      expect(JSON.stringify(look)).not.toContain('wrong-and-secret');
    });

    test('a closed mailbox opens again when it is looked into', async () => {
      const mailbox = open();
      await mailbox.close();
      await mailbox.look(ask());
      await mailbox.close();
      await mailbox.close();
      expect(await mailbox.look(ask())).toMatchObject({ state: 'looked', complete: true });
    });
  });
};
