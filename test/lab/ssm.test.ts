/** The Linux step, out of the synthesized document, on hosts with addresses of their own, in front of a real relay and real mailboxes. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { canaryId, keyOf, mint, recognise } from '../../lambdas/core/canary.ts';
import type { Handover, HostFacts } from '../../lambdas/core/words.ts';
import { ssmOutcomes } from '../../lambdas/paths/ssm/outcome.ts';
import { openSsm } from '../../lambdas/paths/ssm/send.ts';
import type { SsmPath } from '../../lambdas/paths/ssm/settings.ts';
import { pathContext } from '../paths/context.ts';
import { type Lab, startLab } from './postfix.ts';
import { type Given, type Host, type Hosts, startHosts } from './ssm-hosts.ts';
import { startService } from './ssm-service.ts';
import { everythingIn } from './tool.ts';

const key = keyOf('lab');
const from = 'orders@example.test';
let lab: Lab;
let hosts: Hosts;
let trusted: Host;
let untrusted: Host;
let nextSlot = 29_000_000;

beforeAll(async () => {
  lab = await startLab();
  hosts = await startHosts(lab);
  trusted = hosts.host('web-01', 11);
  untrusted = hosts.host('web-03', 13);
  await lab.trust([trusted.address]);
});

afterAll(async () => {
  hosts?.stop();
  await lab?.stop();
});

const factsOf = ({ name, instance, address }: Host): HostFacts => ({
  id: name,
  address,
  paths: ['machine'],
  mailboxes: ['outside'],
  services: [],
  customers: [],
  labels: { instance },
});

const pathOf = (change: Partial<SsmPath> = {}): SsmPath => ({
  via: 'smtp',
  relay: { ...hosts.relay, tls: 'none' },
  tags: { role: 'web' },
  timeout: 45_000,
  ...change,
});

type Sent = {
  readonly ids: readonly string[];
  readonly handovers: readonly (Handover | undefined)[];
  readonly output: string;
  readonly statuses: readonly (number | null)[];
};

/** Commands the hosts, waits until the step has run, and asks what became of it: all as the product does it. */
const send = async (
  from_: readonly Host[],
  settings: SsmPath,
  how: Omit<Given, 'parameters'> = {},
  mailboxes: Readonly<Record<string, string>> = { outside: lab.mailboxes.outside },
): Promise<Sent> => {
  const service = await startService(from_, how);
  onTestFinished(service.close);
  const context = pathContext({
    monitor: 'lab',
    name: 'machine',
    fill: (_, host) => host.labels.instance ?? '',
    aws: { ses: () => Promise.reject(new Error('no SES')), ssm: async () => service.client },
  });
  nextSlot += 1;
  const slot = nextSlot;
  const canaries = from_.flatMap((host) =>
    Object.entries(mailboxes).map(([mailbox, to]) => ({
      host: factsOf(host),
      mail: mint(`${host.name}/machine/${mailbox}`, slot, Date.now(), key, { from, to, autoSubmitted: true }),
    })),
  );
  const commanded = await openSsm(settings, context).wave(canaries, AbortSignal.timeout(30_000));
  expect(new Set(commanded.map(({ state }) => state))).toEqual(new Set(['commanded']));
  const printed = await service.settled();
  const overdue = canaries.map(({ mail, host }, index) => ({
    route: mail.route,
    slot,
    host,
    handover: commanded[index] as Handover,
  }));
  const outcomes = await ssmOutcomes(settings, context)(overdue);
  return {
    ids: overdue.map(({ route }) => canaryId(route, slot)),
    handovers: overdue.map(({ route }) => outcomes.get(route)),
    output: [...printed.values()].map(({ output }) => output).join(''),
    statuses: [...printed.values()].map(({ status }) => status),
  };
};

/** The mail with this id as Dovecot has it, once it is there. */
const arrived = async (id: string | undefined, user = lab.mailboxes.outside): Promise<string | undefined> => {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found = (await everythingIn(lab, user)).find(({ raw }) => id !== undefined && raw.includes(id));
    if (found !== undefined || Date.now() > deadline) return found?.raw;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};

