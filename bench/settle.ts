/** One round that settles many canaries in one mailbox, and the same headers and deletions by hand, in turns. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { median, spread, table } from './numbers.ts';
import { answerOf, flagsOf, script } from './processes.ts';
import type { Run } from './scenario.ts';
import { minute, type SettleProgram, type SettleScenario, settlePrograms } from './settle-scenario.ts';
import { dovecotServer, embeddedServer, type SettleCounts, type SettleServer } from './settle-servers.ts';

/** What the requirement allows, for 10,000 canaries. */
export const allowedToSettle = { ratio: 1.15, seconds: 30, peakBytes: 256 * 1024 * 1024, logins: 1 } as const;

export type SettleOptions = {
  readonly canaries: number;
  readonly turns: number;
  /** Canaries that the same process settled in a round before. @default a tenth */
  readonly earlier?: number | undefined;
  readonly progress: (text: string) => void;
  /** @default the embedded server, and Dovecot where it can be started */
  readonly only?: 'embedded server' | 'Dovecot' | undefined;
  readonly profile?: string | undefined;
};

type Measured = Run & SettleCounts;
type Runs = Readonly<Record<SettleProgram, readonly Measured[]>>;

const names = { 'settle-product': 'Mail Canary', 'settle-bare': 'bare loop' } as const satisfies Record<
  SettleProgram,
  string
>;

/** One run in a process of its own: it has done a smaller round, then the mail arrives, then the clock starts. */
const runOne = async (program: SettleProgram, server: SettleServer, options: SettleOptions): Promise<Measured> => {
  const { canaries, earlier = Math.floor(canaries / 10), profile } = options;
  // Sent within the last minute but one, so that nothing is late.
  const slot = Math.floor(Date.now() / minute) - 1;
  const scenario: SettleScenario = { canaries, slot, earlier, ...server.login };
  const child = fork(script(program), [JSON.stringify(scenario)], {
    execArgv: [
      ...flagsOf(program),
      ...(profile === undefined
        ? []
        : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${program}-${server.name}.cpuprofile`]),
    ],
  });
  const gone = once(child, 'exit');
  await answerOf(child, program);
  await server.counts();
  await server.fill(earlier, slot - 1);
  const again = answerOf(child, program);
  child.send('go');
  await again;
  await server.counts();
  await server.fill(canaries, slot);
  const answer = answerOf<Run>(child, program);
  child.send('go');
  const run = await answer;
  await gone;
  const counts = await server.counts();
  if (run.arrived !== canaries || counts.left !== 0)
    throw new Error(
      `${program} did not do its work: of ${canaries} canaries it found ${run.arrived}, and left ${counts.left} in the mailbox`,
    );
  return { ...run, ...counts };
};

const runAll = async (server: SettleServer, options: SettleOptions): Promise<Runs> => {
  const runs: Record<SettleProgram, Measured[]> = { 'settle-product': [], 'settle-bare': [] };
  for (let turn = 0; turn < options.turns; turn += 1)
    for (const program of turn % 2 === 0 ? settlePrograms : [...settlePrograms].reverse()) {
      options.progress(`${server.name}, ${program}, ${turn + 1} of ${options.turns}`);
      runs[program].push(await runOne(program, server, options));
    }
  return runs;
};

const megabyte = 1024 * 1024;
const seconds = (runs: readonly Measured[], of: 'wallMs' | 'cpuMs') => runs.map((run) => run[of] / 1000);

const ratioOf = (runs: Runs): number =>
  median(runs['settle-product'].map(({ wallMs }, turn) => wallMs / (runs['settle-bare'][turn]?.wallMs ?? Number.NaN)));

const rowsOf = (server: string, runs: Runs): string[][] =>
  settlePrograms.map((program) => {
    const mine = runs[program];
    return [
      `${names[program]}, ${server}`,
      spread(seconds(mine, 'wallMs'), 2),
      program === 'settle-product' ? ratioOf(runs).toFixed(2) : '1',
      spread(seconds(mine, 'cpuMs'), 2),
      spread(
        mine.map(({ peakBytes }) => peakBytes / megabyte),
        0,
      ),
      String(Math.max(...mine.map(({ logins }) => logins))),
    ];
  });

const missedBy = (server: string, runs: Runs): string[] => {
  const mine = runs['settle-product'];
  const [ratio, wall] = [ratioOf(runs), median(seconds(mine, 'wallMs'))];
  const peak = median(mine.map(({ peakBytes }) => peakBytes));
  const logins = Math.max(...mine.map((run) => run.logins));
  return [
    ...(ratio > allowedToSettle.ratio ? [`${ratio.toFixed(2)} times the bare loop`] : []),
    ...(wall > allowedToSettle.seconds ? [`${wall.toFixed(1)} s`] : []),
    ...(peak > allowedToSettle.peakBytes ? [`${Math.round(peak / megabyte)} MiB`] : []),
    ...(logins > allowedToSettle.logins ? [`${logins} logins`] : []),
  ].map((what) => `settling on the ${server} took ${what}`);
};

/** Measures the round on the embedded server and, where it can be started, on Dovecot. */
export const settling = async (
  options: SettleOptions,
): Promise<{ readonly text: string; readonly missed: string[] }> => {
  const rows: string[][] = [];
  const missed: string[] = [];
  const without: string[] = [];
  for (const [name, start] of [
    ['embedded server', embeddedServer],
    ['Dovecot', dovecotServer],
  ] as const) {
    if (options.only !== undefined && options.only !== name) continue;
    const server = await start();
    if (server === undefined) {
      without.push(name);
      continue;
    }
    try {
      const runs = await runAll(server, options);
      rows.push(...rowsOf(server.name, runs));
      missed.push(...missedBy(server.name, runs));
    } finally {
      await server.stop();
    }
  }
  const head = ['', 'wall, s', 'ratio', 'CPU, s', 'peak, MiB', 'IMAP logins'];
  const { ratio, seconds: most, peakBytes, logins } = allowedToSettle;
  const text = `${table(head, rows)}

${options.canaries.toLocaleString('en')} canaries, ${options.turns} turns; median, least and most. Each run is a process of its own, which has done
a tenth of it in a round before, as a Lambda or \`watch\` has: what is compared is no start-up. The clock runs over one
\`confirm\` round over a ledger in memory (what is expected and what was handed over is stored before) and the end of its
session, or over a loop that logs in, fetches the same headers in pages of a thousand, and deletes the same messages.
\`ratio\` is the median over the turns of Mail Canary's wall time by the bare loop's of the same turn; \`peak\` is the most
resident memory of the whole process.${without.map((name) => ` ${name} could not be started, and was not measured.`).join('')}

Allowed: ${ratio} times the bare loop, ${most} s, ${peakBytes / megabyte} MiB, ${logins} login.`;
  return { text, missed };
};
