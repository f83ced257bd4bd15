/** `enroll` as a process: what it prints, what it refuses, where its keys come from. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { UsageError } from '../../bin/commands/command.ts';
import { register } from '../../bin/commands/enroll.ts';
import { fileLedger } from '../../lambdas/adapters/ledger-file.ts';
import { fleetId, fleetKey, hostKey } from '../../lambdas/core/enrolment.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { parseSettings } from '../../lambdas/settings/load.ts';
import { hostOf } from '../core/fleet.ts';
import { keepingSendmail, kept, programs, run } from '../paths/heartbeat-harness.ts';
import { type AwsAnswer, awsEndpoint } from '../servers/aws-endpoint.ts';
import { tool } from './tool.ts';

const mailbox = (address: string) => ({
  address,
  imap: { host: 'imap.example.test' },
  // This machine has no such secret, and needs none to enroll.
  auth: { kind: 'password', user: 'canary', secret: 'secretsmanager:mail-canary/nowhere' },
});
const heartbeat = (change: object = {}) => ({ kind: 'heartbeat', from: 'orders@example.test', ...change });

const settingsOf = (change: object = {}) => ({
  name: 'plant',
  mailboxes: { outside: mailbox('canary@supplier.test'), inside: mailbox('canary@example.test') },
  paths: {
    cron: heartbeat(),
    win: heartbeat({ via: 'smtp', relay: { host: 'mail-gw.example.test' }, every: '1 hour' }),
    app: { kind: 'smtp', host: '{host.address}', from: 'orders@example.test' },
  },
  hosts: [
    { id: 'web-01', address: '10.0.1.1', paths: ['cron', 'app'] },
    { id: 'web-02', address: '10.0.1.2', paths: ['cron', 'win'], mailboxes: ['inside'] },
    { id: 'web-03', address: '10.0.1.3', paths: ['app'] },
    { id: 'pc-1', paths: ['win'] },
  ],
  ...change,
});

/** A folder with settings, and with the state of a watch that has run. */
const place = (settings: object = settingsOf(), { watched = true } = {}) => {
  const dir = mkdtempSync(join(tmpdir(), 'mail-canary-enroll-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'mail-canary.yaml'), stringify(settings));
  const state = join(dir, '.mail-canary/plant');
  const master = randomBytes(32).toString('hex');
  if (watched) {
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'key'), `${randomBytes(32).toString('hex')}\n`);
    writeFileSync(join(state, 'heartbeat-key'), `${master}\n`);
  }
  const enroll = (...args: readonly string[]) =>
    tool(['enroll', ...args], { cwd: dir, env: { INIT_CWD: dir }, secrets: [master] });
  const ledger = async <T>(use: (items: ReturnType<typeof itemsOf>) => Promise<T>): Promise<T> => {
    const file = fileLedger(join(state, 'ledger.sqlite'));
    try {
      return await use(itemsOf(file));
    } finally {
      file.close();
    }
  };
  return { dir, state, master, enroll, ledger };
};

/** The script in what was printed, between the lines that install it. */
const scriptIn = (printed: string) => /<<'END-OF-SCRIPT'\n(.*?)END-OF-SCRIPT\n/s.exec(printed)?.[1] ?? '';
const keyIn = (printed: string) => /\bkey='([a-z]{8})'/.exec(printed)?.[1];

