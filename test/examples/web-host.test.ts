/** The endpoint that users copy, in node:http and in Express, against the real path, a real relay, and people who mean harm. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createTransport } from 'nodemailer';
import { afterEach, describe, expect, test } from 'vitest';
import { startRelay } from '../../demo/servers/relay.ts';
import { type MailCanaryHandlerOptions, mailCanaryHandler } from '../../examples/web-host/mail-canary-host.mjs';
import type { CanaryMail, HostFacts } from '../../lambdas/core/words.ts';
import { http } from '../../lambdas/paths/http/index.ts';
import { sign } from '../../lambdas/paths/http/sign.ts';

const secret = randomBytes(18).toString('base64url');
const clock = { now: 1_800_000_000_000 };

const facts: HostFacts = {
  id: 'web-03',
  address: '127.0.0.1',
  paths: [],
  mailboxes: [],
  services: [],
  customers: [],
  labels: {},
};

const fields = {
  host: 'web-03',
  id: 'bcdfghjklmnpqrstvwxz',
  from: 'orders@example.test',
  to: 'canary@supplier.example',
  subject: 'Mail canary web-03 bcdfghjklmnpqrstvwxz',
  messageId: '<bcdfghjklmnpqrstvwxz.k@example.test>',
  headers: { 'X-Mail-Canary': 'v1.abcd', 'Auto-Submitted': 'auto-generated' },
  text: 'This is a mail canary.\n',
};

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  clock.now = 1_800_000_000_000;
  for (const close of toClose.splice(0)) await close();
});

const serve = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  toClose.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
};

/** An application whose mail leaves through a relay that trusts it, or not. */
const application = async (options: Partial<MailCanaryHandlerOptions> = {}, trusted = ['127.0.0.1']) => {
  const mails: { readonly recipient: string; readonly raw: string }[] = [];
  const relay = await startRelay({
    trusted,
    deliver: (recipient, raw) => void mails.push({ recipient, raw: raw.toString() }),
  });
  toClose.push(relay.close);
  const handler = mailCanaryHandler({
    host: 'web-03',
    secret,
    transport: createTransport({ host: '127.0.0.1', port: relay.port }),
    recipients: ['canary@supplier.example', 'canary@example.test'],
    now: () => clock.now,
    ...options,
  });
  return { handler, mails, relay };
};

type Request = {
  readonly timestamp?: number;
  readonly signature?: string;
  readonly method?: string;
  readonly path?: string;
};

/** Asks as the monitor does, or nearly so. */
const ask = async (port: number, body: unknown = fields, given: Request = {}) => {
  const { timestamp = Math.floor(clock.now / 1000), method = 'POST', path = '/mail-canary' } = given;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      'x-mail-canary-timestamp': String(timestamp),
      'x-mail-canary-signature': given.signature ?? sign(secret, { method, path, timestamp, body: text }),
    },
    ...(method === 'POST' && { body: text }),
  });
  return { status: response.status, body: await response.json() };
};

describe('the endpoint and the path together', () => {
  const mail: CanaryMail = { ...fields, key: 'bbccddff', route: 'web-03/app/outside', slot: 1, sentAt: clock.now };
  const send = (port: number, host = facts) =>
    http.open(
      { url: 'http://{host.address}/', secret: 'env:APP' },
      { name: 'app', secret: async () => secret, fill: () => `http://127.0.0.1:${port}/mail-canary` },
    )(mail, host, AbortSignal.timeout(5000));

  test('sent: a claim with the queue id of the relay, and the mail as it was asked for', async () => {
    const { handler, mails } = await application();
    const handover = await send(await serve(handler));
    expect(handover).toMatchObject({
      state: 'claimed',
      queueId: expect.stringMatching(/^[0-9A-F]{10}$/),
      answeredBy: '127.0.0.1',
    });
    await expect.poll(() => mails.length).toBe(1);
    expect(mails[0]?.recipient).toBe(fields.to);
    for (const line of [
      'From: orders@example.test',
      'X-Mail-Canary: v1.abcd',
      'Auto-Submitted: auto-generated',
      `Message-ID: ${fields.messageId}`,
    ])
      expect(mails[0]?.raw).toContain(line);
  });

  test('the relay does not trust the host: the refusal comes through in its own words', async () => {
    const { handler } = await application({}, []);
    expect(await send(await serve(handler))).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      evidence: '554 5.7.1 <canary@supplier.example>: Relay access denied',
      ownServer: false,
    });
  });

  test('the relay is down: its code comes through', async () => {
    const { handler, relay } = await application();
    await relay.close();
    toClose.length = 0;
    expect(await send(await serve(handler))).toMatchObject({ state: 'refused', cause: 'connect-refused' });
  });

  test('asked in the name of another host: it says who it is, and sends nothing', async () => {
    const { handler, mails } = await application({ host: 'web-04' });
    expect(await send(await serve(handler))).toMatchObject({
      state: 'unsent',
      cause: 'not-in-rotation',
      evidence: 'web-04 answered in place of web-03',
    });
    expect(mails).toEqual([]);
  });

  test('with another secret: not authorised', async () => {
    const { handler, mails } = await application({ secret: 'another' });
    expect(await send(await serve(handler))).toMatchObject({ state: 'unsent', cause: 'trigger-unauthorised' });
    expect(mails).toEqual([]);
  });

  test('in Express, mounted under a path and before the body parser', async () => {
    const { handler, mails } = await application();
    const app = express();
    app.use('/mail-canary', handler);
    app.use(express.json());
    const port = await serve(app);
    expect(await send(port)).toMatchObject({ state: 'claimed' });
    await expect.poll(() => mails.length).toBe(1);
    expect((await fetch(`http://127.0.0.1:${port}/mail-canary`)).status).toBe(404);
  });

  test('in Express after a body parser it says what is wrong', async () => {
    const { handler, mails } = await application();
    const app = express();
    app.use(express.json());
    app.use('/mail-canary', handler);
    const { status, body } = await ask(await serve(app));
    expect(status).toBe(500);
    expect(body).toEqual({ error: expect.stringContaining('before body parsers') });
    expect(mails).toEqual([]);
  });

  test('behind a proxy that changes the path', async () => {
    const { handler } = await application({ path: '/mail-canary' });
    const port = await serve((req, res) => {
      req.url = '/internal';
      handler(req, res);
    });
    expect(await send(port)).toMatchObject({ state: 'claimed' });
  });
});

