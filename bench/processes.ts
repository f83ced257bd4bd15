/** Starts the servers and the programs as processes, and asks them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import type { Counts, Run, Scenario } from './scenario.ts';
import type { SettleProgram } from './settle-scenario.ts';

export const programs = ['product', 'bare'] as const;
export type Program = (typeof programs)[number];

export const script = (name: string) => join(import.meta.dirname, `${name}.ts`);

/** The next message of a child; rejects when it ends without one. */
export const answerOf = async <T>(child: ChildProcess, what: string): Promise<T> => {
  const ended = new AbortController();
  try {
    const [answer] = await Promise.race([
      once(child, 'message', { signal: ended.signal }),
      once(child, 'exit', { signal: ended.signal }).then(([code]) => {
        throw new Error(`${what} ended without an answer, exit status ${code}`);
      }),
    ]);
    return answer as T;
  } finally {
    ended.abort();
  }
};

/** The servers of one scenario, in one process. */
export const startServers = async (startTls: boolean) => {
  const child = fork(script('servers'), [startTls ? 'starttls' : 'plain']);
  const ports = await answerOf<Pick<Scenario, 'smtpPort' | 'imapPort'>>(child, 'the servers');
  return {
    ports,
    /** What happened since the last question; empties the mailbox. */
    counts: async (): Promise<Counts> => {
      child.send('counts');
      return answerOf<Counts>(child, 'the servers');
    },
    stop: () => child.kill(),
  };
};

export type RunOptions = {
  /** A folder for the CPU profiles of the programs. */
  readonly profile?: string | undefined;
};

/** Node's own options with which `npm run check` and `npm run watch` start; the bare loops have none. */
export const flagsOf = (program: Program | SettleProgram): readonly string[] =>
  program === 'bare' || program === 'settle-bare'
    ? []
    : packageJson.scripts.check.split(' ').filter((word) => word.startsWith('--'));

/** One run in a fresh process: nothing is warm but the files. */
export const runOnce = async (program: Program, scenario: Scenario, { profile }: RunOptions): Promise<Run> => {
  const child = fork(script(program), [JSON.stringify(scenario)], {
    execArgv: [
      ...flagsOf(program),
      ...(profile === undefined
        ? []
        : [
            '--cpu-prof',
            `--cpu-prof-dir=${profile}`,
            `--cpu-prof-name=${program}-${scenario.startTls ? 'starttls' : 'plain'}.cpuprofile`,
          ]),
    ],
  });
  const gone = once(child, 'exit');
  const run = await answerOf<Run>(child, program);
  await gone;
  return run;
};
