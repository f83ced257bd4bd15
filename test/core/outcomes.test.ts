/** What became of commanded canaries: asked late, a few batches a round, and never guessed. */
import { describe, expect, test } from 'vitest';
import { canaryId } from '../../lambdas/core/canary.ts';
import type { StoredBatch } from '../../lambdas/core/items.ts';
import { routeId } from '../../lambdas/core/monitor.ts';
import { askOutcomes } from '../../lambdas/core/outcomes.ts';
import type { Commanded } from '../../lambdas/core/ports.ts';
import type { Handover } from '../../lambdas/core/words.ts';
import { hostsOf, minute, monitorOf, slot0 } from './fleet.ts';

const monitor = monitorOf();
const hosts = new Map(hostsOf(3).map((host) => [host.id, host]));
const routes = [...hosts.keys()].map((host) => routeId(host, 'app', 'outside'));
const sentAt = slot0 * minute;
const commanded: Handover = { state: 'commanded', sentAt, command: 'c-1' };
const batch: StoredBatch = { slot: slot0, name: 'app.0', path: 'app', routes, handovers: routes.map(() => commanded) };
const late = sentAt + 2 * minute;
const refused: Handover = { state: 'refused', sentAt, cause: 'no-mailer', temporary: false };

const asking = (answer: (overdue: readonly Commanded[]) => ReadonlyMap<string, Handover>) => {
  const asked: string[][] = [];
  const port = () => async (overdue: readonly Commanded[]) => {
    asked.push(overdue.map(({ route }) => route));
    return answer(overdue);
  };
  return { asked, port };
};
const id = (route: string) => canaryId(route, slot0);
const everybody = () => true;

describe('who is asked for', () => {
  test('nobody before deliverWithin is over', async () => {
    const { asked, port } = asking(() => new Map());
    await askOutcomes(monitor, [batch], hosts, everybody, port, late - 1);
    expect(asked).toEqual([]);
  });

  test('the overdue ones of a batch, in one question', async () => {
    const { asked, port } = asking(() => new Map([[routes[1] ?? '', refused]]));
    const { outcomes, unasked, problems } = await askOutcomes(monitor, [batch], hosts, everybody, port, late);
    expect(asked).toEqual([routes]);
    expect([...outcomes]).toEqual([[id(routes[1] ?? ''), refused]]);
    expect([...unasked]).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('not those that arrived or have a verdict, nor those that were accepted or have no command', async () => {
    const { asked, port } = asking(() => new Map());
    const handovers: Handover[] = [commanded, { state: 'accepted', sentAt }, { state: 'commanded', sentAt }];
    await askOutcomes(monitor, [{ ...batch, handovers }], hosts, (route) => route !== routes[0], port, late);
    expect(asked).toEqual([]);
  });
});

describe('where nobody could be asked, nothing is known', () => {
  const unaskedOf = async (port: Parameters<typeof askOutcomes>[4], batches = [batch]) =>
    askOutcomes(monitor, batches, hosts, everybody, port, late);

  test('the question failed', async () => {
    const { unasked, problems } = await unaskedOf(() => () => Promise.reject(new Error('throttled')));
    expect([...unasked]).toEqual(routes.map(id));
    expect(problems).toMatchObject([{ what: 'asking what became of batch app.0' }]);
  });

  test('there is nobody to ask', async () => {
    const { unasked, problems } = await unaskedOf(undefined);
    expect(unasked.size).toBe(routes.length);
    expect(problems).toEqual([]);
  });

  test('a round asks for twenty batches, the oldest first', async () => {
    const { asked, port } = asking(() => new Map());
    const many = Array.from({ length: 25 }, (_, index) => ({ ...batch, slot: slot0 - index }));
    const { unasked } = await askOutcomes(monitor, many, hosts, everybody, port, late);
    expect(asked).toHaveLength(20);
    const youngest = Array.from({ length: 5 }, (_, index) => slot0 - index);
    expect([...unasked].sort()).toEqual(
      youngest.flatMap((slot) => routes.map((route) => canaryId(route, slot))).sort(),
    );
  });
});
