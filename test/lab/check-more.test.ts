/** `check` as a process: open relays, large mails, bounces, origins, and its other outputs, against real servers. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { foreignMails, idOf } from '../mailbox/mails.ts';
import { configure } from './configure.ts';
import { freePort } from './dovecot.ts';
import { checkOn, type Forward, forwardTo } from './more-network.ts';
import { ended, startRefusing } from './more-tool.ts';
import { type Lab, startLab } from './postfix.ts';
import { type Hosts, startHosts } from './ssm-hosts.ts';
import { everythingIn, leaked, mailboxesOf, type Tool, toolFor, visit } from './tool.ts';

const trusted = '127.0.0.11';
const untrusted = '127.0.0.13';
const from = 'orders@example.test';

let lab: Lab;
let tool: Tool;

beforeAll(async () => {
  lab = await startLab();
  tool = toolFor(lab);
  await lab.trust([trusted]);
});

afterAll(async () => {
  await lab?.stop();
});

const path = (change: object = {}) => ({
  kind: 'smtp',
  host: lab.relay.host,
  port: lab.relay.port,
  from,
  localAddress: trusted,
  tls: { ca: `file:${lab.imap.ca}` },
  ...change,
});

/** One host with one path, to the outside. */
const settingsFor = (paths: object, change: object = {}) => ({
  lostAfter: '20 s',
  ourDomains: ['example.test'],
  mailboxes: mailboxesOf(lab),
  paths,
  hosts: [{ id: 'web-01', address: trusted, paths: Object.keys(paths), mailboxes: ['outside'] }],
  ...change,
});

describe('mustRefuse: openRelay', () => {
  const stranger = () => ({
    stranger: path({ from: 'stranger@elsewhere.test', localAddress: untrusted, mustRefuse: 'openRelay' }),
  });

  test('a relay that trusts single addresses refuses the stranger, as it must', async () => {
    const { status, report, row } = await tool.check(settingsFor(stranger()));
    expect(report).toMatchObject({ ok: true, incidents: [] });
    expect(row('web-01/stranger/outside')).toMatchObject({
      verdict: 'denied',
      cause: null,
      evidence: `554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`,
      answeredBy: lab.relay.name,
    });
    expect(status).toBe(0);
  });

  test('a relay whose trust list was widened to everybody is an open one', async () => {
    await configure(lab, { mynetworks: '0.0.0.0/0' });
    onTestFinished(() => lab.trust([trusted]));
    const { status, report, row } = await tool.check(settingsFor(stranger()));
    const relayed = row('web-01/stranger/outside');
    expect(relayed).toMatchObject({ verdict: 'relayed', cause: 'open-relay', answeredBy: lab.relay.name });
    expect(relayed.remedy).toContain(`trust list on ${lab.relay.name} back`);
    expect(report.incidents).toMatchObject([
      { cause: 'open-relay', answeredBy: lab.relay.name, routes: ['web-01/stranger/outside'] },
    ]);
    expect(status).toBe(1);
  });
});

describe('size', () => {
  test('5 MB arrive as they were sent', async () => {
    const { status, report, row } = await tool.check(
      settingsFor({ large: path({ size: '5 MB', requireTls: true }) }, { lostAfter: '60 s' }),
    );
    expect(row('web-01/large/outside')).toMatchObject({ verdict: 'delivered', cause: null, altered: false });
    expect(report).toMatchObject({ ok: true, warnings: [] });
    expect(status).toBe(0);
    expect(lab.log()).toMatch(/size=6[89]\d{5}, nrcpt=1/);
  });

  test('a relay that changes a line of the attachment is found out', async () => {
    const checks = join(lab.dir, 'body-checks');
    // The last letter of a full line of base64.
    writeFileSync(checks, '/^([A-Za-z0-9+\\/]{75})[A-Za-z0-9+\\/]$/ REPLACE $(1)A\n');
    await configure(lab, { body_checks: `regexp:${checks}` });
    onTestFinished(() => configure(lab, { body_checks: '' }));
    const { status, report, row } = await tool.check(settingsFor({ sized: path({ size: '100 kB' }) }));
    expect(row('web-01/sized/outside')).toMatchObject({ verdict: 'delivered', altered: true });
    expect(report.warnings).toEqual(['arrived with another attachment than was sent: web-01/sized/outside']);
    expect(status).toBe(0);
    // The same mail without an attachment has nothing that could be changed.
    expect((await tool.check(settingsFor({ plain: path() }))).row('web-01/plain/outside').altered).toBe(false);
  });
});

