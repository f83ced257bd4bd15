/** Trouble that is on its way, at a real Dovecot and a real Postfix: quotas that fill up, certificates that end. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { brewingOf } from '../../lambdas/core/brewing.ts';
import type { Certificate } from '../../lambdas/core/words.ts';
import { quotaOf } from '../../lambdas/mailbox/quota.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, looked } from '../mailbox/bench.ts';
import { mail, send } from '../paths/smtp-harness.ts';
import { type Life, lifeLeft, type Signed, workshop } from './certificates.ts';
import { type Lab, startLab } from './postfix.ts';

const trusted = '127.0.0.11';
const day = 24 * 60 * 60_000;
const user = 'canary@supplier.test';

let lab: Lab;
let shop: ReturnType<typeof workshop>;

beforeAll(async () => {
  lab = await startLab();
  shop = workshop(join(lab.dir, 'shop'));
  await lab.trust([trusted]);
});
afterAll(async () => {
  await lab?.stop();
});

const dovecot = () => join(lab.dir, 'dovecot');

/** Settings and certificates are read again; logins that follow meet them. */
const reload = async () => {
  const log = () => readFileSync(join(dovecot(), 'dovecot.log'), 'utf8').split('SIGHUP received').length;
  const before = log();
  execFileSync('doveadm', ['-c', join(dovecot(), 'dovecot.conf'), 'reload'], { stdio: ['ignore', 'pipe', 'pipe'] });
  await expect.poll(log, { timeout: 10_000 }).toBeGreaterThan(before);
};

/** Both servers show this from now on, with those that signed it. */
const show = async (own: Signed, ...signers: readonly Signed[]) => {
  writeFileSync(lab.imap.certificate, [own, ...signers].map(({ pem }) => pem).join(''));
  writeFileSync(join(dovecot(), 'server.key'), own.key);
  await reload();
};

const trust = (name: string, { pem }: Signed): string => {
  const path = join(lab.dir, `${name}.pem`);
  writeFileSync(path, pem);
  return `file:${path}`;
};

const mailbox = (ca = `file:${lab.imap.ca}`) => {
  const opened = openMailbox(
    {
      imap: { host: lab.imap.host, port: lab.imap.port, secure: true, tls: { ca } },
      auth: { kind: 'password', user, secret: 'env:PASSWORD' },
      timeout: 15_000,
    },
    { name: 'outside', now: Date.now, secret: async () => lab.imap.password },
  );
  onTestFinished(() => opened.close());
  return opened;
};

const byImap = async (ca: string) => {
  const look = await mailbox(ca).look(ask());
  return look.state === 'looked' ? look.certificate : look.cause;
};
const bySmtp = async (ca: string) => {
  const { host, port } = lab.relay;
  const settings = { host, port, localAddress: trusted, requireTls: true, tls: { ca } };
  const handover = await send(settings, { mail: { ...mail, to: user }, ms: 20_000 });
  return handover.state === 'accepted' ? handover.certificate : 'cause' in handover ? handover.cause : handover.state;
};

const servers = () => ({
  imap: `${lab.imap.host}:${lab.imap.port}`,
  smtp: `${lab.relay.host}:${lab.relay.port}`,
});

describe('a certificate', () => {
  const names = 'DNS:mail.lab.test,DNS:*.lab.test,IP:127.0.0.1';
  const year = lifeLeft(300);

  /** What both servers are told to show, by whoever trusts the root, is what is told. */
  const expectShown = async (ca: string, life: Life, signer?: string) => {
    const both = { imap: await byImap(ca), smtp: await bySmtp(ca) };
    const certificate = {
      name: '127.0.0.1',
      names: ['127.0.0.1', 'mail.lab.test', '*.lab.test'],
      ...life,
      ...(signer === undefined ? {} : { signer }),
    };
    const { imap, smtp } = servers();
    expect(both).toEqual({ imap: { server: imap, ...certificate }, smtp: { server: smtp, ...certificate } });
    return [both.imap, both.smtp] as readonly Certificate[];
  };
  const brewing = (shown: readonly Certificate[]) => {
    const certificates = shown.map((one) => ({ ...one, seenAt: Date.now() }));
    return brewingOf({ monitor: { mailboxes: {} }, states: new Map(), certificates, now: Date.now() });
  };

  test('with 20 days left is a ticket, with 2 days left a page, and both say which name breaks', async () => {
    const root = shop.sign('lab root', year);
    const ca = trust('root', root);
    for (const [days, severity] of [
      [20, 'ticket'],
      [2, 'page'],
    ] as const) {
      const life = lifeLeft(days);
      await show(shop.sign('mail.lab.test', life, { by: root, names }));
      const [trouble, ...others] = brewing(await expectShown(ca, life));
      expect(others).toEqual([]);
      expect(trouble).toMatchObject({ severity, cause: 'certificate-ends' });
      const { imap, smtp } = servers();
      for (const server of [imap, smtp]) expect(trouble?.evidence).toContain(server);
      const date = new Date(life.until).toISOString().slice(0, 10);
      expect(trouble?.evidence).toMatch(new RegExp(`expire on ${date}, in ${days - 1}\\.9 days`));
      expect(trouble?.evidence).toMatch(/break then for the name 127\.0\.0\.1$/);
    }
  });

  test('that is fresh is no trouble; one that has ended is refused for its own cause, and shows nothing', async () => {
    const root = shop.sign('lab root', year);
    const ca = trust('root', root);
    await show(shop.sign('mail.lab.test', lifeLeft(200), { by: root, names }));
    expect(brewing((await Promise.all([byImap(ca), bySmtp(ca)])) as Certificate[])).toEqual([]);
    await show(shop.sign('mail.lab.test', lifeLeft(-0.1), { by: root, names }));
    expect([await byImap(ca), await bySmtp(ca)]).toEqual(['tls-expired', 'tls-expired']);
  });

  test('whose signer ends first: the signer is named; from that day on a check fails', async () => {
    const root = shop.sign('lab root', year);
    const ca = trust('root', root);
    const soon = lifeLeft(2.5);
    const own = (by: Signed) => shop.sign('mail.lab.test', lifeLeft(200), { by, names });
    const signer = shop.sign('lab CA 1', soon, { by: root });
    await show(own(signer), signer);
    expect(brewing(await expectShown(ca, soon, 'lab CA 1'))).toMatchObject([{ severity: 'page' }]);
    const ended = shop.sign('lab CA 1', lifeLeft(-0.1), { by: root });
    await show(own(ended), ended);
    expect([await byImap(ca), await bySmtp(ca)]).toEqual(['tls-expired', 'tls-expired']);
  });

  test('whose root ends first: that breaks a check just as well', async () => {
    const soon = lifeLeft(10);
    const own = (by: Signed) => shop.sign('mail.lab.test', lifeLeft(200), { by, names });
    const root = shop.sign('old root', soon);
    await show(own(root));
    expect(brewing(await expectShown(trust('root', root), soon, 'old root'))).toMatchObject([{ severity: 'ticket' }]);
    const ended = shop.sign('old root', lifeLeft(-0.1));
    await show(own(ended));
    const ca = trust('root', ended);
    expect([await byImap(ca), await bySmtp(ca)]).toEqual(['tls-expired', 'tls-expired']);
  });

  test('whose root is also signed by one that is gone: that signature ends and nothing breaks', async () => {
    const old = shop.sign('old root', year);
    const root = shop.sign('new root', year);
    const life = lifeLeft(200);
    const own = shop.sign('mail.lab.test', life, { by: root, names });
    const crossed = shop.sign('new root', lifeLeft(1), { by: old, of: root });
    await show(own, crossed);
    await expectShown(trust('root', root), life);
    await show(own, shop.sign('new root', lifeLeft(-1), { by: old, of: root }));
    await expectShown(trust('root', root), life);
  });
});

