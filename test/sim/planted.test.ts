/** A checker that never complains proves nothing: each planted bug is found, and the rounds without it are not blamed. */
import { describe, expect, it } from 'vitest';
import { tryStory } from './checker.ts';
import { plant, planted } from './planted.ts';
import * as scenarios from './scenarios.ts';
import { storyOf } from './story.ts';
import type { Rounds } from './world.ts';

const most = 400;

const find = async (rounds: Rounds): Promise<string> => {
  for (const [name, story] of Object.entries(scenarios).sort(([a], [b]) =>
    a === 'clumsy' ? -1 : b === 'clumsy' ? 1 : 0,
  )) {
    const [violation] = (await tryStory(story(), { rounds })).truth.violations;
    if (violation !== undefined) return `${name}: ${violation}`;
  }
  for (let seed = 1; seed <= most; seed += 1) {
    const [violation] = (await tryStory(storyOf(seed), { rounds })).truth.violations;
    if (violation !== undefined) return `seed ${seed}: ${violation}`;
  }
  return 'not found';
};

describe('planted bugs', () => {
  it.each(Object.keys(planted))('%s: found', { timeout: 300_000 }, async (name) => {
    const found = await find(await plant(name));
    if (process.env.SIM_SHOW !== undefined) console.log(`${name}\n    ${found.slice(0, 300)}`);
    expect(found).not.toBe('not found');
  });
});