describe('bounces', () => {
  const words = '5.1.1 <canary@refusing.test> User unknown here';
  let stop: () => Promise<void>;

  beforeAll(async () => {
    const port = await freePort();
    stop = await startRefusing(port, lab.relay.host, words);
    const lmtp = join(lab.dir, 'dovecot', 'run', 'lmtp');
    const transports = join(lab.dir, 'transports');
    writeFileSync(transports, `supplier.test lmtp:unix:${lmtp}\nrefusing.test lmtp:inet:${lab.relay.host}:${port}\n`);
    const config = join(lab.dir, 'postfix', 'etc');
    execFileSync('/usr/sbin/postconf', ['-c', config, '-e', `transport_maps=texthash:${transports}`]);
    // Postfix reads it when this reloads it.
    await lab.trust([trusted]);
    await visit(lab, from, async (client) => {
      for (const raw of Object.values(foreignMails(idOf(1)))) await client.append('INBOX', Buffer.from(raw, 'latin1'));
    });
  });
  afterAll(async () => {
    await stop?.();
  });

  const account = (user: string) => ({
    imap: { host: lab.imap.host, port: lab.imap.port, tls: { ca: `file:${lab.imap.ca}` } },
    auth: { kind: 'password', user, secret: 'env:MAILBOX_PASSWORD' },
  });
  const settings = (change: object = {}) =>
    settingsFor(
      { mta: path() },
      {
        lostAfter: '8 s',
        mailboxes: { refusing: { address: 'canary@refusing.test', ...account('canary@refusing.test') } },
        hosts: [{ id: 'web-01', address: trusted, paths: ['mta'] }],
        ...change,
      },
    );
  const bounces = (mails: Awaited<ReturnType<typeof everythingIn>>) =>
    mails.filter(({ raw }) => raw.includes('Undelivered Mail Returned') && raw.includes('canary@refusing.test'));

  test('taken by the relay and returned: read in the mailbox of the sender, and removed; nothing else is', async () => {
    const before = await everythingIn(lab, from);
    expect(before).toHaveLength(Object.keys(foreignMails(idOf(1))).length);
    const { status, report, row } = await tool.check(settings({ bounces: { returns: account(from) } }));
    const returned = row('web-01/mta/refusing');
    expect(returned).toMatchObject({ verdict: 'bounced', cause: 'returned', evidence: `550 ${words}` });
    expect(returned.queueId).toMatch(/^[0-9A-F]{6,}$/);
    expect(lab.log()).toMatch(new RegExp(`${returned.queueId}: to=<canary@refusing\\.test>.*status=bounced`));
    expect(report.incidents).toMatchObject([{ cause: 'returned', routes: ['web-01/mta/refusing'] }]);
    expect(status).toBe(1);
    // It came, and was removed.
    expect(lab.log()).toMatch(/to=<orders@example\.test>.*status=sent/);
    expect(await everythingIn(lab, from)).toEqual(before);
  });

  test('the same without that mailbox: nobody knows why, and the bounce stays where it is', async () => {
    const { status, row } = await tool.check(settings());
    expect(row('web-01/mta/refusing')).toMatchObject({ verdict: 'lost', cause: 'accepted-but-lost' });
    expect(status).toBe(1);
    expect(bounces(await everythingIn(lab, from))).toHaveLength(1);
  });

  test('another check passes over bounces that are not its own', async () => {
    const before = await everythingIn(lab, from);
    const { status, row } = await tool.check(settings({ bounces: { returns: account(from) } }));
    expect(row('web-01/mta/refusing').verdict).toBe('bounced');
    expect(status).toBe(1);
    expect(await everythingIn(lab, from)).toEqual(before);
    expect(bounces(before)).toHaveLength(1);
  });

  test('a mailbox for bounces that cannot be read keeps nobody from being judged', async () => {
    const unreadable = { ...account(from), imap: { host: lab.imap.host, port: await freePort() } };
    const { status, row } = await tool.check(settings({ bounces: { returns: unreadable } }));
    expect(row('web-01/mta/refusing')).toMatchObject({ verdict: 'lost', cause: 'accepted-but-lost' });
    expect(status).toBe(1);
  });
});

