/** The `smtp` path with TLS and a login, and what servers make of both. */
import { describe, expect, test } from 'vitest';
import { auth, ca, faulty, password, pem, relay, send, server, spellings } from './smtp-harness.ts';

describe('TLS and login', () => {
  test('STARTTLS, then login, is taken', async () => {
    const gateway = await relay({ tls: server, auth: { user: 'orders', pass: password } });
    const handover = await send({ port: gateway.port, tls: ca, auth, requireTls: true });
    expect(handover).toMatchObject({ state: 'accepted' });
    await expect.poll(() => gateway.delivered[0]?.raw).toContain('with ESMTPSA id');
  });

  test('implicit TLS is taken', async () => {
    const gateway = await relay({ tls: { ...server, implicit: true } });
    const settings = { port: gateway.port, secure: true, tls: ca, localAddress: '127.0.0.13' };
    expect(await send(settings)).toMatchObject({ state: 'accepted', answeredBy: 'mail-gw.example.test' });
    await expect.poll(() => gateway.delivered[0]?.raw).toContain('with ESMTPS id');
  });

  test('a wrong password is auth-failed', async () => {
    const gateway = await relay({ tls: server, auth: { user: 'orders', pass: 'another' } });
    expect(await send({ port: gateway.port, tls: ca, auth })).toMatchObject({
      state: 'refused',
      cause: 'auth-failed',
      temporary: false,
      stage: 'auth',
      evidence: '535 5.7.8 Error: authentication failed',
    });
  });

  test.each([
    ['502 5.5.2 Error: command not recognized', 'auth-method-disabled', false],
    ['599 go away', 'auth-failed', false],
    ['454 4.7.0 Temporary authentication failure', 'temporary-refusal', true],
  ])('the login answered %s is %s', async (reply, cause, temporary) => {
    const { port } = await faulty({ at: 'auth', does: { say: reply } });
    expect(await send({ port, auth })).toMatchObject({ state: 'refused', cause, temporary, stage: 'auth' });
  });

  test('a login is asked for even where none is offered: mail without it would be another test', async () => {
    const started = await faulty({
      ehlo: ['faulty.example.test'],
      at: 'auth',
      does: { say: '503 5.5.1 Error: authentication not enabled' },
    });
    expect(await send({ port: started.port, auth })).toMatchObject({ state: 'refused', cause: 'auth-method-disabled' });
    expect(started.mails).toEqual([]);
  });

  test('a secret that cannot be looked up is our own fault', async () => {
    const { port, connections } = await faulty({});
    expect(await send({ port, auth: { user: 'orders', secret: 'env:NOWHERE' } })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: 'env:NOWHERE is not set',
    });
    expect(connections()).toBe(0);
  });

  test('a server that repeats the secret in its words does not get it into the handover', async () => {
    const words = `599 you said ${spellings.join(' and ')} with ${password}`;
    const { port } = await faulty({ at: 'auth', does: { say: words }, banner: `220 ${password}.example ESMTP` });
    const handover = await send({ port, auth });
    expect(handover).toMatchObject({ state: 'refused', evidence: '599 you said *** and *** and *** with ***' });
    const echo = await faulty({ taken: `250 2.0.0 Ok: queued as ${password}` });
    expect(await send({ port: echo.port, auth })).toMatchObject({
      state: 'accepted',
      evidence: '250 2.0.0 Ok: queued as ***',
    });
  });

  test.each([
    ['for another name', { key: pem('other-name.key'), cert: pem('other-name.pem') }, ca, 'tls-name'],
    ['expired', { key: pem('expired.key'), cert: pem('expired.pem') }, ca, 'tls-expired'],
    ['of an unknown CA', server, {}, 'tls-untrusted'],
  ])('a certificate %s is refused with and without STARTTLS', async (_what, pair, tls, cause) => {
    const upgraded = await faulty(pair);
    const expected = { state: 'refused', cause, temporary: false, stage: 'tls' };
    expect(await send({ port: upgraded.port, tls })).toMatchObject(expected);
    expect(upgraded.mails).toEqual([]);
    const implicit = await relay({ tls: { ...pair, implicit: true } });
    expect(await send({ port: implicit.port, secure: true, tls })).toMatchObject(expected);
  });

  test('where the application uses no TLS, neither does the canary; where TLS is required, that counts for nothing', async () => {
    const { port, lines } = await faulty({ key: pem('expired.key'), cert: pem('expired.pem') });
    expect(await send({ port, ignoreTls: true })).toMatchObject({ state: 'accepted' });
    expect(lines).not.toContain('STARTTLS');
    expect(await send({ port, ignoreTls: true, requireTls: true })).toMatchObject({ state: 'refused', stage: 'tls' });
  });

  test('the name of the certificate can be given in the settings', async () => {
    const { port } = await faulty({ key: pem('other-name.key'), cert: pem('other-name.pem') });
    expect(await send({ port, tls: { ...ca, serverName: 'other-name.test' } })).toMatchObject({ state: 'accepted' });
  });

  test('with a login, a server that is not on this machine must offer TLS: the password never leaves in clear', async () => {
    const started = await faulty({ at: 'starttls', does: { say: '502 5.5.2 Error: command not recognized' } });
    // 127.0.0.1 in a spelling that is not known to be loopback.
    const handover = await send({ host: '::ffff:127.0.0.1', port: started.port, auth });
    expect(handover).toMatchObject({ state: 'refused', cause: 'tls-required', temporary: false, stage: 'tls' });
    expect(started.lines.some((line) => line.startsWith('AUTH'))).toBe(false);
  });

  test('a port that does not speak TLS is tls-failed', async () => {
    const { port } = await faulty({});
    expect(await send({ port, secure: true })).toMatchObject({ state: 'refused', cause: 'tls-failed', stage: 'tls' });
  });
});
