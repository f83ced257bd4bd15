/** What the tests of the `http` path share: a canary, web hosts that are closed behind each test, and a secret that must not get out. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import * as z from 'zod';
import type { CanaryMail, Handover, HostFacts } from '../../lambdas/core/words.ts';
import { http } from '../../lambdas/paths/http/index.ts';
import { type HttpSettings, shape } from '../../lambdas/paths/http/settings.ts';
import { fill } from '../../lambdas/settings/template.ts';
import { pathContext } from './context.ts';

// A new secret in every run: whatever output holds it, the last check of each test finds it.
export const secret = randomBytes(18).toString('base64url');

export const host: HostFacts = {
  id: 'web-03',
  address: '127.0.0.1',
  paths: ['app'],
  mailboxes: ['outside'],
  services: [],
  customers: [],
  labels: {},
};

export const mail: CanaryMail = {
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

export const listen = async (server: Server) => {
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
  const close = async () => {
    if (!server.listening) return;
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  onTestFinished(close);
  return { port: (server.address() as AddressInfo).port, connections: () => connections, close };
};

type Seen = { readonly req: IncomingMessage; readonly body: string };

/** A web host that answers this, whatever it is asked. */
export const webHost = async (status: number, answer: unknown, headers: Record<string, string> = {}) => {
  const seen: Seen[] = [];
  const serve = async (req: IncomingMessage, res: ServerResponse) => {
    let body = '';
    for await (const chunk of req) body += String(chunk);
    seen.push({ req, body });
    res.writeHead(status, headers).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  };
  return { ...(await listen(createServer((req, res) => void serve(req, res)))), seen };
};

export const send = async (
  settings: Partial<HttpSettings>,
  ms = 5000,
  facts: Partial<HostFacts> = {},
  canary: CanaryMail = mail,
): Promise<Handover> => {
  const parsed = z.strictObject(shape).parse({ secret: 'env:APP', ...settings });
  const attempt = http.open(
    parsed,
    pathContext({
      name: 'app',
      secret: async (reference) => {
        if (reference === 'env:APP') return secret;
        throw new Error(`${reference} is not set`);
      },
      fill: (template, facts) => fill(template, facts, { allowLocal: true }),
    }),
  );
  const handover = await attempt(canary, { ...host, ...facts }, AbortSignal.timeout(ms));
  onTestFinished(() => expect(JSON.stringify(handover)).not.toContain(secret));
  return handover;
};

export const url = (port: number) => `http://{host.address}:${port}/mail-canary?site=shop`;
export const ask = async (status: number, answer: unknown, headers: Record<string, string> = {}) => {
  const started = await webHost(status, answer, headers);
  return { ...started, handover: await send({ url: url(started.port) }) };
};