describe('origin', () => {
  const other = '192.0.2.77';
  let hosts: Hosts;
  let imap: Forward;
  let own: string;
  let password: Readonly<Record<string, string>>;

  beforeAll(async () => {
    hosts = await startHosts(lab);
    own = hosts.host('web-01', 11).address;
    imap = await forwardTo(lab.imap.port, hosts.relay.host);
    password = { MAILBOX_PASSWORD: lab.imap.password };
    await lab.trust([own]);
  });
  afterAll(async () => {
    await imap?.close();
    hosts?.stop();
    await lab.trust([trusted]);
  });

  /** As `check` on the host reads it: the mailboxes are reached over the bridge. */
  const onHost = (facts: object, change: object = {}) => {
    const mailboxes = Object.fromEntries(
      Object.entries(mailboxesOf(lab)).map(([name, mailbox]) => [
        name,
        {
          ...mailbox,
          imap: {
            host: hosts.relay.host,
            port: imap.port,
            tls: { ca: `file:${lab.imap.ca}`, serverName: 'localhost' },
          },
        },
      ]),
    );
    const relay = {
      ...hosts.relay,
      localAddress: undefined,
      tls: { ca: `file:${lab.imap.ca}`, serverName: 'localhost' },
    };
    return settingsFor(
      { direct: path({ ...relay, ...change }) },
      { mailboxes, hosts: [{ id: 'web-01', paths: ['direct'], mailboxes: ['outside'], ...facts }] },
    );
  };
  const check = async (facts: object, change: object = {}) => {
    const { status, report } = await checkOn(own, lab.dir, onHost(facts, change), password);
    const [row] = report.verdicts;
    expect(row).toMatchObject({ route: 'web-01/direct/outside', verdict: 'delivered' });
    return { status, origin: row?.origin, warnings: report.warnings };
  };

  test('mail that leaves from the host’s own address: confirmed', async () => {
    expect(await check({ address: own })).toEqual({
      status: 0,
      origin: { state: 'confirmed', address: own },
      warnings: [],
    });
  });

  test('from another address than the settings know: not proven', async () => {
    const { status, origin, warnings } = await check({ address: other });
    expect(origin).toEqual({ state: 'mismatched', address: own });
    expect(warnings).toEqual([
      `not proven: mail of web-01 over path direct left from ${own}, which is not its own (${other}): correct its "address", declare ${own} in its "egress", or say why it does not matter in the path's "origin"`,
    ]);
    expect(status).toBe(0);
  });

  test('declared as its way out: confirmed, as an address and as a range', async () => {
    const range = own.replace(/\.\d+$/, '.0/24');
    for (const egress of [[own], [range]])
      expect(await check({ address: other, egress })).toEqual({
        status: 0,
        origin: { state: 'confirmed', address: own },
        warnings: [],
      });
  });

  test('a path that says why it does not matter is not asked', async () => {
    const { origin, warnings } = await check(
      { address: other },
      { origin: { any: 'all mail leaves through a proxy' } },
    );
    expect([origin, warnings]).toEqual([null, []]);
  });

  test('submitted to the host’s own mail server: what counts is from where that one sends', async () => {
    const host = hosts.host('web-02', 12);
    const { MAIL_CONFIG = '' } = await host.startMta(
      ['inet_interfaces = all', `mynetworks = 127.0.0.0/8 ${hosts.relay.host}/32`, 'smtpd_peername_lookup = no'].join(
        '\n',
      ),
    );
    const port = 2525;
    execFileSync('/usr/sbin/postconf', ['-c', MAIL_CONFIG, '-M', `${port}/inet=${port} inet n - n - - smtpd`]);
    execFileSync('/usr/sbin/postfix', ['-c', MAIL_CONFIG, 'reload'], { stdio: ['ignore', 'pipe', 'pipe'] });
    await lab.trust([own, host.address]);
    const settings = settingsFor(
      { mta: { kind: 'smtp', host: '{host.address}', port, from } },
      { hosts: [{ id: 'web-02', address: host.address, paths: ['mta'], mailboxes: ['outside'] }] },
    );
    const { status, report, row } = await tool.check(settings);
    expect(row('web-02/mta/outside')).toMatchObject({
      verdict: 'delivered',
      answeredBy: 'host.example.test',
      origin: { state: 'confirmed', address: host.address },
    });
    expect(report.warnings).toEqual([]);
    expect(status).toBe(0);
  });
});

