/** What settings mean: defaults, inside and outside, the pseudo-host, files of the caller, warnings. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deployedOf } from '../../lambdas/settings/deployed.ts';
import { loadSettings, parseSettings } from '../../lambdas/settings/load.ts';
import { monitorOf } from '../../lambdas/settings/monitor.ts';

const mailboxes = `
mailboxes:
  outside:
    address: canary@elsewhere.example
    imap: { host: imap.elsewhere.example }
    auth: { kind: password, user: canary, secret: secretsmanager:outside }
`;
const inside = `
  inside:
    address: canary@Example.COM
    imap: { host: imap.example.com, port: 143 }
    auth: { kind: password, user: canary, secret: secretsmanager:inside }
`;
const onlyInside = `mailboxes:${inside}`;
const paths = `
paths:
  mta: { kind: smtp, host: "{host.address}", from: orders@example.com }
`;
const throughHost = (host: string) => paths.replace('"{host.address}"', host);
const hosts = `
hosts:
  - { id: web-01, address: 10.0.1.11, paths: [mta] }
`;
const parse = (text: string, mode: 'local' | 'stack' = 'local', baseDir?: string) =>
  parseSettings(text, 'settings.yaml', mode, baseDir);

describe('defaults', () => {
  const { settings } = parse(mailboxes + paths + hosts);

  test('of the monitor', () => {
    const { name, timezone, every, deliverWithin, lostAfter, channels, alarms } = settings;
    expect({ name, timezone, every, deliverWithin, lostAfter, channels, alarms }).toEqual({
      name: 'mail-canary',
      timezone: 'UTC',
      every: 10 * 60_000,
      deliverWithin: 2 * 60_000,
      lostAfter: 15 * 60_000,
      channels: [],
      alarms: {},
    });
  });

  test('of a mailbox: TLS from the first byte on 993', () => {
    expect(settings.mailboxes.outside).toMatchObject({
      imap: { host: 'imap.elsewhere.example', port: 993, secure: true },
      folders: [],
      timeout: 20_000,
    });
    expect(parse(mailboxes + inside + paths + hosts).settings.mailboxes.inside?.imap.secure).toBe(false);
  });

  test('of a path', () => {
    expect(settings.paths.mta).toEqual({
      kind: 'smtp',
      host: '{host.address}',
      from: 'orders@example.com',
      timeout: 30_000,
      connections: 2,
      autoSubmitted: true,
    });
    expect(monitorOf(settings).paths.mta).toMatchObject({ every: 10 * 60_000, deliverWithin: 2 * 60_000 });
  });

  test('of a host: every mailbox, nothing else', () => {
    expect(parse(mailboxes + inside + paths + hosts).settings.hosts).toEqual([
      {
        id: 'web-01',
        address: '10.0.1.11',
        paths: ['mta'],
        mailboxes: ['outside', 'inside'],
        services: [],
        customers: [],
        labels: {},
        egress: [],
      },
    ]);
  });

  test('deliverWithin is never longer than a short lostAfter', () => {
    expect(parse(`${mailboxes + paths + hosts}lostAfter: 3 seconds\n`).settings.deliverWithin).toBe(3_000);
  });

  test('ourDomains are those of all senders', () => {
    const two = `${paths}  mta2: { kind: smtp, host: "{host.address}", from: orders@shop.example.com }\n`;
    expect(parse(mailboxes + two + hosts).settings.ourDomains).toEqual(['example.com', 'shop.example.com']);
    expect(parse(`${mailboxes + paths + hosts}ourDomains: [corp.example]\n`).settings.ourDomains).toEqual([
      'corp.example',
    ]);
  });

  test('labels that look like numbers or switches are texts', () => {
    const labelled = hosts.replace('[mta] }', '[mta], labels: { rack: 7, spare: true, since: 2025-11-06 } }');
    expect(parse(mailboxes + paths + labelled).settings.hosts[0]?.labels).toEqual({
      rack: '7',
      spare: 'true',
      since: '2025-11-06',
    });
  });
});

describe('inside and outside', () => {
  const isInside = (text: string) =>
    Object.fromEntries(
      Object.entries(monitorOf(parse(text).settings).mailboxes).map(([name, mailbox]) => [name, mailbox.inside]),
    );

  test('a mailbox in one of our domains is inside, whatever the letters', () => {
    expect(isInside(mailboxes + inside + paths + hosts)).toEqual({ outside: false, inside: true });
    expect(isInside(`${mailboxes + inside + paths + hosts}ourDomains: [elsewhere.example]\n`)).toEqual({
      outside: true,
      inside: false,
    });
  });

  test('a subdomain is another domain', () => {
    const sub = mailboxes.replace('canary@elsewhere.example', 'canary@mail.example.com');
    expect(isInside(sub + paths + hosts)).toEqual({ outside: false });
  });

  test('with inside mailboxes only, mail to customers is not proven', () => {
    const all =
      'not proven: mail to customers. Every mailbox is inside our own domains, and a mail server takes mail for those from anybody; add a mailbox outside';
    expect(parse(onlyInside + paths + hosts).warnings).toEqual([all]);
    expect(parse(mailboxes + inside + paths + hosts).warnings).toEqual([]);
    const some = `${hosts}  - { id: web-02, address: 10.0.1.12, paths: [mta], mailboxes: [inside] }\n`;
    expect(parse(mailboxes + inside + paths + some).warnings).toEqual([
      'not proven: mail to customers from web-02: no mailbox outside',
    ]);
  });
});

describe('a path whose mail leaves from here', () => {
  const gateway = `${paths}  gateway: { kind: smtp, host: mail-gw.example.com, from: orders@example.com }\n`;

  test.each(['local', 'stack'] as const)('is bound to the pseudo-host "monitor" when no host names it (%s)', (mode) => {
    expect(parse(mailboxes + gateway + hosts, mode).settings.hosts.at(-1)).toMatchObject({
      id: 'monitor',
      paths: ['gateway'],
      mailboxes: ['outside'],
    });
  });

  test('is enough: a file without hosts watches the relay', () => {
    const own = gateway.replace(/ {2}mta: .*\n/, '');
    expect(parse(mailboxes + own, 'stack').settings.hosts.map(({ id }) => id)).toEqual(['monitor']);
  });

  test('may be named by the pseudo-host in a stack, and by any host on that host itself', () => {
    const named = `${hosts}  - { id: monitor, paths: [gateway], services: [purchase-orders] }\n`;
    expect(parse(mailboxes + gateway + named, 'stack').settings.hosts).toHaveLength(2);
    const listed = hosts.replace('[mta]', '[mta, gateway]');
    expect(parse(mailboxes + gateway + listed, 'local').settings.hosts).toHaveLength(1);
    expect(() => parse(mailboxes + gateway + listed, 'stack')).toThrow('use {host.address} in its host');
  });
});

test('a path through the host\u2019s own mail server begins with our submission, another one does not', () => {
  const { paths } = monitorOf(parse(mailboxes + throughHost('"{host.address}"') + hosts).settings);
  expect(paths.mta?.submitted).toBe(true);
  expect(
    monitorOf(parse(mailboxes + throughHost('mail-gw.example.com') + hosts).settings).paths.mta?.submitted,
  ).toBeUndefined();
});

describe('files', () => {
  const ca = 'test/fixtures/tls/ca.pem';
  const withCa = mailboxes.replace('imap.elsewhere.example }', `imap.elsewhere.example, tls: { ca: "file:${ca}" } }`);

  test('references are the caller’s, and absolute afterwards', () => {
    const text = withCa.replace('secretsmanager:outside', 'file:secrets/outside') + paths + hosts;
    const { settings, secrets } = parse(text, 'local', '/srv/mail');
    expect(settings.mailboxes.outside?.auth).toMatchObject({ secret: 'file:/srv/mail/secrets/outside' });
    expect(settings.mailboxes.outside?.imap.tls?.ca).toBe(`file:/srv/mail/${ca}`);
    expect(secrets.map(({ at }) => at.join('.'))).toEqual([
      'mailboxes.outside.imap.tls.ca',
      'mailboxes.outside.auth.secret',
    ]);
  });

  test('a certificate travels to the functions as its text, a secret stays a reference', () => {
    const { mailboxes: travelling } = deployedOf(parse(withCa + paths + hosts, 'stack', process.cwd()).settings);
    expect(travelling.outside?.imap.tls?.ca).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(travelling.outside?.auth).toMatchObject({ secret: 'secretsmanager:outside' });
  });
});

test('the example is read as it is written, in a stack', () => {
  const file = join(import.meta.dirname, '../../examples/mail-canary.yaml');
  const { settings, warnings } = loadSettings(file, 'stack');
  const monitor = monitorOf(settings);
  expect(warnings).toEqual([]);
  expect(settings).toMatchObject({ name: 'production', timezone: 'Europe/London', every: 10 * 60_000 });
  expect(monitor.mailboxes.outside?.inside).toBe(false);
  expect(monitor.mailboxes.inside?.inside).toBe(true);
  expect(monitor.paths.app?.every).toBe(10 * 60_000);
  expect(monitor.paths.mta?.every).toBe(30 * 60_000);
  expect(settings.hosts.map(({ id, paths: named }) => [id, named])).toEqual([
    ['web-01', ['app', 'mta']],
    ['web-02', ['app', 'mta']],
  ]);
});
