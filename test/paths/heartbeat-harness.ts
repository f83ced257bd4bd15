/** What the tests of the `heartbeat` path share: a script as `enroll` writes it, shells that run it, and a monitor that listens. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import * as z from 'zod';
import { type Enrolled, shellScript } from '../../bin/enroll/script.ts';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { listenForTellings, noteHandler } from '../../lambdas/adapters/note-http.ts';
import { hostKey } from '../../lambdas/core/enrolment.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { limitsFor } from '../../lambdas/core/limits.ts';
import type { Handover, Slot } from '../../lambdas/core/words.ts';
import { shape } from '../../lambdas/paths/heartbeat/settings.ts';
import { hostOf, minute, monitorOf, pathPlan } from '../core/fleet.ts';

export const master = 'the master secret of the tests';
export const addresses = { outside: 'canary@supplier.test', inside: 'canary@example.test' } as const;
export const from = 'orders@example.test';
const every = 15 * minute;

/** The shells of this machine that say they are POSIX ones. */
export const shells: readonly (readonly string[])[] = [
  ['/bin/sh'],
  ...[['/usr/bin/dash'], ['/bin/bash', '--posix'], ['/bin/busybox', 'sh'], ['/bin/ksh'], ['/bin/mksh']].filter(
    ([file = '']) => existsSync(file),
  ),
];

type Settings = z.input<z.ZodObject<typeof shape>> & { readonly timeout?: number };

/** A host as it is enrolled; via its sendmail to one mailbox unless said otherwise. */
export const enrolledOf = (settings: Settings = {}, change: Partial<Enrolled> = {}): Enrolled => {
  const { timeout = 10_000, ...own } = settings;
  return {
    monitor: 'production',
    path: 'cron',
    settings: { ...z.strictObject(shape).parse(own), from, timeout, autoSubmitted: true },
    key: hostKey(master, 'web-01', 1),
    generation: 1,
    mailboxes: [['outside', addresses.outside]],
    noteUrl: undefined,
    ...change,
  };
};

export const relayAt = (port: number) => ({ via: 'smtp', relay: { host: '127.0.0.1', port } }) as const;

/** A new folder that goes with the test. */
export const folder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'mail-canary-heartbeat-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

/** A folder of programs that stand before those of the machine; each a few lines of sh. */
export const programs = (lines: Readonly<Record<string, string>>): string => {
  const dir = folder();
  for (const [name, text] of Object.entries(lines)) {
    writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(dir, name), 0o755);
  }
  return dir;
};

/** A sendmail that keeps its arguments and its mail in `dir`, and ends with `status`. */
export const keepingSendmail = (dir: string, { status = 0, words = '' } = {}): Record<string, string> => ({
  sendmail: `printf '%s\\n' "$@" > ${dir}/args; cat > ${dir}/mail; printf '%s' '${words}' >&2; exit ${status}`,
  mailq: 'echo "Mail queue is empty"',
});

export const kept = (dir: string) => ({
  args: readFileSync(join(dir, 'args'), 'utf8').trimEnd().split('\n'),
  mail: readFileSync(join(dir, 'mail'), 'utf8'),
});

type Run = {
  readonly shell?: readonly string[];
  /** Stands before the programs of this machine. */
  readonly path?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

/** Runs a script to its end, as cron would: with almost no environment, and nothing to read. */
export const run = async (script: string, { shell = ['/bin/sh'], path, args = ['--now'], env = {} }: Run = {}) => {
  const file = join(folder(), 'canary.sh');
  writeFileSync(file, script, { mode: 0o700 });
  const [command = '', ...before] = shell;
  const child = spawn(command, [...before, file, ...args], {
    env: { PATH: `${path === undefined ? '' : `${path}:`}/usr/bin:/bin`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, said: Buffer.concat(said).toString() };
};

/** A script as it is printed for `sh`. */
export const script = (settings: Settings = {}, change: Partial<Enrolled> = {}): string =>
  shellScript(enrolledOf(settings, change));

/** A monitor that listens for tellings, with two hosts of the path `cron` and a ledger in memory. */
export const listening = async () => {
  const ledger = memoryLedger();
  const items = itemsOf(ledger);
  for (const id of ['web-01', 'web-02'])
    await items.putHost(hostOf(id, { paths: ['cron'], mailboxes: Object.keys(addresses) }));
  const monitor = monitorOf({
    limits: limitsFor({ lostAfter: every, patience: every }),
    paths: { cron: pathPlan({ every, byHost: true, from }) },
    mailboxes: {
      outside: { address: addresses.outside, inside: false },
      inside: { address: addresses.inside, inside: true },
    },
  });
  const problems: unknown[] = [];
  const bodies: string[] = [];
  const answers: number[] = [];
  const handle = noteHandler({ ledger, now: Date.now, master: async () => master }, monitor, (error) =>
    problems.push(error),
  );
  const server = await listenForTellings(async (request) => {
    bodies.push(Buffer.from(request.body).toString());
    const answer = await handle(request);
    answers.push(answer.status);
    return answer;
  });
  onTestFinished(server.close);
  const slots = (): Slot[] => [0, 1].map((back) => (Math.floor(Date.now() / every) - back) * (every / minute));
  /** What was noted of a route in this period (or in the one that has just ended), by phase. */
  const handovers = async (route: string): Promise<Partial<Record<'sending' | 'done', Handover>>> => {
    const found: Partial<Record<'sending' | 'done', Handover>> = {};
    for (const slot of slots()) {
      await items.putBatch({ slot, name: `cron.${route.replaceAll('/', '-')}`, path: 'cron', routes: [route] }, 0);
      const notes = (await items.batches(slot)).flatMap((batch) => batch.notes ?? []);
      for (const { id, says, route: of } of notes)
        if (of === route && says.state === 'handed')
          found[id.startsWith('tell.done.') ? 'done' : 'sending'] ??= says.handover;
    }
    return found;
  };
  return {
    url: `http://127.0.0.1:${server.port}/tell?from=hosts`,
    items,
    monitor,
    bodies,
    answers,
    problems,
    handovers,
  };
};

export const makeFolder = (path: string) => mkdirSync(path, { recursive: true });
