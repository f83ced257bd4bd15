/** `check` as a process of its own, against a real relay that trusts some addresses, and real mailboxes. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { foreignMails, idOf, otherMail } from '../mailbox/mails.ts';
import { type Lab, startLab } from './postfix.ts';
import { everythingIn, leaked, mailboxesOf, type Tool, toolFor, visit } from './tool.ts';

const trusted = '127.0.0.11';
const untrusted = '127.0.0.13';
const wrongPassword = randomBytes(12).toString('hex');

let lab: Lab;
let tool: Tool;
let foreign: Awaited<ReturnType<typeof everythingIn>>[];

const users = () => Object.values(lab.mailboxes);
const everything = () => Promise.all(users().map((user) => everythingIn(lab, user)));

const path = (change: object = {}) => ({
  kind: 'smtp',
  host: lab.relay.host,
  port: lab.relay.port,
  from: 'orders@example.test',
  requireTls: true,
  tls: { ca: `file:${lab.imap.ca}` },
  ...change,
});

/** One host for each of these addresses, with a path of its own, since the mail leaves from the machine of the test. */
const settingsFor = (addresses: Readonly<Record<string, string>>, change: object = {}) => ({
  lostAfter: '20 s',
  mailboxes: mailboxesOf(lab),
  paths: Object.fromEntries(
    Object.entries(addresses).map(([id, localAddress]) => [`from-${id}`, path({ localAddress })]),
  ),
  hosts: Object.entries(addresses).map(([id, address]) => ({ id, address, paths: [`from-${id}`] })),
  ...change,
});

beforeAll(async () => {
  lab = await startLab();
  tool = toolFor(lab);
  await lab.trust([trusted]);
  for (const user of users())
    await visit(lab, user, async (client) => {
      for (const raw of Object.values(foreignMails(idOf(1)))) await client.append('INBOX', Buffer.from(raw, 'latin1'));
      await client.append(
        'INBOX',
        otherMail(1),
        ['\\Seen', '\\Flagged', '\\Deleted'],
        new Date('2025-11-06T10:00:00Z'),
      );
      await client.append('Junk', otherMail(2), ['$Label1']);
    });
  foreign = await everything();
});

afterAll(async () => {
  await lab?.stop();
});

test('a host that the relay trusts is proven: inside and outside', async () => {
  const { status, report, row } = await tool.check(settingsFor({ 'web-01': trusted }));
  expect(report).toMatchObject({ ok: true, incidents: [], warnings: [] });
  expect(report.verdicts).toHaveLength(2);
  for (const mailbox of ['inside', 'outside']) {
    const { queueId, ...rest } = row(`web-01/from-web-01/${mailbox}`);
    expect(rest).toMatchObject({ verdict: 'delivered', cause: null, folder: 'INBOX', answeredBy: lab.relay.name });
    expect(rest.hops.map(({ by }) => by)).toContain(lab.relay.name);
    expect(lab.log()).toContain(`${queueId}: to=<canary@`);
  }
  expect(status).toBe(0);
});

test('an untrusted host is refused outside, while inside looks well; the remedy names relay and address', async () => {
  const { status, report, row } = await tool.check(settingsFor({ 'web-01': trusted, 'web-03': untrusted }));
  expect(row('web-03/from-web-03/inside').verdict).toBe('delivered');
  const refused = row('web-03/from-web-03/outside');
  expect(refused).toMatchObject({
    verdict: 'refused',
    cause: 'relay-denied',
    evidence: `554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`,
    answeredBy: lab.relay.name,
    seconds: null,
  });
  expect(refused.remedy).toContain(`trust ${untrusted} (web-03) on ${lab.relay.name}`);
  expect(report.incidents).toMatchObject([
    { name: 'web-03', cause: 'relay-denied', answeredBy: lab.relay.name, routes: [refused.route] },
  ]);
  for (const mailbox of ['inside', 'outside']) expect(row(`web-01/from-web-01/${mailbox}`).verdict).toBe('delivered');
  expect(status).toBe(1);
});

test('trusted at run time, the same host is well', async () => {
  await lab.trust([trusted, untrusted]);
  try {
    const { status, report } = await tool.check(settingsFor({ 'web-03': untrusted }));
    expect(report.verdicts.map(({ verdict }) => verdict)).toEqual(['delivered', 'delivered']);
    expect(status).toBe(0);
  } finally {
    await lab.trust([trusted]);
  }
});

test('a private CA can come from NODE_EXTRA_CA_CERTS as well', async () => {
  const paths = { 'from-web-01': path({ localAddress: trusted, tls: undefined }) };
  const settings = settingsFor({ 'web-01': trusted }, { mailboxes: mailboxesOf(lab, {}), paths });
  const { status, report } = await tool.check(settings, { env: { NODE_EXTRA_CA_CERTS: lab.imap.ca } });
  expect(report.verdicts.map(({ verdict }) => verdict)).toEqual(['delivered', 'delivered']);
  expect(status).toBe(0);
});

