/** The `http` path through a load balancer, in front of three of the example hosts and of others that behave worse. */
import { createServer, type RequestListener } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { createTransport } from 'nodemailer';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import { startRelay } from '../../demo/servers/relay.ts';
import { mailCanaryHandler } from '../../examples/web-host/mail-canary-host.mjs';
import type { HostFacts } from '../../lambdas/core/words.ts';
import { http } from '../../lambdas/paths/http/index.ts';
import { shape } from '../../lambdas/paths/http/settings.ts';
import { signAnswer } from '../../lambdas/paths/http/sign.ts';
import type { Hello } from '../../lambdas/paths/kind.ts';
import { pathContext } from './context.ts';
import { host, listen, mail, secret } from './http-harness.ts';

/** Each connection goes to the next server, whatever it asks for. */
const roundRobin = async (ports: readonly number[]) => {
  let turn = 0;
  const { port, connections } = await listen(
    createTcpServer((client) => {
      const back = connect(ports[turn % ports.length] ?? 0, '127.0.0.1');
      turn += 1;
      client.pipe(back).pipe(client);
      for (const socket of [client, back]) socket.on('error', () => {});
      client.once('close', () => back.destroy());
      back.once('close', () => client.destroy());
    }),
  );
  return { port, connections };
};

const serve = async (listener: RequestListener) => (await listen(createServer(listener))).port;

/** Answers every request in this way, once its body is there. */
const answering = (status: number, body: string, headers: (signature: string) => Record<string, string> = () => ({})) =>
  serve((req, res) => {
    const signature = String(req.headers['x-mail-canary-signature']);
    req.resume().once('end', () => res.writeHead(status, headers(signature)).end(body));
  });

/** Says that it is this host, in a way that is believed. */
const naming = (name: string, key = secret) => {
  const body = JSON.stringify({ host: name });
  return answering(421, body, (requestSignature) => ({
    'set-cookie': 'stick=here',
    'x-mail-canary-signature': signAnswer(key, { status: 421, requestSignature, body }),
  }));
};

/** The example endpoint with a relay of its own. */
const exampleHost = async (id: string, trusted = ['127.0.0.1']) => {
  const mails: string[] = [];
  const relay = await startRelay({ trusted, deliver: (_, raw) => void mails.push(raw.toString()) });
  onTestFinished(() => relay.close());
  const transport = createTransport({ host: '127.0.0.1', port: relay.port, ignoreTLS: true });
  // The canary of the tests has a time of its own.
  const now = () => mail.sentAt;
  const port = await serve(mailCanaryHandler({ host: id, secret, transport, recipients: [mail.to], now }));
  return { id, port, mails };
};

/** The path opened once, as a process opens it. */
const opened = (port: number, timeout = 30_000) => {
  const url = `http://127.0.0.1:${port}/mail-canary`;
  const parsed = z.strictObject(shape).parse({ url, secret: 'env:APP', through: 'balancer' });
  // As every path has it.
  const settings = { ...parsed, timeout };
  const hellos: Hello[] = [];
  const context = pathContext({
    name: 'app',
    secret: async () => secret,
    hello: async (hello) => void hellos.push(hello),
  });
  const send = http.open(settings, context);
  const ask = async (id: string, deadline = 20_000) => {
    const facts: HostFacts = { ...host, id };
    const handover = await send({ ...mail, route: `${id}/app/outside` }, facts, AbortSignal.timeout(deadline));
    expect(JSON.stringify(handover)).not.toContain(secret);
    return handover;
  };
  return { ask, hellos };
};

describe('through a balancer that takes turns', () => {
  test('each host is found, sends its own canary, and no other host sends it', async () => {
    const hosts = await Promise.all(['web-01', 'web-02', 'web-03'].map((id) => exampleHost(id)));
    const { port } = await roundRobin(hosts.map((one) => one.port));
    const { ask } = opened(port);
    for (const { id, mails } of hosts) {
      expect(await ask(id)).toMatchObject({ state: 'claimed' });
      await expect.poll(() => mails.length).toBe(1);
    }
    expect(hosts.map(({ mails }) => mails.length)).toEqual([1, 1, 1]);
  });

  test('canaries side by side do not keep step with it', async () => {
    const hosts = await Promise.all(['web-01', 'web-02', 'web-03'].map((id) => exampleHost(id)));
    const { port } = await roundRobin(hosts.map((one) => one.port));
    const { ask } = opened(port);
    const handovers = await Promise.all(hosts.map(({ id }) => ask(id)));
    expect(handovers.map(({ state }) => state)).toEqual(['claimed', 'claimed', 'claimed']);
  });

  test('what the mailer of the named host says is what counts', async () => {
    const hosts = [await exampleHost('web-01'), await exampleHost('web-02', [])];
    const { port } = await roundRobin(hosts.map((one) => one.port));
    expect(await opened(port).ask('web-02')).toMatchObject({ state: 'refused', cause: 'relay-denied' });
  });

  test('names that nobody told us of are announced, once in a while', async () => {
    const hosts = await Promise.all(['web-01', 'web-08', 'web-09'].map((id) => exampleHost(id)));
    const { port } = await roundRobin(hosts.map((one) => one.port));
    const { ask, hellos } = opened(port);
    // Each answers another one first, some time.
    for (let i = 0; i < 6; i += 1) await ask('web-01');
    expect(hellos.map(({ id, path }) => `${id} ${path}`).sort()).toEqual(['web-08 app', 'web-09 app']);
  });

  test('a known host that never answers: not in rotation, with who answered how often', async () => {
    const { port, connections } = await roundRobin([await naming('web-01'), await naming('web-04')]);
    expect(await opened(port).ask('web-03')).toMatchObject({
      state: 'unsent',
      cause: 'not-in-rotation',
      evidence: '24 answers: web-01 12, web-04 12',
    });
    expect(connections()).toBe(24);
  });

  test('the more hosts there are, the longer it looks', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `web-${index + 10}`);
    const { port } = await roundRobin(await Promise.all(names.map((name) => naming(name))));
    const { evidence } = await opened(port).ask('web-03');
    expect(evidence).toMatch(/^88 answers: web-\d\d 9, /);
  });

  test('nothing of one try is known to the next: no cookie, no connection', async () => {
    const cookies: unknown[] = [];
    const seen = await serve((req, res) => {
      cookies.push(req.headers.cookie);
      req.resume().once('end', () => res.writeHead(421, { 'set-cookie': 'stick=here' }).end('{"host":"web-01"}'));
    });
    const { port, connections } = await roundRobin([seen]);
    await opened(port).ask('web-03');
    expect(cookies).toEqual(Array(24).fill(undefined));
    expect(connections()).toBe(24);
  });
});

