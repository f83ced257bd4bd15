/** Who is tried again before the regular slot: new, suspected and failing routes, and siblings of suspects. */
import { describe, expect, test } from 'vitest';
import { isDue } from '../../lambdas/core/plan.ts';
import { hostsOf, minute, monitorOf, pathPlan, slot0 } from './fleet.ts';
import { planning, refusedAt } from './planning.ts';

const hourly = { every: 60 * minute };
const monitor = monitorOf({ paths: { app: pathPlan(hourly), machine: pathPlan(hourly) } });
const hosts = hostsOf(3, { paths: ['app', 'machine'] });
const routes = hosts.flatMap(({ id }) => [`${id}/app/outside`, `${id}/machine/outside`]);

/** A slot with nothing regular for the next half hour. */
const quiet = (() => {
  let slot = slot0;
  const busy = (from: number) =>
    ['app.0', 'machine.0'].some((lane) =>
      Array.from({ length: 20 }, (_, after) => from + after).some((at) => isDue(lane, hourly.every, at, minute)),
    );
  while (busy(slot)) slot += 1;
  return slot;
})();

const lost = (slot: number) => ({ slot, verdict: 'lost', cause: 'accepted-but-lost' }) as const;
const settled = async () => {
  const world = await planning(monitor, hosts);
  await world.wellAt(quiet - 1, routes);
  return world;
};
const names = (queued: readonly { batch: { name: string; routes: readonly string[] } }[]) =>
  Object.fromEntries(queued.map(({ batch }) => [batch.name, batch.routes]));

test('a fleet that is well has nobody to try again', async () => {
  const { tick, queued } = await settled();
  await tick(quiet);
  expect(queued).toEqual([]);
});

test('a new host is tried as soon as it is seen, once', async () => {
  const { tick, queued, items } = await settled();
  await items.putHost({ ...hosts[0], id: 'web-09', seat: 9 } as (typeof hosts)[number]);
  await tick(quiet);
  expect(names(queued)).toEqual({
    'again.app': ['web-09/app/outside'],
    'again.machine': ['web-09/machine/outside'],
  });
  await tick(quiet + 1);
  expect(queued).toHaveLength(2);
});

test('a suspected route is tried with its siblings: the path on other hosts, the host on other paths', async () => {
  const { tick, queued, record } = await settled();
  await record([['web-02/app/outside', lost(quiet)]]);
  await tick(quiet + 1);
  expect(names(queued)).toEqual({
    'again.app': ['web-02/app/outside', 'web-01/app/outside', 'web-03/app/outside'],
    'again.machine': ['web-02/machine/outside'],
  });
});

test('siblings are asked once, the suspect each minute', async () => {
  const { tick, queued, record, wellAt } = await settled();
  await record([['web-02/app/outside', lost(quiet)]]);
  await tick(quiet + 1);
  await wellAt(quiet + 1, ['web-01/app/outside', 'web-03/app/outside', 'web-02/machine/outside']);
  queued.length = 0;
  await tick(quiet + 2);
  expect(names(queued)).toEqual({ 'again.app': ['web-02/app/outside'] });
});

test('a refused handover makes a suspect before any verdict', async () => {
  const { tick, queued, items } = await settled();
  const batch = { slot: quiet, name: 'app.0', path: 'app', routes: ['web-02/app/outside'] };
  await items.putBatch(batch, 0);
  await items.putHandovers(batch, [refusedAt(quiet, monitor, { temporary: true, cause: 'greylisted' })], 0);
  await tick(quiet + 1);
  expect(names(queued)['again.app']?.[0]).toBe('web-02/app/outside');
});

test('a failing route is tried each minute, without siblings', async () => {
  const { tick, queued, record } = await settled();
  await record([
    ['web-02/app/outside', lost(quiet - 1)],
    ['web-02/app/outside', lost(quiet)],
  ]);
  await tick(quiet + 1);
  expect(names(queued)).toEqual({ 'again.app': ['web-02/app/outside'] });
});

test('a recovering route is tried each minute until it is healthy', async () => {
  const { run, record } = await settled();
  await record([
    ['web-02/app/outside', lost(quiet - 1)],
    ['web-02/app/outside', lost(quiet)],
  ]);
  const sent = await run(quiet + 1, quiet + 8, () => undefined);
  expect(sent.map(({ slot, route }) => [slot - quiet, route])).toEqual([
    [1, 'web-02/app/outside'],
    [2, 'web-02/app/outside'],
    [3, 'web-02/app/outside'],
  ]);
});

test('a route about which we could not look waits for its regular slot: more mail would not help', async () => {
  const { tick, queued, record } = await settled();
  await record([
    ['web-02/app/outside', lost(quiet - 1)],
    ['web-02/app/outside', { slot: quiet, verdict: 'blind', cause: 'imap-login-refused' }],
  ]);
  await tick(quiet + 1);
  expect(queued).toEqual([]);
});

test('a route whose regular slot it is gets no second canary', async () => {
  const every = monitorOf({ paths: { app: pathPlan({ every: minute }) } });
  const { tick, queued, record } = await planning(every, hostsOf(3));
  await record([['web-02/app/outside', lost(slot0 - 1)]]);
  await tick(slot0);
  expect(names(queued)).toEqual({
    'app.0': ['web-01/app/outside', 'web-02/app/outside', 'web-03/app/outside'],
  });
});

describe('at most fifty per path and minute', () => {
  test('suspects before siblings, and who waited longest first', async () => {
    const fleet = hostsOf(140);
    const { tick, queued, record, wellAt } = await planning(monitorOf({ paths: { app: pathPlan(hourly) } }), fleet);
    const ids = fleet.map(({ id }) => `${id}/app/outside`);
    const old = ids.slice(100, 120);
    await wellAt(quiet - 3, ids.slice(0, 100));
    await record(old.map((id, index) => [id, lost(quiet - 2 - (index % 2))]));
    await record(ids.slice(120).map((id) => [id, lost(quiet)]));
    const lanes = ['app.0', 'app.1', 'app.2'];
    let slot = quiet + 1;
    while (lanes.some((lane) => isDue(lane, hourly.every, slot, minute))) slot += 1;
    await tick(slot);
    const [batch] = queued;
    expect(batch?.batch.routes).toHaveLength(50);
    expect(new Set(batch?.batch.routes.slice(0, 20))).toEqual(new Set(old));
    expect(new Set(batch?.batch.routes.slice(20, 40))).toEqual(new Set(ids.slice(120)));
  });

  test('what is cut is counted, and has its turn later', async () => {
    const fleet = hostsOf(120);
    const { run, items } = await planning(monitorOf({ paths: { app: pathPlan({ every: 24 * 60 * minute }) } }), fleet);
    const sent = await run(quiet, quiet + 2, () => undefined);
    const again = sent.filter(({ name }) => name === 'again.app');
    expect(again.length).toBeGreaterThanOrEqual(70);
    for (const at of [quiet, quiet + 1, quiet + 2])
      expect(again.filter(({ slot }) => slot === at).length).toBeLessThanOrEqual(50);
    expect(new Set(sent.map(({ route }) => route)).size).toBe(120);
    expect((await items.planClock())?.skipped).toBeGreaterThan(0);
  });
});
