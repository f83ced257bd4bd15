/** A firewall that rewrites the conversation is called by its name; a server's own refusal behind it is not its doing. */

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isHidden, isStruckOut } from '../../lambdas/core/reading.ts';
import { type FaultyOptions, startFaultySmtp } from '../servers/faulty-smtp.ts';
import { auth, faulty, type Settings, send } from './smtp-harness.ts';

const hidden = '220 ****************************0*2**0***********';
const altered = { state: 'refused', cause: 'firewall-altered', temporary: false };

/** A server that answers each verb as told, and everything else with 500, as an old inspection does. */
const answering = async (replies: Readonly<Record<string, string>>) => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write(`${replies.banner ?? '220 mail.example.test ESMTP'}\r\n`);
    socket.on('data', (chunk) => {
      for (const line of chunk
        .toString()
        .split('\r\n')
        .filter((one) => one !== ''))
        socket.write(`${replies[line.split(' ')[0]?.toUpperCase() ?? ''] ?? '500 5.5.1 Command unrecognized'}\r\n`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

describe('a firewall', () => {
  test.each<[string, FaultyOptions, Settings, object]>([
    [
      'hides the banner, and the login is not understood',
      { banner: hidden, at: 'auth', does: { say: '500 5.5.1 Command unrecognized' } },
      { auth },
      { stage: 'auth', evidence: `500 5.5.1 Command unrecognized; the banner is hidden by a firewall: ${hidden}` },
    ],
    [
      'hides the banner, and the connection is cut',
      { banner: hidden, at: 'mail', does: 'reset' },
      {},
      { stage: 'mail', evidence: expect.stringContaining('hidden by a firewall') },
    ],
    [
      'strikes STARTTLS out, and we must have it',
      {
        ehlo: ['mail.example.test', 'SIZE 10240000', 'XXXXXXXA', '8BITMIME'],
        at: 'starttls',
        does: { say: '500 5.5.1 Command unrecognized: "XXXX"' },
      },
      { requireTls: true },
      { stage: 'tls', evidence: expect.stringContaining('struck out by a firewall') },
    ],
    [
      'knows no EHLO, and we must have TLS, which HELO does not offer',
      { at: 'ehlo', does: { say: '502 5.5.2 Error: command not recognized' } },
      { requireTls: true },
      {
        stage: 'ehlo',
        evidence:
          '502 5.5.2 Error: command not recognized; EHLO, which every server knows, was answered 502 5.5.2 Error: command not recognized',
      },
    ],
  ])('%s', async (_what, options, settings, expected) => {
    const { port } = await faulty(options);
    expect(await send({ port, ...settings }, { ms: 3000 })).toMatchObject({ ...altered, ...expected });
  });

  test('knows HELO and no EHLO, and the login neither', async () => {
    const port = await answering({ EHLO: '500 5.5.1 Command unrecognized', HELO: '250 mail.example.test' });
    expect(await send({ port, auth })).toMatchObject({
      ...altered,
      stage: 'auth',
      evidence: expect.stringContaining('EHLO, which every server knows, was answered 500'),
      answeredBy: 'mail.example.test',
    });
  });

  test('does not break the mail: it is taken', async () => {
    const { port } = await faulty({ banner: hidden });
    expect(await send({ port })).toMatchObject({ state: 'accepted', answeredBy: `127.0.0.1:${port}` });
  });
});

describe('is not blamed', () => {
  test.each([
    ['554 5.7.1 <x>: Relay access denied', 'relay-denied'],
    ['550 5.9.9 the moon is in the wrong house', 'unknown'],
  ])('for what the server behind it says itself: %s', async (say, cause) => {
    const { port } = await faulty({ banner: hidden, at: 'rcpt', does: { say } });
    expect(await send({ port })).toMatchObject({ state: 'refused', cause, stage: 'rcpt', evidence: say });
  });

  test('for a temporary refusal', async () => {
    const { port } = await faulty({ banner: hidden, at: 'rcpt', does: { say: '451 4.7.1 Greylisted' } });
    expect(await send({ port })).toMatchObject({ cause: 'greylisted', temporary: true });
  });

  test('where there is no sign of one', async () => {
    const { port } = await faulty({ at: 'auth', does: { say: '500 5.5.1 Command unrecognized' } });
    expect(await send({ port, auth })).toMatchObject({ cause: 'auth-method-disabled', stage: 'auth' });
    const server = await startFaultySmtp({ at: 'mail', does: 'reset' });
    onTestFinished(server.close);
    expect(await send({ port: server.port })).toMatchObject({ cause: 'connection-lost' });
  });

  test('for a server that takes neither EHLO nor HELO', async () => {
    const port = await answering({});
    expect(await send({ port })).toMatchObject({ state: 'refused', cause: 'protocol-error', stage: 'ehlo' });
  });

  test('for a name in HELO that the server does not like', async () => {
    const { port } = await faulty({ at: 'ehlo', does: { say: '501 5.5.4 Invalid EHLO argument' } });
    expect(await send({ port, requireTls: true })).toMatchObject({ cause: 'client-name', stage: 'ehlo' });
  });
});

describe('the signs', () => {
  test.each([
    [hidden, true],
    ['220 **************************2******200***0*00', true],
    ['220 ***', false],
    ['220 mail.example.test ESMTP ******** hello', false],
    ['220 mail.example.test ESMTP', false],
    [`220 ${'*'.repeat(60_000)}x`, false],
  ])('%s', (banner, is) => {
    expect(isHidden(banner)).toBe(is);
  });

  test.each([
    ['250-mail.example.test\r\n250-XXXXXXXA\r\n250 OK', true],
    ['250-mail\n250 XXXX', true],
    ['250-mail\n250-XEXCH50\n250 XXX', false],
    ['250-mail\n250-XXXX.example.test says hello', false],
  ])('%j', (ehlo, is) => {
    expect(isStruckOut(ehlo)).toBe(is);
  });
});
