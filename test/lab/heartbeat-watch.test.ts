/** Heartbeat hosts as a whole: `watch --listen`, scripts as `enroll` prints them, run on hosts as cron would, a real relay. */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileLedger } from '../../lambdas/adapters/ledger-file.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { freePortOn, routeOver, runOn } from './more-network.ts';
import { ended } from './more-tool.ts';
import { type Lab, startLab } from './postfix.ts';
import { type Hosts, startHosts } from './ssm-hosts.ts';
import { everythingIn, killAll, leaked, mailboxesOf, type Tool, toolFor } from './tool.ts';

const minute = 60_000;
const names = { 'web-01': 11, 'web-03': 13, 'web-99': 99 } as const;
type HostName = keyof typeof names;
const both = ['outside', 'inside'] as const;

let lab: Lab;
let hosts: Hosts;
let tool: Tool;
let settings: object;
let watch: { readonly child: ChildProcess; readonly folder: string };
/** What `watch` has printed so far. */
let shown = '';
const addresses = new Map<HostName, string>();
const scripts = new Map<HostName, string>();
const addressOf = (host: HostName) => addresses.get(host) ?? '';

beforeAll(async () => {
  lab = await startLab();
  tool = toolFor(lab);
  hosts = await startHosts(lab);
  for (const [name, last] of Object.entries(names)) {
    const { address } = hosts.host(name, last);
    routeOver(address, hosts.relay.host);
    addresses.set(name as HostName, address);
  }
  await lab.trust([addressOf('web-01'), addressOf('web-99')]);
  const port = await freePortOn(hosts.relay.host);
  const listen = `${hosts.relay.host}:${port}`;
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
        // As short as it can be: a script that is run as cron does waits that long.
        delay: '1 s',
        via: 'smtp',
        relay: hosts.relay,
        noteUrl: `http://${listen}/tell`,
      },
    },
    hosts: (['web-01', 'web-03'] as const).map((id) => ({ id, address: addressOf(id), paths: ['cron'] })),
  };
  watch = tool.start('watch', settings, { args: ['--listen', listen, '--state', 'state'] });
  watch.child.stdout?.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  await shows(/listening for tellings of heartbeat hosts on port \d+/, 30);
});

