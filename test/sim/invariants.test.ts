/** The fourteen invariants of the rounds (DESIGN 10), each by name, on a story in which it could break. */
import { describe, expect, it } from 'vitest';
import { canaryId } from '../../lambdas/core/canary.ts';
import type { Item } from '../../lambdas/core/ports.ts';
import { type Verdict, verdicts } from '../../lambdas/core/words.ts';
import { tryStory } from './checker.ts';
import { withDeath } from './crash.ts';
import * as scenarios from './scenarios.ts';
import { calmStory, faultOf, minute, monitorWith } from './story.ts';
import { type CanaryTruth, keyOfCanary } from './truth.ts';
import { runStory, type World } from './world.ts';

const kept = async (world: Promise<World>): Promise<World> => {
  const { truth } = await world;
  expect(truth.violations).toEqual([]);
  return world;
};

const arrivals = ({ copies }: CanaryTruth) => copies.filter(({ bounce }) => !bounce).map(({ arrivedAt }) => arrivedAt);

/** Every write of a story with the kind of machine that made it. */
const writersOf = async (story: ReturnType<typeof calmStory>): Promise<Map<string, Set<string>>> => {
  const writers = new Map<string, Set<string>>();
  await runStory(story, {
    onWrite: (kind, { pk, sk }: Pick<Item, 'pk' | 'sk'>) => {
      const handovers = pk.startsWith('batch#') && sk.endsWith('!');
      const what = pk.startsWith('batch#') ? (handovers ? 'handovers' : 'batch') : pk === 'clock' ? `${pk} ${sk}` : pk;
      writers.set(what, (writers.get(what) ?? new Set()).add(kind));
    },
  });
  return writers;
};

