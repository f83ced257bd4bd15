/** `npm run sim`: replays one seed as a readable story, or tries many and says which ones break a promise. */
import { parseArgs } from 'node:util';
import { tryStory } from './checker.ts';
import { storyOf } from './seeds.ts';

const help = `Usage: npm run sim -- [--seed N | --seeds A..B]

Runs the real rounds over a simulated world and holds what they say against the truth.

  --seed N      replay one story, line by line
  --seeds A..B  try every seed from A to B and print those that break a promise (default 1..500)
  --help        this text
`;

const replay = async (seed: number): Promise<number> => {
  const { truth } = await tryStory(storyOf(seed), { listener: (line) => console.log(line) });
  console.log(truth.violations.length === 0 ? `seed ${seed}: every promise was kept` : `seed ${seed}: broken promises`);
  for (const violation of truth.violations) console.log(`  ${violation}`);
  return truth.violations.length;
};

const tryAll = async (first: number, last: number): Promise<number> => {
  const counts = new Map<string, number>();
  const began = Date.now();
  let broken = 0;
  for (let seed = first; seed <= last; seed += 1) {
    const { truth } = await tryStory(storyOf(seed));
    for (const [what, times] of truth.counts) counts.set(what, (counts.get(what) ?? 0) + times);
    if (truth.violations.length === 0) continue;
    broken += 1;
    console.log(`seed ${seed}: ${truth.violations.length} broken promises; ${truth.violations[0]}`);
  }
  for (const [what, times] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${String(times).padStart(9)} ${what}`);
  console.log(`${last - first + 1} seeds in ${((Date.now() - began) / 1000).toFixed(1)} s, ${broken} broken`);
  return broken;
};

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, seeds: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const [, from = '1', to = '500'] = /^(\d+)\.\.(\d+)$/.exec(values.seeds ?? '1..500') ?? [];
  const single = values.seed === undefined ? undefined : Number(values.seed);
  if ((single !== undefined && !Number.isSafeInteger(single)) || !/^\d+\.\.\d+$/.test(values.seeds ?? '1..500')) {
    console.error(help);
    return 2;
  }
  return single === undefined ? tryAll(Number(from), Number(to)) : replay(single);
};

process.exitCode = (await main()) === 0 ? 0 : 1;
