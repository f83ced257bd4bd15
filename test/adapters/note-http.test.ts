/** Tellings over HTTP: what a stranger can send, what a function URL hands over, and the port of `watch`. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import {
  listenForTellings,
  mostBytes,
  noteHandler,
  requestIn,
  type TellingRequest,
} from '../../lambdas/adapters/note-http.ts';
import { hostKey, signTelling } from '../../lambdas/core/enrolment.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import type { Ledger } from '../../lambdas/core/ports.ts';
import { hostOf, minute, monitorOf, pathPlan, slot0 } from '../core/fleet.ts';

const master = 'the master secret';
const now = slot0 * minute + 90_000;
const monitor = monitorOf({ paths: { cron: pathPlan({ every: 15 * minute, byHost: true }) } });

const telling = {
  v: 1,
  host: 'web-01',
  path: 'cron',
  fleet: false,
  generation: 1,
  slot: slot0,
  at: now,
  phase: 'sending',
  address: '10.0.1.1',
  mailboxes: ['outside'],
};
const done = { ...telling, phase: 'done', mailbox: 'outside', via: 'sendmail', exit: 0, said: '' };

const handling = async (change: (ledger: Ledger) => Ledger = (ledger) => ledger) => {
  const ledger = memoryLedger();
  const items = itemsOf(ledger);
  await items.putHost(hostOf('web-01', { paths: ['cron'] }));
  const problems: unknown[] = [];
  const ports = { ledger: change(ledger), now: () => now, master: async () => master };
  const handle = noteHandler(ports, monitor, (error) => problems.push(error));
  const notes = async () => (await ledger.list(`batch#${slot0}`)).map(({ sk }) => sk);
  return { handle, problems, notes };
};

const { secret } = hostKey(master, 'web-01', 1);
/** A request as the script makes it; whatever is given replaces a part of it after it was signed. */
const request = (body: object | string | Uint8Array, change: Partial<TellingRequest> = {}): TellingRequest => {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const timestamp = Math.floor(now / 1000);
  const path = change.path ?? '/';
  return {
    method: 'POST',
    path,
    headers: {
      'x-mail-canary-timestamp': String(timestamp),
      'x-mail-canary-signature': signTelling(secret, { path, timestamp, body: bytes }),
    },
    body: bytes,
    ...change,
  };
};
const words = ({ body }: { readonly body: string }): unknown => (JSON.parse(body) as { error?: unknown }).error;

describe('a telling', () => {
  test('is noted, and answered with one line of JSON', async () => {
    const { handle, notes } = await handling();
    expect(await handle(request(telling))).toEqual({
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: '{"noted":1}\n',
    });
    expect(await handle(request(done))).toMatchObject({ status: 200 });
    expect(await notes()).toEqual([
      expect.stringMatching(/^!tell\.done\./),
      expect.stringMatching(/^!tell\.sending\./),
    ]);
  });

  test.each([
    ['GET', 405, 'tellings are POST, got GET'],
    ['DELETE', 405, 'tellings are POST, got DELETE'],
    ['', 405, 'tellings are POST, got '],
  ])('is POST, not %j', async (method, status, error) => {
    const answer = await (await handling()).handle(request(telling, { method }));
    expect([answer.status, words(answer), answer.headers.allow]).toEqual([status, error, 'POST']);
  });

  test('has at most 8 KB', async () => {
    const { handle } = await handling();
    const filled = (bytes: number) => JSON.stringify(telling) + ' '.repeat(bytes - JSON.stringify(telling).length);
    expect((await handle(request(filled(mostBytes)))).status).toBe(200);
    expect(await handle(request(filled(mostBytes + 1)))).toMatchObject({ status: 413 });
  });

  test.each([
    ['no headers', {}],
    ['no signature', { 'x-mail-canary-timestamp': '1' }],
    ['a time in words', { 'x-mail-canary-timestamp': 'now', 'x-mail-canary-signature': 'v1=' }],
    ['a time of many digits', { 'x-mail-canary-timestamp': '9'.repeat(400), 'x-mail-canary-signature': 'v1=' }],
    ['two signatures', { 'x-mail-canary-timestamp': '1', 'x-mail-canary-signature': ['v1=', 'v1='] }],
  ])('with %s is nobody’s', async (_, headers) => {
    expect((await (await handling()).handle(request(telling, { headers }))).status).toBe(401);
  });

  test('whose body was changed on the way is nobody’s', async () => {
    const { handle, notes } = await handling();
    const changed = Buffer.from(JSON.stringify({ ...telling, mailboxes: [] }));
    expect((await handle({ ...request(telling), body: changed })).status).toBe(401);
    expect((await handle({ ...request(telling), path: '/other' })).status).toBe(401);
    expect(await notes()).toEqual([]);
  });

  test.each([
    ['', 'the body is not the JSON of a telling'],
    ['{', 'the body is not the JSON of a telling'],
    ['null', 'the body is not the JSON of a telling'],
    ['[]', 'the body is not the JSON of a telling'],
    [`${'['.repeat(4000)}`, 'the body is not the JSON of a telling'],
    [{ ...telling, v: 2 }, '"v" of the telling is wrong'],
    [{ ...telling, phase: 'gone' }, '"phase" of the telling is wrong'],
    [{ ...telling, host: 'a b' }, '"host" of the telling is wrong'],
    [{ ...telling, host: '__proto__' }, '"host" of the telling is wrong'],
    [{ ...telling, host: '*fleet' }, '"host" of the telling is wrong'],
    [{ ...telling, host: 'x'.repeat(102) }, '"host" of the telling is wrong'],
    [{ ...telling, host: 'web-01/cron' }, '"host" of the telling is wrong'],
    [{ ...telling, generation: 0 }, '"generation" of the telling is wrong'],
    [{ ...telling, generation: 1e9 }, '"generation" of the telling is wrong'],
    [{ ...telling, slot: 1.5 }, '"slot" of the telling is wrong'],
    [{ ...telling, slot: '1' }, '"slot" of the telling is wrong'],
    [{ ...telling, at: -1 }, '"at" of the telling is wrong'],
    [{ ...telling, fleet: 'yes' }, '"fleet" of the telling is wrong'],
    [{ ...telling, mailboxes: Array.from({ length: 51 }, () => 'outside') }, '"mailboxes" of the telling is wrong'],
    [{ ...done, said: 'not base64!' }, '"said" of the telling is wrong'],
    [{ ...done, exit: 256 }, '"exit" of the telling is wrong'],
    [{ ...done, via: 'fax' }, '"via" of the telling is wrong'],
  ])('that is malformed says where: %j', async (body, error) => {
    const { handle, problems } = await handling();
    const answer = await handle(request(body));
    expect([answer.status, words(answer)]).toEqual([400, error]);
    expect(problems).toEqual([]);
  });

  test('with bytes that are no text is malformed', async () => {
    expect((await (await handling()).handle(request(Buffer.from([0xff, 0xfe, 0x00, 0x7b])))).status).toBe(400);
  });

  test.each(['not an address', '10.0.0.1; rm', '999.1.1.1', '::1%eth0 x', 7])(
    'without a usable address (%j) counts all the same',
    async (address) => {
      expect(await (await handling()).handle(request({ ...telling, address }))).toMatchObject({ status: 200 });
    },
  );

  test('that we could not write down is our fault, and says nothing of it', async () => {
    const { handle, problems } = await handling((ledger) => ({
      ...ledger,
      put: () => Promise.reject(new Error('table secret-name is gone')),
    }));
    expect(await handle(request(telling))).toMatchObject({
      status: 500,
      body: '{"error":"the monitor could not note this"}\n',
    });
    expect(problems).toHaveLength(1);
  });
});

