/** The `smtp` path against real servers: a relay with a trust list, and a server that fails at any stage. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { type RelayOptions, startRelay } from '../../demo/servers/relay.ts';
import type { CanaryMail, Handover, HostFacts } from '../../lambdas/core/words.ts';
import { smtp } from '../../lambdas/paths/smtp/index.ts';
import { queueIdIn, serverIn } from '../../lambdas/paths/smtp/reading.ts';
import { type SmtpSettings, shape } from '../../lambdas/paths/smtp/settings.ts';
import { fill } from '../../lambdas/settings/template.ts';
import { type FaultyOptions, type FaultyStage, startFaultySmtp } from '../servers/faulty-smtp.ts';

const tlsFile = (name: string) => `test/fixtures/tls/${name}`;
const pem = (name: string) => readFileSync(tlsFile(name));
const server = { key: pem('server.key'), cert: pem('server.pem') };

// A new password in every run: whatever output holds it, the last check of each test finds it.
const password = randomBytes(18).toString('base64url');
const spellings = [
  password,
  Buffer.from(password).toString('base64'),
  Buffer.from(`\0orders\0${password}`).toString('base64'),
];

const host: HostFacts = {
  id: 'web-03',
  address: '127.0.0.1',
  paths: ['app'],
  mailboxes: ['outside'],
  services: [],
  customers: [],
  labels: {},
};

const mail: CanaryMail = {
  id: 'bcdfghjklmnpqrstvwxz',
  key: 'bbccddff',
  route: 'web-03/app/outside',
  slot: 29_000_000,
  sentAt: 1_800_000_000_000,
  from: 'orders@example.test',
  to: 'canary@supplier.example',
  subject: 'Mail canary web-03 bcdfghjklmnpqrstvwxz',
  messageId: `<bcdfghjklmnpqrstvwxz.${'k'.repeat(60)}@example.test>`,
  headers: { 'X-Mail-Canary': `v1.abcd.${'y'.repeat(150)}`, 'Auto-Submitted': 'auto-generated' },
  text: 'This is a mail canary.\nIt proves that mail of web-03 arrives, and may be deleted by whoever finds it in a mailbox.\n',
};

const toClose: (() => Promise<unknown> | unknown)[] = [];
const handovers: Handover[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
  for (const handover of handovers.splice(0))
    for (const spelling of spellings) expect(JSON.stringify(handover)).not.toContain(spelling);
});

type Settings = Partial<z.input<z.ZodObject<typeof shape>>>;
type Given = { readonly ms?: number; readonly mail?: Partial<CanaryMail>; readonly host?: Partial<HostFacts> };

/** One canary through a path with these settings, as the send round does it. */
const send = async (settings: Settings, given: Given = {}): Promise<Handover> => {
  const parsed = z.strictObject(shape).parse({ host: '127.0.0.1', ...settings });
  const attempt = smtp.open(parsed, {
    name: 'mta',
    secret: async (reference) => {
      if (reference === 'env:PASSWORD') return password;
      if (reference === 'env:WRONG') return `${password}${password}`;
      throw new Error(`${reference} is not set`);
    },
    fill: (template, facts) => fill(template, facts, { allowLocal: true }),
  });
  const handover = await attempt(
    { ...mail, ...given.mail },
    { ...host, ...given.host },
    AbortSignal.timeout(given.ms ?? 5000),
  );
  handovers.push(handover);
  return handover;
};

const faulty = async (options: FaultyOptions) => {
  const started = await startFaultySmtp(options);
  toClose.push(started.close);
  return started;
};

const relay = async (options: Partial<RelayOptions> = {}) => {
  const delivered: { readonly recipient: string; readonly raw: string }[] = [];
  const started = await startRelay({
    deliver: (recipient, raw) => void delivered.push({ recipient, raw: raw.toString() }),
    trusted: ['127.0.0.13'],
    ...options,
  });
  toClose.push(started.close);
  return { ...started, delivered };
};

const auth = { user: 'orders', secret: 'env:PASSWORD' };
const ca = { ca: `file:${tlsFile('ca.pem')}` };

