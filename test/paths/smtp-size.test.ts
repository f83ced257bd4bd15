/** Sized canaries of the `smtp` path: the attachment goes out whole, and a limit is met before the mail is sent. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../lambdas/core/attachment.ts';
import { mimeOf } from '../../lambdas/core/mime.ts';
import { ca, faulty, mail, send, server } from './smtp-harness.ts';

const size = 200_000;
const bytes = mimeOf({ ...mail, size }).length;

/** The attachment of a mail as it came over the wire. */
const attachmentIn = (raw: string): Buffer => {
  const [, encoded = ''] =
    /\r\nContent-Disposition: attachment;[^\r\n]*\r\n\r\n([A-Za-z0-9+/=\r\n]+)\r\n--/.exec(raw) ?? [];
  return Buffer.from(encoded, 'base64');
};

describe('a sized canary', () => {
  test('goes out whole, with its size said in MAIL FROM (RFC 1870)', async () => {
    const { port, mails, lines } = await faulty({});
    expect(await send({ port }, { mail: { size } })).toMatchObject({ state: 'accepted' });
    const attachment = attachmentIn(mails[0] ?? '');
    expect(attachment).toHaveLength(size);
    expect(createHash('sha256').update(attachment).digest('hex')).toBe(digestOf(mail.id, size));
    expect(lines.find((line) => line.startsWith('MAIL'))).toContain(` SIZE=${bytes} `);
  });

  test('without an announced limit it is sent; a limit that it just fits into is none', async () => {
    for (const offered of ['SIZE', 'SIZE 0', `SIZE ${bytes}`, 'PIPELINING']) {
      const { port, mails } = await faulty({ ehlo: ['mail', offered] });
      expect(await send({ port }, { mail: { size } })).toMatchObject({ state: 'accepted' });
      expect(mails).toHaveLength(1);
    }
  });

  test.each([
    ['in clear', {}, {}],
    ['after STARTTLS', server, { tls: ca }],
  ])('one that is larger than the server announces is not sent, %s', async (_how, pair, tls) => {
    const { port, lines } = await faulty({ ...pair, ehlo: ['mail.example.test', `SIZE ${bytes - 1}`, 'PIPELINING'] });
    expect(await send({ port, ...tls }, { mail: { size } })).toMatchObject({
      state: 'refused',
      cause: 'too-large',
      temporary: false,
      stage: 'ehlo',
      answeredBy: 'faulty.example.test',
      evidence: `the server announces SIZE ${bytes - 1}, the mail has ${bytes} bytes`,
      conversation: expect.arrayContaining([`S: 250-SIZE ${bytes - 1}`]),
    });
    expect(lines.some((line) => line.startsWith('MAIL'))).toBe(false);
  });

  test.each([
    ['mail', '552 5.3.4 Message size exceeds fixed maximum message size'],
    ['body', '552 5.3.4 Error: message file too big'],
  ] as const)('the server may say so itself, at %s', async (at, say) => {
    const { port } = await faulty({ at, does: { say } });
    expect(await send({ port }, { mail: { size } })).toMatchObject({
      state: 'refused',
      cause: 'too-large',
      temporary: false,
      stage: at,
      evidence: say,
    });
  });

  test('a server that stops reading in the middle has not got the mail: no doubt about that', async () => {
    // More than the system's own buffers hold.
    const big = 12_000_000;
    const deaf = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('220 deaf.example.test ESMTP\r\n');
      socket.on('data', (chunk) => {
        const said = chunk.toString('latin1');
        if (!said.startsWith('DATA')) return socket.write('250 Ok\r\n');
        socket.write('354 go on\r\n');
        socket.pause();
      });
    }).listen(0, '127.0.0.1');
    await once(deaf, 'listening');
    const address = deaf.address();
    try {
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      expect(await send({ port }, { mail: { size: big }, ms: 6000 })).toMatchObject({
        state: 'refused',
        cause: 'timeout-at-stage',
        stage: 'body',
        evidence: expect.stringMatching(/^no answer at stage "body" before the deadline/),
      });
    } finally {
      deaf.close();
    }
  });

  test('mail without an attachment goes as an application sends it, whatever the server announces', async () => {
    const { port, lines } = await faulty({ ehlo: ['mail', 'SIZE 100'] });
    expect(await send({ port })).toMatchObject({ state: 'accepted' });
    expect(lines.find((line) => line.startsWith('MAIL'))).toBe('MAIL FROM:<orders@example.test>');
  });
});
