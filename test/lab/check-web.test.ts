/** `check` over the http path: real web hosts at addresses of their own, each sending with its own mailer to a real relay. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mailCanaryHandler } from '../../examples/web-host/mail-canary-host.mjs';
import { freePort } from './dovecot.ts';
import { type Lab, startLab } from './postfix.ts';
import { killAll, leaked, mailboxesOf, root, type Tool, toolFor } from './tool.ts';

const secret = randomBytes(24).toString('base64url');
/** As every program on loopback that does not choose: server.mjs has no setting for it. */
const standalone = { id: 'web-01', address: '127.0.0.21', leavesFrom: '127.0.0.1' };
const honest = { id: 'web-02', address: '127.0.0.22' };
const swallowing = { id: 'web-03', address: '127.0.0.23' };

let lab: Lab;
let tool: Tool;
let port: number;
let program: ChildProcess;
const servers: Server[] = [];

const transportAt = (localAddress: string) =>
  createTransport({
    host: lab.relay.host,
    port: lab.relay.port,
    localAddress,
    tls: { ca: readFileSync(lab.imap.ca) },
  });

type Transport = Parameters<typeof mailCanaryHandler>[0]['transport'];

const startHost = async ({ id, address }: { id: string; address: string }, transport: Transport) => {
  const recipients = Object.values(lab.mailboxes);
  const server = createServer(mailCanaryHandler({ host: id, secret, transport, recipients, perMinute: 60 }));
  servers.push(server);
  server.listen(port, address);
  await once(server, 'listening');
};

beforeAll(async () => {
  lab = await startLab();
  tool = toolFor(lab);
  port = await freePort();
  program = spawn(process.execPath, [join(root, 'examples/web-host/server.mjs')], {
    env: {
      MAIL_CANARY_HOST: standalone.id,
      MAIL_CANARY_SECRET: secret,
      MAIL_CANARY_RECIPIENTS: Object.values(lab.mailboxes).join(','),
      SMTP_HOST: lab.relay.host,
      SMTP_PORT: String(lab.relay.port),
      HOST: standalone.address,
      PORT: String(port),
      NODE_EXTRA_CA_CERTS: lab.imap.ca,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  if (program.stdout !== null) await once(program.stdout, 'data');
  await startHost(honest, transportAt(honest.address));
  const mailer = transportAt(swallowing.address);
  // The application of DESIGN 1: it catches the exception, logs it, and goes on.
  await startHost(swallowing, { ...mailer, sendMail: async (mail) => mailer.sendMail(mail).catch(() => undefined) });
});

afterAll(async () => {
  for (const server of servers) server.close();
  if (program !== undefined) await killAll({ child: program }, 'SIGTERM');
  await lab?.stop();
});

const check = () =>
  tool.check(
    {
      lostAfter: '8 s',
      ourDomains: ['example.test'],
      mailboxes: mailboxesOf(lab),
      paths: {
        app: {
          kind: 'http',
          url: `http://{host.address}:${port}/mail-canary`,
          from: 'orders@example.test',
          secret: 'env:WEB_SECRET',
        },
      },
      hosts: [standalone, honest, swallowing].map(({ id, address }) => ({ id, address, paths: ['app'] })),
    },
    { env: { WEB_SECRET: secret } },
  );

/** Both checks begin within one minute, for which a canary of one route has one id. */
beforeAll(async () => {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 25_000) await sleep(left);
});

test('web hosts that the relay does not trust: one says so, one claims that it sent', async () => {
  await lab.trust([standalone.leavesFrom]);
  const { status, report, row } = await check();
  for (const id of ['web-01', 'web-02', 'web-03'])
    expect(row(`${id}/app/inside`)).toMatchObject({ verdict: 'delivered', cause: null });
  expect(row('web-01/app/outside')).toMatchObject({ verdict: 'delivered', cause: null });
  expect(row('web-02/app/outside')).toMatchObject({
    verdict: 'refused',
    cause: 'relay-denied',
    evidence: `554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`,
    answeredBy: lab.relay.host,
  });
  expect(row('web-02/app/outside').remedy).toContain(`trust ${honest.address} (web-02) on ${lab.relay.host}`);
  expect(row('web-03/app/outside')).toMatchObject({ verdict: 'lost', cause: 'claimed-but-lost', queueId: null });
  expect(row('web-03/app/outside').remedy).toContain('swallowed exception');
  expect(report.incidents.map(({ name, cause }) => `${name} ${cause}`).sort()).toEqual([
    'web-02 relay-denied',
    'web-03 claimed-but-lost',
  ]);
  expect(status).toBe(1);
});

test('trusted, the same hosts are well, asked again within the same minute', async () => {
  await lab.trust([standalone.leavesFrom, honest.address, swallowing.address]);
  const { status, report } = await check();
  expect(report.verdicts.map(({ verdict }) => verdict)).toEqual(Array(6).fill('delivered'));
  expect(report).toMatchObject({ ok: true, incidents: [] });
  expect(status).toBe(0);
});

test('no byte of any output holds a secret', () => {
  expect(tool.printed().length).toBeGreaterThan(1000);
  expect(leaked(tool.printed(), [secret, lab.imap.password])).toEqual([]);
});
