/** Where a session cannot be opened the look is dark, with its cause and without a secret. */
import { describe, expect, test } from 'vitest';
import type { Cause } from '../../lambdas/core/causes.ts';
import { ask } from './bench.ts';
import { ca, certificate, secret, user } from './embedded.ts';
import { imapAt, openAt, start } from './harness.ts';

describe('before the first folder', () => {
  test.each<[string, Cause]>([
    ['[AUTHENTICATIONFAILED] Invalid credentials (Failure)', 'imap-login-refused'],
    ['AUTHENTICATE failed.', 'imap-login-refused'],
    ['[UNAVAILABLE] Temporary authentication failure.', 'temporary-refusal'],
    ['[ALERT] Too many simultaneous connections. (Failure)', 'too-many-connections'],
    ['[LIMIT] Maximum number of connections from user+IP exceeded', 'too-many-connections'],
  ])('login refused with "%s" is %s', async (words, cause) => {
    const server = await start({ faults: { refuseLogin: words } });
    const said = words.replace(/^\[\w+\] /, '');
    expect(await openAt(server.port).look(ask())).toEqual({ state: 'dark', cause, detail: `login: ${said}` });
  });

  test('a server that repeats the password, plain or as it came, is not quoted', async () => {
    const blob = Buffer.from(`\0${user}\0${secret}`).toString('base64');
    const server = await start({ faults: { refuseLogin: `bad password ${secret} in ${blob}` } });
    const detail = 'login: bad password *** in ***';
    expect(await openAt(server.port).look(ask())).toEqual({ state: 'dark', cause: 'imap-login-refused', detail });
  });

  test.each<['server' | 'other-name' | 'expired', string | undefined, Cause]>([
    ['server', undefined, 'tls-untrusted'],
    ['server', 'file:/nowhere/ca.pem', 'tls-untrusted'],
    ['expired', ca, 'tls-expired'],
    ['other-name', ca, 'tls-name'],
  ])('certificate "%s" with the CA %s is %s, with TLS and STARTTLS', async (name, trusted, cause) => {
    for (const startTls of [false, true]) {
      const server = await start({ tls: certificate(name), startTls });
      const tls = trusted === undefined ? {} : { ca: trusted };
      const mailbox = openAt(server.port, { imap: imapAt(server.port, { secure: !startTls, tls }) });
      expect(await mailbox.look(ask())).toMatchObject({ state: 'dark', cause });
      expect(server.commands.has('AUTHENTICATE')).toBe(false);
    }
  });

  test('a certificate for another name is taken under that name', async () => {
    const server = await start({ tls: certificate('other-name') });
    const tls = { ca, serverName: 'other-name.test' };
    expect(await openAt(server.port, { imap: imapAt(server.port, { tls }) }).look(ask())).toMatchObject({
      state: 'looked',
    });
  });

  test('a port that does not speak TLS at once is tls-failed', async () => {
    const server = await start({ startTls: true });
    expect(await openAt(server.port).look(ask())).toMatchObject({ state: 'dark', cause: 'tls-failed' });
  });

  test('no password goes over plain text to another machine', async () => {
    // "127.1" is loopback to the system, but not one of the names that the adapter takes for it.
    const server = await start({ startTls: true, faults: { without: ['STARTTLS'] } });
    const imap = imapAt(server.port, { host: '127.1', secure: false });
    expect(await openAt(server.port, { imap }).look(ask())).toMatchObject({ state: 'dark', cause: 'tls-required' });
    expect([...server.commands.keys()]).not.toContain('LOGIN');
    expect([...server.commands.keys()]).not.toContain('AUTHENTICATE');
  });

  test('a server that is down is connect-refused, a name that is not known dns-failed', async () => {
    const server = await start();
    await server.close();
    expect(await openAt(server.port).look(ask())).toMatchObject({ state: 'dark', cause: 'connect-refused' });
    const imap = imapAt(993, { host: 'imap.invalid' });
    expect(await openAt(993, { imap }).look(ask())).toMatchObject({ state: 'dark', cause: 'dns-failed' });
  });

  test('a secret that cannot be read, or does not come, is dark', async () => {
    const refused = openAt(1, {}, () => Promise.reject(new Error('AccessDenied')));
    expect(await refused.look(ask())).toMatchObject({
      state: 'dark',
      cause: 'secret-unreadable',
      detail: 'the secret of mailbox outside cannot be read: AccessDenied',
    });
    const hanging = openAt(1, { timeout: 100 }, () => new Promise(() => {}));
    expect(await hanging.look(ask())).toMatchObject({
      state: 'dark',
      cause: 'timeout-at-stage',
      detail: expect.stringMatching(/^secret/),
    });
  });
});
