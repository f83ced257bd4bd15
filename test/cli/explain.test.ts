/** `check --explain`: what connects from where to where, without connecting to anybody. */
import { describe, expect, test } from 'vitest';
import { type Explanation, explanationOf, explanationText } from '../../bin/check/explain.ts';
import type { HostFacts } from '../../lambdas/core/words.ts';
import { explains as heartbeat } from '../../lambdas/paths/heartbeat/explain.ts';
import { explains as http } from '../../lambdas/paths/http/explain.ts';
import { explains as ses } from '../../lambdas/paths/ses/explain.ts';
import { explains as smtp } from '../../lambdas/paths/smtp/explain.ts';
import { explains as ssm } from '../../lambdas/paths/ssm/explain.ts';
import { parseSettings } from '../../lambdas/settings/load.ts';
import { startCompany } from './company.ts';
import { tool } from './tool.ts';

const host: HostFacts = {
  id: 'web-03',
  address: '10.0.1.17',
  paths: [],
  mailboxes: [],
  services: [],
  customers: [],
  labels: { port: '8443' },
};
const shared = { from: 'orders@example.test', timeout: 30_000, connections: 2, autoSubmitted: true };

/** Each connection as one line. */
const lines = (all: ReturnType<typeof http>) =>
  all.map(({ from, to, port, protocol }) => `${from} > ${to}:${port ?? '?'} ${protocol}`);

describe('each kind says what it needs', () => {
  test.each([
    ['https://{host.address}/x', undefined, ['sender > 10.0.1.17:443 HTTPS']],
    ['https://{host.address}:{host.labels.port}/x', undefined, ['sender > 10.0.1.17:8443 HTTPS']],
    ['http://{host.id}.example.test/x', undefined, ['sender > web-03.example.test:80 HTTP']],
    ['http://[2001:db8::5]:81/x', undefined, ['sender > 2001:db8::5:81 HTTP']],
    ['https://www.example.test/x', 'balancer', ['sender > www.example.test:443 HTTPS', 'balancer > 10.0.1.17:? HTTPS']],
  ] as const)('http %s %s', (url, through, expected) => {
    expect(lines(http({ url, through }, host))).toEqual([...expected, "host > the application's mail server:? SMTP"]);
  });

  test.each([
    [{ host: '{host.address}' }, ['sender > 10.0.1.17:587 SMTP, STARTTLS where offered', 'mta > its relay:? SMTP']],
    [{ host: 'relay.test', port: 25, ignoreTls: true }, ['sender > relay.test:25 SMTP without TLS']],
    [{ host: 'relay.test', secure: true }, ['sender > relay.test:465 SMTP over TLS']],
    [{ host: 'relay.test', requireTls: true }, ['sender > relay.test:587 SMTP with STARTTLS']],
    [{ host: 'relay.test', auth: { user: 'u', secret: 'env:PASS' } }, ['sender > relay.test:587 SMTP with STARTTLS']],
    [
      {
        host: 'relay.test',
        auth: { user: 'u', oauth2: { tokenUrl: 'https://login.test/token', clientId: 'c', refreshToken: 'env:TOKEN' } },
      },
      ['sender > relay.test:587 SMTP with STARTTLS', 'sender > login.test:443 HTTPS'],
    ],
  ])('smtp %o', (settings, expected) => {
    expect(lines(smtp(settings, host))).toEqual(expected);
  });

  test('smtp: the address of this machine, and a mail that must be refused', () => {
    const [only] = smtp({ host: 'relay.test', localAddress: '10.9.9.9', mustRefuse: 'openRelay' }, host);
    expect(only).toMatchObject({
      leavesFrom: '10.9.9.9',
      why: expect.stringContaining('which the server must refuse'),
    });
  });

  const agent = ['ssm', 'ssmmessages', 'ec2messages'].map((name) => `host > ${name}.{region}.amazonaws.com:443 HTTPS`);

  test.each([
    [{ via: 'sendmail' }, 'mta > its relay:? SMTP'],
    [{ via: 'ses' }, 'host > email.{region}.amazonaws.com:443 HTTPS'],
    [
      { via: 'smtp', relay: { host: 'relay.test', port: 587, tls: 'starttls' } },
      'host > relay.test:587 SMTP with STARTTLS',
    ],
    [{ via: 'smtp', relay: { host: 'relay.test', port: 25, tls: 'none' } }, 'host > relay.test:25 SMTP without TLS'],
  ] as const)('ssm %o', (settings, last) => {
    expect(lines(ssm(settings, host))).toEqual(['sender > ssm.{region}.amazonaws.com:443 HTTPS', ...agent, last]);
  });

  test.each([
    [{ via: 'sendmail' }, ['host > the function URL of "note":443 HTTPS', 'mta > its relay:? SMTP']],
    [
      {
        via: 'smtp',
        relay: { host: 'relay.test', port: 587, requireTls: true },
        noteUrl: 'https://abc.lambda-url.eu-west-1.on.aws/',
      },
      ['host > abc.lambda-url.eu-west-1.on.aws:443 HTTPS', 'host > relay.test:587 SMTP with STARTTLS'],
    ],
    [
      { via: 'smtp', relay: { host: 'relay.test', port: 25 } },
      ['host > the function URL of "note":443 HTTPS', 'host > relay.test:25 SMTP without TLS'],
    ],
    [
      { via: 'smtp', relay: { host: 'relay.test', port: 465 } },
      ['host > the function URL of "note":443 HTTPS', 'host > relay.test:465 SMTP over TLS'],
    ],
    [
      { via: 'sendmail', noteUrl: 'http://10.0.0.9:8025/note' },
      ['host > 10.0.0.9:8025 HTTP', 'mta > its relay:? SMTP'],
    ],
    [{ via: 'sendmail', noteUrl: 'http://[fd00::9]/note' }, ['host > fd00::9:80 HTTP', 'mta > its relay:? SMTP']],
  ] as const)('heartbeat %o', (settings, expected) => {
    expect(lines(heartbeat(settings, host))).toEqual(expected);
  });

  test('ses', () => {
    const all = ses({ identity: 'example.test' }, host);
    expect(lines(all)).toEqual([
      'sender > email.{region}.amazonaws.com:443 HTTPS',
      "ses > the mail servers (MX) of the mailboxes' domains:25 SMTP, STARTTLS where offered",
    ]);
    expect(all[0]?.why).toContain('as example.test');
  });
});

