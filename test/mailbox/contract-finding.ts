/** The part of the mailbox contract that says what a look finds. */
import { expect, test } from 'vitest';
import { ask, type Bench, hour, idsOf, looked, rewound } from './bench.ts';
import { bounceMail, canaryMail, idOf, messageIdOf, otherMail, tokenOf } from './mails.ts';

/** Declares the tests of this group. */
export const findingContract = ({ server, open }: Bench): void => {
  test('an empty mailbox is looked at completely', async () => {
    const look = looked(await open().look(ask()));
    expect(look).toMatchObject({ complete: true, detail: undefined, mails: [] });
    expect(Object.keys(look.cursor)).toContain('INBOX');
    expect(look.at).toBeLessThanOrEqual(Date.now());
  });

  test('a canary is seen with its marks, its place, its time and its way', async () => {
    const internalDate = Math.floor(Date.now() / 1000) * 1000 - 90_000;
    await server().deliver('INBOX', canaryMail(idOf(1)), { internalDate });
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
            address: '198.51.100.7',
            with: 'ESMTP',
            at: Date.UTC(2025, 10, 6, 10, 0, 1),
          },
          {
            from: 'mail-gw-2.example.com [203.0.113.2]',
            by: 'mx.elsewhere.example',
            address: '203.0.113.2',
            with: 'ESMTPS',
            at: Date.UTC(2025, 10, 6, 10, 0, 3),
          },
        ],
      },
    ]);
  });

  test('an open session sees new mail, and sees nothing twice', async () => {
    const mailbox = open();
    const first = looked(await mailbox.look(ask()));
    await server().deliver('INBOX', canaryMail(idOf(1)));
    const second = looked(await mailbox.look(ask({ cursor: first.cursor })));
    expect(idsOf(second.mails)).toEqual([idOf(1)]);
    const third = looked(await mailbox.look(ask({ cursor: second.cursor })));
    expect(third).toMatchObject({ complete: true, mails: [], cursor: second.cursor });
  });

  test('mail in the folder flagged \\Junk is junk', async () => {
    await server().deliver('Junk', canaryMail(idOf(1)));
    const { mails } = looked(await open().look(ask()));
    expect(mails).toMatchObject([{ junk: true, place: { folder: 'Junk' }, canary: tokenOf(idOf(1)) }]);
  });

  test('a folder that is only called Junk is not', async () => {
    await server().createFolder('Spam');
    await server().deliver('Spam', canaryMail(idOf(1)));
    const { mails, complete } = looked(await open({ folders: ['Spam'] }).look(ask()));
    expect(mails).toMatchObject([{ junk: false, place: { folder: 'Spam' } }]);
    expect(complete).toBe(true);
  });

  test('a folder of the settings that is not there makes the look a partial one', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1)));
    const look = looked(await open({ folders: ['Nowhere'] }).look(ask()));
    expect(look).toMatchObject({ complete: false, detail: 'folder "Nowhere" is not there' });
    expect(idsOf(look.mails)).toEqual([idOf(1)]);
  });

  test('either mark is enough, folded or not; of two headers the topmost counts', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1), { header: false }));
    await server().deliver('INBOX', canaryMail(idOf(2), { messageId: '<0102@eu-west-1.amazonses.com>' }));
    const folded = `X-Mail-Canary: ${tokenOf(idOf(3))}\r\n  .more\r\nMessage-ID:\r\n ${messageIdOf(idOf(3))}\r\n\r\nx\r\n`;
    await server().deliver('INBOX', folded);
    await server().deliver('INBOX', canaryMail(idOf(4), { extra: ['X-Mail-Canary: first'] }));
    const { mails } = looked(await open().look(ask({ expected: [1, 2, 3, 4].map(idOf) })));
    expect(mails.map(({ canary, messageId }) => [canary, messageId])).toEqual([
      [undefined, messageIdOf(idOf(1))],
      [tokenOf(idOf(2)), '<0102@eu-west-1.amazonses.com>'],
      [`${tokenOf(idOf(3))} .more`, messageIdOf(idOf(3))],
      ['first', messageIdOf(idOf(4))],
    ]);
  });

  test('without a cursor, too, either mark is enough', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1), { header: false }));
    expect(idsOf(looked(await open().look(ask())).mails)).toEqual([idOf(1)]);
  });

  test('of a full mailbox a first look reads the newest thousand, and searches for what is older', {
    timeout: 60_000,
  }, async () => {
    await server().deliver('INBOX', canaryMail(idOf(120), { header: false }));
    await server().deliver('INBOX', canaryMail(idOf(1)));
    await server().deliver('INBOX', canaryMail(idOf(2), { header: false }));
    await server().deliver('INBOX', bounceMail(idOf(3)));
    await server().deliver('INBOX', canaryMail(idOf(4)), { internalDate: Date.now() - 72 * hour });
    for (let number = 0; number < 999; number += 1) await server().deliver('INBOX', otherMail(number));
    await server().deliver('INBOX', canaryMail(idOf(5), { header: false }));

    const unasked = looked(await open().look(ask()));
    // Nobody waits for 2 and 120, and no header marks them.
    expect(idsOf(unasked.mails)).toEqual([1, 3, 5].map(idOf));
    const cursor = { ...unasked.cursor, INBOX: { uidValidity: '1', uidNext: 2 } };
    // A few ids are searched for; of many, everything that is recent is read.
    for (const count of [130, 300]) {
      const expected = Array.from({ length: count }, (_, number) => idOf(number));
      const asked = looked(await open().look(ask({ expected, cursor })));
      expect(idsOf(asked.mails)).toEqual([1, 120, 2, 3, 5].map(idOf).sort());
      expect(asked).toMatchObject({ complete: true, cursor: unasked.cursor });
    }
  });

  test('many ids are searched for in several commands', async () => {
    await server().deliver('INBOX', canaryMail(idOf(120), { header: false }));
    const expected = Array.from({ length: 130 }, (_, number) => idOf(number));
    expect(idsOf(looked(await open().look(ask({ expected }))).mails)).toEqual([idOf(120)]);
    const more = Array.from({ length: 300 }, (_, number) => idOf(number));
    expect(idsOf(looked(await open().look(ask({ expected: more }))).mails)).toEqual([idOf(120)]);
  });

  test('what a first look does not concern is not read', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1)), { internalDate: Date.now() - 72 * hour });
    await server().deliver('INBOX', canaryMail(idOf(2)));
    expect(idsOf(looked(await open().look(ask())).mails)).toEqual([idOf(2)]);
  });

  test('another UIDVALIDITY means that everything is looked for again', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1)));
    const first = looked(await open().look(ask()));
    const cursor = { ...first.cursor, INBOX: { uidValidity: '1', uidNext: 1_000_000 } };
    const second = looked(await open().look(ask({ cursor })));
    expect(second.mails).toEqual(first.mails);
    expect(second.cursor).toEqual(first.cursor);
  });

  test('the last call finds a canary that a rule moved, and only searches', async () => {
    await server().createFolder('Rules');
    await server().deliver('Rules', canaryMail(idOf(1)));
    await server().deliver('Archive', canaryMail(idOf(2), { header: false }));
    await server().deliver('Archive', otherMail(1));
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
    await server().deliver('Archive', canaryMail(idOf(7)));
    const lastCall = Array.from({ length: 250 }, (_, number) => idOf(number));
    expect(idsOf(looked(await open().look(ask({ lastCall }))).mails)).toEqual([idOf(7)]);
  });

  test('a returned canary is a bounce, with the words and the server that said them', async () => {
    await server().deliver('INBOX', bounceMail(idOf(1)));
    await server().deliver('INBOX', bounceMail(idOf(2), { returnedType: 'message/rfc822' }));
    await server().deliver('INBOX', bounceMail(idOf(3), { encoding: 'base64' }));
    const bounce = {
      words: '550 5.1.1 <canary@elsewhere.example>: Recipient address rejected: User unknown in virtual mailbox table',
      reportedBy: 'mail-gw-2.example.com',
    };
    const searched = looked(await open().look(ask()));
    const cursor = rewound(searched.cursor);
    const read = looked(await open().look(ask({ cursor })));
    for (const { mails } of [searched, read])
      expect(mails).toMatchObject(
        [1, 2, 3].map((number) => ({ canary: tokenOf(idOf(number)), messageId: messageIdOf(idOf(number)), bounce })),
      );
  });
};
