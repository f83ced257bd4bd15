/** The registry: seats are the lowest free ones and stay; a source that fails takes nobody away. */
import { describe, expect, test } from 'vitest';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { discover } from '../../lambdas/core/discover.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import type { HostFacts } from '../../lambdas/core/words.ts';
import { hostOf } from './fleet.ts';

const factsOf = (id: string, changes: Partial<HostFacts> = {}): HostFacts => {
  const { seat: _, since: __, missing: ___, ...facts } = hostOf(id, changes);
  return facts;
};

/** A registry, and rounds over lists of ids; a list that is an error is a source that fails. */
const registry = () => {
  const ledger = memoryLedger();
  let now = 1000;
  const round = (...lists: readonly (readonly (string | HostFacts)[] | Error)[]) => {
    now += 60_000;
    const sources = lists.map((list, index) => ({
      name: `source ${index}`,
      list: async () => {
        if (list instanceof Error) throw list;
        return list.map((host) => (typeof host === 'string' ? factsOf(host) : host));
      },
    }));
    return discover({ ledger, sources }, now);
  };
  const seats = async () =>
    Object.fromEntries((await itemsOf(ledger).hosts()).map(({ id, seat }) => [id, seat] as const));
  return { round, seats, hosts: () => itemsOf(ledger).hosts() };
};

describe('seats', () => {
  test('are the lowest free ones, in the order of ids', async () => {
    const { round, seats } = registry();
    expect(await round(['web-3', 'web-1', 'web-2'])).toEqual({
      added: ['web-1', 'web-2', 'web-3'],
      gone: [],
      dark: [],
    });
    expect(await seats()).toEqual({ 'web-1': 0, 'web-2': 1, 'web-3': 2 });
  });

  test('stay when hosts before or after come and go, and are given again once free', async () => {
    const { round, seats } = registry();
    await round(['web-1', 'web-2', 'web-3']);
    await round(['web-2', 'web-3', 'web-0']);
    expect(await seats()).toEqual({ 'web-1': 0, 'web-2': 1, 'web-3': 2, 'web-0': 3 });
    await round(['web-2', 'web-3', 'web-0']);
    expect(await seats()).toEqual({ 'web-2': 1, 'web-3': 2, 'web-0': 3 });
    await round(['web-2', 'web-3', 'web-0', 'web-9']);
    expect(await seats()).toEqual({ 'web-9': 0, 'web-2': 1, 'web-3': 2, 'web-0': 3 });
  });

  test('are never shared', async () => {
    const { round, seats } = registry();
    const ids = Array.from({ length: 12 }, (_, index) => `web-${index}`);
    for (let turn = 0; turn < 30; turn += 1) {
      await round(ids.filter((_, index) => (turn * 7 + index * 5) % 12 > turn % 6));
      const taken = Object.values(await seats());
      expect(new Set(taken).size).toBe(taken.length);
    }
  });
});

describe('going', () => {
  test('takes two lists in a row that do not name the host', async () => {
    const { round, seats } = registry();
    await round(['web-1', 'web-2']);
    expect((await round(['web-1'])).gone).toEqual([]);
    expect(await seats()).toHaveProperty('web-2');
    expect((await round(['web-1'])).gone).toEqual(['web-2']);
    expect(await seats()).not.toHaveProperty('web-2');
  });

  test('starts anew when the host was named in between', async () => {
    const { round, hosts } = registry();
    await round(['web-1']);
    await round([]);
    await round(['web-1']);
    await round([]);
    expect((await hosts()).map(({ id, missing }) => [id, missing])).toEqual([['web-1', 1]]);
  });

  test('an empty list is an answer', async () => {
    const { round } = registry();
    await round(['web-1']);
    await round([]);
    expect((await round([])).gone).toEqual(['web-1']);
  });
});

describe('a source that fails', () => {
  test('is dark, and takes no host away, however often', async () => {
    const { round, hosts } = registry();
    await round(['web-1'], ['web-2']);
    const before = await hosts();
    const error = new Error('ThrottlingException');
    for (let turn = 0; turn < 5; turn += 1)
      expect(await round(['web-1'], error)).toEqual({ added: [], gone: [], dark: [{ source: 'source 1', error }] });
    expect(await hosts()).toEqual(before);
  });

  test('does not keep a new host of another source from being seen', async () => {
    const { round } = registry();
    expect((await round(new Error('down'), ['web-1'])).added).toEqual(['web-1']);
  });
});

describe('facts', () => {
  test('that changed are put, with the seat and the time since when the host is known', async () => {
    const { round, hosts } = registry();
    await round(['web-1']);
    const [before] = await hosts();
    await round([factsOf('web-1', { address: '10.9.9.9' })]);
    expect(await hosts()).toEqual([{ ...before, address: '10.9.9.9' }]);
  });

  test('of a host that two sources name are written once', async () => {
    const { round, hosts } = registry();
    await round(['web-1'], ['web-1']);
    expect(await hosts()).toHaveLength(1);
  });
});
