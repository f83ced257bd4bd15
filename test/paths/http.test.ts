/** The `http` path against real web servers, honest ones and others. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { CanaryMail, Handover, HostFacts } from '../../lambdas/core/words.ts';
import { http } from '../../lambdas/paths/http/index.ts';
import { type HttpSettings, shape } from '../../lambdas/paths/http/settings.ts';
import { sign, verify } from '../../lambdas/paths/http/sign.ts';
import { fill } from '../../lambdas/settings/template.ts';

const pem = (name: string) => readFileSync(`test/fixtures/tls/${name}`);
const ca = { ca: 'file:test/fixtures/tls/ca.pem' };

// A new secret in every run: whatever output holds it, the last check of each test finds it.
const secret = randomBytes(18).toString('base64url');

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
  sentAt: 1_800_000_000_123,
  from: 'orders@example.test',
  to: 'canary@supplier.example',
  subject: 'Mail canary web-03 bcdfghjklmnpqrstvwxz',
  messageId: '<bcdfghjklmnpqrstvwxz.k@example.test>',
  headers: { 'X-Mail-Canary': 'v1.abcd', 'Auto-Submitted': 'auto-generated' },
  text: 'This is a mail canary.\n',
};

const toClose: (() => unknown)[] = [];
const handovers: Handover[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
  for (const handover of handovers.splice(0)) expect(JSON.stringify(handover)).not.toContain(secret);
});

const listen = async (server: Server) => {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  toClose.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
};

type Seen = { readonly req: IncomingMessage; readonly body: string };

/** A web host that answers this, whatever it is asked. */
const webHost = async (status: number, answer: unknown, headers: Record<string, string> = {}) => {
  const seen: Seen[] = [];
  const serve = async (req: IncomingMessage, res: ServerResponse) => {
    let body = '';
    for await (const chunk of req) body += String(chunk);
    seen.push({ req, body });
    res.writeHead(status, headers).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  };
  return { ...(await listen(createServer((req, res) => void serve(req, res)))), seen };
};

const send = async (settings: Partial<HttpSettings>, ms = 5000, facts: Partial<HostFacts> = {}): Promise<Handover> => {
  const parsed = z.strictObject(shape).parse({ secret: 'env:APP', ...settings });
  const attempt = http.open(parsed, {
    name: 'app',
    secret: async (reference) => {
      if (reference === 'env:APP') return secret;
      throw new Error(`${reference} is not set`);
    },
    fill: (template, facts) => fill(template, facts, { allowLocal: true }),
  });
  const handover = await attempt(mail, { ...host, ...facts }, AbortSignal.timeout(ms));
  handovers.push(handover);
  return handover;
};

const url = (port: number) => `http://{host.address}:${port}/mail-canary?site=shop`;
const ask = async (status: number, answer: unknown, headers: Record<string, string> = {}) => {
  const started = await webHost(status, answer, headers);
  return { ...started, handover: await send({ url: url(started.port) }) };
};

describe('the settings', () => {
  test('the mail leaves from the host, through no shared server', () => {
    const settings = z.strictObject(shape).parse({ url: 'https://{host.address}/mail-canary', secret: 'env:APP' });
    expect(http.leavesFromHost(settings)).toBe(true);
    expect(http.sharedServer(settings)).toBeUndefined();
    expect(http.secrets(settings)).toEqual(['env:APP']);
    expect(http.needs(settings)).toEqual([]);
  });

  test.each([
    'ftp://{host.address}/',
    '{host.address}',
    'https://user:password@{host.address}/',
    'https://{host.address}/#x',
    'https://',
  ])('%s is no URL for it', (bad) => {
    const parsed = z.strictObject(shape).safeParse({ url: bad, secret: 'env:APP' });
    expect(parsed.error?.issues[0]?.message).toContain('must be an http or https URL');
  });
});

