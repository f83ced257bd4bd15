/** `watch` on real servers: mailboxes that go dark and come back, hang, may only be read, fill up; certificates that end. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Judgement } from '../../lambdas/core/judge.ts';
import { verdicts } from '../../lambdas/core/words.ts';
import { foreignMails, idOf } from '../mailbox/mails.ts';
import { lifeLeft, workshop } from './certificates.ts';
import { listening } from './dovecot.ts';
import {
  allow,
  type Change,
  mailboxOf,
  reconfigure,
  relayPath,
  settingsOf,
  startMailboxLab,
  startSilent,
  type Watching,
  watchQuickly,
} from './mailbox-lab.ts';
import type { Lab } from './postfix.ts';
import { everythingIn, killAll, leaked, type Tool, toolFor, visit } from './tool.ts';

const at = (name: string) => `${name}@supplier.test`;
/** What the lab's relay brought, and nobody else. */
const isCanary = ({ raw }: { readonly raw: string }) => raw.startsWith('Return-Path: <orders@example.test>');

let lab: Lab;
let tool: Tool;

beforeAll(async () => {
  lab = await startMailboxLab();
  tool = toolFor(lab);
});

afterAll(async () => {
  await lab?.stop();
});

/** A canary a second, in time within ten of them, lost after ten. */
const quick = (mailboxes: Readonly<Record<string, Change>>, change: Change = {}) =>
  settingsOf(lab, mailboxes, { every: '1 minute', deliverWithin: '10 minutes', lostAfter: '10 minutes', ...change });

const watching = (settings: unknown): Watching => {
  const watch = watchQuickly(lab, settings);
  onTestFinished(watch.stop);
  return watch;
};

/** All that was settled so far, in the order in which it was. */
const settledBy = ({ rounds }: Watching) =>
  rounds.flatMap(({ at: seenAt, done }) => done.settled.map((story) => ({ ...story, seenAt })));

const delivered = (watch: Watching, mailbox: string) =>
  settledBy(watch).filter(({ route, judgement }) => route.endsWith(`/${mailbox}`) && judgement.verdict === 'delivered');

/** Speaks against a host. On a busy machine a canary may be too late to be sent at all, which does not. */
const blames = ({ judgement: { verdict } }: { readonly judgement: Judgement }): boolean =>
  verdict !== 'pending' && verdicts[verdict].says === 'bad';

const about = ({ events }: Watching, key: string) => events.filter(({ incident }) => incident.key === key);

describe('a mailbox of which only IMAP is down', () => {
  test('is dark and blames nobody; once it is back every canary is judged by its arrival', {
    timeout: 180_000,
  }, async () => {
    const imaps = (port: number) =>
      reconfigure(
        lab,
        `service imap-login {
  inet_listener imaps {
    port = ${port}
  }
}`,
      );
    const { port } = lab.imap;
    onTestFinished(async () => {
      if (!(await listening(port))) await imaps(port);
    });
    const user = at('dark');
    const watch = watching(quick({ outside: mailboxOf(lab, user) }));
    await watch.until('two canaries have arrived', 40, () => delivered(watch, 'outside').length >= 2);
    expect(watch.events).toEqual([]);

    await imaps(0);
    await watch.until('nobody listens', 20, async () => !(await listening(port)));
    const wentDark = Date.now();
    await watch.until('the darkness is told', 40, () => about(watch, 'dark|outside').length > 0);
    const [opened] = about(watch, 'dark|outside');
    expect(opened).toMatchObject({
      kind: 'opened',
      incident: { severity: 'note', cause: 'connect-refused', name: 'mailbox outside' },
    });
    expect(opened?.incident.evidence).toMatch(
      /; whether mail of 1 route arrives is not known since \d{4}-\d\d-\d\d \d\d:\d\d UTC$/,
    );
    expect(opened?.incident.remedy).toContain('the IMAP server of mailbox outside');
    expect(
      watch.lines.filter((line) => line.startsWith('mailbox outside  ? cannot be read: connect-refused')),
    ).toHaveLength(1);
    // Longer than what a canary may take, and than what a round reads back: some are called blind.
    await watch.until(
      'canaries are not known',
      60,
      () =>
        settledBy(watch).filter(({ judgement }) => judgement.verdict === 'blind').length >= 5 &&
        Date.now() > wentDark + 25_000,
    );
    const taken = lab.log().match(/to=<dark@supplier\.test>.*status=sent/g)?.length ?? 0;
    expect(taken).toBeGreaterThan(20);

    await imaps(port);
    await watch.until('it is read again', 40, () => watch.lines.includes('mailbox outside  ✓ is read again'));
    const back = Date.now();
    // All that the relay had handed over by then, whatever it was called before.
    await watch.until(
      'all of these are judged',
      60,
      () => new Set(delivered(watch, 'outside').map(({ slot }) => slot)).size >= taken,
    );
    const waited = delivered(watch, 'outside').filter(
      ({ handover }) => handover !== undefined && handover.sentAt > wentDark + 1000 && handover.sentAt < back - 5000,
    );
    expect(waited.length).toBeGreaterThan(5);
    // It took them as long as it took the mail, not the one who looked.
    for (const { judgement, sighting } of waited) {
      expect(judgement.took).toBeLessThan(10_000);
      expect(sighting.state === 'seen' && sighting.arrivedAt < back).toBe(true);
    }
    expect(settledBy(watch).some(({ was, judgement }) => was === 'blind' && judgement.verdict === 'delivered')).toBe(
      true,
    );
    await watch.until('the end is told', 30, () => about(watch, 'dark|outside').some(({ kind }) => kind === 'closed'));
    // Nobody was blamed: not a host, not a path.
    expect([...new Set(watch.events.map(({ incident }) => incident.key))]).toEqual(['dark|outside']);
    expect(settledBy(watch).filter(blames)).toEqual([]);
    await watch.stop();
    // Which came while the last round ran is still there, and nothing else.
    expect((await everythingIn(lab, user)).length).toBeLessThan(10);
  });
});