describe('a quota', () => {
  const connect = async () => {
    const client = new ImapFlow({
      host: lab.imap.host,
      port: lab.imap.port,
      secure: true,
      tls: { rejectUnauthorized: false },
      auth: { user, pass: lab.imap.password },
      logger: false,
    });
    client.on('error', () => {});
    onTestFinished(() => client.close());
    await client.connect();
    return client;
  };
  const fill = async (client: ImapFlow, kib: number) => {
    await client.append('INBOX', Buffer.from(`Subject: somebody's\r\n\r\n${'x'.repeat(kib * 1024)}\r\n`));
  };
  /** More of the configuration; a later word counts. */
  const plugin = async (...lines: readonly string[]) => {
    appendFileSync(join(dovecot(), 'dovecot.conf'), `\nplugin {\n${lines.join('\n')}\n}\n`);
    await reload();
  };

  test('is told in KiB, and grows with what is delivered', async () => {
    const client = await connect();
    const before = await quotaOf(client);
    expect(before).toMatchObject({ resource: 'STORAGE', limit: 1024 * 1024 });
    await fill(client, 2048);
    const used = ((await quotaOf(client))?.used ?? 0) - (before?.used ?? 0);
    expect(used).toBeGreaterThanOrEqual(2048);
    expect(used).toBeLessThan(2100);
  });

  test('of several roots the fullest counts, in messages too; none is told where there is no limit', async () => {
    await plugin('quota2 = count:Domain quota', 'quota2_rule = *:messages=10');
    const client = await connect();
    await fill(client, 1);
    const status = await client.status('INBOX', { messages: true });
    const messages = status === false ? 0 : (status.messages ?? 0);
    expect(messages).toBeGreaterThan(0);
    const told = await quotaOf(client);
    expect(told).toMatchObject({ resource: 'MESSAGE', limit: 10 });
    expect(told?.used).toBeGreaterThanOrEqual(messages);

    await plugin('quota_rule = *:storage=0', 'quota2_rule = *:messages=0');
    expect(await quotaOf(await connect())).toBeUndefined();
  });

  test('comes with a look that asks for it, and rings before the mailbox is full', async () => {
    const roots = shop.sign('lab root', lifeLeft(300));
    await show(shop.sign('mail.lab.test', lifeLeft(200), { by: roots, names: 'IP:127.0.0.1' }));
    await plugin('quota_rule = *:storage=20M', 'quota2_rule = *:messages=0');
    const client = await connect();
    const before = (await quotaOf(client))?.used ?? 0;
    await fill(client, 17 * 1024 - before);
    const box = mailbox(trust('root', roots));
    const { quota } = looked(await box.look(ask({ state: true })));
    expect(quota).toMatchObject({ resource: 'STORAGE', limit: 20 * 1024 });
    const now = Date.now();
    const samples = [
      { resource: 'STORAGE' as const, used: 15 * 1024, limit: 20 * 1024, at: now - day },
      ...(quota === undefined ? [] : [{ ...quota, at: now }]),
    ];
    const states = new Map([['outside', { quota: samples }]]);
    expect(brewingOf({ monitor: { mailboxes: {} }, states, certificates: [], now })).toMatchObject([
      {
        severity: 'ticket',
        cause: 'mailbox-filling',
        evidence: expect.stringMatching(
          /^mailbox outside is 85 % full \(17 of 20 MB\); at today's pace it is full on /,
        ),
      },
    ]);
    expect(looked(await box.look(ask())).quota).toBeUndefined();
  });
});