describe('the request', () => {
  test('names the host, is signed, and carries the mail', async () => {
    const { seen, handover } = await ask(200, { state: 'sent' });
    expect(handover.state).toBe('claimed');
    const [{ req, body } = { req: undefined, body: '' }] = seen;
    expect(req?.method).toBe('POST');
    expect(req?.url).toBe('/mail-canary?site=shop');
    expect(req?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-mail-canary-host': 'web-03',
      'x-mail-canary-timestamp': '1800000000',
    });
    const { from, to, subject, messageId, headers, text } = mail;
    const id = 'bcdfghjklmnpqrstvwxz.bbccddff';
    expect(JSON.parse(body)).toEqual({ host: 'web-03', id, from, to, subject, messageId, headers, text });
    const signed = { method: 'POST', path: '/mail-canary?site=shop', timestamp: 1_800_000_000, body };
    const signature = String(req?.headers['x-mail-canary-signature']);
    expect(verify(secret, signed, signature)).toBe(true);
    expect(verify(secret, { ...signed, path: '/mail-canary' }, signature)).toBe(false);
    expect(verify(secret, { ...signed, body: `${body} ` }, signature)).toBe(false);
    expect(verify(secret, { ...signed, timestamp: 1_800_000_001 }, signature)).toBe(false);
    expect(verify(`${secret}x`, signed, signature)).toBe(false);
    expect(verify(secret, signed, 'v1=')).toBe(false);
  });

  test('the worked example of the README', () => {
    const page = readFileSync('README.md', 'utf8');
    const found = (pattern: RegExp) => pattern.exec(page)?.[1] ?? '';
    const body = found(/```text\n(\{.+\})\n```/);
    const request = {
      method: found(/request line is `(\S+)/),
      path: found(/request line is `\S+ (\S+)/),
      timestamp: Number(found(/the timestamp `(\d+)`/)),
      body,
    };
    expect(Buffer.byteLength(body)).toBe(Number(found(/\n(\d+) bytes without/)));
    expect(`X-Mail-Canary-Signature: ${sign(found(/The key is `(.+?)`/), request)}`).toBe(
      found(/```text\n(X-Mail-Canary-Signature: .+)\n```/),
    );
    const digest = createHash('sha256').update(body).digest('hex');
    const signed = ['v1', request.method, request.path, request.timestamp, digest].join('\n');
    expect(page).toContain(`\`\`\`text\n${signed}\n\`\`\``);
    expect(JSON.parse(body)).toMatchObject({ host: 'web-03' });
  });

  test('an IPv6 address is put into brackets', async () => {
    expect(await send({ url: 'http://{host.address}:1/' }, 2000, { address: '::1' })).toMatchObject({
      state: 'unsent',
      answeredBy: '[::1]:1',
    });
  });

  test('each canary has a connection of its own', async () => {
    const started = await webHost(200, { state: 'sent' });
    await send({ url: url(started.port) });
    await send({ url: url(started.port) });
    expect(started.connections()).toBe(2);
  });

  test('a secret that cannot be looked up, or no URL, is our own fault', async () => {
    expect(await send({ url: url(1), secret: 'env:NOWHERE' })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: 'env:NOWHERE is not set',
    });
    expect(await send({ url: url(1) }, 2000, { address: 'not an address' })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
    });
  });
});