describe('the endpoint refuses', () => {
  const refused = async (body: unknown, given: Request = {}, options: Partial<MailCanaryHandlerOptions> = {}) => {
    const { handler, mails } = await application(options);
    const answer = await ask(await serve(handler), body, given);
    expect(mails).toEqual([]);
    return answer;
  };

  test.each([
    ['forged', { signature: `v1=${'0'.repeat(64)}` }],
    ['missing', { signature: '' }],
    [
      'made with another secret',
      {
        signature: sign('another', {
          method: 'POST',
          path: '/mail-canary',
          timestamp: 1_800_000_000,
          body: JSON.stringify(fields),
        }),
      },
    ],
    [
      'for another path',
      {
        signature: sign(secret, {
          method: 'POST',
          path: '/other',
          timestamp: 1_800_000_000,
          body: JSON.stringify(fields),
        }),
      },
    ],
    [
      'for another body',
      { signature: sign(secret, { method: 'POST', path: '/mail-canary', timestamp: 1_800_000_000, body: '{}' }) },
    ],
    ['too old', { timestamp: 1_800_000_000 - 301 }],
    ['of the future', { timestamp: 1_800_000_000 + 301 }],
  ])('a signature that is %s', async (_what, given) => {
    expect((await refused(fields, given)).status).toBe(401);
  });

  test('a recipient or sender that is not its own', async () => {
    expect((await refused({ ...fields, to: 'victim@supplier.example' })).status).toBe(403);
    expect((await refused(fields, {}, { from: 'shop@example.test' })).status).toBe(403);
  });

  test.each([
    ['subject', 'a\r\nBcc: victim@supplier.example'],
    ['messageId', '<a>\r\nBcc: victim@supplier.example'],
    ['from', 'orders@example.test\r\nBcc: victim@supplier.example'],
    ['from', 'orders@example.test, victim@supplier.example'],
    ['to', 'canary@supplier.example, victim@supplier.example'],
    ['to', 'group: canary@supplier.example;'],
    ['to', ['canary@supplier.example']],
    ['text', { path: '/etc/passwd' }],
    ['headers', { Bcc: 'victim@supplier.example' }],
    ['headers', { 'X-Mail-Canary': 'v1\r\nBcc: victim@supplier.example' }],
    ['headers', { 'X-Mail-Canary': ['v1'] }],
    ['headers', 'X-Mail-Canary: v1'],
    ['id', undefined],
  ])('%s %j', async (name, value) => {
    expect((await refused({ ...fields, [name]: value })).status).toBe(400);
  });

  test.each(['', 'null', '[]', '{', '"text"'])('the body %j', async (body) => {
    expect((await refused(body)).status).toBe(400);
  });

  test('a body of more than 16 KB, and every other method', async () => {
    expect((await refused({ ...fields, text: 'x'.repeat(17_000) })).status).toBe(413);
    expect((await refused(fields, { method: 'PUT' })).status).toBe(405);
  });

  test('to be made without a secret', () => {
    expect(() =>
      mailCanaryHandler({ host: 'web-03', secret: '', transport: createTransport({}), recipients: [] }),
    ).toThrow('a host and a secret');
  });
});

describe('the endpoint sends', () => {
  test('one mail for one id, however often and at once it is asked, and gives the same answer', async () => {
    const { handler, mails } = await application();
    const port = await serve(handler);
    const answers = await Promise.all([ask(port), ask(port), ask(port)]);
    clock.now += 120_000;
    answers.push(await ask(port, { ...fields, headers: { 'X-Mail-Canary': 'minted again' } }));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    await expect.poll(() => mails.length).toBe(1);
  });

  test('one mail a minute to each recipient, and one more at once', async () => {
    const { handler, mails } = await application();
    const port = await serve(handler);
    const statuses = async (count: number, to = fields.to) => {
      const list: number[] = [];
      for (let i = 0; i < count; i += 1)
        list.push((await ask(port, { ...fields, to, id: randomBytes(8).toString('hex') })).status);
      return list;
    };
    expect(await statuses(4)).toEqual([200, 200, 429, 429]);
    expect(await statuses(1, 'Canary@Example.test')).toEqual([200]);
    clock.now += 60_000;
    expect(await statuses(2)).toEqual([200, 429]);
    await expect.poll(() => mails.length).toBe(4);
    expect(new Set(mails.map(({ recipient }) => recipient))).toEqual(
      new Set(['canary@supplier.example', 'canary@example.test']),
    );
  });

  test('and says so when the mailer throws, whatever it throws', async () => {
    const transport = {
      sendMail: async () => Promise.reject(Object.assign(new Error('no template'), { code: 'ENOENT' })),
    };
    const { handler } = await application({ transport });
    expect(await ask(await serve(handler))).toEqual({
      status: 502,
      body: { state: 'failed', error: 'no template', code: 'ENOENT' },
    });
  });
});