const yaml = (imap = '{ host: imap.supplier.test }') => `mailboxes:
  outside:
    address: canary@supplier.test
    imap: ${imap}
    auth: { kind: password, user: canary, secret: env:OUTSIDE }
  unread:
    address: other@supplier.test
    imap: { host: other.supplier.test }
    auth: { kind: password, user: canary, secret: env:OUTSIDE }
bounces:
  returned:
    imap: { host: returned.example.test }
    auth: { kind: password, user: orders, secret: env:OUTSIDE }
paths:
  app: { kind: http, url: "https://{host.address}/mail-canary", from: ${shared.from}, secret: env:APP }
  relay: { kind: smtp, host: relay.example.test, from: ${shared.from} }
hosts:
  - { id: web-01, address: 10.0.1.11, paths: [app], mailboxes: [outside] }
  - { id: web-02, address: "2001:db8::2", paths: [app, relay], mailboxes: [outside] }
`;

describe('the explanation of settings', () => {
  const machine = { name: 'watcher', addresses: ['192.0.2.9'] };
  const of = (text: string) => explanationOf(parseSettings(text, 'x.yaml', 'local').settings, machine);

  test('holds every connection with both ends, and the reading of the mailboxes in use', () => {
    const { connections } = of(yaml());
    expect(
      connections.map(({ host: id, path, from, addresses, to, port }) => [id, path, from, addresses.join(), to, port]),
    ).toEqual([
      ['web-01', 'app', 'this machine', '192.0.2.9', '10.0.1.11', 443],
      ['web-01', 'app', 'the host itself', '10.0.1.11', "the application's mail server", null],
      ['web-02', 'app', 'this machine', '192.0.2.9', '2001:db8::2', 443],
      ['web-02', 'app', 'the host itself', '2001:db8::2', "the application's mail server", null],
      ['web-02', 'relay', 'this machine', '192.0.2.9', 'relay.example.test', 587],
      [null, null, 'this machine', '192.0.2.9', 'imap.supplier.test', 993],
      [null, null, 'this machine', '192.0.2.9', 'returned.example.test', 993],
    ]);
    expect(connections.map(({ mailboxes }) => mailboxes)).toEqual([...Array(6).fill(['outside']), ['returned']]);
    expect(connections.map(({ kind }) => kind)).toEqual(['http', 'http', 'http', 'http', 'smtp', null, null]);
    expect(connections.at(-2)?.protocol).toBe('IMAP over TLS');
  });

  test('IMAP on port 143 begins in plain text', () => {
    expect(of(yaml('{ host: imap.supplier.test, port: 143 }')).connections.at(-2)).toMatchObject({
      port: 143,
      protocol: 'IMAP with STARTTLS',
    });
  });

  test('declared addresses of NAT are among those a host leaves from', () => {
    const { settings } = parseSettings(yaml(), 'x.yaml', 'local');
    const [first] = settings.hosts;
    if (first === undefined) throw new Error('no host');
    const { connections } = explanationOf(
      { ...settings, hosts: [Object.assign({}, first, { egress: ['203.0.113.0/28'] })] },
      machine,
    );
    expect(connections[1]).toMatchObject({ from: 'the host itself', addresses: ['10.0.1.11', '203.0.113.0/28'] });
    expect(connections[0]?.addresses).toEqual(['192.0.2.9']);
  });

  test('as text: a line for each, brackets around IPv6, and what is not known is said', () => {
    const text = explanationText(of(yaml()), 400);
    expect(text).toMatch(/^ web-02 +app \(http\) +this machine +192\.0\.2\.9 +\[2001:db8::2\]:443 +HTTPS +asks/m);
    expect(text).toMatch(/^ +mailbox outside +this machine +192\.0\.2\.9 +imap\.supplier\.test:993 +IMAP over TLS/m);
    expect(text).not.toContain('other.supplier.test');
    expect(text).toContain('"this machine" is watcher');
    expect(text).toContain('a server without a port is configured on the host itself');
  });
});