const isThere = async (id: string | undefined): Promise<boolean> =>
  (await everythingIn(lab, lab.mailboxes.outside)).some(({ raw }) => id !== undefined && raw.includes(id));

const headerOf = (raw: string, name: string) => new RegExp(`^${name}: (.*)$`, 'mi').exec(raw)?.[1]?.trim();

const tools = [
  ['curl', ['curl']],
  ['python', ['python3']],
  ["bash's /dev/tcp", ['bash']],
] as const;

describe.each(tools)('via smtp, with %s alone', (_, programs) => {
  test('mail of a trusted host arrives as it was minted', async () => {
    const { ids, handovers } = await send([trusted], pathOf(), { path: hosts.only(...programs) });
    expect(handovers).toEqual([
      expect.objectContaining({
        state: 'claimed',
        answeredBy: 'mail-gw.example.test',
        stage: 'body',
        ownServer: false,
      }),
    ]);
    expect(handovers[0]?.queueId).toMatch(/^[0-9A-Za-z]{6,}$/);
    expect(lab.log()).toContain(handovers[0]?.queueId);
    const raw = (await arrived(ids[0])) ?? '';
    const seen = { canary: headerOf(raw, 'X-Mail-Canary'), messageId: headerOf(raw, 'Message-ID') };
    expect(recognise({ canary: seen.canary }, { current: key }, Date.now(), 60_000)).toMatchObject({
      kind: 'own',
      id: ids[0],
    });
    expect(recognise({ messageId: seen.messageId }, { current: key }, Date.now(), 60_000)).toMatchObject({
      kind: 'own',
      id: ids[0],
    });
    expect(headerOf(raw, 'From')).toBe(from);
    expect(headerOf(raw, 'Subject')).toBe(`Mail canary web-01 ${ids[0]}`);
    expect(headerOf(raw, 'Auto-Submitted')).toBe('auto-generated');
    expect(Date.parse(headerOf(raw, 'Date') ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(raw).toContain(`\r\nMachine: web-01\r\nCanary: ${ids[0]}\r\n`);
    expect(raw).toContain(`[${trusted.address}]`);
  });

  test('a host that is not trusted is refused, with the words of the relay', async () => {
    const { ids, handovers } = await send([untrusted], pathOf(), { path: hosts.only(...programs) });
    expect(handovers).toEqual([
      expect.objectContaining({
        state: 'refused',
        cause: 'relay-denied',
        temporary: false,
        stage: 'rcpt',
        answeredBy: 'mail-gw.example.test',
        evidence: `554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`,
      }),
    ]);
    expect(await isThere(ids[0])).toBe(false);
  });

  test('nothing that listens is connect-refused', async () => {
    const { handovers } = await send([trusted], pathOf({ relay: { host: hosts.relay.host, port: 9, tls: 'none' } }), {
      path: hosts.only(...programs),
    });
    expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'connect-refused', stage: 'connect' });
  });

  test('a name that nobody knows is dns-failed', async () => {
    const { handovers } = await send([trusted], pathOf({ relay: { host: 'mail-gw.invalid', port: 25, tls: 'none' } }), {
      path: hosts.only(...programs),
    });
    expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'dns-failed', stage: 'dns' });
  });

  test('a relay that hangs is cut off at the deadline', async () => {
    lab.rule({ [from]: 'slow' });
    onTestFinished(() => lab.rule({}));
    const began = Date.now();
    const { handovers } = await send([trusted], pathOf({ timeout: 10_000 }), { path: hosts.only(...programs) });
    expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'timeout-at-stage', stage: 'rcpt' });
    expect(Date.now() - began).toBeLessThan(19_000);
  });

  test('a temporary refusal is temporary', async () => {
    lab.rule({ [from]: '451 4.7.1 Greylisted, try again later' });
    onTestFinished(() => lab.rule({}));
    const { handovers } = await send([trusted], pathOf(), { path: hosts.only(...programs) });
    expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'greylisted', temporary: true });
  });
});

