/** The `http` path against web hosts that do not answer, or that show the wrong certificate. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { http } from '../../lambdas/paths/http/index.ts';
import { shape } from '../../lambdas/paths/http/settings.ts';
import { pathContext } from './context.ts';
import { host, listen, mail, secret, send, url, webHost } from './http-harness.ts';

const pem = (name: string) => readFileSync(`test/fixtures/tls/${name}`);
const ca = { ca: 'file:test/fixtures/tls/ca.pem' };

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
    const { port, close } = await listen(createTcpServer());
    await close();
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
    const attempt = http.open(
      parsed,
      pathContext({ secret: async () => secret, fill: () => `http://127.0.0.1:${started.port}/` }),
    );
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
