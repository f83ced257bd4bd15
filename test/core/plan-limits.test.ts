/** The monitor never causes the outage it watches for: the limits of DESIGN 8, over many minutes of planning. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cause } from '../../lambdas/core/causes.ts';
import { limitsFor } from '../../lambdas/core/limits.ts';
import type { Monitor } from '../../lambdas/core/monitor.ts';
import { isDue } from '../../lambdas/core/plan.ts';
import { hostsOf, inside, minute, monitorOf, outside, pathPlan, slot0 } from './fleet.ts';
import { type Answers, planning, refusedAt, type Sent } from './planning.ts';

const hour = 60 * minute;
const day = 24 * hour;
/** The last tries beyond a path's own cadence, and how many of all tries lie in the ten minutes up to each. */
const crowds = (sent: readonly Sent[], host: string) => {
  const its = sent.filter(({ route }) => route.startsWith(`${host}/`));
  return its
    .filter(({ name }) => name.startsWith('again.'))
    .map(({ slot }) => its.filter((one) => one.slot > slot - 10 && one.slot <= slot).length);
};
/** A slot before a stretch in which no lane of these paths is due, given a cadence of a day. */
const quietFor = (paths: readonly string[], slots: number) => {
  let slot = slot0;
  const busy = (from: number) =>
    paths.some((path) =>
      Array.from({ length: slots }, (_, after) => from + after).some((at) => isDue(`${path}.0`, day, at, minute)),
    );
  while (busy(slot)) slot += 1;
  return slot;
};

