/** A canary with an attachment of 5 MB through a real Postfix into a real Dovecot, and the limits that stop it. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../lambdas/core/attachment.ts';
import { mimeOf } from '../../lambdas/core/mime.ts';
import { mail, send } from '../paths/smtp-harness.ts';
import { configure } from './configure.ts';
import { type Lab, startLab } from './postfix.ts';
import { everythingIn } from './tool.ts';

const trusted = '127.0.0.11';
const size = 5_000_000;

let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
  await lab.trust([trusted]);
});
afterAll(async () => {
  await lab?.stop();
});

const canary = (id: string) => ({ id, size, to: lab.mailboxes.outside, messageId: `<${id}@example.test>` });
const sendCanary = (id: string) =>
  send(
    {
      host: lab.relay.host,
      port: lab.relay.port,
      localAddress: trusted,
      requireTls: true,
      tls: { ca: `file:${lab.imap.ca}` },
    },
    { mail: canary(id), ms: 30_000 },
  );
const bytes = () => mimeOf({ ...mail, ...canary('bcdfghjklmnpqrstvwxb') }).length;

const arrived = async (id: string) =>
  (await everythingIn(lab, lab.mailboxes.outside)).filter(({ raw }) => raw.includes(`<${id}@example.test>`));

test('it arrives, and its attachment is the one that was sent', async () => {
  const id = 'bcdfghjklmnpqrstvwxb';
  expect(await sendCanary(id)).toMatchObject({ state: 'accepted', answeredBy: lab.relay.name, product: 'postfix' });
  await expect.poll(() => arrived(id).then((mails) => mails.length), { timeout: 30_000, interval: 500 }).toBe(1);
  const [{ raw } = { raw: '' }] = await arrived(id);
  const [, encoded = ''] = raw.split(/\r\nContent-Disposition: attachment;[^\r\n]*\r\n\r\n/);
  const attachment = Buffer.from(encoded.slice(0, encoded.indexOf('\r\n--')), 'base64');
  expect(attachment).toHaveLength(size);
  expect(createHash('sha256').update(attachment).digest('hex')).toBe(digestOf(id, size));
});

test('a limit that the server announces stops it before it is sent', async () => {
  await configure(lab, { message_size_limit: '1000000' });
  const before = lab.log().length;
  const id = 'bcdfghjklmnpqrstvwxc';
  expect(await sendCanary(id)).toMatchObject({
    state: 'refused',
    cause: 'too-large',
    temporary: false,
    stage: 'ehlo',
    answeredBy: lab.relay.name,
    evidence: `the server announces SIZE 1000000, the mail has ${bytes()} bytes`,
  });
  // Postfix counts the commands of each connection when it ends.
  await expect.poll(() => lab.log().slice(before)).toMatch(/disconnect from .* ehlo=2 starttls=1 commands=3/);
});

test('one that it does not announce is met at the end', async () => {
  await configure(lab, { message_size_limit: '1000000', smtpd_discard_ehlo_keywords: 'size' });
  expect(await sendCanary('bcdfghjklmnpqrstvwxd')).toMatchObject({
    state: 'refused',
    cause: 'too-large',
    temporary: false,
    stage: 'body',
    evidence: expect.stringMatching(/^552 5\.3\.4 /),
  });
});