describe('the settings', () => {
  test('say where the mail leaves and which relay is shared', () => {
    const read = (settings: Settings): SmtpSettings => z.strictObject(shape).parse(settings);
    expect(smtp.leavesFromHost(read({ host: '{host.address}' }))).toBe(true);
    expect(smtp.sharedServer(read({ host: '{host.address}' }))).toBeUndefined();
    expect(smtp.leavesFromHost(read({ host: 'mail-gw' }))).toBe(false);
    expect(smtp.sharedServer(read({ host: 'mail-gw' }))).toBe('mail-gw:587');
    expect(smtp.sharedServer(read({ host: 'mail-gw', secure: true }))).toBe('mail-gw:465');
    expect(smtp.secrets(read({ host: 'mail-gw', auth }))).toEqual(['env:PASSWORD']);
    expect(smtp.needs(read({ host: 'mail-gw' }))).toEqual([]);
  });

  test('a literal password is refused and not repeated', () => {
    const bad = z.strictObject(shape).safeParse({ host: 'mail-gw', auth: { user: 'orders', secret: password } });
    expect(bad.error?.message).toContain('must be a reference');
    expect(bad.error?.message).not.toContain(password);
  });
});

describe('a relay', () => {
  test('takes the mail of a trusted address, exactly as it was given', async () => {
    const gateway = await relay();
    const handover = await send({ port: gateway.port, localAddress: '127.0.0.13' });
    expect(handover).toMatchObject({
      state: 'accepted',
      answeredBy: 'mail-gw.example.test',
      stage: 'body',
      ownServer: false,
      sentAt: mail.sentAt,
    });
    await gateway.close();
    toClose.length = 0;
    expect(gateway.delivered.map(({ recipient }) => recipient)).toEqual([mail.to]);
    const queueId = handover.state === 'accepted' ? handover.queueId : undefined;
    const raw = gateway.delivered[0]?.raw ?? '';
    expect(queueId).toMatch(/^[0-9A-F]{10}$/);
    expect(raw).toMatch(
      new RegExp(
        `^Received: from \\S+ \\(\\[127\\.0\\.0\\.13\\]\\)\\r\\n\\tby mail-gw\\.example\\.test with ESMTP id ${queueId};`,
      ),
    );
    expect(raw.split('\r\n')).toEqual(
      expect.arrayContaining([
        `Message-ID: ${mail.messageId}`,
        `X-Mail-Canary: ${mail.headers['X-Mail-Canary']}`,
        'Auto-Submitted: auto-generated',
        'Content-Type: text/plain; charset=us-ascii',
        'Content-Transfer-Encoding: 7bit',
        `Subject: ${mail.subject}`,
      ]),
    );
    expect(raw.endsWith(`\r\n\r\n${mail.text.replaceAll('\n', '\r\n')}`)).toBe(true);
    expect(raw).not.toMatch(/X-Mailer/i);
  });

  test('refuses to relay for an address that it does not trust, until it does; takes mail for its own domain all the while', async () => {
    const gateway = await relay({ trusted: [] });
    const settings = { port: gateway.port, localAddress: '127.0.0.14' };
    expect(await send(settings)).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      stage: 'rcpt',
      answeredBy: 'mail-gw.example.test',
      evidence: '554 5.7.1 <canary@supplier.example>: Relay access denied',
    });
    expect(await send(settings, { mail: { to: 'canary@example.test' } })).toMatchObject({ state: 'accepted' });
    gateway.trust('127.0.0.14');
    expect(await send(settings)).toMatchObject({ state: 'accepted' });
    gateway.distrust('127.0.0.14');
    expect(await send(settings)).toMatchObject({ state: 'refused' });
  });

  test('greylists: temporary at first, taken at the next try', async () => {
    const gateway = await relay({ behaviour: { greylist: true } });
    const settings = { port: gateway.port, localAddress: '127.0.0.13' };
    expect(await send(settings)).toMatchObject({
      state: 'refused',
      cause: 'greylisted',
      temporary: true,
      stage: 'rcpt',
    });
    expect(await send(settings)).toMatchObject({ state: 'accepted' });
  });

  test('hands on to the next server, which sees the Received of the first', async () => {
    const outside = await relay({ name: 'mx.supplier.example', hosted: ['supplier.example'] });
    const gateway = await relay({ relayTo: () => ({ host: outside.host, port: outside.port }) });
    expect(await send({ port: gateway.port, localAddress: '127.0.0.13' })).toMatchObject({ state: 'accepted' });
    await expect.poll(() => outside.delivered.length).toBe(1);
    expect(
      outside.delivered[0]?.raw.match(/^Received: |by (mx\.supplier\.example|mail-gw\.example\.test) /gm),
    ).toHaveLength(4);
  });

  test('that discards has accepted all the same', async () => {
    const gateway = await relay({ behaviour: { discard: true } });
    expect(await send({ port: gateway.port, localAddress: '127.0.0.13' })).toMatchObject({ state: 'accepted' });
    expect(gateway.delivered).toEqual([]);
  });
});