describe('at most three refused canaries per host and relay in ten minutes, over all paths', () => {
  /** A host whose routes were all well, and then one is refused; how its further tries crowd. */
  const refusedHost = async (pathNames: readonly string[], mailboxes: readonly string[], known: number) => {
    const monitor = monitorOf({
      paths: Object.fromEntries(pathNames.map((name) => [name, pathPlan({ every: day })])),
      mailboxes: Object.fromEntries(mailboxes.map((name) => [name, name === 'inside' ? inside : outside])),
    });
    const [host] = hostsOf(1, { paths: [...pathNames], mailboxes: [...mailboxes] });
    if (host === undefined) throw new Error('no host');
    const world = await planning(monitor, [host]);
    const start = quietFor(pathNames, 40);
    const routes = pathNames.flatMap((path) => mailboxes.map((mailbox) => `${host.id}/${path}/${mailbox}`));
    await world.wellAt(start - 1, routes);
    const first = routes.slice(0, known);
    await world.record(
      first.map((route) => [route, { slot: start, verdict: 'refused', cause: 'relay-denied', answeredBy: 'mail-gw' }]),
    );
    const later = await world.run(start + 1, start + 30, (_, slot) => refusedAt(slot, monitor));
    return crowds([...first.map((route) => ({ slot: start, name: 'regular', route })), ...later], host.id);
  };

  test('one route is tried twice more, then waits until ten minutes have passed', async () => {
    const crowd = await refusedHost(['app'], ['outside'], 1);
    expect(Math.max(...crowd)).toBe(3);
    expect(crowd.length).toBeGreaterThan(4);
  });

  test('two routes that were refused together share what is left', async () => {
    expect(Math.max(...(await refusedHost(['app'], ['outside', 'inside'], 2)))).toBeLessThanOrEqual(3);
  });

  test('siblings on the same host count as well: they leave by the same relay', async () => {
    expect(Math.max(...(await refusedHost(['app', 'machine', 'mta'], ['outside'], 1)))).toBeLessThanOrEqual(3);
  });

  test('whatever the paths and mailboxes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 6 }),
        async (paths, both, known) => {
          const crowd = await refusedHost(
            ['app', 'machine', 'mta'].slice(0, paths),
            both ? ['outside', 'inside'] : ['outside'],
            known,
          );
          // Routes that were refused at their regular slots may be more than three; then none is tried again.
          for (const size of crowd) expect(size).toBeLessThanOrEqual(3);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('what the limit holds back is counted', async () => {
    const monitor = monitorOf({ paths: { app: pathPlan({ every: day }) } });
    const world = await planning(monitor, hostsOf(1));
    const start = quietFor(['app'], 20);
    await world.run(start, start + 9, (_, slot) => refusedAt(slot, monitor));
    expect((await world.items.planClock())?.skipped).toBeGreaterThanOrEqual(5);
  });
});

describe('causes that must be tried gently', () => {
  const gentle = async (cause: Cause, temporary: boolean, monitor: Monitor) => {
    const world = await planning(monitor, hostsOf(1));
    const answers: Answers = (_, slot) => refusedAt(slot, monitor, { cause, temporary });
    const sent = await world.run(slot0, slot0 + 150, answers);
    return sent.map(({ slot }) => slot - slot0);
  };

  test.each(['auth-failed', 'blocklisted'] as const)(
    '%s is tried at most once an hour, not even at the regular slot',
    async (cause) => {
      const slots = await gentle(cause, false, monitorOf({ paths: { app: pathPlan({ every: minute }) } }));
      expect(slots).toEqual([0, 60, 120]);
    },
  );

  test('also while the refusal is temporary and not yet settled, however patient lostAfter is', async () => {
    const patient = limitsFor({ lostAfter: 45 * minute });
    const monitor = monitorOf({ limits: patient, paths: { app: pathPlan({ every: minute }) } });
    const slots = await gentle('throttled', true, monitor);
    // `run` writes no record for a temporary refusal; the handovers alone must hold it back until there is one.
    expect(slots.filter((slot) => slot < 45)).toEqual([0]);
  });

  test('any other cause keeps its cadence', async () => {
    const slots = await gentle('relay-denied', false, monitorOf({ paths: { app: pathPlan({ every: 30 * minute }) } }));
    expect(slots.filter((slot) => slot > 10).length).toBeGreaterThan(4);
  });
});

describe('canaries per day', () => {
  const monitor = monitorOf({ paths: { app: pathPlan({ every: 10 * minute, perDay: 20 }) } });

  test('are not exceeded, over all lanes and further tries, and begin anew at midnight UTC', async () => {
    const world = await planning(monitor, hostsOf(3));
    const sent = await world.run(slot0, slot0 + 16 * 60, () => undefined);
    const midnight = Date.UTC(2026, 10, 18) / minute;
    expect(sent.filter(({ slot }) => slot < midnight)).toHaveLength(20);
    expect(sent.filter(({ slot }) => slot >= midnight).length).toBeGreaterThan(15);
    expect((await world.items.planClock())?.skipped).toBeGreaterThan(0);
  });
});

describe('a mailbox that has seen no canary yet', () => {
  const monitor = monitorOf({ paths: { app: pathPlan({ every: minute }) } });

  test('gets one canary per fifteen minutes in all', async () => {
    const world = await planning(monitor, hostsOf(5), { unproven: true });
    const sent = await world.run(slot0, slot0 + 45, () => undefined);
    expect(sent.map(({ slot }) => slot - slot0)).toEqual([0, 15, 30, 45]);
  });

  test('lets the next host try where one was refused: that canary is not on its way', async () => {
    const world = await planning(monitor, hostsOf(2), { unproven: true });
    const sent = await world.run(slot0, slot0 + 3, (route, slot) =>
      route.startsWith('web-01') ? refusedAt(slot, monitor, { cause: 'auth-failed' }) : undefined,
    );
    expect(sent.map(({ slot, route }) => [slot - slot0, route])).toEqual([
      [0, 'web-01/app/outside'],
      [1, 'web-02/app/outside'],
    ]);
  });

  test('gets none after ten unseen', async () => {
    const world = await planning(monitor, hostsOf(5), { unproven: true });
    await world.items.putMailbox('outside', { unseen: 10 }, 1);
    expect(await world.run(slot0, slot0 + 30, () => undefined)).toEqual([]);
  });

  test('is free once a canary was seen', async () => {
    const world = await planning(monitor, hostsOf(5), { unproven: true });
    await world.run(slot0, slot0, () => undefined);
    await world.items.putMailbox('outside', { unseen: 0, provenAt: 1 }, 1);
    expect(await world.run(slot0 + 1, slot0 + 1, () => undefined)).toHaveLength(5);
  });

  test('takes no place from suspects of another mailbox', async () => {
    const both = monitorOf({ paths: { app: pathPlan({ every: day }) }, mailboxes: { outside, inside } });
    const hosts = hostsOf(80, { mailboxes: ['outside', 'inside'] });
    const world = await planning(both, hosts, { unproven: true });
    await world.items.putMailbox('outside', { unseen: 0, provenAt: 1 }, 1);
    let start = slot0;
    while (['app.0', 'app.1'].some((lane) => [0, 1, 2].some((after) => isDue(lane, day, start + after, minute))))
      start += 1;
    await world.wellAt(
      start - 1,
      hosts.map(({ id }) => `${id}/app/outside`),
    );
    await world.record([['web-70/app/outside', { slot: start, verdict: 'lost', cause: 'accepted-but-lost' }]]);
    const sent = await world.run(start + 1, start + 1, () => undefined);
    expect(sent.map(({ route }) => route)).toContain('web-70/app/outside');
  });
});