test('one command carries all hosts and mailboxes, and each host picks its own', async () => {
  const { ids, handovers, output } = await send([trusted, untrusted], pathOf(), {}, lab.mailboxes);
  expect(handovers.map((one) => one?.state)).toEqual(['claimed', 'claimed', 'claimed', 'refused']);
  // A relay takes mail for its own domain from anybody.
  expect(output.trim().split('\n')).toHaveLength(4);
  expect(await arrived(ids[0], lab.mailboxes.inside)).toContain('web-01');
  expect(await arrived(ids[1])).toContain('web-01');
  expect(await arrived(ids[2], lab.mailboxes.inside)).toContain('web-03');
  expect(await isThere(ids[3])).toBe(false);
});

test('a host without any program for SMTP has no mailer', async () => {
  const { handovers } = await send([trusted], pathOf(), { path: hosts.only() });
  expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'no-mailer', temporary: false, ownServer: true });
});

test('STARTTLS: curl and python do not trust a CA that the host does not know, and bash is no choice', async () => {
  const path = pathOf({ relay: { ...hosts.relay, tls: 'starttls' } });
  for (const program of ['curl', 'python3']) {
    const { handovers } = await send([trusted], path, { path: hosts.only(program) });
    expect([program, handovers[0]]).toEqual([program, expect.objectContaining({ state: 'refused', stage: 'tls' })]);
    expect(handovers[0]).toHaveProperty('cause', expect.stringMatching(/^tls-(untrusted|name)$/));
  }
  const { handovers } = await send([trusted], path, { path: hosts.only('bash') });
  expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'no-mailer' });
});

describe("via sendmail, through the host's own Postfix", () => {
  let env: Readonly<Record<string, string>>;
  let envUntrusted: Readonly<Record<string, string>>;
  beforeAll(async () => {
    env = await trusted.startMta();
    envUntrusted = await untrusted.startMta();
  });

  test('mail of a trusted host arrives, and the relay took it', async () => {
    const { ids, handovers, statuses } = await send([trusted], pathOf({ via: 'sendmail', relay: undefined }), { env });
    expect(handovers[0]).toMatchObject({ state: 'claimed', ownServer: false, answeredBy: hosts.relay.host });
    expect(statuses).toEqual([0]);
    expect(handovers[0]?.evidence).toMatch(/^250 2\.0\.0 Ok: queued as /);
    expect(await arrived(ids[0])).toContain(`[${trusted.address}]`);
  });

  test('the MTA takes it and the relay does not: refused, with the words of the relay', async () => {
    const settings = pathOf({ via: 'sendmail', relay: undefined });
    const { ids, handovers, statuses } = await send([untrusted], settings, { env: envUntrusted });
    expect(handovers[0]).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      stage: 'rcpt',
      evidence: `554 5.7.1 <${lab.mailboxes.outside}>: Relay access denied`,
    });
    expect(statuses).toEqual([1]);
    expect(await isThere(ids[0])).toBe(false);
  });

  test('what waits in the queue is temporary, with the reason of the queue', async () => {
    lab.rule({ [from]: '451 4.3.2 come back tomorrow' });
    onTestFinished(() => lab.rule({}));
    const { handovers } = await send([trusted], pathOf({ via: 'sendmail', relay: undefined }), { env });
    expect(handovers[0]).toMatchObject({
      state: 'refused',
      temporary: true,
      cause: 'sender-rejected',
      stage: 'rcpt',
    });
    expect(handovers[0]?.evidence).toContain('it waits in the queue of web-01 itself: 451 4.3.2');
    expect(handovers[0]?.evidence).toContain('come back tomorrow');
  });
});

