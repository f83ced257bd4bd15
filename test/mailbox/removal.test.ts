/** Deleting: never more than the given messages, and a refusal is told. */
import { describe, expect, test } from 'vitest';
import type { Faults } from '../../demo/servers/imap/options.ts';
import type { ImapServer } from '../../demo/servers/imap/server.ts';
import { ask, looked } from './bench.ts';
import { user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { canaryMail, idOf, otherMail } from './mails.ts';

describe('deleting', () => {
  const withMails = async (faults: Faults, othersFlagged: boolean) => {
    const server = await start({ faults });
    server.store.deliver(user, 'INBOX', otherMail(1), { flags: othersFlagged ? ['\\Deleted'] : [] });
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const mailbox = openAt(server.port);
    const places = looked(await mailbox.look(ask())).mails.map(({ place }) => place);
    expect(places).toHaveLength(1);
    return { server, mailbox, places };
  };
  const uidsOf = (server: ImapServer) => server.store.messages(user, 'INBOX').map(({ uid, flags }) => [uid, ...flags]);

  test('without UIDPLUS nothing is flagged while another message waits for its EXPUNGE', async () => {
    const { server, mailbox, places } = await withMails({ without: ['UIDPLUS'] }, true);
    expect(await mailbox.remove(places)).toBe(0);
    expect(uidsOf(server)).toEqual([[1, '\\Deleted'], [2]]);
  });

  test('without UIDPLUS our own go when nobody else is concerned', async () => {
    const { server, mailbox, places } = await withMails({ without: ['UIDPLUS'] }, false);
    expect(await mailbox.remove(places)).toBe(1);
    expect(uidsOf(server)).toEqual([[1]]);
  });

  test.each<[string, Faults, RegExp]>([
    ['read-only', { readOnly: true }, /^mailbox outside: delete in folder "INBOX": folder "INBOX": it is read-only/],
    ['refused', { no: { 'UID STORE': 'no' } }, /the server refused to delete/],
    ['cut', { dropAt: 'SELECT' }, /^mailbox outside: delete in folder "INBOX": /],
    ['hanging', { hangAt: 'SELECT' }, /no answer within/],
  ])('a folder that is %s throws', async (_, faults, words) => {
    const { server, mailbox, places } = await withMails({}, false);
    Object.assign(server.faults, faults);
    const patient = faults.hangAt === undefined ? mailbox : openAt(server.port, { timeout: 200 });
    await expect(patient.remove(places)).rejects.toThrow(words);
    expect(uidsOf(server)).toEqual([[1], [2]]);
  });
});
