/** The endpoint that users copy, asked by people who mean harm, and asked too often. */
import { randomBytes } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { describe, expect, test } from 'vitest';
import { type MailCanaryHandlerOptions, mailCanaryHandler } from '../../examples/web-host/mail-canary-host.mjs';
import { sign } from '../../lambdas/paths/http/sign.ts';
import { application, ask, clock, fields, type Request, secret, serve } from './web-host-harness.ts';

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

describe("the application's own failures", () => {
  const failing = (words: string) => ({
    sendMail: (_mail: object, done?: (error: Error) => void) => {
      const error = new Error(words);
      if (done === undefined) return Promise.reject(error);
      done(error);
      return undefined;
    },
    options: { host: 'mail-gw.example.test' },
    isIdle: () => true,
  });

  test('are counted where its transport rejects or calls back with an error, and nothing else of it changes', async () => {
    const { handler } = await application();
    const port = await serve(handler);
    const transport = handler.counting(failing('no route'));
    expect((await ask(port)).body.failures).toBe(0);
    await expect(transport.sendMail({})).rejects.toThrow('no route');
    const said: unknown[] = [];
    transport.sendMail({}, (error) => said.push(error.message));
    expect(said).toEqual(['no route']);
    expect(transport.isIdle()).toBe(true);
    expect(transport.options.host).toBe('mail-gw.example.test');
    expect((await ask(port)).body.failures).toBe(2);
    expect((await ask(port)).body.failures).toBe(0);
  });

  test('a mail that is sent is none, and a canary that fails is none', async () => {
    const transport = { sendMail: async () => Promise.reject(new Error('refused')) };
    const { handler, relay } = await application({ transport });
    const bare = createTransport({ host: '127.0.0.1', port: relay.port, ignoreTLS: true });
    const own = handler.counting(bare);
    await own.sendMail({ from: 'a@example.test', to: 'b@example.test', text: 'an order' });
    expect(await ask(await serve(handler))).toMatchObject({ status: 502, body: { failures: 0 } });
  });

  test('are told again when the answer did not go out', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    const transport = {
      sendMail: async () => {
        asked += 1;
        await held;
        return { response: '250 2.0.0 Ok: queued as 4X1bQk3Zz' };
      },
    };
    const { handler } = await application({ transport });
    const closed = new Promise<void>((resolve) => {
      void serve((req, res) => {
        res.once('close', resolve);
        handler(req, res);
      }).then(async (port) => {
        const ended = new AbortController();
        const sending = ask(port, fields, { signal: ended.signal });
        await expect.poll(() => asked).toBe(1);
        ended.abort();
        await sending.catch(() => {});
      });
    });
    handler.countFailure();
    await closed;
    release();
    const answer = await ask(await serve(handler));
    expect(answer.body).toMatchObject({ state: 'sent', failures: 1 });
  });
});