describe('what else check prints', () => {
  const both = () => ({
    lostAfter: '20 s',
    mailboxes: mailboxesOf(lab),
    paths: { good: path(), bad: path({ localAddress: untrusted }) },
    hosts: [
      { id: 'web-01', address: trusted, paths: ['good'] },
      { id: 'web-03', address: untrusted, paths: ['bad'] },
    ],
  });
  const run = (...args: string[]) => ended(tool.start('check', both(), { args }).child);

  test('--explain: every connection that these routes need, and nothing is sent', async () => {
    const connected = () => lab.log().split(': connect from ').length - 1;
    const before = connected();
    expect(before).toBeGreaterThan(0);
    const { status, stdout } = await run('--explain', '--json');
    expect(status).toBe(0);
    const { connections } = JSON.parse(stdout) as {
      readonly connections: readonly { host: string | null; to: string; port: number; addresses: string[] }[];
    };
    const { relay, imap } = lab;
    expect(connections.map(({ host, to, port }) => [host, to, port])).toEqual([
      ['web-01', relay.host, relay.port],
      ['web-03', relay.host, relay.port],
      [null, imap.host, imap.port],
      [null, imap.host, imap.port],
    ]);
    expect(connections.slice(0, 2).map(({ addresses }) => addresses)).toEqual([[trusted], [untrusted]]);
    const text = await run('--explain', '--host', 'web-03');
    expect(text.status).toBe(0);
    expect(text.stdout).toContain(`${relay.host}:${relay.port}`);
    expect(text.stdout).toContain(untrusted);
    expect(text.stdout).not.toContain('web-01');
    expect(connected()).toBe(before);
  });

  test('--nagios: OK where all arrive', async () => {
    const { status, stdout, stderr } = await run('--nagios', '--host', 'web-01');
    expect(stdout).toMatch(
      /^MAIL CANARY OK - 2 of 2 canaries arrived, slowest web-01 \d+\.\d s \| arrived=2;;;0;2 delivered=2;;;0;2 .*slowest=\d+\.\ds;20;20;0\n$/,
    );
    expect([status, stderr]).toEqual([0, '']);
  });

  test('--nagios: CRITICAL where one is refused', async () => {
    const { status, stdout, stderr } = await run('--nagios');
    const [first = '', ...more] = stdout.split('\n');
    expect(first).toMatch(/^MAIL CANARY CRITICAL - 3 of 4 canaries arrived, 1 refused, .*relay-denied.* \| arrived=3;/);
    expect(first).toContain(' refused=1;;;0;4 ');
    expect(more[0]).toBe(
      `CRITICAL web-03/bad/outside refused: relay-denied by ${lab.relay.name}: 554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`,
    );
    expect([status, stderr]).toEqual([2, '']);
  });

  test('--verbose: the way of what arrived, and all that is known of what did not', async () => {
    const well = await run('--verbose', '--host', 'web-01');
    expect(well.status).toBe(0);
    expect(well.stdout).toMatch(/web-01\/good\/outside\n {2}hops:\n {4}.*mail-gw\.example\.test/);
    expect(well.stdout).not.toContain('conversation:');

    const { status, stdout } = await run('--verbose');
    expect(status).toBe(1);
    const story = stdout.slice(stdout.indexOf('\nweb-03/bad/outside\n'));
    for (const words of [
      `evidence:    554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`,
      `answered by: ${lab.relay.name}`,
      `next step:   trust ${untrusted} (web-03) on ${lab.relay.name}: `,
      '  conversation:',
      `RCPT TO:<${lab.mailboxes.outside}>`,
      '  where to look:',
      '  which mails did we lose:',
    ])
      expect(story).toContain(words);
  });
});

test('no byte of any output holds the password', () => {
  expect(tool.printed().length).toBeGreaterThan(1000);
  expect(leaked(tool.printed(), [lab.imap.password])).toEqual([]);
});