describe('the host’s own server', () => {
  test('is named by the template, and the handover says that it is the host’s own', async () => {
    const own = await relay({ trusted: ['127.0.0.1'] });
    expect(await send({ host: '{host.address}', port: own.port })).toMatchObject({
      state: 'accepted',
      ownServer: true,
    });
  });

  test('cannot be asked without an address', async () => {
    expect(await send({ host: '{host.address}' }, { host: { address: undefined } })).toEqual({
      state: 'unsent',
      cause: 'sender-failed',
      sentAt: mail.sentAt,
      evidence: 'web-03 has no value for {host.address}',
    });
  });
});

describe('TLS and login', () => {
  test('STARTTLS, then login, is taken', async () => {
    const gateway = await relay({ tls: server, auth: { user: 'orders', pass: password } });
    const handover = await send({ port: gateway.port, tls: ca, auth, requireTls: true });
    expect(handover).toMatchObject({ state: 'accepted' });
    await expect.poll(() => gateway.delivered[0]?.raw).toContain('with ESMTPSA id');
  });

  test('implicit TLS is taken', async () => {
    const gateway = await relay({ tls: { ...server, implicit: true } });
    const settings = { port: gateway.port, secure: true, tls: ca, localAddress: '127.0.0.13' };
    expect(await send(settings)).toMatchObject({ state: 'accepted', answeredBy: 'mail-gw.example.test' });
    await expect.poll(() => gateway.delivered[0]?.raw).toContain('with ESMTPS id');
  });

  test('a wrong password is auth-failed', async () => {
    const gateway = await relay({ tls: server, auth: { user: 'orders', pass: 'another' } });
    expect(await send({ port: gateway.port, tls: ca, auth })).toMatchObject({
      state: 'refused',
      cause: 'auth-failed',
      temporary: false,
      stage: 'auth',
      evidence: '535 5.7.8 Error: authentication failed',
    });
  });

  test.each([
    ['502 5.5.2 Error: command not recognized', 'auth-method-disabled', false],
    ['599 go away', 'auth-failed', false],
    ['454 4.7.0 Temporary authentication failure', 'temporary-refusal', true],
  ])('the login answered %s is %s', async (reply, cause, temporary) => {
    const { port } = await faulty({ at: 'auth', does: { say: reply } });
    expect(await send({ port, auth })).toMatchObject({ state: 'refused', cause, temporary, stage: 'auth' });
  });

  test('a login is asked for even where none is offered: mail without it would be another test', async () => {
    const started = await faulty({
      ehlo: ['faulty.example.test'],
      at: 'auth',
      does: { say: '503 5.5.1 Error: authentication not enabled' },
    });
    expect(await send({ port: started.port, auth })).toMatchObject({ state: 'refused', cause: 'auth-method-disabled' });
    expect(started.mails).toEqual([]);
  });

  test('a secret that cannot be looked up is our own fault', async () => {
    const { port, connections } = await faulty({});
    expect(await send({ port, auth: { user: 'orders', secret: 'env:NOWHERE' } })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: 'env:NOWHERE is not set',
    });
    expect(connections()).toBe(0);
  });

  test('a server that repeats the secret in its words does not get it into the handover', async () => {
    const words = `599 you said ${spellings.join(' and ')} with ${password}`;
    const { port } = await faulty({ at: 'auth', does: { say: words }, banner: `220 ${password}.example ESMTP` });
    const handover = await send({ port, auth });
    expect(handover).toMatchObject({ state: 'refused', evidence: '599 you said *** and *** and *** with ***' });
    const echo = await faulty({ taken: `250 2.0.0 Ok: queued as ${password}` });
    expect(await send({ port: echo.port, auth })).toMatchObject({
      state: 'accepted',
      evidence: '250 2.0.0 Ok: queued as ***',
    });
  });

  test.each([
    ['for another name', { key: pem('other-name.key'), cert: pem('other-name.pem') }, ca, 'tls-name'],
    ['expired', { key: pem('expired.key'), cert: pem('expired.pem') }, ca, 'tls-expired'],
    ['of an unknown CA', server, {}, 'tls-untrusted'],
  ])('a certificate %s is refused with and without STARTTLS', async (_what, pair, tls, cause) => {
    const upgraded = await faulty(pair);
    const expected = { state: 'refused', cause, temporary: false, stage: 'tls' };
    expect(await send({ port: upgraded.port, tls })).toMatchObject(expected);
    expect(upgraded.mails).toEqual([]);
    const implicit = await relay({ tls: { ...pair, implicit: true } });
    expect(await send({ port: implicit.port, secure: true, tls })).toMatchObject(expected);
  });

  test('where the application uses no TLS, neither does the canary; where TLS is required, that counts for nothing', async () => {
    const { port, lines } = await faulty({ key: pem('expired.key'), cert: pem('expired.pem') });
    expect(await send({ port, ignoreTls: true })).toMatchObject({ state: 'accepted' });
    expect(lines).not.toContain('STARTTLS');
    expect(await send({ port, ignoreTls: true, requireTls: true })).toMatchObject({ state: 'refused', stage: 'tls' });
  });

  test('the name of the certificate can be given in the settings', async () => {
    const { port } = await faulty({ key: pem('other-name.key'), cert: pem('other-name.pem') });
    expect(await send({ port, tls: { ...ca, serverName: 'other-name.test' } })).toMatchObject({ state: 'accepted' });
  });

  test('with a login, a server that is not on this machine must offer TLS: the password never leaves in clear', async () => {
    const started = await faulty({ at: 'starttls', does: { say: '502 5.5.2 Error: command not recognized' } });
    // 127.0.0.1 in a spelling that is not known to be loopback.
    const handover = await send({ host: '::ffff:127.0.0.1', port: started.port, auth });
    expect(handover).toMatchObject({ state: 'refused', cause: 'tls-required', temporary: false, stage: 'tls' });
    expect(started.lines.some((line) => line.startsWith('AUTH'))).toBe(false);
  });

  test('a port that does not speak TLS is tls-failed', async () => {
    const { port } = await faulty({});
    expect(await send({ port, secure: true })).toMatchObject({ state: 'refused', cause: 'tls-failed', stage: 'tls' });
  });
});