describe('via sendmail, other ends', () => {
  const settings = () => pathOf({ via: 'sendmail', relay: undefined });

  test('without a log, the queue says what holds the mail', async () => {
    const host = hosts.host('web-04', 14);
    // No log that the step could read, and a queue that sends nothing.
    const env = await host.startMta('defer_transports = smtp');
    const path = hosts.only('postqueue', 'postcat', 'sendmail');
    const { handovers } = await send([host], settings(), { env, path });
    expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'queued-on-host', temporary: true, ownServer: true });
    expect(handovers[0]?.evidence).toContain('it waits in the queue of web-04 itself: ');
    expect(handovers[0]?.evidence).toContain('deferred transport');
  });

  test('a host without sendmail has no mailer', async () => {
    const { handovers } = await send([trusted], settings(), {
      path: hosts.only('mount', 'unshare'),
      without: ['/usr/sbin/sendmail', '/usr/lib/sendmail'].filter((file) => existsSync(file)),
    });
    expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'no-mailer', temporary: false });
  });

  const withSendmail = (script: string) => {
    const path = hosts.only('bash');
    writeFileSync(join(path, 'sendmail'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  };

  test('a mailer that speaks to the relay itself is quoted', async () => {
    const path = withSendmail(
      'echo "msmtp: recipient address canary@supplier.test not accepted by the server"; echo "msmtp: server message: 554 5.7.1 <canary@supplier.test>: Relay access denied"; exit 65',
    );
    const { handovers } = await send([trusted], settings(), { path });
    expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'relay-denied', temporary: false });
  });

  test('a mailer that fails without a reply is quoted, and nothing is guessed', async () => {
    const { handovers } = await send([trusted], settings(), {
      path: withSendmail('echo "sendmail: something odd"; exit 75'),
    });
    expect(handovers[0]).toMatchObject({
      state: 'refused',
      cause: 'unknown',
      temporary: true,
      evidence: 'sendmail: something odd',
    });
  });

  test('a mailer that hangs is unanswered at the deadline: it may have passed the mail on', async () => {
    const { handovers } = await send([trusted], pathOf({ via: 'sendmail', relay: undefined, timeout: 5_000 }), {
      path: withSendmail('exec sleep 60'),
    });
    expect(handovers[0]).toMatchObject({ state: 'unanswered' });
  });

  test('it gets the mail on its input, the sender and the recipient as arguments', async () => {
    const at = join(mkdtempSync(join(hosts.dir, 'got-')), 'got');
    const path = withSendmail(`printf '%s|' "$@" > ${at}; cat >> ${at}`);
    const { ids } = await send([trusted], settings(), { path });
    const [args = '', ...lines] = readFileSync(at, 'utf8').split('From: ');
    expect(args).toBe(`-i|-f|${from}|--|${lab.mailboxes.outside}|`);
    expect(lines.join('From: ')).toContain(`Subject: Mail canary web-01 ${ids[0]}\n`);
    expect(lines.join('').endsWith(`Canary: ${ids[0]}\n`)).toBe(true);
    expect(lines.join('')).not.toContain('\r');
  });
});

describe('runAs', () => {
  const recording = (at: string, switches: readonly string[]) => {
    const path = hosts.only('bash', ...switches);
    writeFileSync(join(path, 'sendmail'), `#!/bin/sh\n{ id -un; cat; } > ${at}\n`, { mode: 0o755 });
    return path;
  };

  test.each([['runuser'], ['su']])('the mailer runs as that user, by %s', async (by) => {
    const folder = mkdtempSync(join(hosts.dir, 'runas-'));
    chmodSync(folder, 0o777);
    const at = join(folder, 'got');
    const path = recording(at, [by]);
    if (by !== 'runuser') execFileSync('rm', [join(path, 'runuser')]);
    const { handovers, ids } = await send([trusted], pathOf({ via: 'sendmail', relay: undefined, runAs: 'nobody' }), {
      path,
    });
    expect(handovers[0]).toMatchObject({ state: 'claimed' });
    const [user, ...mail] = readFileSync(at, 'utf8').split('\n');
    expect(user).toBe('nobody');
    expect(mail.join('\n')).toContain(ids[0]);
  });

  test('over SMTP as well, with every program', async () => {
    for (const [, programs] of tools) {
      const { handovers } = await send([trusted], pathOf({ runAs: 'nobody' }), { path: hosts.only(...programs) });
      expect([programs, handovers[0]]).toEqual([programs, expect.objectContaining({ state: 'claimed' })]);
    }
  });

  test('a user that the host does not have is said, and nothing is sent', async () => {
    const { handovers, ids } = await send([trusted], pathOf({ runAs: 'no-such-user' }));
    expect(handovers[0]).toMatchObject({ state: 'unsent', cause: 'sender-failed' });
    expect(handovers[0]?.evidence).toContain('this host has no user no-such-user');
    expect(await isThere(ids[0])).toBe(false);
  });
});

