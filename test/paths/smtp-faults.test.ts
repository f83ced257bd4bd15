/** The `smtp` path against a server that fails at any stage, and against one that cannot be reached. */
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import { smtp } from '../../lambdas/paths/smtp/index.ts';
import { shape } from '../../lambdas/paths/smtp/settings.ts';
import type { FaultyStage } from '../servers/faulty-smtp.ts';
import { pathContext } from './context.ts';
import { auth, faulty, host, mail, send, server } from './smtp-harness.ts';

const stageAt: Readonly<Record<FaultyStage, string>> = {
  banner: 'banner',
  ehlo: 'ehlo',
  starttls: 'tls',
  tls: 'tls',
  auth: 'auth',
  mail: 'mail',
  rcpt: 'rcpt',
  data: 'data',
  body: 'body',
};
const everyStage = Object.keys(stageAt) as FaultyStage[];
/** What makes a conversation come to this stage. */
const through = (stage: FaultyStage) => ({
  server: stage === 'starttls' || stage === 'tls' ? server : {},
  settings: stage === 'auth' ? { auth } : {},
});

describe('a server that fails in the middle', () => {
  test.each(['hang', 'drip'] as const)(
    'and does nothing but %s is given up at the deadline, at every stage',
    async (does) => {
      const ends = everyStage.map(async (at) => {
        const { port, connections, open } = await faulty({ at, does, ...through(at).server });
        const began = performance.now();
        const handover = await send({ port, ...through(at).settings }, { ms: 1500 });
        const took = performance.now() - began;
        expect(connections()).toBe(1);
        await expect.poll(open).toBe(0);
        return [at, { handover, inTime: took > 1400 && took < 5000 }] as const;
      });
      const expected = everyStage.map((at) => [
        at,
        {
          inTime: true,
          handover:
            at === 'body'
              ? { state: 'unanswered', stage: 'body' }
              : { state: 'refused', cause: 'timeout-at-stage', temporary: false, stage: stageAt[at] },
        },
      ]);
      expect(Object.fromEntries(await Promise.all(ends))).toMatchObject(Object.fromEntries(expected));
    },
  );

  describe.each(['reset', 'end'] as const)('and %ss the connection', (does) => {
    test.each(everyStage)('at %s', async (at) => {
      const { port, connections } = await faulty({ at, does, ...through(at).server });
      const handover = await send({ port, ...through(at).settings });
      expect(handover).toMatchObject(
        at === 'body'
          ? { state: 'unanswered', stage: 'body', answeredBy: 'faulty.example.test' }
          : {
              state: 'refused',
              temporary: false,
              stage: stageAt[at],
              cause: expect.stringMatching(/^(connection-lost|tls-failed)$/),
            },
      );
      expect(connections()).toBe(1);
    });
  });

  describe.each([
    ['421 4.3.2 Service not available', 'temporary-refusal', true],
    ['451 4.7.1 Greylisted', 'greylisted', true],
    ['550 5.7.1 Unable to relay', 'relay-denied', false],
  ] as const)('and answers %s', (say, cause, temporary) => {
    test.each(['mail', 'rcpt', 'data', 'body', 'banner'] as const)('at %s', async (at) => {
      const { port } = await faulty({ at, does: { say, end: say.startsWith('421') } });
      expect(await send({ port })).toMatchObject({
        state: 'refused',
        cause,
        temporary,
        stage: stageAt[at],
        evidence: say,
      });
    });
  });

  test('with PIPELINING, a refusal is kept when the server then says no more', async () => {
    const ehlo = ['faulty.example.test', 'PIPELINING'];
    const { port } = await faulty({ ehlo, at: 'rcpt', does: { say: '554 5.7.1 <x>: Relay access denied' } });
    expect(await send({ port }, { ms: 250 })).toMatchObject({ state: 'refused', cause: 'relay-denied', stage: 'rcpt' });
    const silent = await faulty({ ehlo, at: 'data', does: 'hang' });
    expect(await send({ port: silent.port }, { ms: 250 })).toMatchObject({ cause: 'timeout-at-stage', stage: 'data' });
  });

  test('and answers in another language is a protocol error', async () => {
    const { port } = await faulty({ banner: 'SSH-2.0-OpenSSH_9.6' });
    expect(await send({ port })).toMatchObject({
      state: 'refused',
      cause: 'protocol-error',
      stage: 'banner',
      evidence: 'SSH-2.0-OpenSSH_9.6',
      answeredBy: `127.0.0.1:${port}`,
    });
  });

  test('and sends an answer without end is cut off', async () => {
    const { port } = await faulty({ at: 'ehlo', does: { say: `250-${'x'.repeat(200_000)}` } });
    const handover = await send({ port });
    expect(handover).toMatchObject({ state: 'refused', cause: 'protocol-error', stage: 'ehlo' });
    expect(handover.evidence?.length).toBeLessThanOrEqual(500);
  });
});

describe('a connection that does not come about', () => {
  test('nothing listens', async () => {
    const closed: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const address = closed.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => closed.close(resolve));
    expect(await send({ port })).toMatchObject({
      state: 'refused',
      cause: 'connect-refused',
      temporary: false,
      stage: 'connect',
      answeredBy: `127.0.0.1:${port}`,
      evidence: `connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    expect(await send({ host: 'localhost', port })).toMatchObject({
      cause: 'connect-refused',
      evidence: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('nobody accepts: connect-timeout', async () => {
    // A full backlog drops what comes, as a firewall does: a process that listens and never looks.
    const script = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('fs').writeSync(1, s.address().port + '\\n'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20000); });`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const port = Number((await createInterface(child.stdout)[Symbol.asyncIterator]().next()).value);
    await Promise.all([1, 2, 3].map(() => send({ port }, { ms: 100 })));
    expect(await send({ port }, { ms: 250 })).toMatchObject({
      state: 'refused',
      cause: 'connect-timeout',
      temporary: false,
      stage: 'connect',
    });
  });

  test('the name does not resolve', async () => {
    const handover = await send({ host: 'no-such-host.invalid' }, { ms: 3000 });
    expect(handover).toMatchObject({ state: 'refused', cause: 'dns-failed', temporary: false, stage: 'dns' });
    expect(handover.answeredBy).toBeUndefined();
  });

  test('an address of this machine that it does not have', async () => {
    expect(await send({ localAddress: '192.0.2.1', port: 9 })).toMatchObject({
      state: 'refused',
      cause: 'unreachable',
    });
  });

  test('the deadline has passed before it begins', async () => {
    const { port, connections } = await faulty({});
    await new Promise((resolve) => setTimeout(resolve, 5));
    const path = smtp.open(z.strictObject(shape).parse({ host: '127.0.0.1', port }), pathContext());
    expect(await path(mail, host, AbortSignal.abort())).toMatchObject({ state: 'unsent', cause: 'sent-too-late' });
    expect(connections()).toBe(0);
  });
});