describe('a mailbox that hangs', () => {
  test('holds up the verdicts of another one for no more than 3 s in most rounds', { timeout: 120_000 }, async () => {
    const silent = await startSilent();
    onTestFinished(silent.stop);
    const { imap, ...rest } = mailboxOf(lab, at('hanging'));
    const hanging = { ...rest, imap: { ...imap, port: silent.port }, timeout: '11 s' };
    // Eleven seconds are one more than two times five: a round with all of its time is not followed by another one.
    const watch = watching(
      quick({ well: mailboxOf(lab, at('well')), hanging }, { lostAfter: '60 minutes', deliverWithin: '60 minutes' }),
    );
    await watch.until('many rounds', 100, () => watch.rounds.length >= 8);
    const lengths = watch.lengths();
    // One round of five may be given all of its time.
    expect(lengths.filter((length) => length > 9000).length).toBeLessThanOrEqual(Math.ceil(lengths.length / 3));
    expect(lengths.toSorted((a, b) => a - b)[Math.floor(lengths.length / 2)]).toBeLessThan(8000);
    expect(delivered(watch, 'well').length).toBeGreaterThan(2);
    expect(settledBy(watch).filter(blames)).toEqual([]);
    expect(
      settledBy(watch).filter(({ route, judgement }) => route.endsWith('/well') && judgement.verdict === 'blind'),
    ).toEqual([]);
    const [told] = about(watch, 'dark|hanging');
    expect(told?.incident).toMatchObject({ severity: 'note', cause: 'timeout-at-stage' });
    expect([...new Set(watch.events.map(({ incident }) => incident.key))]).toEqual(['dark|hanging']);
  });
});

describe('what stays', () => {
  test('a mailbox that may only be read is told once, and its canaries are judged', { timeout: 90_000 }, async () => {
    const user = at('read-only');
    await visit(lab, user, async (client) => {
      for (const raw of Object.values(foreignMails(idOf(1)))) await client.append('INBOX', Buffer.from(raw, 'latin1'));
    });
    const before = await everythingIn(lab, user);
    allow(lab, user, 'lr');
    const watch = watching(quick({ outside: mailboxOf(lab, user) }));
    await watch.until('eight canaries are judged', 60, () => delivered(watch, 'outside').length >= 8);
    await watch.until('it is told', 30, () => about(watch, 'read-only|outside').length > 0);
    await sleep(3000);
    await watch.stop();
    expect(watch.events).toHaveLength(1);
    expect(watch.events[0]).toMatchObject({
      kind: 'opened',
      incident: { key: 'read-only|outside', severity: 'note', cause: 'mailbox-read-only', name: 'mailbox outside' },
    });
    expect(watch.events[0]?.incident.evidence).toContain('folder "INBOX": ');
    expect(watch.events[0]?.incident.remedy).toContain('give the user of mailbox outside the right to delete');
    expect(watch.problems).toEqual([]);
    expect(watch.lines.filter((line) => line.startsWith('!'))).toEqual([]);
    const left = await everythingIn(lab, user);
    expect(left.filter((mail) => !isCanary(mail))).toEqual(before);
    expect(left.filter(isCanary).length).toBeGreaterThanOrEqual(8);
    // Of each canary one verdict, though its mail is seen again and again.
    const slots = settledBy(watch).map(({ slot }) => slot);
    expect(slots.length).toBe(new Set(slots).size);
  });

  test('canaries are kept as long as keep says, and then they go; somebody’s mail does not', {
    timeout: 180_000,
  }, async () => {
    const user = at('kept');
    await visit(lab, user, async (client) => {
      for (const raw of Object.values(foreignMails(idOf(1)))) await client.append('INBOX', Buffer.from(raw, 'latin1'));
    });
    const before = await everythingIn(lab, user);
    // Twenty seconds; what is left is looked for once a minute.
    const watch = watching(quick({ outside: mailboxOf(lab, user, { keep: '20 minutes' }) }));
    await watch.until('many are judged', 60, () => delivered(watch, 'outside').length >= 10);
    const first = (await everythingIn(lab, user)).filter(isCanary);
    expect(first.length).toBeGreaterThanOrEqual(10);
    const oldest = first[0]?.uid;
    await watch.until('the first ones have gone', 110, async () => {
      await sleep(1000);
      return !(await everythingIn(lab, user)).some((mail) => isCanary(mail) && mail.uid === oldest);
    });
    await watch.stop();
    const left = await everythingIn(lab, user);
    expect(left.filter((mail) => !isCanary(mail))).toEqual(before);
    // The young ones are still there.
    expect(left.filter(isCanary).length).toBeGreaterThan(5);
    expect(watch.events).toEqual([]);
    expect(watch.problems).toEqual([]);
  });
});