describe('what it prints', () => {
  test('for Linux: a script that runs, a service, a timer, a line for cron', async () => {
    const { enroll, dir, master } = place();
    const { status, stdout, stderr } = await enroll('web-01');
    expect([status, stderr]).toEqual([0, '']);
    expect(keyIn(stdout)).toBe(hostKey(master, 'web-01', 1).id);
    for (const line of [
      'chmod 0700 /usr/local/sbin/mail-canary-cron',
      'ExecStart=/usr/local/sbin/mail-canary-cron --now',
      'OnCalendar=*:00/15',
      'RandomizedDelaySec=300',
      'systemctl daemon-reload && systemctl enable --now mail-canary-cron.timer',
      "echo '*/15 * * * * root /usr/local/sbin/mail-canary-cron 2>&1 | logger -t mail-canary-cron' > /etc/cron.d/mail-canary-cron",
    ])
      expect(stdout.split('\n')).toContain(line);
    expect(stdout).not.toContain('Windows');
    // All of it is lines for a shell: it can be pasted.
    expect(execFileSync('/bin/sh', ['-n'], { input: stdout, encoding: 'utf8' })).toBe('');
    const ran = await run(scriptIn(stdout), { path: programs(keepingSendmail(dir)) });
    expect(ran).toEqual({ status: 0, said: '' });
    // The last of its two mailboxes.
    expect(kept(dir).mail).toContain('\nTo: canary@example.test\n');
  });

  test('for Windows as well, where the path has a relay; once an hour', async () => {
    const { enroll } = place();
    const { stdout } = await enroll('pc-1');
    expect(stdout).toContain("echo '0 * * * * root");
    expect(stdout).toContain('OnCalendar=*:00\n');
    expect(stdout).toContain('/SC MINUTE /MO 60 /ST 00:00 /RU SYSTEM');
    expect(stdout).toContain('icacls C:\\ProgramData\\MailCanary /inheritance:r');
    expect(stdout).toMatch(/^Register-ScheduledTask .*-TaskName mail-canary-win /m);
    const windows = await enroll('pc-1', '--windows');
    expect(windows.stdout).not.toContain('#!/bin/sh');
    expect((await enroll('pc-1', '--linux')).stdout).not.toContain('param([switch]$Now)');
  });

  test('only the mailboxes of the host, and the note URL that is given', async () => {
    const { enroll } = place();
    const url = 'https://abc.lambda-url.eu-west-1.on.aws/tell';
    const { stdout } = await enroll('web-02', '--path', 'cron', '--note-url', url);
    expect(stdout).toContain("mailboxes='inside=canary@example.test'");
    expect(stdout).toContain(`note_url='${url}'`);
    expect(stdout).toContain("note_path='/tell'");
    expect((await enroll('web-01')).stdout).toContain('# No note URL: only the mail is watched.');
  });

  test('one script for a fleet, with a key that names no host', async () => {
    const { enroll, master } = place();
    const { status, stdout } = await enroll('--fleet', '--path', 'cron');
    expect(status).toBe(0);
    expect(keyIn(stdout)).toBe(fleetKey(master, 1).id);
    expect(stdout).toContain("\nhost=''\n");
    expect(stdout).toContain("mailboxes='outside=canary@supplier.test inside=canary@example.test'");
  });

  test('for a host that only the registry knows', async () => {
    const { enroll, ledger } = place();
    await ledger((items) => items.putHost(hostOf('new-77', { paths: ['cron'], mailboxes: ['outside'] })));
    expect((await enroll('new-77')).stdout).toContain("host='new-77'");
  });

  test('the same script each time', async () => {
    const { enroll } = place();
    const [first, second] = await Promise.all([enroll('web-01'), enroll('web-01')]);
    expect(first.stdout).toBe(second.stdout);
  });
});

describe('--revoke', () => {
  test.each([
    ['web-01', ['web-01'], (master: string, generation: number) => hostKey(master, 'web-01', generation)],
    [fleetId, ['--fleet', '--path', 'cron'], fleetKey],
  ] as const)('ends the key of %s; the next one has the next generation', async (id, args, key) => {
    const { enroll, ledger, master } = place();
    const revoked = await enroll(...args, '--revoke');
    expect([revoked.status, revoked.stderr]).toEqual([0, '']);
    expect(revoked.stdout).toContain('generation 1, is revoked');
    expect(revoked.stdout).toContain(`npm run enroll -- ${id === fleetId ? '--fleet' : id}`);
    expect(await ledger((items) => items.enrolment(id))).toMatchObject({ id, generation: 2 });
    const again = await enroll(...args);
    expect(again.stdout).toContain('\ngeneration=2\n');
    expect(keyIn(again.stdout)).toBe(key(master, 2).id);
    expect((await enroll(...args, '--revoke')).stdout).toContain('generation 2, is revoked');
  });
});

