/** The product and the bare loop side by side, in turns, so that what else the machine does falls on both. */
import { median, spread, table } from './numbers.ts';
import { type Program, programs, type RunOptions, runOnce, startServers } from './processes.ts';
import type { Counts, Run } from './scenario.ts';

export type CompareOptions = RunOptions & {
  readonly routes: number;
  readonly atOnce: number;
  readonly repetitions: number;
  readonly progress: (text: string) => void;
};

type Measured = Run & { readonly servers: Counts };
type Comparison = { readonly startTls: boolean; readonly runs: Readonly<Record<Program, readonly Measured[]>> };

/** What the requirement allows. */
export const allowed = { ratio: 1.15, peakBytes: 256 * 1024 * 1024, logins: 1 } as const;

/** A run that did not do all of the work has no time. */
const checked = (program: Program, routes: number, run: Run, servers: Counts): Measured => {
  if (run.arrived !== routes || servers.accepted !== routes || servers.left !== 0)
    throw new Error(
      `${program} did not do its work: of ${routes} mails ${servers.accepted} were sent and ${run.arrived} found, ${servers.left} were left in the mailbox`,
    );
  return { ...run, servers };
};

const compareOne = async (startTls: boolean, options: CompareOptions): Promise<Comparison> => {
  const { routes, atOnce, repetitions, progress } = options;
  const servers = await startServers(startTls);
  const runs: Record<Program, Measured[]> = { product: [], bare: [] };
  try {
    for (let turn = 0; turn < repetitions; turn += 1)
      for (const program of programs) {
        progress(`${startTls ? 'STARTTLS' : 'plain'}, ${program}, ${turn + 1} of ${repetitions}`);
        const run = await runOnce(program, { routes, atOnce, startTls, ...servers.ports }, options);
        runs[program].push(checked(program, routes, run, await servers.counts()));
      }
  } finally {
    servers.stop();
  }
  return { startTls, runs };
};

const names = { product: 'Mail Canary', bare: 'bare loop' } as const satisfies Record<Program, string>;
const megabyte = 1024 * 1024;

/** Wall time of one run by the other's in the same turn; the median over the turns. */
const ratioOf = ({ runs }: Comparison): number =>
  median(runs.product.map(({ wallMs }, turn) => wallMs / (runs.bare[turn]?.wallMs ?? Number.NaN)));

const rowsOf = (comparison: Comparison): string[][] =>
  programs.map((program) => {
    const runs = comparison.runs[program];
    return [
      `${names[program]}, ${comparison.startTls ? 'STARTTLS' : 'plain'}`,
      spread(
        runs.map(({ wallMs }) => wallMs / 1000),
        2,
      ),
      program === 'product' ? ratioOf(comparison).toFixed(2) : '1',
      spread(
        runs.map(({ cpuMs }) => cpuMs / 1000),
        2,
      ),
      spread(
        runs.map(({ servers }) => servers.cpuMs / 1000),
        2,
      ),
      spread(
        runs.map(({ peakBytes }) => peakBytes / megabyte),
        0,
      ),
      String(Math.max(...runs.map(({ servers }) => servers.logins))),
    ];
  });

/** Measures both, plain and with STARTTLS; resolves with what to print and with the limits that were missed. */
export const compare = async (options: CompareOptions) => {
  const comparisons: Comparison[] = [];
  for (const startTls of [false, true]) comparisons.push(await compareOne(startTls, options));
  const missed = comparisons.flatMap((comparison) => {
    const what = comparison.startTls ? 'with STARTTLS' : 'plain';
    const { product } = comparison.runs;
    const ratio = ratioOf(comparison);
    const peak = median(product.map(({ peakBytes }) => peakBytes));
    const logins = Math.max(...product.map(({ servers }) => servers.logins));
    return [
      ...(ratio > allowed.ratio
        ? [`${what}: ${ratio.toFixed(2)} times the bare loop, allowed are ${allowed.ratio}`]
        : []),
      ...(peak > allowed.peakBytes
        ? [`${what}: ${Math.round(peak / megabyte)} MiB, allowed are ${allowed.peakBytes / megabyte}`]
        : []),
      ...(logins > allowed.logins ? [`${what}: ${logins} IMAP logins, allowed is ${allowed.logins}`] : []),
    ];
  });
  const head = ['', 'wall, s', 'ratio', 'CPU, s', "servers' CPU, s", 'peak, MiB', 'IMAP logins'];
  const draw = median(comparisons.flatMap(({ runs }) => runs.product.map(({ drawMs }) => drawMs)));
  return { text: table(head, comparisons.flatMap(rowsOf)), drawMs: draw, missed };
};