describe('trouble brewing, as watch prints it', () => {
  /** What `watch` prints of incidents, each with the lines below it. */
  const incidentsIn = (shown: string): readonly string[] =>
    shown
      .split('\n')
      .map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''))
      .filter((line) => line.startsWith('INCIDENT ') || line.startsWith('  '))
      .join('\n')
      .split(/\n(?=INCIDENT )/);

  test('a mailbox that is 85 % full and certificates with ten days left are tickets, with proof and next step', {
    timeout: 150_000,
  }, async () => {
    // Both servers show this from now on.
    const shop = workshop(join(lab.dir, 'shop'));
    const root = shop.sign('lab root', lifeLeft(300));
    const life = lifeLeft(10);
    const own = shop.sign('mail.lab.test', life, { by: root, names: 'DNS:mail.lab.test,IP:127.0.0.1' });
    const ca = join(lab.dir, 'root.pem');
    writeFileSync(ca, root.pem);
    const key = join(lab.dir, 'dovecot', 'server.key');
    const before = { certificate: readFileSync(lab.imap.certificate), key: readFileSync(key) };
    onTestFinished(async () => {
      writeFileSync(lab.imap.certificate, before.certificate);
      writeFileSync(key, before.key);
      await reconfigure(lab, 'plugin {\n  quota_rule = *:storage=1G\n}');
    });
    const user = at('filling');
    await visit(lab, user, async (client) => {
      const mail = `Subject: somebody's\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(Math.floor((17 * 1024 * 1024) / 72))}`;
      await client.append('INBOX', Buffer.from(mail));
    });
    writeFileSync(lab.imap.certificate, own.pem);
    writeFileSync(key, own.key);
    await reconfigure(lab, 'plugin {\n  quota_rule = *:storage=20M\n}');

    const trust = { ca: `file:${ca}` };
    const { host, port } = lab.imap;
    const settings = settingsOf(
      lab,
      { outside: mailboxOf(lab, user, { imap: { host, port, tls: trust }, shared: true }) },
      { name: 'brewing', paths: { relay: relayPath(lab, { tls: trust }) } },
    );
    const watch = tool.start('watch', settings, { args: ['--state', 'state'] });
    onTestFinished(() => killAll(watch, 'SIGKILL'));
    let shown = '';
    watch.child.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    const ending = () => incidentsIn(shown).filter((one) => one.includes(': certificate-ends: '));
    const filling = () => incidentsIn(shown).filter((one) => one.includes(': mailbox-filling: '));
    const imapServer = `${host}:${port}`;
    const smtpServer = `${lab.relay.host}:${lab.relay.port}`;
    await expect
      .poll(() => [filling().length, ending().some((one) => one.includes(imapServer) && one.includes(smtpServer))], {
        timeout: 110_000,
        interval: 200,
      })
      .toEqual([1, true]);
    // Its lines may come in several pieces.
    await sleep(500);
    await killAll(watch, 'SIGTERM');

    expect(filling()[0]).toMatch(/^INCIDENT opened \(ticket\) \S+: mailbox-filling: mailbox outside\n/);
    expect(filling()[0]).toMatch(/ {2}seen: mailbox outside is 8[56] % full \(17(\.\d)? of 20 MB\)\n/);
    expect(filling()[0]).toContain(
      '  next step: empty mailbox outside, Trash and Sent Items included, or raise its quota',
    );
    const both = ending().at(-1) ?? '';
    const date = new Date(life.until).toISOString().slice(0, 10);
    expect(both).toMatch(
      new RegExp(
        `expire on ${date}, in 9\\.9 days: connections that check it break then for the name 127\\.0\\.0\\.1\n`,
      ),
    );
    expect(both).toMatch(/ {2}next step: renew the certificate of .*127\.0\.0\.1:/);
    // One trouble, not one for each server.
    expect(new Set(ending().map((one) => / (\S+): certificate-ends/.exec(one)?.[1])).size).toBe(1);
    expect(shown).toContain('web-01/relay/outside  ✓ arrived');
    expect(incidentsIn(shown).filter((one) => !/: (certificate-ends|mailbox-filling): /.test(one))).toEqual([]);
  });

  test('no byte of any output holds the password', () => {
    expect(tool.printed().length).toBeGreaterThan(300);
    expect(leaked(tool.printed(), [lab.imap.password])).toEqual([]);
  });
});
