/** The named stories: every promise is kept, and each fault of our own shows as what it is. */
import { describe, expect, it } from 'vitest';
import { tryStory } from './checker.ts';
import * as scenarios from './scenarios.ts';
import { storyOf } from './seeds.ts';

describe('the simulation', () => {
  it('tells the same story for the same seed', async () => {
    const tell = async () => {
      const lines: string[] = [];
      await tryStory(storyOf(7), { listener: (line) => lines.push(line) });
      return lines;
    };
    const first = await tell();
    expect(first.length).toBeGreaterThan(100);
    expect(await tell()).toEqual(first);
  });

  it.each(Object.entries(scenarios))('keeps every promise in the story %s', async (_, story) => {
    expect((await tryStory(story())).truth.violations).toEqual([]);
  });
});

describe('faults of our own', () => {
  const verdictsOf = (counts: ReadonlyMap<string, number>) =>
    Object.fromEntries([...counts].filter(([what]) => what.startsWith('verdict ')));

  it('calls exactly those canaries unsent whose message the queue dropped', async () => {
    const { seen, dropped, truth } = await tryStory(scenarios.everySeventhDropped());
    const lost = dropped.flatMap(({ routes, slot }) => routes.map((route) => `${route}@${slot}`)).sort();
    const unsent = [...seen.history].filter(([, [first]]) => first?.verdict === 'unsent').map(([key]) => key);
    expect(lost.length).toBeGreaterThan(10);
    expect(unsent.sort()).toEqual(lost);
    expect(truth.told).toEqual([]);
  });

  it('counts each canary once when every message is delivered twice', async () => {
    const { truth, seen } = await tryStory(scenarios.deliveredTwice());
    expect(truth.counts.get('messages delivered twice')).toBeGreaterThan(10);
    expect(verdictsOf(truth.counts)).toEqual({ 'verdict delivered': seen.history.size });
    expect(truth.told).toEqual([]);
  });

  it('settles everything after an hour without confirm, one window of slots a round', async () => {
    const { truth } = await tryStory(scenarios.confirmDeadForAnHour());
    expect(truth.violations).toEqual([]);
    expect(truth.counts.get('verdict lost')).toBeGreaterThan(0);
    expect(truth.counts.get('verdict blind')).toBeUndefined();
  });

  it('counts the routes that nobody watches while plan is dead, and blames no host', async () => {
    const { truth } = await tryStory(scenarios.planDeadForHalfAnHour());
    expect(truth.counts.get('rounds with unwatched routes')).toBeGreaterThan(5);
    expect(truth.told).toEqual([]);
  });

  it('publishes everything later that CloudWatch refused', async () => {
    const { truth, seen } = await tryStory(scenarios.cloudwatchRefuses());
    expect(truth.counts.get('cloudwatch refused')).toBeGreaterThan(20);
    expect([...seen.tallies.values()].every(({ done }) => done)).toBe(true);
  });

  it('loses nothing while the ledger refuses', async () => {
    const { truth } = await tryStory(scenarios.ledgerRefuses());
    expect(truth.counts.get('confirm failed')).toBeGreaterThan(2);
    expect(truth.counts.get('plan failed')).toBeGreaterThan(2);
    expect(truth.told).toEqual([]);
  });

  it('says blind, neither fine nor lost, of a mailbox that it cannot look into', async () => {
    const { truth, seen } = await tryStory(scenarios.darkDuringAnOutage());
    const firsts = [...seen.history].filter(([key]) => key.includes('/outside@')).map(([, [first]]) => first?.verdict);
    expect(firsts).toContain('blind');
    expect(truth.counts.get('rounds in the dark')).toBeGreaterThan(10);
  });
});
