/** Heartbeat hosts as a whole: `watch --listen`, scripts as `enroll` prints them, run as cron would, a real relay and mailboxes. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programs, run } from '../paths/heartbeat-harness.ts';
import { freePort } from './dovecot.ts';
import { ended } from './more-tool.ts';
import { type Lab, startLab } from './postfix.ts';
import { everythingIn, killAll, leaked, mailboxesOf, type Tool, toolFor } from './tool.ts';

const minute = 60_000;
const addressOf = { 'web-01': '127.0.0.11', 'web-03': '127.0.0.13', 'web-99': '127.0.0.11' } as const;
type HostName = keyof typeof addressOf;

let lab: Lab;
let tool: Tool;
let settings: object;
let watch: { readonly child: ChildProcess; readonly folder: string };
/** What `watch` has printed so far. */
let shown = '';
const scripts = new Map<string, string>();

beforeAll(async () => {
  lab = await startLab();
  tool = toolFor(lab);
  await lab.trust([addressOf['web-01']]);
  const port = await freePort();
  settings = {
    name: 'lab',
    deliverWithin: '20 s',
    lostAfter: '30 s',
    mailboxes: mailboxesOf(lab),
    paths: {
      cron: {
        kind: 'heartbeat',
        from: 'orders@example.test',
        every: '1 minute',
        delay: '1 s',
        via: 'smtp',
        relay: { host: lab.relay.host, port: lab.relay.port },
        noteUrl: `http://127.0.0.1:${port}/tell`,
      },
    },
    hosts: (['web-01', 'web-03'] as const).map((id) => ({ id, address: addressOf[id], paths: ['cron'] })),
  };
  watch = tool.start('watch', settings, { args: ['--listen', String(port), '--state', 'state'] });
  watch.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    shown += chunk;
  });
  await shows(/listening for tellings of heartbeat hosts on port \d+/, 30);
});

afterAll(async () => {
  if (watch !== undefined) await killAll(watch, 'SIGKILL');
  await lab?.stop();
});

/** The line of `watch` that says so, as soon as it does. */
const shows = async (words: RegExp, seconds: number): Promise<string> => {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = shown.split('\n').find((line) => words.test(line));
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`in vain until ${words}: ${tool.printed()}`);
    await sleep(100);
  }
};

/** The lines of `watch` about an incident: the one that fits, and what stands indented below it. */
const incident = async (words: RegExp, seconds: number): Promise<string[]> => {
  const first = await shows(words, seconds);
  // Its lines are printed one after another, perhaps in several pieces.
  await shows(/ {2}next step: /, 5);
  const lines = shown.split('\n');
  const rest = lines.slice(lines.indexOf(first) + 1);
  const end = rest.findIndex((line) => !/^\d\d:\d\d:\d\d {3}\S/.test(line));
  return [first, ...rest.slice(0, end === -1 ? undefined : end)];
};

const enroll = async (...args: string[]) => {
  const { child } = tool.start('enroll', settings, { folder: watch.folder, args: ['--state', 'state', ...args] });
  return ended(child);
};