test('a relay with a certificate of an unknown CA gets no mail', async () => {
  const paths = Object.fromEntries(
    Object.entries({ strict: true, usual: undefined }).map(([name, requireTls]) => [
      name,
      path({ localAddress: trusted, tls: undefined, requireTls }),
    ]),
  );
  const hosts = [{ id: 'web-01', address: trusted, paths: Object.keys(paths) }];
  const { status, report } = await tool.check(settingsFor({}, { paths, hosts }));
  expect(report.verdicts).toHaveLength(4);
  for (const row of report.verdicts)
    expect(row).toMatchObject({ verdict: 'refused', cause: 'tls-untrusted', answeredBy: lab.relay.name });
  expect(report.incidents).toHaveLength(1);
  expect(status).toBe(1);
});

test('a mailbox with a certificate of an unknown CA is not read: not known, and nobody is blamed', async () => {
  const { status, report } = await tool.check(settingsFor({ 'web-01': trusted }, { mailboxes: mailboxesOf(lab, {}) }));
  for (const row of report.verdicts) expect(row).toMatchObject({ verdict: 'blind', cause: 'tls-untrusted' });
  expect(report).toMatchObject({ ok: false, incidents: [] });
  expect(status).toBe(3);
});

test('with a wrong IMAP password nothing is known, nobody is blamed, and it does not take lostAfter to say so', async () => {
  const begun = Date.now();
  const settings = settingsFor({ 'web-01': trusted }, { lostAfter: '10 minutes' });
  const { status, report } = await tool.check(settings, { env: { MAILBOX_PASSWORD: wrongPassword } });
  for (const row of report.verdicts) expect(row).toMatchObject({ verdict: 'blind', cause: 'imap-login-refused' });
  expect(report).toMatchObject({ ok: false, incidents: [] });
  expect(status).toBe(3);
  expect(Date.now() - begun).toBeLessThan(30_000);
});

test('what a relay says of a sender is told apart: greylisted, unwanted, and taken but never delivered', async () => {
  const actions = {
    greylisted: '451 4.7.1 Greylisted, come back in 300 seconds',
    unwanted: '550 5.7.1 not from here',
    discarded: 'DISCARD',
  };
  lab.rule(Object.fromEntries(Object.entries(actions).map(([name, action]) => [`${name}@example.test`, action])));
  const names = Object.keys(actions);
  const { status, report, row } = await tool.check({
    lostAfter: '8 s',
    mailboxes: mailboxesOf(lab),
    paths: Object.fromEntries(
      names.map((name) => [name, path({ localAddress: trusted, from: `${name}@example.test` })]),
    ),
    hosts: [{ id: 'web-01', address: trusted, paths: names, mailboxes: ['outside'] }],
  });
  expect(row('web-01/greylisted/outside')).toMatchObject({ verdict: 'refused', cause: 'greylisted' });
  expect(row('web-01/greylisted/outside').evidence).toMatch(/^451 4\.7\.1 .*Greylisted/);
  expect(row('web-01/unwanted/outside')).toMatchObject({ verdict: 'refused', cause: 'sender-rejected' });
  expect(row('web-01/discarded/outside')).toMatchObject({ verdict: 'lost', cause: 'accepted-but-lost' });
  for (const { answeredBy } of report.verdicts) expect(answeredBy).toBe(lab.relay.name);
  expect(report.incidents.map(({ cause }) => cause).sort()).toEqual([
    'accepted-but-lost',
    'greylisted',
    'sender-rejected',
  ]);
  expect(status).toBe(1);
});

test("after all this, somebody's mail is as it was, and canaries are gone but those of blind checks", async () => {
  const left = await everything();
  for (const [index, mails] of left.entries()) {
    const before = foreign[index] ?? [];
    const known = new Set(before.map(({ folder, uid }) => `${folder} ${uid}`));
    expect(before.length).toBe(Object.keys(foreignMails(idOf(1))).length + 2);
    expect(mails.filter(({ folder, uid }) => known.has(`${folder} ${uid}`))).toEqual(before);
    const others = mails.filter(({ folder, uid }) => !known.has(`${folder} ${uid}`));
    // Two checks could not read the mailbox; to every other one their canaries are another stack's.
    expect(others.map(({ raw }) => /^X-Mail-Canary: /m.test(raw))).toEqual([true, true]);
  }
});

test('no byte of any output holds a password', () => {
  expect(tool.printed().length).toBeGreaterThan(1000);
  expect(leaked(tool.printed(), [lab.imap.password, wrongPassword])).toEqual([]);
});