describe('a name is believed only with a signature over this very answer', () => {
  test.each([
    ['none', () => answering(421, '{"host":"web-09"}')],
    ['of another secret', () => naming('web-09', 'another')],
    [
      'of another answer',
      () => {
        const older = { status: 421, requestSignature: 'v1=of an older request', body: '{"host":"web-09"}' };
        return answering(421, older.body, () => ({ 'x-mail-canary-signature': signAnswer(secret, older) }));
      },
    ],
    [
      'of another body',
      () =>
        answering(421, '{"host":"web-09"}', (requestSignature) => ({
          'x-mail-canary-signature': signAnswer(secret, { status: 421, requestSignature, body: '{"host":"web-01"}' }),
        })),
    ],
  ])('%s: nobody is announced', async (_what, started) => {
    const { ask, hellos } = opened(await started());
    expect(await ask('web-03')).toMatchObject({
      cause: 'not-in-rotation',
      evidence: '24 answers: web-09 (not signed) 24',
    });
    expect(hellos).toEqual([]);
  });

  test.each(['', '../web', 'web 09', 'web-09\n', '-web', `w${'x'.repeat(101)}`, '__proto__', 'a/b', 'wéb'])(
    'the name %j is none, whoever signs it',
    async (name) => {
      const { ask, hellos } = opened(await naming(name));
      expect(await ask('web-03')).toMatchObject({ state: 'unsent', cause: 'trigger-failed' });
      expect(hellos).toEqual([]);
    },
  );
});

describe('answers that name nobody', () => {
  test('a wrong secret: not authorised, and it does not go on for long', async () => {
    const { port, connections } = await roundRobin([await answering(401, '{"error":"signature"}')]);
    expect(await opened(port).ask('web-03')).toMatchObject({
      state: 'unsent',
      cause: 'trigger-unauthorised',
      evidence: 'HTTP 401: {"error":"signature"} (8 answers: HTTP 401 8)',
    });
    expect(connections()).toBe(8);
  });

  test('no balancer at all', async () => {
    const { port, close } = await listen(createTcpServer());
    await close();
    expect(await opened(port).ask('web-03')).toMatchObject({
      state: 'unsent',
      cause: 'connect-refused',
      evidence: expect.stringContaining('8 answers: no answer 8'),
    });
  });

  test('a broken host beside a good one: the good one is found', async () => {
    const good = await exampleHost('web-03');
    const broken = await answering(503, '<h1>Service Unavailable</h1>');
    const { port } = await roundRobin([broken, broken, good.port]);
    expect(await opened(port).ask('web-03')).toMatchObject({ state: 'claimed' });
  });

  test('it may be the named host that is broken: nothing is said of the rotation', async () => {
    const { port } = await roundRobin([await naming('web-01'), await answering(500, 'oops')]);
    expect(await opened(port).ask('web-03')).toMatchObject({
      state: 'unsent',
      cause: 'trigger-failed',
      evidence: '24 answers: web-01 12, HTTP 500 12',
    });
  });

  test('a host that hangs does not use up the time of the one that is asked for', async () => {
    const good = await exampleHost('web-03');
    const hangs = await serve((req) => void req.resume());
    const { port } = await roundRobin([hangs, good.port]);
    expect(await opened(port, 1500).ask('web-03', 15_000)).toMatchObject({ state: 'claimed' });
  });

  test('the deadline ends it, and says so', async () => {
    const slow = await serve((req, res) => {
      req.resume().once('end', () => setTimeout(() => res.writeHead(421).end('{"host":"web-01"}'), 200));
    });
    const began = performance.now();
    const { evidence } = await opened(slow).ask('web-03', 700);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(evidence).toMatch(/^\d answers: .*web-01 \(not signed\) \d.*, then the deadline$/);
  });
});

describe('the settings', () => {
  const parse = (settings: object) =>
    z.strictObject(shape).safeParse({ url: 'https://www.example.com/mail-canary', secret: 'env:APP', ...settings });

  test('direct is what it is without the setting; nothing else is known', () => {
    expect(parse({}).data?.through).toBeUndefined();
    expect(parse({ through: 'proxy' }).error?.issues[0]?.message).toBe(
      'must be "balancer", or left out where the URL leads to each host itself, got "proxy"',
    );
  });

  test('a balancer has one address', () => {
    const mistakes = (settings: object) => {
      const { data } = parse(settings);
      return data === undefined ? undefined : http.mistakes?.(data, { deployed: false });
    };
    expect(mistakes({ through: 'balancer' })).toEqual([]);
    expect(mistakes({ url: 'https://{host.address}/' })).toEqual([]);
    expect(mistakes({ through: 'balancer', url: 'https://{host.address}/' })).toEqual([
      { key: 'url', message: expect.stringContaining('must be the one address of the load balancer') },
    ]);
  });
});