describe('an answer', () => {
  test('200: a claim, also when the application sent nothing', async () => {
    const told = {
      state: 'sent',
      response: '250 2.0.0 Ok: queued as 4X1bQk3Zz',
      queueId: '4X1bQk3Zz',
      server: 'Mail-GW.example.test',
      seenAs: '10.0.1.17',
    };
    expect((await ask(200, told)).handover).toEqual({
      state: 'claimed',
      sentAt: mail.sentAt,
      evidence: told.response,
      queueId: '4X1bQk3Zz',
      answeredBy: 'mail-gw.example.test',
      seenAs: '10.0.1.17',
      ownServer: false,
      stage: 'http',
    });
    const bare = await ask(200, { state: 'sent', seenAs: 'not an address', server: 7 });
    expect(bare.handover).toMatchObject({ state: 'claimed', ownServer: true, answeredBy: `127.0.0.1:${bare.port}` });
    expect(bare.handover.seenAs).toBeUndefined();
  });

  test('502 with a reply: refused by the relay', async () => {
    const told = {
      state: 'failed',
      error: 'Recipient command failed: 554 5.7.1 <canary@supplier.example>: Relay access denied',
      response: '554 5.7.1 <canary@supplier.example>: Relay access denied',
      server: 'mail-gw.example.test',
      code: 'EENVELOPE',
    };
    expect((await ask(502, told)).handover).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      evidence: told.response,
      answeredBy: 'mail-gw.example.test',
      ownServer: false,
    });
    expect((await ask(502, { ...told, response: '451 4.7.1 Greylisted' })).handover).toMatchObject({
      cause: 'greylisted',
      temporary: true,
    });
    const named = '550-5.7.1 Invalid credentials for relay [198.51.100.7].';
    expect((await ask(502, { ...told, response: named })).handover).toMatchObject({ seenAs: '198.51.100.7' });
  });

  test('502 without a reply: by its code, else the application', async () => {
    const refused = await ask(502, {
      state: 'failed',
      error: 'connect ECONNREFUSED 10.0.0.5:25',
      code: 'ECONNREFUSED',
      server: '10.0.0.5',
    });
    expect(refused.handover).toMatchObject({
      state: 'refused',
      cause: 'connect-refused',
      temporary: false,
      answeredBy: '10.0.0.5',
      ownServer: false,
    });
    const own = await ask(502, { state: 'failed', error: 'template orders.html is missing' });
    expect(own.handover).toMatchObject({
      state: 'refused',
      cause: 'app-error',
      temporary: false,
      evidence: 'template orders.html is missing',
      answeredBy: `127.0.0.1:${own.port}`,
      ownServer: true,
    });
  });

  test('421: another host', async () => {
    expect((await ask(421, { host: 'web-04' })).handover).toMatchObject({
      state: 'unsent',
      cause: 'not-in-rotation',
      evidence: 'web-04 answered in place of web-03',
    });
    expect((await ask(421, { host: 'web-03' })).handover).toMatchObject({ cause: 'trigger-failed' });
    expect((await ask(421, 'Misdirected Request')).handover).toMatchObject({ cause: 'trigger-failed' });
  });

  test.each([401, 403])('%i: not authorised', async (status) => {
    expect((await ask(status, { error: 'no' })).handover).toMatchObject({
      state: 'unsent',
      cause: 'trigger-unauthorised',
      evidence: `HTTP ${status}: {"error":"no"}`,
    });
  });

  test.each([
    ['500', 500, '<html><body><h1>Internal Server Error</h1></body></html>', 'HTTP 500: Internal Server Error'],
    ['404', 404, 'Not Found', 'HTTP 404: Not Found'],
    ['429', 429, { error: 'slowly' }, 'HTTP 429: {"error":"slowly"}'],
    ['204', 204, '', 'HTTP 204'],
    ['502 of a proxy', 502, '<h1>502 Bad Gateway</h1>nginx', 'HTTP 502: 502 Bad Gateway nginx'],
    ['200 that is no JSON', 200, 'ok', 'HTTP 200: ok'],
    ['200 in another state', 200, { state: 'queued' }, 'HTTP 200: {"state":"queued"}'],
    ['200 with a long page', 200, 'x'.repeat(70_000), `HTTP 200: ${'x'.repeat(200)}`],
  ])('%s says nothing of mail', async (_what, status, answer, evidence) => {
    expect((await ask(status, answer)).handover).toMatchObject({
      state: 'unsent',
      cause: 'trigger-failed',
      evidence,
      ownServer: true,
    });
  });

  test('an endless page is cut off', async () => {
    const { port } = await listen(
      createServer((_req, res) => {
        const more = () => {
          if (!res.destroyed) res.write('x'.repeat(8192), () => setImmediate(more));
        };
        more();
      }),
    );
    expect(await send({ url: url(port) })).toMatchObject({ state: 'unsent', cause: 'trigger-failed' });
  });

  test('redirects are not followed', async () => {
    const elsewhere = await webHost(200, { state: 'sent' });
    const { handover } = await ask(307, '', { location: `http://127.0.0.1:${elsewhere.port}/` });
    expect(handover).toMatchObject({
      state: 'unsent',
      cause: 'trigger-failed',
      evidence: `HTTP 307: to http://127.0.0.1:${elsewhere.port}/, not followed`,
    });
    expect(elsewhere.seen).toEqual([]);
  });

  test('a host that repeats the secret does not get it into the handover', async () => {
    const words = `no ${secret} here`;
    expect((await ask(500, words)).handover.evidence).toBe('HTTP 500: no *** here');
    const told = { state: 'failed', error: words, response: `554 ${words}`, server: secret, code: secret };
    expect((await ask(502, told)).handover).toMatchObject({ state: 'refused', evidence: '554 no *** here' });
    expect(
      (await ask(200, { state: 'sent', queueId: secret, server: secret, response: secret })).handover,
    ).toMatchObject({ queueId: '***' });
  });
});