describe('via ses', () => {
  const withAws = (version: string, end: string) => {
    const at = join(mkdtempSync(join(hosts.dir, 'aws-')), 'got');
    const path = hosts.only('bash');
    const script = `#!/bin/bash
case $1 in --version) echo "aws-cli/${version} Python/3"; exit ;; esac
printf '%s\\n' "$@" > ${at}
for word in "$@"; do case $word in file://*) cat "\${word#file://}" > ${at}.json ;; esac; done
echo "$AWS_DEFAULT_REGION" > ${at}.region
${end}
`;
    writeFileSync(join(path, 'aws'), script, { mode: 0o755 });
    return { path, at };
  };
  const settings = () => pathOf({ via: 'ses', relay: undefined });

  test.each([
    ['1.45.11', false],
    ['2.31.0', true],
  ])('the AWS CLI %s gets the mail as it reads it', async (version, raw) => {
    const { path, at } = withAws(version, 'echo 0102018f-message-id');
    const { handovers, ids } = await send([trusted], settings(), { path, env: { AWS_SSM_REGION_NAME: 'eu-west-1' } });
    expect(handovers[0]).toMatchObject({ state: 'claimed', product: 'ses', queueId: '0102018f-message-id' });
    const args = readFileSync(at, 'utf8').split('\n');
    expect(args.slice(0, 2)).toEqual(['ses', 'send-raw-email']);
    expect(args.includes('raw-in-base64-out')).toBe(raw);
    expect(args[args.indexOf('--destinations') + 1]).toBe(lab.mailboxes.outside);
    const { Data } = JSON.parse(readFileSync(`${at}.json`, 'utf8')) as { Data: string };
    expect(Data).toContain(`\r\nSubject: Mail canary web-01 ${ids[0]}\r\n`);
    expect(Data.split('\r\n').join('')).not.toMatch(/[\r\n]/);
    expect(readFileSync(`${at}.region`, 'utf8')).toBe('eu-west-1\n');
  });

  test('its refusal is quoted', async () => {
    const words =
      'An error occurred (MessageRejected) when calling the SendRawEmail operation: Email address is not verified. The following identities failed the check in region EU-WEST-1: orders@example.test';
    const { path } = withAws('2.31.0', `echo; echo "${words}" >&2; exit 254`);
    const { handovers } = await send([trusted], settings(), { path });
    expect(handovers[0]).toMatchObject({ state: 'refused', evidence: words, answeredBy: 'ses' });
  });

  test('without the AWS CLI there is no mailer', async () => {
    const { handovers } = await send([trusted], settings(), { path: hosts.only('bash') });
    expect(handovers[0]).toMatchObject({ state: 'refused', cause: 'no-mailer' });
  });
});

test('an agent that sets no variable is too old: unsent, and the host is not blamed', async () => {
  const { output, status } = await trusted.run({ parameters: {} });
  expect(status).toBe(1);
  expect(output).toBe('mc1\t-\ttoo-old\t\t\t\t\t\tthe agent gives no SSM_payload\n');
});
