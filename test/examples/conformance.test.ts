/** Each conformance check fails for the endpoint that has its flaw, and for no other. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { checks } from '../../bin/conformance/checks.ts';
import { runChecks, statusOf } from '../../bin/conformance/run.ts';
import { textOf } from '../../bin/conformance/table.ts';
import { listen } from '../paths/http-harness.ts';
import { type Flaw, flawedEndpoint, flaws } from './flawed.ts';

const secret = randomBytes(18).toString('base64url');
const recipient = 'canary@supplier.example';
const random = () => randomBytes(10).toString('hex');

const run = (port: number, mail: Readonly<Record<string, unknown>> | undefined = canary()) => {
  const url = new URL(`http://127.0.0.1:${port}/mail-canary?site=shop`);
  return runChecks({ url, secret, host: 'web-03', largest: 16_384, mail, random, now: Math.floor(Date.now() / 1000) });
};

const canary = () => ({
  host: 'web-03',
  id: random(),
  from: 'orders@example.test',
  to: recipient,
  subject: 'Mail canary',
  messageId: '<a@example.test>',
  headers: { 'X-Mail-Canary': 'v1' },
  text: 'This is a mail canary.\n',
});

const endpoint = async (flaw?: Flaw) => (await listen(createServer(flawedEndpoint(secret, recipient, flaw)))).port;

describe('an endpoint', () => {
  test('without a flaw passes everything', async () => {
    const rows = await run(await endpoint());
    expect(rows.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(rows.map(({ id }) => id)).toEqual(checks.map(({ id }) => id));
    expect(statusOf(rows)).toBe(0);
  });

  test.each(Object.entries(flaws) as [Flaw, string][])('that %s fails "%s" alone', async (flaw, id) => {
    const rows = await run(await endpoint(flaw));
    expect(rows.filter(({ outcome }) => outcome === 'fail').map((row) => row.id)).toEqual([id]);
    expect(statusOf(rows)).toBe(1);
    const text = textOf('http://web-03', 'web-03', rows, 160);
    const change = rows.find((row) => row.id === id)?.change ?? '';
    expect(change.length).toBeGreaterThan(20);
    expect(text).toContain(`change:   ${change}`);
    expect(`${text}${JSON.stringify(rows)}`).not.toContain(secret);
  });

  test('every check has a flaw that shows that it can fail, and no name twice', () => {
    const ids = checks.map(({ id }) => id);
    expect(new Set(Object.values(flaws))).toEqual(new Set(ids));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('that repeats the secret does not get it printed', async () => {
    const { port } = await listen(createServer((_, res) => res.writeHead(200).end(`the secret is ${secret}`)));
    const rows = await run(port);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(rows[0]?.came).toBe('no signature: 200 the secret is ***');
  });
});

describe('without a canary that may be sent', () => {
  test('nothing that is asked could lead to a mail, even where everything is accepted', async () => {
    const asked: unknown[] = [];
    const { port } = await listen(
      createServer(async (req, res) => {
        let body = '';
        for await (const chunk of req) body += String(chunk);
        asked.push(body);
        res.end('{"state":"sent"}');
      }),
    );
    const rows = await runChecks({
      url: new URL(`http://127.0.0.1:${port}/`),
      secret,
      host: 'web-03',
      largest: 1000,
      random,
      now: Math.floor(Date.now() / 1000),
    });
    expect(asked.length).toBeGreaterThan(20);
    for (const body of asked)
      for (const [address] of String(body).matchAll(/[\w.-]+@[\w.-]+/g)) expect(address).toMatch(/@example\.invalid$/);
    const notRun = rows.filter(({ outcome }) => outcome === 'not run').map(({ id }) => id);
    expect(notRun).toEqual(['signed-answer', 'sends', 'replay']);
    expect(rows.filter(({ outcome }) => outcome === 'pass').map(({ id }) => id)).toEqual(['unknown-field']);
  });

  test('an endpoint that cannot be reached fails once, and the rest is not run', async () => {
    const { port, close } = await listen(createTcpServer());
    await close();
    const rows = await run(port);
    expect(rows[0]).toMatchObject({ outcome: 'fail', came: expect.stringContaining('ECONNREFUSED') });
    expect(new Set(rows.slice(1).map(({ outcome }) => outcome))).toEqual(new Set(['not run']));
    expect(rows.at(-1)?.came).toContain('cannot be reached');
  });
});