afterAll(async () => {
  if (watch !== undefined) await killAll(watch, 'SIGKILL');
  hosts?.stop();
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

/** What `watch` prints about an incident: the line that fits, and those that stand below it. */
const incident = async (words: RegExp, seconds: number): Promise<string> => {
  const first = await shows(words, seconds);
  // Its lines may come in several pieces.
  await sleep(300);
  const lines = shown.split('\n');
  const below = lines.slice(lines.indexOf(first) + 1);
  const end = below.findIndex((line) => !/^\d\d:\d\d:\d\d {3}\S/.test(line));
  return [first, ...below.slice(0, end === -1 ? undefined : end)].join('\n');
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

/** As cron on that host does: no arguments, almost no environment. */
const cron = async (host: HostName, script = scripts.get(host) ?? '') => {
  const file = join(hosts.dir, `mail-canary-${host}`);
  writeFileSync(file, script, { mode: 0o700 });
  const env = { PATH: '/usr/bin:/bin', ...(host === 'web-99' ? { MAIL_CANARY_HOST: host } : {}) };
  const { status, stdout, stderr } = await runOn(addressOf(host), ['/bin/sh', file], { env });
  return { status, said: stdout + stderr };
};

/** The canaries of a host that are still in a mailbox. */
const left = async (host: HostName, mailbox: (typeof both)[number]) =>
  (await everythingIn(lab, lab.mailboxes[mailbox])).filter(({ raw }) => raw.includes(`Mail canary ${host} `));

/** The verdict on a route at a minute, as far as there is one. */
const verdictOf = async (route: string, slot: number) => {
  const ledger = fileLedger(join(watch.folder, 'state', 'ledger.sqlite'));
  try {
    const lanes = await itemsOf(ledger).lanes();
    return [...lanes.values()].flatMap(({ routes }) => routes[route]?.records ?? []).find((one) => one.slot === slot)
      ?.verdict;
  } finally {
    ledger.close();
  }
};

const slotNow = () => Math.floor(Date.now() / minute);
const begins = async (slot: number) => {
  await sleep(Math.max(0, slot * minute - Date.now()));
};

/** The minute in which all hosts sent for the first time. */
let first = 0;
const ran = new Map<HostName, { readonly status: number | null; readonly said: string }>();
let told = 0;

test('enrolled hosts send by their own clock', { timeout: 120_000 }, async () => {
  scripts.set('web-01', await enrolled('web-01'));
  scripts.set('web-03', await enrolled('web-03'));
  scripts.set('web-99', await enrolled('--fleet'));
  // All of them in one minute.
  if (Date.now() % minute > 40_000) await begins(slotNow() + 1);
  first = slotNow();
  await Promise.all((['web-01', 'web-03', 'web-99'] as const).map(async (host) => ran.set(host, await cron(host))));
  told = Date.now();
  expect(slotNow()).toBe(first);
});

test('a host that the relay trusts is shown to arrive', { timeout: 60_000 }, async () => {
  expect(ran.get('web-01')).toEqual({ status: 0, said: '' });
  for (const mailbox of both)
    expect(await shows(new RegExp(`web-01/cron/${mailbox} `), 45)).toMatch(/ ✓ arrived after \d+\.\d s$/);
});

test('one that it does not trust is shown refused within a minute, in its words', { timeout: 90_000 }, async () => {
  expect(ran.get('web-03')).toMatchObject({ status: 1, said: expect.stringContaining('Relay access denied') });
  expect(ran.get('web-03')?.said).not.toContain('telling the monitor failed');
  const line = await shows(/web-03\/cron\/outside /, 60);
  expect(Date.now() - told).toBeLessThan(minute);
  expect(line).toContain(
    `✗ refused: relay-denied by ${lab.relay.name}: 554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`,
  );
  expect(await shows(/web-03\/cron\/inside /, 45)).toContain('✓ arrived');
});

test('one that nobody listed has registered itself with the script of the fleet', { timeout: 120_000 }, async () => {
  expect(ran.get('web-99')).toEqual({ status: 0, said: '' });
  const lines = await incident(/INCIDENT opened \(note\) \S+: self-registered: web-99$/, 90);
  expect(lines).toContain('next step: nothing if you expected web-99; else find out who set up path cron on it');
});

test('a minute later it is watched as every other host', { timeout: 90_000 }, async () => {
  await begins(first + 1);
  const [fleet, refused] = await Promise.all([cron('web-99'), cron('web-03')]);
  told = Date.now();
  expect(fleet).toEqual({ status: 0, said: '' });
  expect(refused.status).toBe(1);
  for (const mailbox of both)
    expect(await shows(new RegExp(`web-99/cron/${mailbox} `), 45)).toMatch(/ ✓ arrived after \d+\.\d s$/);
});

test('refused a second time is an incident, whose remedy names relay and address', { timeout: 90_000 }, async () => {
  const lines = await incident(/INCIDENT opened \(page\) \S+: relay-denied/, 60);
  expect(Date.now() - told).toBeLessThan(minute);
  expect(lines).toContain(`relay-denied by ${lab.relay.name}: web-03`);
  expect(lines).toContain(`${lab.relay.name} takes web-03's mail for example.test but does not relay it`);
  expect(lines).toContain(`server said: 554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`);
  // Postfix does not say whom it sees, and behind an inside address there may be a NAT: that is not guessed.
  const address = `the address from which web-03 reaches it (its own is ${addressOf('web-03')})`;
  expect(lines).toContain(`next step: trust ${address} on ${lab.relay.name}: `);
});

test('a revoked script is told so, and its mail is nobody’s canary', { timeout: 150_000 }, async () => {
  for (const mailbox of both)
    await expect.poll(() => left('web-01', mailbox), { timeout: 45_000, interval: 500 }).toEqual([]);
  const revoked = await enroll('web-01', '--revoke');
  expect(revoked).toMatchObject({ status: 0, stderr: '' });
  expect(revoked.stdout).toContain('The key of web-01, generation 1, is revoked');

  // Old and new script in one minute: their canaries have the same ids, and only the key tells them apart.
  if (Date.now() % minute > 30_000) await begins(slotNow() + 1);
  const slot = slotNow();
  const old = await cron('web-01');
  expect(old.status).toBe(0);
  const refusals = old.said.match(/telling the monitor failed: .*this key of web-01 was revoked: enroll again.* 401/g);
  // About to send, and what came of each of both mails.
  expect(refusals).toHaveLength(3);
  for (const mailbox of both) await expect.poll(() => left('web-01', mailbox), { timeout: 20_000 }).toHaveLength(1);
  const kept = await Promise.all(both.map((mailbox) => left('web-01', mailbox)));

  const script = await enrolled('web-01');
  expect(await cron('web-01', script)).toEqual({ status: 0, said: '' });
  expect(slotNow()).toBe(slot);
  // The look that saw these had the others before it, and left them where they are.
  for (const mailbox of both)
    await expect
      .poll(() => verdictOf(`web-01/cron/${mailbox}`, slot), { timeout: 45_000, interval: 500 })
      .toBe('delivered');
  await expect
    .poll(() => Promise.all(both.map((mailbox) => left('web-01', mailbox))), { timeout: 30_000, interval: 500 })
    .toEqual(kept);
});

test('watch ends as it should, and said neither a failure of its own nor a secret', async () => {
  await killAll(watch, 'SIGTERM');
  expect(shown).toContain('ended; what is under way is judged at the next start');
  expect(shown).not.toMatch(/ failed: |cannot be read/);
  expect(leaked(tool.printed(), [lab.imap.password])).toEqual([]);
});
