/** Bounces and a delay notice as a real Postfix writes them, read from the mailbox of the sender in a real Dovecot. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyOf, mint, recognise } from '../../lambdas/core/canary.ts';
import { mimeOf } from '../../lambdas/core/mime.ts';
import type { Mailbox } from '../../lambdas/core/ports.ts';
import type { Cursor, MailSeen } from '../../lambdas/core/words.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, looked } from '../mailbox/bench.ts';
import { foreignMails, idOf } from '../mailbox/mails.ts';
import { freePort } from './dovecot.ts';
import { type Lab, startLab } from './postfix.ts';

const from = 'orders@example.test';
const key = keyOf('the key of the lab');
const slot = 29_373_720;
const words = '5.1.1 <canary@refusing.test> User unknown here';

let lab: Lab;
let refusing: SMTPServer;
let mailbox: Mailbox;
let cursor: Cursor | undefined;

/** Takes mail over LMTP for nobody. */
const startRefusing = async (port: number): Promise<void> => {
  refusing = new SMTPServer({
    lmtp: true,
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo: (_, __, callback) => callback(Object.assign(new Error(words), { responseCode: 550 })),
  });
  refusing.on('error', () => {});
  await new Promise<void>((resolve) => {
    refusing.listen(port, lab.relay.host, resolve);
  });
};

/** Hands a canary for this address to the relay, as the smtp path does; the relay takes it. */
const send = async (to: string, size?: number) => {
  const sentAt = Date.now();
  const canary = mint(`web-01/mta/${to.split('@')[1]}`, slot, sentAt, key, { from, to, autoSubmitted: true, size });
  const { host, port } = lab.relay;
  const transport = createTransport({ host, port, ignoreTLS: true });
  const dsn = { id: canary.id, return: 'headers', notify: ['failure', 'delay'], recipient: to } as const;
  const { response } = await transport.sendMail({
    raw: mimeOf(canary),
    envelope: { from, to: [to] },
    dsn: { ...dsn, notify: [...dsn.notify] },
  });
  expect(response).toMatch(/^250 /);
  return canary;
};

/** Reads on until so many reports have come. */
const reportsFor = async (count: number): Promise<readonly MailSeen[]> => {
  const mails: MailSeen[] = [];
  await expect
    .poll(
      async () => {
        const look = looked(await mailbox.look(ask({ cursor })));
        expect(look.complete).toBe(true);
        cursor = look.cursor;
        mails.push(...look.mails);
        return mails.length;
      },
      { timeout: 45_000, interval: 200 },
    )
    .toBeGreaterThanOrEqual(count);
  return mails;
};

const stored = async (): Promise<string[]> => {
  const { host, port, password } = lab.imap;
  const client = new ImapFlow({
    host,
    port,
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: from, pass: password },
    logger: false,
  });
  client.on('error', () => {});
  await client.connect();
  await client.mailboxOpen('INBOX', { readOnly: true });
  const all = await client.fetchAll('1:*', { source: true, flags: true });
  await client.logout();
  return all.map(({ source, flags }) => `${[...(flags ?? [])].filter((flag) => flag !== '\\Recent')} ${source}`);
};

beforeAll(async () => {
  lab = await startLab();
  const port = await freePort();
  await startRefusing(port);
  const transports = join(lab.dir, 'transports');
  writeFileSync(
    transports,
    [
      `supplier.test lmtp:unix:${join(lab.dir, 'dovecot', 'run', 'lmtp')}`,
      `refusing.test lmtp:inet:${lab.relay.host}:${port}`,
      // Nobody listens there.
      `waiting.test lmtp:inet:${lab.relay.host}:${await freePort()}`,
      '',
    ].join('\n'),
  );
  const dovecot = join(lab.dir, 'dovecot', 'dovecot.conf');
  appendFileSync(dovecot, 'plugin {\n  quota_rule = *:storage=64k\n}\n');
  execFileSync('/usr/bin/doveadm', ['-c', dovecot, 'reload']);
  const soon = ['delay_warning_time=1s', 'queue_run_delay=1s', 'minimal_backoff_time=1s', 'maximal_backoff_time=2s'];
  const config = join(lab.dir, 'postfix', 'etc');
  // What is set here is read when `trust` reloads Postfix.
  execFileSync('/usr/sbin/postconf', ['-c', config, '-e', `transport_maps=texthash:${transports}`, ...soon]);
  await lab.trust([lab.relay.host]);
  const { host, port: imapPort, ca, password } = lab.imap;
  mailbox = openMailbox(
    {
      imap: { host, port: imapPort, secure: true, tls: { ca: `file:${ca}` } },
      auth: { kind: 'password', user: from, secret: 'env:LAB' },
      timeout: 20_000,
      bouncesOnly: true,
    },
    { name: 'bounces', now: Date.now, secret: async () => password },
  );
});

afterAll(async () => {
  await mailbox?.close();
  await new Promise<void>((resolve) => {
    refusing.close(() => resolve());
  });
  await lab?.stop();
});

test('an unknown user, a full mailbox and a delay come back to the sender, and are read; own bounces go, nothing else', async () => {
  const foreign = Object.values(foreignMails(idOf(1)));
  const { host, port, password } = lab.imap;
  const client = new ImapFlow({
    host,
    port,
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: from, pass: password },
    logger: false,
  });
  client.on('error', () => {});
  await client.connect();
  for (const raw of foreign) await client.append('INBOX', Buffer.from(raw, 'latin1'));
  await client.logout();
  const before = await stored();
  expect(before).toHaveLength(foreign.length);

  await send('canary@supplier.test', 40_000);
  await expect.poll(() => lab.log(), { timeout: 30_000 }).toMatch(/to=<canary@supplier\.test>.*status=sent/);
  const full = await send('canary@supplier.test', 40_000);
  const unknown = await send('canary@refusing.test');
  const waiting = await send('canary@waiting.test');

  const mails = await reportsFor(3);
  const byId = new Map(
    mails.map((mail) => {
      const what = recognise(mail, { current: key }, Date.now(), 86_400_000);
      if (what.kind !== 'own') throw new Error(`not ours: ${what.kind}: ${JSON.stringify(mail)}`);
      return [what.id, mail];
    }),
  );
  expect(byId.get(unknown.id)?.bounce).toEqual({
    words: `550 ${words}`,
    reportedBy: expect.stringMatching(/^(127\.0\.0\.1|.*\..*)$/),
  });
  expect(byId.get(full.id)?.bounce).toMatchObject({ words: expect.stringMatching(/^55[24] 5\.2\.2 .*quota/i) });
  expect(byId.get(full.id)?.bounce?.delayed).toBeUndefined();
  expect(byId.get(waiting.id)?.bounce).toEqual({
    words: expect.stringMatching(/^connect to 127\.0\.0\.1.*: Connection refused$/),
    reportedBy: lab.relay.name,
    delayed: true,
  });
  for (const mail of byId.values()) expect(mail.hops).toMatchObject([{ by: lab.relay.name, address: lab.relay.host }]);

  expect(await mailbox.remove([...byId.values()].map(({ place }) => place))).toEqual({ removed: 3 });
  expect(await stored()).toEqual(before);
});