/** The script that a person would put in its place: what stands between the lines that write the file. */
const enrolled = async (...args: string[]): Promise<string> => {
  const { status, stdout, stderr } = await enroll('--linux', ...args);
  expect([status, stderr]).toEqual([0, '']);
  const [, script = ''] = /^cat > \S+ <<'END-OF-SCRIPT'\n([\s\S]*?)^END-OF-SCRIPT$/m.exec(stdout) ?? [];
  expect(script).toMatch(/^#!\/bin\/sh\n/);
  return script;
};

/** As cron on that host would: `sh`, no arguments, an empty environment; its mail leaves from the host's address. */
const cron = async (host: HostName, script = scripts.get(host) ?? '') => {
  const curl = `case "$*" in *smtp://*) exec /usr/bin/curl "$@" --interface ${addressOf[host]} ;; esac\nexec /usr/bin/curl "$@"`;
  const env = host === 'web-99' ? { MAIL_CANARY_HOST: host } : {};
  return run(script, { path: programs({ curl }), args: [], env });
};

/** The canaries of a host that are still in a mailbox. */
const left = async (host: HostName, mailbox: 'inside' | 'outside') =>
  (await everythingIn(lab, lab.mailboxes[mailbox])).filter(({ raw }) => raw.includes(`Mail canary ${host} `));

let began = 0;
const nextMinute = async () => {
  await sleep(Math.max(0, (Math.floor(began / minute) + 1) * minute - Date.now()));
};

test('a trusted host is enrolled, and its canaries arrive', { timeout: 90_000 }, async () => {
  scripts.set('web-01', await enrolled('web-01'));
  scripts.set('web-03', await enrolled('web-03'));
  scripts.set('web-99', await enrolled('--fleet'));
  began = Date.now();
  expect(await cron('web-01')).toEqual({ status: 0, said: '' });
  for (const mailbox of ['outside', 'inside'])
    expect(await shows(new RegExp(`web-01/cron/${mailbox} `), 45)).toMatch(/ ✓ arrived after \d+\.\d s$/);
});

test('an untrusted one is shown refused within a minute, in the words of the relay', { timeout: 90_000 }, async () => {
  const { status, said } = await cron('web-03');
  const told = Date.now();
  expect(status).toBe(1);
  expect(said).toContain('Relay access denied');
  expect(said).not.toContain('telling the monitor failed');
  const words = `554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`;
  expect(await shows(/web-03\/cron\/outside /, 60)).toMatch(
    new RegExp(` ✗ refused: relay-denied by ${lab.relay.name}: ${words}$`),
  );
  expect(Date.now() - told).toBeLessThan(minute);
  expect(await shows(/web-03\/cron\/inside /, 45)).toMatch(/ ✓ arrived/);
});

test('a host that nobody listed registers itself with the script of the fleet', { timeout: 120_000 }, async () => {
  expect(await cron('web-99')).toEqual({ status: 0, said: '' });
  const lines = await incident(/INCIDENT opened \S+: self-registered: web-99$/, 90);
  expect(lines.join('\n')).toMatch(/next step: nothing if you expected web-99; else find out who set up path cron on it/);
  expect(shown).not.toContain('web-99/cron/');
});

test('refused a second time it is an incident, whose remedy names relay and address', { timeout: 150_000 }, async () => {
  await nextMinute();
  const { status } = await cron('web-03');
  expect(status).toBe(1);
  const lines = (await incident(/INCIDENT opened \S+: relay-denied/, 100)).join('\n');
  expect(lines).toContain(`relay-denied by ${lab.relay.name}: web-03`);
  expect(lines).toContain(`server said: 554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`);
  expect(lines).toMatch(new RegExp(`next step: trust ${addressOf['web-03']} \\(web-03\\) on ${lab.relay.name}: `));
  expect(lines).toContain(`${lab.relay.name} takes web-03's mail for example.test but does not relay it`);
});

test('the host that registered itself is watched from then on', { timeout: 90_000 }, async () => {
  expect(await cron('web-99')).toEqual({ status: 0, said: '' });
  for (const mailbox of ['outside', 'inside'])
    expect(await shows(new RegExp(`web-99/cron/${mailbox} `), 45)).toMatch(/ ✓ arrived after \d+\.\d s$/);
});

test('a revoked script is told so, and its mail is nobody’s canary', { timeout: 120_000 }, async () => {
  await nextMinute();
  for (const mailbox of ['outside', 'inside'] as const)
    await expect.poll(() => left('web-01', mailbox), { timeout: 30_000, interval: 500 }).toEqual([]);
  const revoked = await enroll('web-01', '--revoke');
  expect(revoked).toMatchObject({ status: 0, stderr: '' });
  expect(revoked.stdout).toContain('The key of web-01, generation 1, is revoked');

  const old = await cron('web-01');
  expect(old.status).toBe(0);
  expect(old.said.split('\n').filter((line) => /telling the monitor failed: .*was revoked: enroll again.*401/.test(line)))
    // About to send, and what came of each of both mails.
    .toHaveLength(3);
  const kept = await left('web-01', 'outside');
  expect(kept).toHaveLength(1);

  // With the new key its canaries count, and go; looks that saw those passed over the others.
  const script = await enrolled('web-01');
  expect(script).not.toBe(scripts.get('web-01'));
  expect(await cron('web-01', script)).toEqual({ status: 0, said: '' });
  for (const mailbox of ['outside', 'inside'] as const) {
    await expect
      .poll(async () => (await left('web-01', mailbox)).length, { timeout: 45_000, interval: 500 })
      .toBe(1);
    // What is left is the mail of the old key: it came first.
    if (mailbox === 'outside') expect(await left('web-01', mailbox)).toEqual(kept);
  }
});

test('watch ends as it should, and said neither a failure of its own nor a secret', async () => {
  await killAll(watch, 'SIGTERM');
  expect(shown).toContain('ended; what is under way is judged at the next start');
  expect(shown).not.toMatch(/ failed: |cannot be read/);
  expect(leaked(tool.printed(), [lab.imap.password])).toEqual([]);
});