describe('the rounds', () => {
  it('invariant 1: one writer per item', async () => {
    const writers = await writersOf(scenarios.clumsy());
    expect(Object.fromEntries([...writers].map(([what, kinds]) => [what, [...kinds].join(' ')]))).toEqual({
      host: 'discover',
      batch: 'plan',
      handovers: 'send',
      lane: 'confirm',
      tally: 'confirm',
      incident: 'confirm',
      mailbox: 'confirm',
      'clock plan': 'plan',
      'clock confirm': 'confirm',
    });
  });

  it('invariant 2: expected is stored before anything is queued or sent', async () => {
    const { seen, truth } = await kept(tryStory(scenarios.clumsy()));
    expect(truth.canaries.size).toBeGreaterThan(100);
    for (const [key, { attempts }] of truth.canaries)
      for (const { at } of attempts) expect(at).toBeGreaterThanOrEqual(seen.expected.get(key)?.storedAt ?? Infinity);
  });

  it('invariant 3: one id per route and slot however often it is sent, and the earliest arrival counts', async () => {
    const world = await kept(tryStory(scenarios.clumsy()));
    expect(world.truth.counts.get('canary sent again')).toBeGreaterThan(3);
    const ids = [...world.truth.canaries.values()].map(({ route, slot }) => canaryId(route, slot));
    expect(new Set(ids).size).toBe(ids.length);
    const { seen, truth } = await kept(tryStory(scenarios.copies()));
    const twice = [...truth.canaries].filter(([, canary]) => arrivals(canary).length > 1);
    expect(twice.length).toBeGreaterThan(10);
    for (const [key, canary] of twice) {
      const [first] = arrivals(canary).sort((a, b) => a - b);
      const took = seen.history.get(key)?.at(-1)?.took ?? Number.NaN;
      // INTERNALDATE knows whole seconds.
      expect(Math.abs((canary.attempts[0]?.sentAt ?? 0) + took - (first ?? 0))).toBeLessThan(1000);
    }
  });

  it('invariant 4: verdict and state are one write', async () => {
    // The route fails by the very write that holds its second refusal: there is no other item to be out of step with.
    const { seen } = await kept(tryStory(scenarios.outage()));
    const bad = [...seen.history].filter(
      ([, [first]]) => first !== undefined && verdicts[first.verdict].says === 'bad',
    );
    expect(bad.length).toBeGreaterThan(1);
    for (const [, entries] of bad) expect(entries[0]?.at).toBe(seen.laneWrites.get(entries[0]?.round ?? -1));
  });

  it('invariant 5: a record is set by slot, and none is forgotten while its batch is read', async () => {
    const story = { ...scenarios.twiceAtOnce(), noise: { ...scenarios.twiceAtOnce().noise, slow: 0.9 } };
    const { seen } = await kept(tryStory(story));
    for (const [key, entries] of seen.history) expect(entries.length, key).toBeLessThanOrEqual(2);
    await kept(tryStory(scenarios.confirmDeadForAnHour()));
  });

  it('invariant 6: lost only from a look that reached the end after the deadline', async () => {
    const { seen, truth } = await kept(tryStory(scenarios.partialLooks()));
    const lost = [...seen.history].filter(([, [first]]) => first?.verdict === 'lost');
    const partly = truth.looks.filter(({ complete }) => !complete);
    expect(lost.length).toBeGreaterThan(3);
    expect(partly.length).toBeGreaterThan(10);
    const blindAt = new Set(partly.map(({ mailbox, confirm }) => `${mailbox} ${confirm}`));
    for (const [key, [first]] of lost) {
      const mailbox = key.split('@')[0]?.split('/')[2];
      const look = truth.looks.findLast((one) => one.mailbox === mailbox && one.began <= (first?.at ?? 0));
      expect(blindAt.has(`${mailbox} ${look?.confirm}`), key).toBe(false);
    }
  });

  it('invariant 7: "open" moves only when a round ends; hours of death are settled one window a round', async () => {
    const { seen, truth } = await kept(tryStory(scenarios.confirmDeadForAnHour()));
    const slots = [...seen.expected.values()].filter(({ route, slot }) => !seen.history.has(keyOfCanary(route, slot)));
    const last = Math.max(...[...seen.expected.values()].map(({ slot }) => slot));
    // Only the last few minutes of the story are still open.
    expect(slots.every(({ slot }) => slot > last - 12)).toBe(true);
    expect(truth.counts.get('verdict blind')).toBeUndefined();
  });

  it('invariant 8: the ledger counts each canary and each correction once; outside gets it at least once', async () => {
    const { truth } = await kept(tryStory(scenarios.clumsyAgain()));
    expect(truth.counts.get('confirm died')).toBeGreaterThan(1);
    const dead = await kept(withDeath(scenarios.crashStory(), { kind: 'confirm', number: 7, call: 22, when: 'after' }));
    expect(dead.truth.counts.get('confirm died')).toBe(1);
    const refusing = await kept(tryStory(scenarios.cloudwatchRefuses()));
    const published = refusing.truth.published.map(({ points }) => JSON.stringify(points));
    expect(refusing.truth.counts.get('cloudwatch took it and refused')).toBeGreaterThan(0);
    expect(published.length).toBeGreaterThan(new Set(published).size);
  });

  it('invariant 9: an incident closes only by canaries delivered in time or because its host is gone', async () => {
    for (const story of [scenarios.lostThenFound(), scenarios.darkDuringAnOutage(), scenarios.crashStory()]) {
      const { truth } = await kept(tryStory(story));
      expect(truth.counts.get('incidents closed')).toBeGreaterThan(0);
    }
    const start = calmStory().start;
    const gone = await kept(
      tryStory(
        calmStory({
          hosts: calmStory().hosts.map((host) =>
            host.id === 'web-2' ? { ...host, listed: [{ from: 0, to: start + 30 * minute }] } : host,
          ),
          faults: [faultOf('denied', start + 5 * minute, start + 60 * minute, { hosts: ['web-2'] })],
        }),
      ),
    );
    const endings = [...gone.seen.incidents.values()].map((versions) => versions.at(-1)?.incident.ending);
    expect(endings).toEqual(['host gone, never delivered']);
  });

  it('invariant 10: mail is removed after its record is stored, and the cursor moves after that', async () => {
    const { posts } = await kept(tryStory(scenarios.confirmDeadForAnHour()));
    const left = Object.values(posts).flatMap((post) =>
      post.inFolders().filter(({ mail }) => mail.owner !== undefined),
    );
    expect(left.length).toBeLessThan(8);
    await kept(tryStory(scenarios.slowMachines()));
  });

  it('invariant 11: the lease outlives the function, and a second round finds it taken', async () => {
    const story = calmStory();
    expect(story.monitor.limits.lease).toBeGreaterThan(minute);
    const { truth } = await kept(tryStory({ ...story, noise: { ...story.noise, doubleTick: 0.5, slow: 0.7 } }));
    expect(truth.counts.get('lease busy')).toBeGreaterThan(5);
  });

  it('invariant 12: every route has a settled record or is counted as unwatched', async () => {
    const { truth } = await kept(tryStory(scenarios.planDeadForHalfAnHour()));
    const unwatched = truth.published.flatMap(({ points }) =>
      points.filter(({ name }) => name === 'RoutesUnwatched').map(({ values }) => values[0] ?? 0),
    );
    expect(Math.max(...unwatched)).toBe(6);
    expect(unwatched.at(-1)).toBe(0);
  });

  it('invariant 13: no healthy host is blamed; blind is never lost and never fine', async () => {
    const { truth, seen } = await kept(tryStory(scenarios.darkDuringAnOutage()));
    const blamed = truth.told.flatMap(({ event }) => Object.keys(event.incident.routes));
    expect(new Set(blamed.map((route) => route.split('/')[0]))).toEqual(new Set(['web-3']));
    const blind = [...seen.history.values()].filter(([first]) => first?.verdict === 'blind');
    expect(blind.length).toBeGreaterThan(3);
    const after = new Set(blind.flatMap((entries) => entries.slice(1).map(({ verdict }) => verdict)));
    expect([...after].every((verdict: Verdict) => verdict === 'delivered' || verdict === 'late')).toBe(true);
  });

  it('invariant 14: work per round is bounded, whatever fails', async () => {
    const window = 12;
    const story = scenarios.confirmDeadForAnHour();
    const bounded = { ...story, monitor: monitorWith({ limits: { window } }) };
    const slots: number[] = [];
    await runStory(bounded, { onRoundReads: (lists) => slots.push(lists) });
    expect(Math.max(...slots)).toBe(window);
  });
});
