/** What the `http` path makes of the answers of web hosts, honest ones and others. */
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ask, listen, mail, secret, send, url, webHost } from './http-harness.ts';

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

  test.each([
    [0, 0],
    [17, 17],
    [1_000_000, 1_000_000],
    [1_000_001, undefined],
    [-1, undefined],
    [1.5, undefined],
    ['17', undefined],
    [null, undefined],
  ])(
    "the application's own failures %j: counted as %j, and the mail is judged all the same",
    async (failures, counted) => {
      const sent = await ask(200, { state: 'sent', failures });
      expect(sent.handover.state).toBe('claimed');
      expect(sent.handover.appFailures).toBe(counted);
      const relay = { error: 'x', response: '554 5.7.1 <a@b>: Relay access denied', server: 'mail-gw.example.test' };
      for (const told of [relay, { error: 'x' }, { error: 'x', code: 'ECONNREFUSED' }]) {
        const { handover } = await ask(502, { state: 'failed', ...told, failures });
        expect(handover.state).toBe('refused');
        expect(handover.appFailures).toBe(counted);
      }
    },
  );

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
