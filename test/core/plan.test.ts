/** Which routes are due, and that what is due is stored before it is queued. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Monitor } from '../../lambdas/core/monitor.ts';
import { isDue } from '../../lambdas/core/plan.ts';
import type { Queue } from '../../lambdas/core/ports.ts';
import { hostOf, hostsOf, inside, minute, monitorOf, outside, pathPlan, slot0 } from './fleet.ts';
import { planning, refusedAt } from './planning.ts';

const everyMinute = monitorOf({ paths: { app: pathPlan({ every: minute }) } });
const routesOf = (hosts: readonly { id: string }[], path = 'app', mailbox = 'outside') =>
  hosts.map(({ id }) => `${id}/${path}/${mailbox}`);
/** A slot at which the lane has its turn. */
const dueSlot = (lane = 'app.0', from = slot0) => {
  let slot = from;
  while (!isDue(lane, 10 * minute, slot, minute)) slot += 1;
  return slot;
};

describe('a lane is due', () => {
  test('once in each period, whatever the period and wherever one begins', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 240 }), fc.nat(), (lane, minutes, from) => {
        const turns = Array.from({ length: minutes }, (_, index) =>
          isDue(lane, minutes * minute, from + index, minute),
        );
        expect(turns.filter(Boolean)).toHaveLength(1);
        expect(isDue(lane, minutes * minute, from + minutes, minute)).toBe(turns[0]);
      }),
    );
  });

  test('at another minute than most lanes', () => {
    const turns = Array.from({ length: 200 }, (_, index) => dueSlot(`app.${index}`) - slot0);
    const perMinute = Array.from({ length: 10 }, (_, turn) => turns.filter((one) => one === turn).length);
    expect(Math.max(...perMinute)).toBeLessThan(40);
    expect(Math.min(...perMinute)).toBeGreaterThan(5);
  });

  test('at every tick where the cadence is shorter than one', () => {
    expect(isDue('app.0', minute / 2, slot0, minute)).toBe(true);
  });
});

describe('a tick', () => {
  test('plans the lane with its hosts in the order of seats, and sends the facts of each host once', async () => {
    const hosts = [hostOf('web-02', { mailboxes: ['outside', 'inside'] }), hostOf('web-01')];
    const monitor = monitorOf({ mailboxes: { outside, inside } });
    const { tick, queued } = await planning(monitor, hosts);
    await tick(dueSlot());
    expect(queued).toHaveLength(1);
    expect(queued[0]?.batch).toMatchObject({
      name: 'app.0',
      routes: ['web-01/app/outside', 'web-02/app/outside', 'web-02/app/inside'],
    });
    expect(queued[0]?.batch.hosts.map(({ id }) => id)).toEqual(['web-01', 'web-02']);
  });

  test('puts fifty seats into one lane', async () => {
    const { tick, queued } = await planning(everyMinute, hostsOf(120));
    await tick(slot0);
    expect(queued.map(({ batch }) => [batch.name, batch.routes.length])).toEqual([
      ['app.0', 49],
      ['app.1', 50],
      ['app.2', 21],
    ]);
  });

  test('delays regular batches by less than the spread, and the others not at all', async () => {
    const { tick, queued, wellAt } = await planning(monitorOf(), hostsOf(3));
    const slot = dueSlot();
    await wellAt(slot - 10, routesOf(hostsOf(2)));
    await tick(slot - 1);
    await tick(slot);
    const delays = new Map(queued.map(({ batch, delay }) => [batch.name, delay]));
    expect(delays.get('again.app')).toBe(0);
    expect(delays.get('app.0')).toBeGreaterThanOrEqual(0);
    expect(delays.get('app.0')).toBeLessThan(everyMinute.limits.spread);
  });

  test('sends nothing for a path or a mailbox that the settings no longer have', async () => {
    const hosts = [hostOf('web-01', { paths: ['fax', 'app'], mailboxes: ['gone', 'outside'] })];
    const { tick, queued } = await planning(everyMinute, hosts);
    await tick(slot0);
    expect(queued.flatMap(({ batch }) => batch.routes)).toEqual(['web-01/app/outside']);
  });
});

describe('stored before queued', () => {
  test('a batch is in the ledger when it is queued', async () => {
    const { tick, items } = await planning(everyMinute, hostsOf(3));
    const stored: number[] = [];
    await tick(slot0, { send: async () => void stored.push((await items.batches(slot0)).length) });
    expect(stored).toEqual([1]);
  });

  test('a queue that fails leaves the tick undone: the next one queues the batch as it was stored', async () => {
    const { tick, items, queued } = await planning(everyMinute, hostsOf(3));
    const broken: Queue = { send: () => Promise.reject(new Error('ServiceUnavailable')) };
    await expect(tick(slot0, broken)).rejects.toThrow('ServiceUnavailable');
    expect(await items.planClock()).toBeUndefined();
    await items.putHost(hostOf('web-09'));
    await tick(slot0);
    expect(queued.find(({ batch }) => batch.name === 'app.0')?.batch.routes).toEqual(routesOf(hostsOf(3)));
  });

  test('a tick that is repeated queues nothing new, and counts nothing twice', async () => {
    const { tick, items, queued } = await planning(everyMinute, hostsOf(3));
    await tick(slot0);
    const [clock, count] = [await items.planClock(), queued.length];
    expect(await tick(slot0)).toMatchObject({ slots: [], canaries: 0 });
    expect(await tick(slot0 - 1)).toMatchObject({ slots: [] });
    expect(await items.planClock()).toEqual(clock);
    expect(queued).toHaveLength(count);
  });
});