const stageAt: Readonly<Record<FaultyStage, string>> = {
  banner: 'banner',
  ehlo: 'ehlo',
  starttls: 'tls',
  tls: 'tls',
  auth: 'auth',
  mail: 'mail',
  rcpt: 'rcpt',
  data: 'data',
  body: 'body',
};
const everyStage = Object.keys(stageAt) as FaultyStage[];
/** What makes a conversation come to this stage. */
const through = (stage: FaultyStage) => ({
  server: stage === 'starttls' || stage === 'tls' ? server : {},
  settings: stage === 'auth' ? { auth } : {},
});

describe('a server that fails in the middle', () => {
  test.each(['hang', 'drip'] as const)(
    'and does nothing but %s is given up at the deadline, at every stage',
    async (does) => {
      const ends = everyStage.map(async (at) => {
        const { port, connections, open } = await faulty({ at, does, ...through(at).server });
        const began = performance.now();
        const handover = await send({ port, ...through(at).settings }, { ms: 300 });
        const took = performance.now() - began;
        expect(connections()).toBe(1);
        await expect.poll(open).toBe(0);
        return [at, { handover, inTime: took > 250 && took < 900 }] as const;
      });
      const expected = everyStage.map((at) => [
        at,
        {
          inTime: true,
          handover:
            at === 'body'
              ? { state: 'unanswered', stage: 'body' }
              : { state: 'refused', cause: 'timeout-at-stage', temporary: false, stage: stageAt[at] },
        },
      ]);
      expect(Object.fromEntries(await Promise.all(ends))).toMatchObject(Object.fromEntries(expected));
    },
  );

  describe.each(['reset', 'end'] as const)('and %ss the connection', (does) => {
    test.each(everyStage)('at %s', async (at) => {
      const { port, connections } = await faulty({ at, does, ...through(at).server });
      const handover = await send({ port, ...through(at).settings });
      expect(handover).toMatchObject(
        at === 'body'
          ? { state: 'unanswered', stage: 'body', answeredBy: 'faulty.example.test' }
          : {
              state: 'refused',
              temporary: false,
              stage: stageAt[at],
              cause: expect.stringMatching(/^(connection-lost|tls-failed)$/),
            },
      );
      expect(connections()).toBe(1);
    });
  });

  describe.each([
    ['421 4.3.2 Service not available', 'temporary-refusal', true],
    ['451 4.7.1 Greylisted', 'greylisted', true],
    ['550 5.7.1 Unable to relay', 'relay-denied', false],
  ] as const)('and answers %s', (say, cause, temporary) => {
    test.each(['mail', 'rcpt', 'data', 'body', 'banner'] as const)('at %s', async (at) => {
      const { port } = await faulty({ at, does: { say, end: say.startsWith('421') } });
      expect(await send({ port })).toMatchObject({
        state: 'refused',
        cause,
        temporary,
        stage: stageAt[at],
        evidence: say,
      });
    });
  });

  test('with PIPELINING, a refusal is kept when the server then says no more', async () => {
    const ehlo = ['faulty.example.test', 'PIPELINING'];
    const { port } = await faulty({ ehlo, at: 'rcpt', does: { say: '554 5.7.1 <x>: Relay access denied' } });
    expect(await send({ port }, { ms: 250 })).toMatchObject({ state: 'refused', cause: 'relay-denied', stage: 'rcpt' });
    const silent = await faulty({ ehlo, at: 'data', does: 'hang' });
    expect(await send({ port: silent.port }, { ms: 250 })).toMatchObject({ cause: 'timeout-at-stage', stage: 'data' });
  });

  test('and answers in another language is a protocol error', async () => {
    const { port } = await faulty({ banner: 'SSH-2.0-OpenSSH_9.6' });
    expect(await send({ port })).toMatchObject({
      state: 'refused',
      cause: 'protocol-error',
      stage: 'banner',
      evidence: 'SSH-2.0-OpenSSH_9.6',
      answeredBy: `127.0.0.1:${port}`,
    });
  });

  test('and sends an answer without end is cut off', async () => {
    const { port } = await faulty({ at: 'ehlo', does: { say: `250-${'x'.repeat(200_000)}` } });
    const handover = await send({ port });
    expect(handover).toMatchObject({ state: 'refused', cause: 'protocol-error', stage: 'ehlo' });
    expect(handover.evidence?.length).toBeLessThanOrEqual(500);
  });
});

