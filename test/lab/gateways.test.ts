/** A real Postfix that does to headers what gateways do, in front of a real Dovecot: what is recognised, and what its trace says. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import { hopTimes } from '../../lambdas/core/hop-times.ts';
import { mimeOf } from '../../lambdas/core/mime.ts';
import type { Mailbox } from '../../lambdas/core/ports.ts';
import { sortMails } from '../../lambdas/core/sighting.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, looked } from '../mailbox/bench.ts';
import { type Lab, startLab } from './postfix.ts';

const keys = { current: keyOf('the key of the lab') };
const day = 86_400_000;
let lab: Lab;
let mailbox: Mailbox;

beforeAll(async () => {
  lab = await startLab();
  const { host, port, password, ca } = lab.imap;
  mailbox = openMailbox(
    {
      imap: { host, port, secure: true, tls: { ca: `file:${ca}` } },
      auth: { kind: 'password', user: lab.mailboxes.outside, secret: 'env:LAB_IMAP_PASSWORD' },
      timeout: 15_000,
      trustedAuthservId: lab.relay.name,
    },
    { name: 'outside', now: Date.now, secret: async () => password },
  );
});
afterAll(async () => {
  await mailbox?.close();
  await lab?.stop();
});

/** The header_checks(5) of the relay from now on. */
const checks = async (...lines: string[]) => {
  const file = join(lab.dir, 'header_checks');
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o644 });
  const change = (setting: string) =>
    execFileSync('/usr/sbin/postconf', ['-c', join(lab.dir, 'postfix', 'etc'), '-e', setting]);
  change(`header_checks=regexp:${file}`);
  change('smtpd_tls_received_header=yes');
  await lab.trust([lab.relay.host]);
};

let minute = Math.floor(Date.now() / 60_000);
/** Sends one canary through the relay, and waits until it is in the mailbox. */
const send = async () => {
  minute += 1;
  const options = { from: 'orders@example.test', to: lab.mailboxes.outside, autoSubmitted: true };
  const mail = mint('web-03/app/outside', minute, Date.now(), keys.current, options);
  const delivered = () => lab.log().match(/status=sent/g)?.length ?? 0;
  const before = delivered();
  const { host, port } = lab.relay;
  const transport = createTransport({
    host,
    port,
    secure: false,
    requireTLS: true,
    tls: { rejectUnauthorized: false },
  });
  await transport.sendMail({ envelope: { from: mail.from, to: mail.to }, raw: mimeOf(mail) });
  await expect.poll(delivered, { timeout: 20_000 }).toBe(before + 1);
  const look = looked(await mailbox.look(ask({ expected: [mail.id] })));
  return sortMails(look, keys, Date.now(), day).own.filter(({ id }) => id === mail.id);
};

test('one mark is enough, whichever the gateway takes; without both it is nobody of ours', async () => {
  await checks('/^X-Mail-Canary:/ IGNORE');
  expect(await send()).toMatchObject([{ mail: { canary: undefined } }]);
  await checks(
    '/^Message-ID:/ REPLACE Message-ID: <1@gateway.example>',
    '/^Subject: (.*)/ REPLACE Subject: ***SPAM*** $1',
  );
  expect(await send()).toMatchObject([{ mail: { messageId: '<1@gateway.example>' } }]);
  await checks('/^X-Mail-Canary:/ IGNORE', '/^Message-ID:/ REPLACE Message-ID: <2@gateway.example>');
  expect(await send()).toEqual([]);
});

test('its trace says by which protocol, under which TLS, and how long; its verdict is believed', async () => {
  const verdict = `Authentication-Results: ${lab.relay.name}; spf=fail (a; b) smtp.mailfrom=example.test; dmarc=none`;
  await checks(`/^Subject:/ PREPEND ${verdict}`);
  const [found] = await send();
  expect(found?.mail.authentication).toEqual({
    spf: 'fail',
    dmarc: 'none',
    words: verdict.slice('Authentication-Results: '.length),
  });
  const hops = found?.mail.hops ?? [];
  expect(hops[0]).toMatchObject({ by: lab.relay.name, with: 'ESMTPS', tls: 'TLSv1.3', address: '127.0.0.1' });
  expect(hops[1]).toMatchObject({ with: 'LMTP' });
  const arrivedAt = found?.mail.internalDate ?? 0;
  const times = hopTimes(hops, { sentAt: found?.sentAt ?? 0, arrivedAt });
  expect(times).toHaveLength(2);
  // On one machine there is one clock.
  for (const { seconds, skew } of times.slice(0, 1))
    expect([seconds !== undefined && seconds >= 0, skew]).toEqual([true, undefined]);
});