describe('catching up', () => {
  test('the first tick ever plans its own slot and none before', async () => {
    const { tick } = await planning(everyMinute, hostsOf(3));
    expect(await tick(slot0)).toMatchObject({ slots: [slot0], skipped: 0 });
  });

  test('a tick plans the slots that were missed, as long as they can still be sent', async () => {
    const { tick, queued } = await planning(everyMinute, hostsOf(3));
    await tick(slot0);
    expect(await tick(slot0 + 3)).toMatchObject({ slots: [slot0 + 1, slot0 + 2, slot0 + 3], skipped: 0 });
    expect(new Set(queued.map(({ batch }) => batch.slot)).size).toBe(4);
  });

  test('older slots are counted as skipped', async () => {
    const { tick } = await planning(everyMinute, hostsOf(3));
    await tick(slot0);
    expect(await tick(slot0 + 60)).toMatchObject({ slots: [slot0 + 58, slot0 + 59, slot0 + 60], skipped: 57 });
  });
});

describe('hosts that send by their own clock', () => {
  const period = 15;
  const monitor = monitorOf({ paths: { cron: pathPlan({ every: period * minute, byHost: true }) } });
  const first = Math.ceil(slot0 / period) * period;
  const hosts = hostsOf(2, { paths: ['cron'] });

  test('are expected at the beginning of each period since 1970, and never queued', async () => {
    const { tick, queued, items } = await planning(monitor, hosts);
    for (let slot = first - 2; slot <= first + period; slot += 1) await tick(slot);
    expect(queued).toEqual([]);
    const stored = await Promise.all(
      Array.from({ length: period + 3 }, async (_, index) => items.batches(first - 2 + index)),
    );
    expect(stored.flat().map(({ slot, routes }) => [slot, routes])).toEqual([
      [first, routesOf(hosts, 'cron')],
      [first + period, routesOf(hosts, 'cron')],
    ]);
  });

  test('are not asked by a check: nobody can tell them to send', async () => {
    const { everything, queued } = await planning(monitor, hosts);
    expect(await everything(first)).toMatchObject({ canaries: 0 });
    expect(queued).toEqual([]);
  });
});

describe('a canary that must be refused', () => {
  test('goes to outside mailboxes only: for its own domain a relay takes mail from anybody', async () => {
    const strangers = monitorOf({
      paths: { app: pathPlan({ every: minute, mustRefuse: true }) },
      mailboxes: { outside, inside },
    });
    const { tick, queued } = await planning(strangers, [hostOf('web-01', { mailboxes: ['outside', 'inside'] })]);
    await tick(slot0);
    expect(queued.flatMap(({ batch }) => batch.routes)).toEqual(['web-01/app/outside']);
  });

  const daily = monitorOf({ paths: { app: pathPlan({ every: 24 * 60 * minute, mustRefuse: true }) } });
  const route = 'web-01/app/outside';
  const [host] = hostsOf(1);
  if (host === undefined) throw new Error('there is no host');

  test('is tried at once when it is new, and then once a day: that it is refused is no reason to try again', async () => {
    const { tick, queued, items, record } = await planning(daily, [host]);
    for (let slot = slot0; slot < slot0 + 24 * 60; slot += 1) {
      const before = queued.length;
      await tick(slot);
      for (const { batch } of queued.slice(before)) {
        await items.putHandovers(batch, [refusedAt(slot, daily, { stage: 'rcpt' })], slot * minute);
        await record([[route, { slot, verdict: 'denied' }]]);
      }
    }
    expect(queued.length).toBeGreaterThan(0);
    expect(queued.length).toBeLessThanOrEqual(2);
  });

  test('that was relayed is tried again hourly, and three times when it is refused again', async () => {
    const { tick, queued, record } = await planning(daily, [host]);
    await record([[route, { slot: slot0, verdict: 'relayed', cause: 'open-relay' }]]);
    for (let slot = slot0 + 1; slot < slot0 + 59; slot += 1) await tick(slot);
    const regular = queued.length;
    expect(regular).toBeLessThanOrEqual(1);
    for (let slot = slot0 + 59; slot < slot0 + 62; slot += 1) await tick(slot);
    expect(queued.length).toBe(regular + 1);
    await record([[route, { slot: slot0 + 61, verdict: 'denied' }]]);
    await tick(slot0 + 62);
    expect(queued.length).toBe(regular + 2);
  });
});

describe('everything at once, for check', () => {
  test('plans every lane without a delay', async () => {
    const monitor: Monitor = monitorOf({ paths: { app: pathPlan(), machine: pathPlan() } });
    const { everything, queued } = await planning(monitor, hostsOf(2, { paths: ['app', 'machine'] }));
    await everything(slot0);
    expect(queued.map(({ batch, delay }) => [batch.name, batch.routes.length, delay])).toEqual([
      ['app.0', 2, 0],
      ['machine.0', 2, 0],
    ]);
  });
});
