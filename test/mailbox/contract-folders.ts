/** The part of the mailbox contract that says which folders are read, which are searched in a last call, and what is brought from them. */
import { expect, test } from 'vitest';
import { ask, type Bench, hour, idsOf, looked } from './bench.ts';
import {
  bounceMail,
  canaryMail,
  encodedWords,
  foreignMails,
  idOf,
  messageIdOf,
  otherMail,
  strippedMail,
  tokenOf,
} from './mails.ts';

/** INTERNALDATE has whole seconds. */
const ago = (ms: number): number => Math.floor((Date.now() - ms) / 1000) * 1000;

/** Declares the tests of this group. */
export const foldersContract = ({ server, open }: Bench): void => {
  test('a canary that a rule moved is found by the last call, with the time at which it arrived', async () => {
    const internalDate = ago(20 * 60_000);
    await server().createFolder('Rules');
    await server().createFolder('Rules/2026');
    await server().deliver('Rules/2026', otherMail(1));
    await server().deliver('Rules/2026', canaryMail(idOf(1)), { internalDate });
    await server().deliver('INBOX', canaryMail(idOf(2)), { internalDate });
    const mailbox = open();
    const first = looked(await mailbox.look(ask({ expected: [idOf(1)] })));
    expect(idsOf(first.mails)).toEqual([idOf(2)]);
    const { mails, complete } = looked(
      await mailbox.look(ask({ cursor: first.cursor, lastCall: [1, 2, 3].map(idOf) })),
    );
    expect(complete).toBe(true);
    const moved = mails.find(({ messageId }) => messageId === messageIdOf(idOf(1)));
    expect(moved).toMatchObject({ moved: true, junk: false, internalDate, place: { folder: 'Rules/2026' } });
    // What lies where it should is not moved, whoever finds it.
    expect(mails.find(({ messageId }) => messageId === messageIdOf(idOf(2)))?.moved).toBeUndefined();
    expect(mails).toHaveLength(2);
    await mailbox.remove(mails.map(({ place }) => place));
    expect(await server().messages('Rules/2026')).toMatchObject([{ raw: otherMail(1) }]);
  });

  test('a folder of the settings is read, and what lies there is not moved', async () => {
    await server().createFolder('Rules');
    await server().createFolder('Rules/2026');
    await server().deliver('Rules/2026', canaryMail(idOf(1)));
    const question = ask({ expected: [idOf(1)], lastCall: [idOf(1)] });
    const { mails, complete, cursor } = looked(await open({ folders: ['Rules/2026', 'INBOX'] }).look(question));
    expect(complete).toBe(true);
    expect(mails).toMatchObject([{ place: { folder: 'Rules/2026' } }]);
    expect(mails[0]?.moved).toBeUndefined();
    expect(Object.keys(cursor).sort()).toEqual(['INBOX', 'Junk', 'Rules/2026']);
  });

  test('a folder that only holds others is passed over', async () => {
    await server().createFolder('Years/2026');
    await server().deliver('Years/2026', canaryMail(idOf(1)));
    const look = looked(await open().look(ask({ lastCall: [1, 2].map(idOf) })));
    expect(look).toMatchObject({ complete: true, mails: [{ moved: true, place: { folder: 'Years/2026' } }] });
  });

  test('own mail of long ago is swept, wherever the cursor is; nothing else is', async () => {
    const old = { internalDate: ago(72 * hour) };
    await server().deliver('INBOX', otherMail(1), old);
    await server().deliver('INBOX', canaryMail(idOf(1)), old);
    await server().deliver('INBOX', canaryMail(idOf(2), { header: false }), old);
    await server().deliver('INBOX', canaryMail(idOf(3), { messageId: '<0102@eu-west-1.amazonses.com>' }), old);
    await server().deliver('INBOX', bounceMail(idOf(4)), old);
    for (const raw of Object.values(foreignMails(idOf(5)))) await server().deliver('INBOX', raw, old);
    await server().deliver('Junk', canaryMail(idOf(6)), old);
    await server().deliver('Archive', canaryMail(idOf(7)), old);
    await server().deliver('INBOX', canaryMail(idOf(8)), { internalDate: ago(2 * hour) });
    const mailbox = open();
    const first = looked(await mailbox.look(ask()));
    expect(first.mails.map(({ messageId }) => messageId)).not.toContain(messageIdOf(idOf(1)));
    await server().deliver('INBOX', canaryMail(idOf(9)));
    const before = await server().messages('INBOX');
    const second = looked(await mailbox.look(ask({ cursor: first.cursor, sweep: ago(3 * hour) })));
    expect(second.complete).toBe(true);
    expect(second.mails.map(({ place, canary, messageId }) => [place.folder, canary ?? messageId]).sort()).toEqual(
      [
        ['INBOX', messageIdOf(idOf(2))],
        ['INBOX', tokenOf(idOf(1))],
        ['INBOX', tokenOf(idOf(3))],
        ['INBOX', tokenOf(idOf(9))],
        ['Junk', tokenOf(idOf(6))],
      ].sort(),
    );
    expect(second.cursor.INBOX?.uidNext).toBe((before.at(-1)?.uid ?? 0) + 1);
    expect(await server().messages('INBOX')).toEqual(before);
    // To the hour, though BEFORE knows only days.
    const third = looked(await mailbox.look(ask({ cursor: second.cursor, sweep: ago(hour) })));
    expect(idsOf(third.mails)).toContain(idOf(8));
    expect(idsOf(third.mails)).not.toContain(idOf(9));
  });

  test('a mail that was swept and read is brought once', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1)), { internalDate: ago(2 * hour) });
    const look = looked(await open().look(ask({ since: ago(4 * hour), expected: [idOf(1)], sweep: ago(hour) })));
    expect(idsOf(look.mails)).toEqual([idOf(1)]);
  });

  test('a mail that names a missing canary and proves nothing is a hint, and no arrival', async () => {
    await server().deliver('INBOX', strippedMail(idOf(1)));
    await server().deliver('INBOX', strippedMail(idOf(2), { subject: `[EXTERNAL] Mail canary web-03 ${idOf(2)}` }));
    await server().deliver('Junk', strippedMail(idOf(3), { subject: `***SPAM*** Mail canary web-03 ${idOf(3)}` }));
    const encoded = encodedWords(`[EXTERN – Prüfen] Mail canary web-03 ${idOf(4)}`, 20);
    await server().deliver('Archive', strippedMail(idOf(4), { subject: encoded }));
    for (const raw of Object.values(foreignMails(idOf(5)))) await server().deliver('INBOX', raw);
    await server().deliver('INBOX', strippedMail(idOf(6)));
    await server().deliver('INBOX', canaryMail(idOf(7)));
    const mailbox = open();
    const first = looked(await mailbox.look(ask()));
    expect(first.unmarked).toBeUndefined();
    const lastCall = [1, 2, 3, 4, 5, 7].map(idOf);
    const second = looked(await mailbox.look(ask({ cursor: first.cursor, expected: lastCall, lastCall })));
    expect(second.complete).toBe(true);
    expect(idsOf(second.mails)).toEqual([idOf(7)]);
    expect([...(second.unmarked ?? [])].sort((a, b) => a.id.localeCompare(b.id))).toEqual([
      { id: idOf(1), folder: 'INBOX' },
      { id: idOf(2), folder: 'INBOX' },
      { id: idOf(3), folder: 'Junk' },
      { id: idOf(4), folder: 'Archive' },
    ]);
  });
};