describe('a connection that does not come about', () => {
  test('nothing listens', async () => {
    const closed: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const address = closed.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => closed.close(resolve));
    expect(await send({ port })).toMatchObject({
      state: 'refused',
      cause: 'connect-refused',
      temporary: false,
      stage: 'connect',
      answeredBy: `127.0.0.1:${port}`,
      evidence: `connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    expect(await send({ host: 'localhost', port })).toMatchObject({
      cause: 'connect-refused',
      evidence: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('nobody accepts: connect-timeout', async () => {
    // A full backlog drops what comes, as a firewall does: a process that listens and never looks.
    const script = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('fs').writeSync(1, s.address().port + '\\n'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20000); });`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    toClose.push(() => child.kill('SIGKILL'));
    const port = Number((await createInterface(child.stdout)[Symbol.asyncIterator]().next()).value);
    await Promise.all([1, 2, 3].map(() => send({ port }, { ms: 100 })));
    expect(await send({ port }, { ms: 250 })).toMatchObject({
      state: 'refused',
      cause: 'connect-timeout',
      temporary: false,
      stage: 'connect',
    });
  });

  test('the name does not resolve', async () => {
    const handover = await send({ host: 'no-such-host.invalid' }, { ms: 3000 });
    expect(handover).toMatchObject({ state: 'refused', cause: 'dns-failed', temporary: false, stage: 'dns' });
    expect(handover.answeredBy).toBeUndefined();
  });

  test('an address of this machine that it does not have', async () => {
    expect(await send({ localAddress: '192.0.2.1', port: 9 })).toMatchObject({
      state: 'refused',
      cause: 'unreachable',
    });
  });

  test('the deadline has passed before it begins', async () => {
    const { port, connections } = await faulty({});
    await new Promise((resolve) => setTimeout(resolve, 5));
    const path = smtp.open(z.strictObject(shape).parse({ host: '127.0.0.1', port }), {
      name: 'mta',
      secret: async () => '',
      fill: (template) => template,
    });
    expect(await path(mail, host, AbortSignal.abort())).toMatchObject({ state: 'unsent', cause: 'sent-too-late' });
    expect(connections()).toBe(0);
  });
});

describe('the conversation', () => {
  test('goes to the mailbox only, from the path’s sender; DSN is asked for where it is offered', async () => {
    const offered = await faulty({});
    await send({ port: offered.port, name: 'web-03.example.test' });
    expect(offered.lines).toEqual([
      'EHLO web-03.example.test',
      'MAIL FROM:<orders@example.test> SIZE=636 RET=HDRS ENVID=bcdfghjklmnpqrstvwxz'.replace(/SIZE=\d+ /, ''),
      'RCPT TO:<canary@supplier.example> NOTIFY=failure'.replace('failure', 'FAILURE'),
      'DATA',
    ]);
    const plain = await faulty({ ehlo: ['faulty.example.test'] });
    await send({ port: plain.port, name: 'web-03.example.test' });
    expect(plain.lines).toEqual([
      'EHLO web-03.example.test',
      'MAIL FROM:<orders@example.test>',
      'RCPT TO:<canary@supplier.example>',
      'DATA',
    ]);
  });

  test('a line break in a value makes no new header line', async () => {
    const { port, mails } = await faulty({});
    await send(
      { port },
      { mail: { subject: 'a\r\nBcc: other@example.test', headers: { 'X-Mail-Canary': 'v1\r\n\r\nbody' } } },
    );
    expect(mails[0]).toContain('Subject: a Bcc: other@example.test\r\n');
    expect(mails[0]).toContain('X-Mail-Canary: v1 body\r\n');
  });

  test('our address is taken from the greeting of servers that show it', async () => {
    const { port } = await faulty({ ehlo: ['EX01.corp.example Hello [198.51.100.7]', 'SIZE 37748736'] });
    expect(await send({ port })).toMatchObject({ state: 'accepted', seenAs: '198.51.100.7' });
  });

  test('our address is taken from a refusal that names it', async () => {
    const say = '554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied';
    const { port } = await faulty({ at: 'rcpt', does: { say } });
    expect(await send({ port })).toMatchObject({
      cause: 'relay-denied',
      seenAs: '198.51.100.7',
      answeredBy: 'faulty.example.test',
    });
  });
});

describe('the words of servers', () => {
  test.each([
    ['250 2.0.0 Ok: queued as 4X1bQk3Zz', '4X1bQk3Zz'],
    ['250 OK id=1pXabc-0004Ab-2c', '1pXabc-0004Ab-2c'],
    ['250 2.0.0 42BDEZ8x012345 Message accepted for delivery', '42BDEZ8x012345'],
    [
      '250 2.6.0 <a@example.com> [InternalId=77309411329, Hostname=EX01.corp.example] 1492 bytes in 0.1 Queued mail for delivery',
      '77309411329',
    ],
    ['250 2.0.0 OK  1700000000 d2e1a72fcca58-6c3cb4d2.12 - gsmtp', 'd2e1a72fcca58-6c3cb4d2.12'],
    [
      '250 2.0.0 OK <AM0PR04MB1234@AM0PR04MB1234.eurprd04.prod.outlook.com> [Hostname=AM0PR04MB1234]',
      '<AM0PR04MB1234@AM0PR04MB1234.eurprd04.prod.outlook.com>',
    ],
    [
      '250 Ok 0100018b5c3c0a4f-6a1b7c2d-1234-5678-9abc-def012345678-000000',
      '0100018b5c3c0a4f-6a1b7c2d-1234-5678-9abc-def012345678-000000',
    ],
    ['250 2.0.0 4d3c2b1a Message accepted for delivery', '4d3c2b1a'],
    ['250 ok 1700000000 qp 12345', '12345'],
    ['250 Queued (0.031 seconds)', undefined],
    ['250 Ok', undefined],
  ])('%s', (reply, id) => {
    expect(queueIdIn(reply)).toBe(id);
  });

  test.each([
    ['220 Mail-GW-2.example.com ESMTP Postfix', 'mail-gw-2.example.com'],
    ['220-mx.example.com ESMTP Exim 4.97\n220 no spam', 'mx.example.com'],
    ['220 mailgw ESMTP', 'mailgw'],
    ['220 AM6P193CA0084.outlook.office365.com Microsoft ESMTP MAIL Service ready', 'outlook.office365.com'],
    ['220 DB5EUR01FT021.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready', 'mail.protection.outlook.com'],
    ['220 ESMTP ready', undefined],
    ['220 ******************', undefined],
  ])('%s', (banner, name) => {
    expect(serverIn(banner)).toBe(name);
  });
});