describe('no answer', () => {
  test.each(['hang', 'reset', 'end'] as const)(
    'after the request was sent (%s): unanswered, judged by arrival',
    async (does) => {
      const { port } = await listen(
        createServer((req) => {
          req.resume().once('end', () => {
            if (does === 'reset') req.socket.resetAndDestroy();
            if (does === 'end') req.socket.end();
          });
        }),
      );
      const began = performance.now();
      expect(await send({ url: url(port) }, 300)).toMatchObject({
        state: 'unanswered',
        stage: 'http',
        ownServer: true,
      });
      expect(performance.now() - began).toBeLessThan(900);
    },
  );

  test('in the middle of the answer: unanswered', async () => {
    const { port } = await listen(
      createServer((_req, res) => {
        res.writeHead(200, { 'content-length': 1000 }).write('{"state":');
        setTimeout(() => res.socket?.resetAndDestroy(), 20);
      }),
    );
    expect(await send({ url: url(port) })).toMatchObject({ state: 'unanswered' });
    const drip = await listen(
      createServer((_req, res) => {
        res.writeHead(200);
        const timer = setInterval(() => res.write(' '), 20);
        res.once('close', () => clearInterval(timer));
      }),
    );
    expect(await send({ url: url(drip.port) }, 300)).toMatchObject({ state: 'unanswered' });
  });

  test('nothing listens: the host could not be asked', async () => {
    const { port } = await listen(createTcpServer());
    await toClose.pop()?.();
    expect(await send({ url: url(port) })).toMatchObject({
      state: 'unsent',
      cause: 'connect-refused',
      stage: 'connect',
      evidence: `connect ECONNREFUSED 127.0.0.1:${port}`,
    });
  });

  test('the handshake hangs: the host could not be asked', async () => {
    const { port } = await listen(createTcpServer());
    expect(await send({ url: `https://{host.address}:${port}/` }, 300)).toMatchObject({
      state: 'unsent',
      cause: 'trigger-failed',
      stage: 'tls',
      evidence: 'no answer at stage "tls" before the deadline',
    });
  });

  test('the deadline has passed before it begins', async () => {
    const started = await webHost(200, { state: 'sent' });
    const parsed = z.strictObject(shape).parse({ url: url(started.port), secret: 'env:APP' });
    const attempt = http.open(parsed, {
      name: 'app',
      secret: async () => secret,
      fill: () => `http://127.0.0.1:${started.port}/`,
    });
    expect(await attempt(mail, host, AbortSignal.abort())).toMatchObject({ state: 'unsent', cause: 'sent-too-late' });
    expect(started.seen).toEqual([]);
  });
});

describe('TLS', () => {
  const secureHost = async (name: string) => {
    const hosts: (string | undefined)[] = [];
    const names: unknown[] = [];
    const server = createSecureServer({ key: pem(`${name}.key`), cert: pem(`${name}.pem`) }, (req, res) => {
      hosts.push(req.headers.host);
      names.push(Reflect.get(req.socket, 'servername'));
      req.resume().once('end', () => res.end('{"state":"sent"}'));
    });
    return { ...(await listen(server)), hosts, names };
  };

  test('a host that is reached by address shows the certificate of the web site', async () => {
    const { port, hosts, names } = await secureHost('other-name');
    const settings = { url: `https://{host.address}:${port}/`, serverName: 'other-name.test', tls: ca };
    expect(await send(settings)).toMatchObject({ state: 'claimed' });
    expect(hosts).toEqual([`other-name.test:${port}`]);
    expect(names).toEqual(['other-name.test']);
  });

  test.each([
    ['for another name', 'other-name', ca, 'tls-name'],
    ['expired', 'expired', ca, 'tls-expired'],
    ['of an unknown CA', 'server', undefined, 'tls-untrusted'],
  ])('a certificate %s: the host is not asked', async (_what, name, tls, cause) => {
    const { port, hosts } = await secureHost(name);
    expect(await send({ url: `https://{host.address}:${port}/`, tls })).toMatchObject({
      state: 'unsent',
      cause,
      stage: 'tls',
    });
    expect(hosts).toEqual([]);
  });
});
