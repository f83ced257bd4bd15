/** The command line tool as a child process, with all that it says, and the promise that no secret is among it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** Halves the start of each child; safe to share and to lose. */
const compileCache = join(tmpdir(), `mail-canary-tests-${userInfo().uid}`);

export type ToolOptions = {
  /** Where the caller stands. */
  readonly cwd?: string;
  /** The environment besides PATH; nothing else of ours is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** What must not appear in any byte of the output. */
  readonly secrets?: readonly string[];
};

export type Ended = {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** A secret in the forms in which a careless program repeats it. */
const formsOf = (secret: string): string[] => [
  secret,
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(secret).toString('hex'),
  encodeURIComponent(secret),
];

/** Throws when a text holds a secret; says where, never which. */
export const checkSilence = (where: string, bytes: string | Buffer, secrets: readonly string[]): void => {
  const text = bytes.toString('latin1');
  secrets.forEach((secret, index) => {
    if (formsOf(secret).some((form) => text.includes(form))) throw new Error(`${where} repeats secret ${index}`);
  });
};

/** Starts a program; `said` grows while it runs. */
export const start = (command: string, args: readonly string[], options: ToolOptions = {}) => {
  const { cwd = root, env = {}, secrets = [] } = options;
  const child: ChildProcess = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: tmpdir(), NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const text = (stream: 'stdout' | 'stderr') => Buffer.concat(chunks[stream]).toString();
  const listeners = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.on('data', (chunk: Buffer) => {
      chunks[stream].push(chunk);
      for (const listener of listeners) listener();
    });
  const ended: Promise<Ended> = once(child, 'close').then(([status, signal]) => {
    const result = { status, signal, stdout: text('stdout'), stderr: text('stderr') };
    checkSilence('stdout', result.stdout, secrets);
    checkSilence('stderr', result.stderr, secrets);
    return result;
  });
  return {
    ended,
    stdout: () => text('stdout'),
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves when standard output holds this; rejects when the program ends without it. */
    says: (pattern: RegExp): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!pattern.test(text('stdout'))) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        void ended.then(({ status, stdout, stderr }) =>
          reject(new Error(`ended with ${status} and never said ${pattern}:\n${stdout}\n${stderr}`)),
        );
        look();
      }),
  };
};

/** Runs `mail-canary` with these arguments to its end. */
export const tool = (args: readonly string[], options?: ToolOptions): Promise<Ended> =>
  start(process.execPath, [join(root, 'bin/mail-canary.ts'), ...args], options).ended;
