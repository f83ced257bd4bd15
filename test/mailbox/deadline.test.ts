/** One deadline holds for everything that a look does, wherever the server hangs. */
import { describe, expect, test } from 'vitest';
import type { Faults } from '../../demo/servers/imap/options.ts';
import { ask, looked } from './bench.ts';
import { ca, user } from './embedded.ts';
import { imapAt, openAt, start } from './harness.ts';
import { canaryMail, idOf, otherMail } from './mails.ts';

describe('one deadline', () => {
  const stages: readonly (readonly [string, Faults, RegExp])[] = [
    ['the TLS handshake', { hangAt: 'TLS' }, /^connect: /],
    ['the greeting', { hangAt: 'GREETING' }, /^greeting: /],
    ['a late greeting', { greetAfter: 60_000 }, /^greeting: /],
    ['the login', { hangAt: 'AUTHENTICATE' }, /^login: /],
    ['LIST', { hangAt: 'LIST' }, /^list folders: /],
    ['EXAMINE', { hangAt: 'EXAMINE' }, /^open folder "INBOX": /],
    ['SEARCH', { hangAt: 'UID SEARCH' }, /^read folder "INBOX": /],
    ['FETCH', { hangAt: 'UID FETCH' }, /^read folder "INBOX": /],
    ['everything, by dripping', { drip: 20 }, /^greeting: /],
  ];

  test.each(stages)('a server that hangs at %s ends the look in time', async (_, faults, detail) => {
    const server = await start({ faults });
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const searches = faults.hangAt === 'UID SEARCH';
    // With so many a first look searches too.
    for (let number = 0; searches && number < 1000; number += 1) server.store.deliver(user, 'INBOX', otherMail(number));
    // Long enough that a busy machine still gets to the stage; a look that does not end fails by the test's own limit.
    const mailbox = openAt(server.port, { timeout: searches ? 4000 : 1200 });
    const look = await mailbox.look(ask());
    expect(look).toEqual({ state: 'dark', cause: 'timeout-at-stage', detail: expect.stringMatching(detail) });
    for (const fault of Object.keys(server.faults)) Reflect.deleteProperty(server.faults, fault);
    expect(looked(await mailbox.look(ask())).mails).toHaveLength(1);
  });

  test('a hanging STARTTLS ends in time as well', async () => {
    const server = await start({ startTls: true, faults: { hangAt: 'TLS' } });
    const mailbox = openAt(server.port, { timeout: 1200, imap: imapAt(server.port, { secure: false, tls: { ca } }) });
    expect(await mailbox.look(ask())).toMatchObject({ state: 'dark', cause: 'timeout-at-stage' });
  });

  test('what was seen before a last call that hangs is told, as a part', async () => {
    const server = await start();
    server.store.deliver(user, 'INBOX', canaryMail(idOf(1)));
    const mailbox = openAt(server.port, { timeout: 1200 });
    const { cursor } = looked(await mailbox.look(ask()));
    server.store.deliver(user, 'INBOX', canaryMail(idOf(2)));
    server.faults.hangAt = 'UID SEARCH';
    const look = looked(await mailbox.look(ask({ cursor, lastCall: [idOf(3)] })));
    expect(look).toMatchObject({ complete: false, mails: [{ place: { uid: 2 } }], cursor: { INBOX: { uidNext: 3 } } });
    expect(look.detail).toMatch(/^not every folder was searched: read folder "INBOX": no answer/);
  });

  test('closing does not wait for a server that hangs, and ends a look that runs', async () => {
    const server = await start({ faults: { hangAt: 'LOGOUT' } });
    const mailbox = openAt(server.port, { timeout: 1200 });
    await mailbox.look(ask());
    await mailbox.close();
    server.faults.hangAt = 'LIST';
    const look = mailbox.look(ask());
    await new Promise((resolve) => setTimeout(resolve, 50));
    await mailbox.close();
    expect(await look).toMatchObject({ state: 'dark' });
  });
});
