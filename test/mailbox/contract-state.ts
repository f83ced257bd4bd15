/** The part of the mailbox contract that says what is told besides mails: how full it is, the certificate; and the deadline of one look. */
import { expect, test } from 'vitest';
import { ask, type Bench, idsOf, looked } from './bench.ts';
import { canaryMail, idOf, otherMail } from './mails.ts';

/** Declares the tests of this group. */
export const stateContract = ({ server, open }: Bench): void => {
  test('how much is in it, and how full it is, is told where it is asked for', async () => {
    for (let number = 0; number < 3; number += 1) await server().deliver('INBOX', otherMail(number));
    await server().deliver('INBOX', canaryMail(idOf(1)));
    await server().deliver('Junk', otherMail(4));
    const mailbox = open();
    const plain = looked(await mailbox.look(ask()));
    expect([plain.messages, plain.quota]).toEqual([undefined, undefined]);
    const look = looked(await mailbox.look(ask({ cursor: plain.cursor, state: true })));
    expect(look).toMatchObject({ complete: true, messages: 4, quota: { resource: 'STORAGE' } });
    const { used, limit } = look.quota ?? expect.fail('no quota');
    expect(limit).toBeGreaterThan(1000);
    expect(used).toBeLessThan(limit);
  });

  test('what the server showed under TLS is told in every look', async () => {
    const { host, port, secure, tls } = server().settings.imap;
    const mailbox = open();
    for (let looks = 0; looks < 2; looks += 1) {
      const { certificate } = looked(await mailbox.look(ask()));
      if (!secure && tls === undefined) expect(certificate).toBeUndefined();
      else expect(certificate).toMatchObject({ server: `${host}:${port}` });
    }
  });

  test('a deadline of its own that is long enough changes nothing', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1)));
    const look = looked(await open().look(ask({ within: 10_000, expected: [idOf(1)] })));
    expect(look.complete).toBe(true);
    expect(idsOf(look.mails)).toEqual([idOf(1)]);
  });

  test('a deadline that nothing can keep is a dark look, and the next one looks', async () => {
    await server().deliver('INBOX', canaryMail(idOf(1)));
    const mailbox = open();
    expect(await mailbox.look(ask({ within: 0 }))).toMatchObject({ state: 'dark' });
    expect(idsOf(looked(await mailbox.look(ask())).mails)).toEqual([idOf(1)]);
  });
};
