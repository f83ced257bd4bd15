/** Work per round is bounded: when everybody fails it is at most 1.2 times what it is when nobody does. */
import { describe, expect, it } from 'vitest';
import { calmStory, faultOf, minute, monitorWith, type Story } from './story.ts';
import { runStory } from './world.ts';

/** Large enough that the `again` batch, which is bounded per path, is small beside the regular lanes. */
const hosts = 1000;

const fleet = (faults: Story['faults']): Story => {
  const monitor = monitorWith({ every: 5 * minute, lostAfter: 5 * minute });
  const start = Date.UTC(2026, 2, 3, 12);
  return {
    ...calmStory({ monitor, start, faults, discoverEvery: 60 * minute }, 30),
    end: start + 30 * minute,
    hosts: Array.from({ length: hosts }, (_, index) => ({
      id: `web-${String(index).padStart(4, '0')}`,
      paths: ['app'],
      mailboxes: ['outside'],
      listed: [{ from: 0, to: Number.MAX_SAFE_INTEGER }],
    })),
  };
};

type Work = { reads: number; writes: number; readBytes: number; writtenBytes: number; asked: number; calls: number };

/** What the last ten rounds and all that ran beside them did. */
const measure = async (story: Story): Promise<Work> => {
  const all: Work[] = [];
  await runStory(story, {
    onRound: (_, { store, asked, calls }) => all.push({ ...store, asked, calls }),
  });
  const [first, last] = [all.at(-11), all.at(-1)];
  if (first === undefined || last === undefined) throw new Error('the story has too few rounds to measure');
  const keys = Object.keys(last) as (keyof Work)[];
  return Object.fromEntries(keys.map((key) => [key, last[key] - first[key]])) as Work;
};

describe('work per round', () => {
  it('is at most 1.2 times as much with 100 % failing as with 0', { timeout: 300_000 }, async () => {
    const start = calmStory().start;
    const well = await measure(fleet([]));
    const until = start + 60 * minute;
    const refused = await measure(fleet([faultOf('down', start + 2 * minute, until)]));
    const lost = await measure(fleet([faultOf('dropped', start + 2 * minute, until)]));
    for (const failing of [refused, lost])
      for (const key of ['reads', 'writes', 'readBytes', 'writtenBytes', 'calls'] as const)
        expect(failing[key] / well[key], key).toBeLessThanOrEqual(1.2);
    // What is not there has to be looked for until it is lost: at most everything that is open, in every round.
    const perMinute = hosts / 5 + 50;
    expect(lost.asked / 10).toBeLessThanOrEqual(perMinute * (5 + 4));
  });
});
