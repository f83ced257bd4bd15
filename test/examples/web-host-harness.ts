/** An application with the endpoint that users copy, its relay, its clock, and one who asks as the monitor does. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTransport } from 'nodemailer';
import { onTestFinished } from 'vitest';
import { startRelay } from '../../demo/servers/relay.ts';
import { type MailCanaryHandlerOptions, mailCanaryHandler } from '../../examples/web-host/mail-canary-host.mjs';
import { sign } from '../../lambdas/paths/http/sign.ts';

export const secret = randomBytes(18).toString('base64url');
const start = 1_800_000_000_000;
/** Back at its start after each test with an application. */
export const clock = { now: start };

export const fields = {
  host: 'web-03',
  id: 'bcdfghjklmnpqrstvwxz',
  from: 'orders@example.test',
  to: 'canary@supplier.example',
  subject: 'Mail canary web-03 bcdfghjklmnpqrstvwxz',
  messageId: '<bcdfghjklmnpqrstvwxz.k@example.test>',
  headers: { 'X-Mail-Canary': 'v1.abcd', 'Auto-Submitted': 'auto-generated' },
  text: 'This is a mail canary.\n',
};

export const serve = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
};

/** An application whose mail leaves through a relay that trusts it, or not. */
export const application = async (options: Partial<MailCanaryHandlerOptions> = {}, trusted = ['127.0.0.1']) => {
  const mails: { readonly recipient: string; readonly raw: string }[] = [];
  const relay = await startRelay({
    trusted,
    deliver: (recipient, raw) => void mails.push({ recipient, raw: raw.toString() }),
  });
  onTestFinished(async () => {
    clock.now = start;
    await relay.close();
  });
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

export type Request = {
  readonly timestamp?: number;
  readonly signature?: string;
  readonly method?: string;
  readonly path?: string;
  readonly signal?: AbortSignal;
};

/** Asks as the monitor does, or nearly so. */
export const ask = async (port: number, body: unknown = fields, given: Request = {}) => {
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
    ...(given.signal && { signal: given.signal }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