describe.concurrent('check --explain', { timeout: 60_000 }, () => {
  test('sends nothing, connects to nobody, and needs no secret', async (context) => {
    const company = await startCompany(context);
    const settings = company.file(
      'company.yaml',
      `mailboxes:
${company.mailboxYaml('outside')}paths:
  app: { kind: http, url: "http://{host.address}:${await company.listen(() => {
    throw new Error('nobody may ask');
  })}/", from: orders@example.test, secret: env:APP }
  mta: { kind: smtp, host: 127.0.0.1, port: ${company.relay.port}, from: orders@example.test }
hosts:
  - { id: web-01, address: 127.0.0.1, paths: [app] }
`,
    );
    const ended = await tool(['check', '--settings', settings, '--explain', '--json'], { cwd: company.folder });
    expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status: 0, stderr: '' });
    const { connections } = JSON.parse(ended.stdout) as Explanation;
    expect(connections.map(({ host: id, to, port }) => [id, to, port])).toEqual([
      ['web-01', '127.0.0.1', expect.any(Number)],
      ['web-01', "the application's mail server", null],
      ['monitor', '127.0.0.1', company.relay.port],
      [null, '127.0.0.1', company.imap.port],
    ]);
    expect(company.imap.connections.total).toBe(0);
    expect(company.relay.counted()).toMatchObject({ accepted: 0 });
    const text = await tool(['check', '--settings', settings, '--explain', '--host', 'monitor'], {
      cwd: company.folder,
    });
    expect(text.status).toBe(0);
    expect(text.stdout).toContain(`127.0.0.1:${company.relay.port}`);
    expect(text.stdout).not.toContain('web-01');
  });

  test('with settings that are wrong: 2, like everywhere', async (context) => {
    const company = await startCompany(context);
    const { status, stdout, stderr } = await tool(
      ['check', '--settings', company.file('bad.yaml', yaml().replace('kind: smtp', 'kind: fax')), '--explain'],
      { cwd: company.folder },
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^paths\.relay\.kind must be one of /);
  });
});
