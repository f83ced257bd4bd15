/** A handover over TLS tells which certificate the server showed, however the mail fares; one that is not trusted is told by its cause alone. */
import { describe, expect, test } from 'vitest';
import type { Handover } from '../../lambdas/core/words.ts';
import { auth, ca, faulty, password, pem, relay, send, server } from './smtp-harness.ts';

/** The fixture `server.pem`, shown by this port. */
const shown = (port: number) => ({
  server: `127.0.0.1:${port}`,
  name: '127.0.0.1',
  names: ['127.0.0.1', 'localhost'],
  from: Date.UTC(2024, 0, 1),
  until: Date.UTC(2100, 0, 1),
});

const certificateIn = ({ certificate }: Handover) => certificate;

describe('the certificate of a server that was reached over TLS', () => {
  test('after STARTTLS', async () => {
    const { port } = await relay({ tls: server, auth: { user: 'orders', pass: password } });
    const handover = await send({ port, tls: ca, auth });
    expect(handover.state).toBe('accepted');
    expect(certificateIn(handover)).toEqual(shown(port));
  });

  test('with TLS from the first byte', async () => {
    const { port } = await relay({ tls: { ...server, implicit: true } });
    const handover = await send({ port, secure: true, tls: ca, localAddress: '127.0.0.13' });
    expect(handover.state).toBe('accepted');
    expect(certificateIn(handover)).toEqual(shown(port));
  });

  test('the server is the one of the filled template, the name the one by which it was called', async () => {
    const other = { key: pem('other-name.key'), cert: pem('other-name.pem') };
    const { port } = await faulty(other);
    const tls = { ...ca, serverName: 'other-name.test' };
    expect(certificateIn(await send({ host: '{host.address}', port, tls }))).toEqual({
      ...shown(port),
      name: 'other-name.test',
      names: ['other-name.test'],
    });
    const { port: same } = await faulty(server);
    expect(certificateIn(await send({ host: 'localhost', port: same, tls: ca }))).toMatchObject({
      server: `localhost:${same}`,
      name: 'localhost',
      names: ['localhost', '127.0.0.1'],
    });
  });

  test.each(['auth', 'mail', 'rcpt', 'data', 'body'] as const)(
    'is there when the mail is refused at %s',
    async (at) => {
      const { port } = await faulty({ ...server, at, does: { say: '554 5.7.1 not today' } });
      const handover = await send({ port, tls: ca, auth });
      expect(handover.state).toBe('refused');
      expect(certificateIn(handover)).toEqual(shown(port));
    },
  );

  test.each(['reset', 'end', 'hang'] as const)('is there when the server does this after it: %s', async (does) => {
    const { port } = await faulty({ ...server, at: 'rcpt', does });
    const handover = await send({ port, tls: ca }, { ms: 1500 });
    expect(handover).toMatchObject({ state: 'refused', stage: 'rcpt' });
    expect(certificateIn(handover)).toEqual(shown(port));
    const silent = await faulty({ ...server, at: 'body', does });
    const unanswered = await send({ port: silent.port, tls: ca }, { ms: 1500 });
    expect(unanswered.state).toBe('unanswered');
    expect(certificateIn(unanswered)).toEqual(shown(silent.port));
  });
});

describe('there is none', () => {
  test.each([
    ['for another name', { key: pem('other-name.key'), cert: pem('other-name.pem') }, ca, 'tls-name'],
    ['expired', { key: pem('expired.key'), cert: pem('expired.pem') }, ca, 'tls-expired'],
    ['of an unknown CA', server, {}, 'tls-untrusted'],
  ])('of a server whose certificate is %s: its cause says so, as before', async (_, pair, tls, cause) => {
    const upgraded = await faulty(pair);
    const first = await send({ port: upgraded.port, tls });
    const implicit = await relay({ tls: { ...pair, implicit: true } });
    const second = await send({ port: implicit.port, secure: true, tls });
    for (const handover of [first, second]) {
      expect(handover).toMatchObject({ state: 'refused', cause, temporary: false, stage: 'tls' });
      expect(handover).not.toHaveProperty('certificate');
    }
  });

  test('without TLS, whether the server offers it or not', async () => {
    const plain = await faulty({});
    const offering = await faulty(server);
    const handovers = [await send({ port: plain.port }), await send({ port: offering.port, ignoreTls: true })];
    for (const handover of handovers) {
      expect(handover.state).toBe('accepted');
      expect(handover).not.toHaveProperty('certificate');
    }
  });

  test.each(['hang', 'drip'] as const)(
    'of a handshake that does not end: %s, within the one deadline',
    async (does) => {
      const { port } = await faulty({ ...server, at: 'tls', does });
      const handover = await send({ port, tls: ca }, { ms: 500 });
      expect(handover).toMatchObject({ state: 'refused', cause: 'timeout-at-stage', stage: 'tls' });
      expect(handover).not.toHaveProperty('certificate');
    },
  );
});
