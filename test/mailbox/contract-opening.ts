/** The part of the mailbox contract that says which mails are opened, and what is read from them: reports and attachments. */
import { expect, test } from 'vitest';
import { digestOf } from '../../lambdas/core/attachment.ts';
import { ask, type Bench, idsOf, looked, rewound } from './bench.ts';
import { allFiles, canary, lookAlikes, mailOf, reports } from './corpus.ts';
import { bounceMail, canaryMail, foreignMails, idOf, messageIdOf, otherMail } from './mails.ts';
import { altered, renamed, requoted, sizedId, sizedMail, stripped, wrapped } from './sized.ts';

/** Declares the tests of this group. */
export const openingContract = ({ server, open }: Bench): void => {
  test('every report of the corpus is found, by search and by range, and no look-alike', async () => {
    for (const file of allFiles()) await server().deliver('INBOX', mailOf(file));
    const before = await server().messages('INBOX');
    const words = reports.map(([, said]) => said).sort();
    const searched = looked(await open().look(ask()));
    const read = looked(await open().look(ask({ cursor: rewound(searched.cursor) })));
    const only = looked(await open({ bouncesOnly: true }).look(ask()));
    for (const { mails, complete } of [searched, read, only]) {
      expect(mails.map(({ bounce }) => bounce?.words).sort()).toEqual(words);
      expect(complete).toBe(true);
    }
    expect(lookAlikes().length).toBeGreaterThan(10);
    expect(await server().messages('INBOX')).toEqual(before);
  });

  test('a delay notice is told as one', async () => {
    await server().deliver('INBOX', bounceMail(idOf(1), { action: 'delayed' }));
    expect(looked(await open().look(ask())).mails).toMatchObject([
      { messageId: messageIdOf(idOf(1)), bounce: { delayed: true } },
    ]);
  });

  test('a mailbox of bounces shows reports and nothing else, whatever is asked', async () => {
    for (const raw of Object.values(foreignMails(idOf(1)))) await server().deliver('INBOX', raw);
    await server().deliver('INBOX', canaryMail(idOf(2)));
    await server().deliver('Archive', canaryMail(idOf(3)));
    await server().deliver('INBOX', sizedMail(1, 100));
    const asked = { expected: [idOf(2)], lastCall: [idOf(3)], digests: [sizedId(1)] };
    const mailbox = open({ bouncesOnly: true });
    const first = looked(await mailbox.look(ask(asked)));
    expect(first).toMatchObject({ complete: true, mails: [] });
    const before = await server().messages('INBOX');
    await server().deliver('INBOX', bounceMail(idOf(4)));
    await server().deliver('Junk', bounceMail(idOf(5)));
    await server().deliver('INBOX', otherMail(1));
    await server().deliver('INBOX', canaryMail(idOf(6)));
    const second = looked(await mailbox.look(ask({ ...asked, cursor: first.cursor })));
    expect(idsOf(second.mails)).toEqual([idOf(4), idOf(5)]);
    expect(await mailbox.remove(second.mails.map(({ place }) => place))).toEqual({ removed: 2 });
    expect((await server().messages('INBOX')).slice(0, before.length)).toEqual(before);
    expect(await server().messages('INBOX')).toHaveLength(before.length + 2);
  });

  test('an attachment is read where it is asked for, and only there', async () => {
    const size = 2_500_001;
    await server().deliver('INBOX', sizedMail(1, size));
    await server().deliver('INBOX', sizedMail(2, 1000));
    await server().deliver('INBOX', canaryMail(idOf(1)));
    const { mails, complete } = looked(await open().look(ask({ digests: [sizedId(1)] })));
    expect(complete).toBe(true);
    expect(mails.map((mail) => mail.digest)).toEqual([digestOf(sizedId(1), size), undefined, undefined]);
  });

  test.each<[string, (raw: string) => string, 'same' | 'other' | '']>([
    ['wrapped by a gateway', wrapped, 'same'],
    ['encoded anew', requoted, 'same'],
    ['under another Message-ID', renamed, 'same'],
    ['altered', altered, 'other'],
    ['stripped', stripped, ''],
  ])('an attachment that arrived %s', async (_, change, what) => {
    const raw = change(sizedMail(1, 3000));
    expect(raw).not.toBe(sizedMail(1, 3000));
    await server().deliver('INBOX', raw);
    const { mails } = looked(await open().look(ask({ digests: [sizedId(1)] })));
    expect(mails).toHaveLength(1);
    const digest = mails[0]?.digest;
    if (what === '') expect(digest).toBe('');
    else expect(digest === digestOf(sizedId(1), 3000) ? 'same' : 'other').toBe(what);
    expect(digest).toMatch(/^([0-9a-f]{64})?$/);
  });

  test('of many attachments ten are read in a look, and the others in the next', async () => {
    const digests = Array.from({ length: 12 }, (_, number) => sizedId(number));
    for (let number = 0; number < 12; number += 1) await server().deliver('INBOX', sizedMail(number, 500));
    const mailbox = open();
    const first = looked(await mailbox.look(ask({ digests })));
    expect(first).toMatchObject({ complete: false, detail: '2 attachments are not read yet' });
    expect(first.mails).toHaveLength(10);
    const second = looked(await mailbox.look(ask({ digests, cursor: first.cursor })));
    expect(second).toMatchObject({ complete: true, detail: undefined });
    expect([...first.mails, ...second.mails].map(({ digest }) => digest)).toEqual(
      digests.map((id) => digestOf(id, 500)),
    );
  });

  test('the last call reads them too', async () => {
    await server().deliver('Archive', sizedMail(1, 500));
    const question = ask({ digests: [sizedId(1)], expected: [sizedId(1)], lastCall: [sizedId(1)] });
    const { mails } = looked(await open().look(question));
    expect(mails).toMatchObject([{ place: { folder: 'Archive' }, digest: digestOf(sizedId(1), 500) }]);
  });

  test('a bounce of a sized canary is not asked for its attachment', async () => {
    await server().deliver('INBOX', mailOf('exim-truncated'));
    const { mails, complete } = looked(await open().look(ask({ digests: [canary.id] })));
    expect(mails).toMatchObject([{ bounce: { words: 'Unrouteable address' } }]);
    expect(mails[0]?.digest).toBeUndefined();
    expect(complete).toBe(true);
  });
};
