/** Hundreds of seeded stories: every promise is kept, and everything rare did happen. SIM_SEEDS sets how many (500). */
import { expect, it } from 'vitest';
import { tryStory } from './checker.ts';
import { storyOf } from './seeds.ts';
import { mailFaults } from './story.ts';

const seeds = Number(process.env.SIM_SEEDS ?? 500);

/** Without these a run of many seeds proves nothing. */
const rare = [
  ...mailFaults.map((what) => `mail ${what}`),
  'canary sent again',
  'cloudwatch refused',
  'cloudwatch took it and refused',
  'confirm died',
  'confirm failed',
  'corrections',
  'dead letters',
  'discover failed',
  'found by the last call',
  'incidents closed',
  'incidents reopened',
  'lease busy',
  'look dark',
  'look login refused',
  'look partial',
  'mail foreign',
  'mail forged',
  'mail forged Message-ID',
  'mail impostor',
  'mail other stack',
  'mail reply',
  'messages delayed',
  'messages delivered twice',
  'messages dropped',
  'note died',
  'outages that stand alone',
  'outcomes asked',
  'scripts that did not run',
  'tellings',
  'tellings lost',
  'plan died',
  'plan failed',
  'redeliveries',
  'removal refused',
  'removal answered with no',
  'left behind, found by the sweep',
  'rounds in the dark',
  'rounds with unwatched routes',
  'send died',
  'sustained outages of a route',
  'teller refused',
  'teller took it and refused',
  'UIDVALIDITY changed',
  'unanswered and delivered',
  'unanswered and lost',
  ...['blind', 'bounced', 'delivered', 'junked', 'late', 'lost', 'refused', 'unsent'].map((word) => `verdict ${word}`),
];

/** Registers the test of every second seed, from `first` on: two files run on two cores. */
export const seededStories = (first: 1 | 2): void => {
  it(`keeps every promise in the ${first === 1 ? 'odd' : 'even'} ones of ${seeds} stories, in which everything rare happens`, {
    timeout: 3_600_000,
  }, async () => {
    const counts = new Map<string, number>();
    const broken: string[] = [];
    for (let seed: number = first; seed <= seeds; seed += 2) {
      const { truth } = await tryStory(storyOf(seed));
      for (const [what, times] of truth.counts) counts.set(what, (counts.get(what) ?? 0) + times);
      if (truth.violations.length > 0) broken.push(`npm run sim -- --seed ${seed}: ${truth.violations[0]}`);
    }
    expect(broken).toEqual([]);
    expect(rare.filter((what) => (counts.get(what) ?? 0) === 0)).toEqual([]);
  });
};
