/** The certificate of an open IMAP session, with both kinds of TLS; without one there is none. */
import { readFileSync } from 'node:fs';
import { ImapFlow } from 'imapflow';
import { expect, onTestFinished, test } from 'vitest';
import { certificateOf } from '../../lambdas/mailbox/certificate.ts';
import type { ImapSettings } from '../../lambdas/mailbox/settings.ts';
import { ca, certificate, secret, user } from './embedded.ts';
import { imapAt, start } from './harness.ts';

const settings = (port: number, change: Partial<ImapSettings> = {}): ImapSettings => ({
  ...imapAt(port),
  tls: { ca },
  ...change,
});

const connect = async ({ host, port, secure, tls }: ImapSettings): Promise<ImapFlow> => {
  const client = new ImapFlow({
    host,
    port,
    secure,
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    tls: { ca: readFileSync(ca.slice('file:'.length)) },
    auth: { user, pass: secret },
    logger: false,
  });
  client.on('error', () => {});
  onTestFinished(() => client.close());
  await client.connect();
  return client;
};

const times = { from: Date.UTC(2024, 0, 1), until: Date.UTC(2100, 0, 1) };

test.each([false, true])('is told with its names and its end; STARTTLS: %s', async (startTls) => {
  const { port } = await start({ startTls });
  const imap = settings(port, { secure: !startTls });
  expect(certificateOf(await connect(imap), imap)).toEqual({
    server: `127.0.0.1:${port}`,
    name: '127.0.0.1',
    names: ['127.0.0.1', 'localhost'],
    ...times,
  });
});

test('the name is the one of the settings, where they give one', async () => {
  const { port } = await start({ tls: certificate('other-name') });
  const imap = settings(port, { tls: { ca, serverName: 'other-name.test' } });
  expect(certificateOf(await connect(imap), imap)).toMatchObject({
    server: `127.0.0.1:${port}`,
    name: 'other-name.test',
    names: ['other-name.test'],
  });
});

test('an IPv6 address stands in brackets before its port', async () => {
  const { port } = await start({ host: '::1' });
  const imap = settings(port, { host: '::1', tls: { ca, serverName: 'localhost' } });
  expect(certificateOf(await connect(imap), imap)).toMatchObject({ server: `[::1]:${port}`, name: 'localhost' });
});

test('without TLS, before a connection and after it there is none', async () => {
  const { port } = await start({ startTls: true, faults: { without: ['STARTTLS'] } });
  const plain = settings(port, { secure: false });
  expect(certificateOf(await connect(plain), plain)).toBeUndefined();

  const { port: safe } = await start();
  const imap = settings(safe);
  const client = await connect(imap);
  expect(certificateOf(client, imap)).toBeDefined();
  client.close();
  expect(certificateOf(client, imap)).toBeUndefined();
  expect(
    certificateOf(new ImapFlow({ host: '127.0.0.1', port: safe, auth: { user }, logger: false }), imap),
  ).toBeUndefined();
});
