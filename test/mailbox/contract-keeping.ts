/** The part of the mailbox contract that says what stays as it was, and what goes. */
import { expect, test } from 'vitest';
import { ask, type Bench, idsOf, looked, rewound } from './bench.ts';
import { canaryMail, foreignMails, idOf, messageIdOf, otherMail } from './mails.ts';

/** Declares the tests of this group. */
export const keepingContract = ({ server, open }: Bench): void => {
  test("somebody's mail is passed over and left as it was, whatever it quotes", async () => {
    for (const raw of Object.values(foreignMails(idOf(1)))) await server().deliver('INBOX', raw);
    await server().deliver('INBOX', otherMail(1), { flags: ['\\Seen', '\\Deleted'] });
    await server().deliver('INBOX', canaryMail(idOf(2)));
    const before = await server().messages('INBOX');
    expect(before).toHaveLength(Object.keys(foreignMails(idOf(1))).length + 2);

    const searched = looked(await open().look(ask({ expected: [idOf(1), idOf(2)], lastCall: [idOf(1)] })));
    const cursor = rewound(searched.cursor);
    const read = looked(await open().look(ask({ cursor, expected: [idOf(1), idOf(2)] })));
    for (const { mails } of [searched, read]) expect(idsOf(mails)).toEqual([idOf(2)]);
    expect(await server().messages('INBOX')).toEqual(before);
  });

  test('removes exactly the given messages', async () => {
    await server().deliver('INBOX', otherMail(1), { flags: ['\\Deleted'] });
    await server().deliver('INBOX', canaryMail(idOf(1)));
    await server().deliver('INBOX', canaryMail(idOf(2)));
    await server().deliver('INBOX', otherMail(2));
    await server().deliver('Junk', canaryMail(idOf(3)));
    const mailbox = open();
    const { mails, cursor } = looked(await mailbox.look(ask()));
    const before = await server().messages('INBOX');
    const places = mails.filter(({ messageId }) => messageId !== messageIdOf(idOf(2))).map(({ place }) => place);
    expect(await mailbox.remove(places)).toEqual({ removed: 2 });
    expect(await server().messages('INBOX')).toEqual(before.filter(({ uid }) => uid !== places[0]?.uid));
    expect(await server().messages('Junk')).toEqual([]);
    expect(await mailbox.remove(places)).toEqual({ removed: 0 });
    await server().deliver('INBOX', canaryMail(idOf(4)));
    expect(idsOf(looked(await mailbox.look(ask({ cursor }))).mails)).toEqual([idOf(4)]);
  });

  test('removes nothing under another UIDVALIDITY', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1)));
    const mailbox = open();
    const { mails } = looked(await mailbox.look(ask()));
    const places = mails.map(({ place }) => ({ ...place, uidValidity: '1' }));
    expect(await mailbox.remove(places)).toEqual({ removed: 0 });
    expect(await server().messages('INBOX')).toHaveLength(1);
  });

  test('a folder that is not there refuses nothing, and the others are cleaned', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1)));
    const mailbox = open();
    const places = looked(await mailbox.look(ask())).mails.map(({ place }) => place);
    const nowhere = { folder: 'Nowhere', uidValidity: '1', uid: 1 };
    expect(await mailbox.remove([nowhere, ...places])).toEqual({ removed: 1 });
    expect(await server().messages('INBOX')).toEqual([]);
  });

  test('1,000 are removed from between as many of somebody, in one removal', { timeout: 60_000 }, async () => {
    const own: number[] = [];
    for (let number = 0; number < 2000; number += 1) {
      const isOwn = number % 4 < 2;
      if (isOwn) own.push(number);
      const flags = number % 4 === 2 ? ['\\Deleted'] : [];
      await server().deliver('INBOX', isOwn ? canaryMail(idOf(number)) : otherMail(number), { flags });
    }
    const mailbox = open();
    const { mails } = looked(await mailbox.look(ask()));
    expect(idsOf(mails)).toEqual(own.map(idOf).sort());
    const mine = new Set(mails.map(({ place }) => place.uid));
    const before = await server().messages('INBOX');
    expect(await mailbox.remove(mails.map(({ place }) => place))).toEqual({ removed: 1000 });
    expect(await server().messages('INBOX')).toEqual(before.filter(({ uid }) => !mine.has(uid)));
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
};
