/** `npm run bench`: what a pass costs, against nodemailer and imapflow by hand, and what else can be counted. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleSizes, firstVerdict } from './around.ts';
import { batchWithHangingHost } from './batch.ts';
import { classification } from './classify.ts';
import { allowed, compare } from './compare.ts';
import { settling } from './settle.ts';

const help = `usage: npm run bench -- [--quick] [--write] [--profile <folder>]

One pass of "check" over 1,000 smtp routes on the loopback interface, and the same work
by hand with nodemailer and imapflow, in turns. Then one round that settles 10,000 canaries in
one mailbox, and the same headers and deletions by hand, on the embedded server and on Dovecot.

  --quick             200 routes, 1,000 canaries, few turns: to see that it runs, not to quote; limits are not judged
  --write             also writes bench/results.md
  --profile <folder>  keeps a CPU profile of the last run of each program there
  --help              this text

Exit status: 0 within the limits, 1 a limit was missed, 2 wrong usage.
`;

const meaning = `Each run is a process of its own, which has loaded its modules and read its settings when the clock starts; nothing else
is warm. The clock stops when the report is there as JSON (Mail Canary), or when the last mail is deleted and the session
closed (bare loop). The bare loop sends each mail with a transport and a connection of its own, then logs in once, fetches
headers by range until every id was seen, and deletes them. Relay and IMAP server share one further process.
\`ratio\` is the median over the turns of Mail Canary's wall time by the bare loop's of the same turn. \`CPU\` is user and
system time of the program while the clock ran, \`peak\` the most resident memory of its whole process, modules included.
\`IMAP logins\` were counted by the server. In brackets: the least and the most of all turns.`;

const options = {
  quick: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  profile: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

const wanted = () => {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    return undefined;
  }
};

const main = async (): Promise<number> => {
  const values = wanted();
  if (values === undefined) return 2;
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const { routes, repetitions } = values.quick ? { routes: 200, repetitions: 2 } : { routes: 1000, repetitions: 5 };
  const atOnce = 16;
  const progress = (text: string) => process.stderr.write(`${text}\n`);
  const busy = loadavg()[0] ?? 0;
  const { text, drawMs, missed } = await compare({ routes, atOnce, repetitions, progress, profile: values.profile });
  const settled = await settling({
    ...(values.quick ? { canaries: 1000, turns: 1, only: 'embedded server' as const } : { canaries: 10_000, turns: 5 }),
    progress,
    profile: values.profile,
  });
  progress('a batch with a host that hangs');
  const batch = await batchWithHangingHost(values.quick ? 1 : 3);
  progress('replies');
  const replies = classification(values.quick ? 100_000 : 1_000_000);
  progress('bundles');
  const sizes = await bundleSizes();
  progress('the demo');
  const demo = await firstVerdict();
  const report = `# Benchmark

${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${availableParallelism()} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB of memory, load ${busy.toFixed(1)} before the first run.

## A pass over ${routes} \`smtp\` routes, ${atOnce} at a time, ${repetitions} turns

${text}

${meaning}

Allowed: ${allowed.ratio} times the bare loop, ${allowed.peakBytes / 1024 ** 2} MiB, ${allowed.logins} login. ${values.quick ? 'Not judged: two short turns say too little.' : missed.length === 0 ? 'Kept.' : `Missed: ${missed.join('; ')}.`}

Drawing the report as a table for a terminal took another ${(drawMs / 1000).toFixed(2)} s (median, not in the table above).

## Settling canaries in one mailbox

${settled.text} ${values.quick ? 'Not judged.' : settled.missed.length === 0 ? 'Kept.' : `Missed: ${settled.missed.join('; ')}.`}

## A batch with a host that hangs

${batch.text}

## Classifying replies

${replies.text}

## Bundled functions

${sizes}

Minified, the AWS SDK included: what Lambda loads.

## Demo

${(demo / 1000).toFixed(1)} s from starting the process of \`npm start\` to its first verdict.
`;
  process.stdout.write(report);
  if (values.write) await writeFile(join(import.meta.dirname, 'results.md'), report);
  const others = [...settled.missed, ...batch.missed, ...replies.missed];
  for (const limit of others) progress(`missed: ${limit}`);
  return values.quick || missed.length + others.length === 0 ? 0 : 1;
};

process.exitCode = await main();
