/** `check` through the example hosts of other languages, each sending with its own mailer to a real Postfix. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Language, Started } from '../examples/contract.ts';
import { type Lab, startLab } from './postfix.ts';
import { leaked, mailboxesOf, type Tool, toolFor } from './tool.ts';
import { aspnet, php, phpFpm, python } from './web-languages.ts';

const secret = randomBytes(24).toString('base64url');

/** Python and msmtp can be told from where they send; PHPMailer and SmtpClient send as every program on loopback. */
const hosts: readonly { readonly id: string; readonly language: Language; readonly leavesFrom: string }[] = [
  { id: 'web-python', language: python, leavesFrom: '127.0.0.31' },
  { id: 'web-php', language: php, leavesFrom: '127.0.0.32' },
  { id: 'web-fpm', language: phpFpm, leavesFrom: '127.0.0.1' },
  { id: 'web-aspnet', language: aspnet, leavesFrom: '127.0.0.1' },
];

let lab: Lab;
let tool: Tool;
const started = new Map<string, Started>();

beforeAll(async () => {
  lab = await startLab();
  tool = toolFor(lab);
  for (const { id, language, leavesFrom } of hosts)
    started.set(
      id,
      await language.start({
        ...{ host: id, secret, recipients: Object.values(lab.mailboxes), relay: lab.relay },
        ...{ perMinute: 60, mostBody: 16_384, env: { SMTP_SOURCE: leavesFrom } },
      }),
    );
});

afterAll(async () => {
  for (const { stop } of started.values()) await stop();
  await lab?.stop();
});

/** Each language has its own way to say where the endpoint is: a path for each. */
const check = () =>
  tool.check(
    {
      lostAfter: '15 s',
      ourDomains: ['example.test'],
      mailboxes: mailboxesOf(lab),
      paths: Object.fromEntries(
        [...started].map(([id, { url }]) => [
          id,
          { kind: 'http', url, from: 'orders@example.test', secret: 'env:WEB_SECRET' },
        ]),
      ),
      hosts: hosts.map(({ id }) => ({ id, paths: [id] })),
    },
    { env: { WEB_SECRET: secret } },
  );

test('hosts that the relay does not trust: each says so in as many words as its mailer has', async () => {
  await lab.trust(['127.0.0.31']);
  const { status, row } = await check();
  for (const { id } of hosts) expect(row(`${id}/${id}/inside`)).toMatchObject({ verdict: 'delivered', cause: null });
  const outside = (id: string) => row(`${id}/${id}/outside`);
  expect(outside('web-python')).toMatchObject({ verdict: 'delivered', cause: null });
  const denied = `554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`;
  expect(outside('web-fpm')).toMatchObject({ verdict: 'refused', cause: 'relay-denied', evidence: denied });
  // PHP's mail() knows that it failed, and not why.
  expect(outside('web-php')).toMatchObject({ verdict: 'refused', cause: 'app-error' });
  expect(outside('web-php').evidence).toContain('mail() failed');
  // Mono's SmtpClient passes on the code alone.
  expect(outside('web-aspnet')).toMatchObject({ verdict: 'refused', cause: 'unknown', evidence: '554' });
  expect(lab.log()).toContain(`from unknown[127.0.0.32]: ${denied}`);
  expect(status).toBe(1);
});

test('trusted, the same hosts are well', async () => {
  await lab.trust(hosts.map(({ leavesFrom }) => leavesFrom));
  const { status, report } = await check();
  expect(report.verdicts.map(({ route, verdict }) => `${route} ${verdict}`).sort()).toEqual(
    hosts.flatMap(({ id }) => ['inside', 'outside'].map((mailbox) => `${id}/${id}/${mailbox} delivered`)).sort(),
  );
  expect(status).toBe(0);
});

test('no byte of any output holds a secret', () => {
  expect(tool.printed().length).toBeGreaterThan(1000);
  expect(leaked(tool.printed(), [secret, lab.imap.password])).toEqual([]);
});