describe('an event of a function URL (payload 2.0)', () => {
  const event = (body: string | undefined, isBase64Encoded: boolean) => ({
    rawPath: '/tell',
    rawQueryString: 'from=hosts',
    headers: { ...request(telling, { path: '/tell?from=hosts' }).headers } as Record<string, string>,
    requestContext: { http: { method: 'POST' } },
    body,
    isBase64Encoded,
  });
  const text = JSON.stringify(telling);

  test.each([
    ['as text', event(text, false)],
    ['in base64', event(Buffer.from(text).toString('base64'), true)],
  ])('holds the request, %s', async (_, given) => {
    const { handle } = await handling();
    expect(await handle(requestIn(given))).toMatchObject({ status: 200 });
  });

  test('may have neither query nor body', () => {
    const { body, path } = requestIn({ ...event(undefined, false), rawQueryString: '' });
    expect([body.length, path]).toEqual([0, '/tell']);
  });
});

describe('the port of watch', () => {
  const listening = async () => {
    const { handle, notes, problems } = await handling();
    const server = await listenForTellings(handle);
    onTestFinished(server.close);
    return { port: server.port, url: `http://127.0.0.1:${server.port}`, notes, problems };
  };
  /** Sends bytes as they are; resolves with all that comes back until the connection ends. */
  const raw = (port: number, ...parts: readonly string[]) =>
    new Promise<string>((resolve) => {
      const heard: Buffer[] = [];
      const socket = connect(port, '127.0.0.1');
      const end = () => resolve(Buffer.concat(heard).toString());
      socket
        .on('data', (chunk: Buffer) => heard.push(chunk))
        .on('error', end)
        .on('close', end);
      void (async () => {
        for (const part of parts) {
          socket.write(part);
          await sleep(20);
        }
      })();
    });
  const post = async (url: string, { path, headers, body }: TellingRequest) =>
    fetch(`${url}${path}`, { method: 'POST', headers: headers as Record<string, string>, body: Buffer.from(body) });

  test('takes a telling under the path that was signed', async () => {
    const { url, notes } = await listening();
    const answer = await post(url, request(telling, { path: '/tell?from=hosts' }));
    expect([answer.status, await answer.json()]).toEqual([200, { noted: 1 }]);
    expect(await notes()).toHaveLength(1);
  });

  test('listens on loopback', async () => {
    const { port } = await listening();
    expect(await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 /);
  });

  test.each([
    ['announced', [`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n`]],
    [
      'in chunks',
      ['POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', `5000\r\n${'x'.repeat(0x5000)}\r\n`],
    ],
  ] as const)('answers a flood with 413 and hangs up (%s)', async (_, parts) => {
    const { port, problems } = await listening();
    expect(await raw(port, ...parts)).toMatch(/^HTTP\/1\.1 413 .*connection: close/is);
    expect(problems).toEqual([]);
  });

  test.each([
    ['no HTTP', ['hello\r\n\r\n']],
    ['endless headers', [`POST / HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`]],
  ] as const)('answers %s and goes on', async (_, parts) => {
    const { port, url } = await listening();
    expect(await raw(port, ...parts)).toMatch(/^HTTP\/1\.1 4/);
    expect((await post(url, request(telling))).status).toBe(200);
  });

  test('a client that goes away in the middle leaves nothing behind', async () => {
    const { port, url, problems } = await listening();
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"v"');
    await sleep(50);
    socket.resetAndDestroy();
    expect((await post(url, request(telling))).status).toBe(200);
    expect(problems).toEqual([]);
  });

  test('a port that is taken is an error at once', async () => {
    const { port } = await listening();
    const { handle } = await handling();
    await expect(listenForTellings(handle, { port })).rejects.toThrow('EADDRINUSE');
  });
});
