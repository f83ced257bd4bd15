/** The endpoint that users copy, in node:http and in Express, against the real path and a real relay. */
import express from 'express';
import { describe, expect, test } from 'vitest';
import type { CanaryMail, HostFacts } from '../../lambdas/core/words.ts';
import { http } from '../../lambdas/paths/http/index.ts';
import { pathContext } from '../paths/context.ts';
import { application, ask, clock, fields, secret, serve } from './web-host-harness.ts';

const facts: HostFacts = {
  id: 'web-03',
  address: '127.0.0.1',
  paths: [],
  mailboxes: [],
  services: [],
  customers: [],
  labels: {},
};

describe('the endpoint and the path together', () => {
  const mail: CanaryMail = { ...fields, key: 'bbccddff', route: 'web-03/app/outside', slot: 1, sentAt: clock.now };
  const send = (port: number, host = facts) =>
    http.open(
      { url: 'http://{host.address}/', secret: 'env:APP' },
      pathContext({ secret: async () => secret, fill: () => `http://127.0.0.1:${port}/mail-canary` }),
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