describe('in a stack', () => {
  const stack = async (
    answer: (call: { operation: string; body: { ExpressionAttributeValues?: unknown } }) => AwsAnswer,
  ) => {
    const aws = await awsEndpoint<{ ExpressionAttributeValues?: unknown }>(answer);
    onTestFinished(aws.close);
    const { dir, master } = place(settingsOf(), { watched: false });
    const env = {
      INIT_CWD: dir,
      AWS_ENDPOINT_URL: aws.config.endpoint,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const arn = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:mail-canary/heartbeat-AbCdEf';
    const ended = await tool(['enroll', 'web-01', '--table', 'canary', '--secret', arn], {
      cwd: dir,
      env,
      secrets: [master],
    });
    return { ...ended, calls: aws.calls };
  };
  const enrolment = JSON.stringify({ id: 'web-01', generation: 3, changedAt: 0 });

  test('the secret and the generation are those of the stack', async () => {
    const { status, stdout, stderr, calls } = await stack(({ operation, body }) => {
      if (operation === 'GetSecretValue') return { body: { SecretString: 'the secret of the stack' } };
      const isEnrolments = JSON.stringify(body.ExpressionAttributeValues).includes('enrolment');
      const item = { pk: { S: 'enrolment' }, sk: { S: 'web-01' }, v: { N: '1' }, body: { S: enrolment } };
      return { body: { Items: isEnrolments ? [item] : [] } };
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(keyIn(stdout)).toBe(hostKey('the secret of the stack', 'web-01', 3).id);
    expect(calls.map(({ operation }) => operation).sort()).toEqual(['GetSecretValue', 'Query', 'Query']);
  });

  test('a secret that may not be read is named, with the reason', async () => {
    const { status, stderr } = await stack(({ operation }) =>
      operation === 'GetSecretValue'
        ? { status: 400, error: 'AccessDeniedException', message: 'no' }
        : { body: { Items: [] } },
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/^cannot read secret secretsmanager:arn:.*: access denied: the role may not read it\n$/);
  });
});

describe('what it refuses, in one line, with status 2', () => {
  /** In this process: each way to be wrong needs no process of its own. */
  const refusal = async (args: readonly string[]): Promise<string> => {
    const { dir, state } = place();
    const where = args.some((arg) => ['--state', '--table', '--secret'].includes(arg)) ? [] : ['--state', state];
    const program = new Command().exitOverride();
    register(program, () => undefined);
    const all = ['enroll', ...args, '--settings', join(dir, 'mail-canary.yaml'), ...where];
    const error: unknown = await program.parseAsync(all, { from: 'user' }).catch((thrown: unknown) => thrown);
    return error instanceof UsageError ? error.message : `not refused: ${String(error)}`;
  };

  const withoutHeartbeat = settingsOf({
    paths: { app: { kind: 'smtp', host: '{host.address}', from: 'orders@example.test' } },
    hosts: [{ id: 'web-03', address: '10.0.1.3', paths: ['app'] }],
  });
  test.each([
    [['web-09'], 'the host must be one of web-01, web-02, web-03, pc-1, got "web-09"'],
    [["web-01'; rm -rf /"], `the host must be one of web-01, web-02, web-03, pc-1, got "web-01'; rm -rf /"`],
    [['web-03'], 'web-03 uses no heartbeat path: add one of cron, win to its "paths"'],
    [['web-02'], '--path must say which one: cron, win'],
    [['web-02', '--path', 'app'], '--path must be one of cron, win, got "app"'],
    [['--fleet'], '--path must say which one: cron, win'],
    [['web-01', '--fleet'], '--fleet is for hosts of any name: leave out "web-01"'],
    [[], 'enroll needs the name of a host, or --fleet for one script for all'],
    [['web-01', '--windows'], 'Windows has no sendmail: path cron needs "via: smtp" with the relay that its hosts use'],
    [
      ['web-01', '--note-url', 'http://monitor.example.com/'],
      '--note-url must be an https URL without user and fragment (http only to a private address or to a name without dots), got "http://monitor.example.com/"',
    ],
    [['web-01', '--table', 'canary'], '--secret is missing: a stack needs --table and --secret'],
    [['web-01', '--secret', 'x'], '--table is missing: a stack needs --table and --secret'],
    [
      ['web-01', '--state', 'x', '--table', 'y', '--secret', 'z'],
      '--state is for a watch, --table and --secret are for a stack: not both',
    ],
  ])('%j', async (args, words) => {
    expect(await refusal(args)).toBe(words);
  });

  test('as a process', async () => {
    const { status, stdout, stderr } = await place().enroll('web-03');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe('web-03 uses no heartbeat path: add one of cron, win to its "paths"\n');
  });

  test('settings without a heartbeat path', async () => {
    const { stderr } = await place(withoutHeartbeat).enroll('web-03');
    expect(stderr).toBe(
      'the settings have no path of kind heartbeat: add one under "paths", and name it for its hosts\n',
    );
  });

  test('a folder in which no watch has run, and makes none', async () => {
    const { enroll, dir } = place(settingsOf(), { watched: false });
    const { status, stderr } = await enroll('web-01');
    expect(status).toBe(2);
    expect(stderr).toContain('is no state of a watch: start "watch" with these settings once');
    expect(readdirSync(dir)).toEqual(['mail-canary.yaml']);
  });

  test('a secret that is not one, without repeating it', async () => {
    const { enroll, state } = place();
    writeFileSync(join(state, 'heartbeat-key'), 'something else\n');
    const { status, stdout, stderr } = await enroll('web-01');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('is not a heartbeat key');
    expect(stderr).not.toContain('something else');
  });

  test.each([
    [{ every: '7 minutes' }, 'paths.cron.every must be whole minutes that divide an hour'],
    [{ via: 'smtp' }, 'paths.cron.relay is missing: "via: smtp" needs the relay that the hosts use'],
    [{ size: '5 MB' }, 'paths.cron.size'],
  ])('settings with %j', (change, words) => {
    const cron = settingsOf({ paths: { cron: heartbeat(change) }, hosts: [{ id: 'web-01', paths: ['cron'] }] });
    expect(() => parseSettings(stringify(cron), 'mail-canary.yaml', 'local')).toThrow(words);
  });
});

describe('the secret of a watch', () => {
  test('is made by whoever is first, readable by its user alone, and stays', async () => {
    const { enroll, state } = place();
    rmSync(join(state, 'heartbeat-key'));
    const [first, second] = await Promise.all([enroll('web-01'), enroll('web-01')]);
    expect([first.status, second.status]).toEqual([0, 0]);
    expect(first.stdout).toBe(second.stdout);
    expect(existsSync(join(state, 'heartbeat-key'))).toBe(true);
    expect(statSync(join(state, 'heartbeat-key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(state, 'heartbeat-key'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  });
});
