/** Compares what CloudWatch got with the records: each canary once, each correction once, and gauges that say what was. */
import type { Incident } from '../../lambdas/core/incident.ts';
import { slotAt, slotStart } from '../../lambdas/core/judge.ts';
import type { Point } from '../../lambdas/core/metrics.ts';
import { parseRoute, periodOf, routesOf } from '../../lambdas/core/monitor.ts';
import { type Ms, verdicts } from '../../lambdas/core/words.ts';
import { minute } from './story.ts';
import { keyOfCanary } from './truth.ts';
import type { World } from './world.ts';

const count = (points: readonly Point[], name: string, path: boolean) =>
  points.filter((point) => point.name === name && 'Path' in point.dimensions === path);
const sumOf = ({ values, counts }: Point) =>
  values.reduce((sum, value, index) => sum + value * (counts[index] ?? 0), 0);

/** The ledger counts each canary once, each correction once; CloudWatch got every tally at least once. */
export const checkCounts = (world: World): void => {
  const { seen, truth, story } = world;
  const add = (map: Map<string, number>, key: string, by: number) => map.set(key, (map.get(key) ?? 0) + by);
  const counted = new Map<string, number>();
  let corrections = 0;
  for (const { points } of seen.tallies.values()) {
    for (const point of count(points, 'Canaries', true)) {
      const { Path, Mailbox, Verdict } = point.dimensions;
      add(counted, `${slotAt(point.at, story.monitor.limits)} ${Path} ${Mailbox} ${Verdict}`, sumOf(point));
    }
    corrections += count(points, 'Corrections', false).reduce((sum, point) => sum + sumOf(point), 0);
  }
  const said = new Map<string, number>();
  let corrected = 0;
  for (const [key, entries] of seen.history) {
    const [route = '', slot = ''] = key.split('@');
    const { path, mailbox } = parseRoute(route);
    add(said, `${slot} ${path} ${mailbox} ${entries[0]?.verdict}`, 1);
    if (entries.length > 1 && entries[0] !== undefined && verdicts[entries[0].verdict].says !== 'good') corrected += 1;
  }
  for (const key of new Set([...counted.keys(), ...said.keys()]))
    if (counted.get(key) !== said.get(key))
      truth.violate(`the tallies count ${counted.get(key) ?? 0} of "${key}", the records say ${said.get(key) ?? 0}`);
  if (corrections !== corrected)
    truth.violate(`the tallies count ${corrections} corrections, the records say ${corrected}`);
  const hasCopies = [...truth.canaries.values()].some(
    ({ copies }) => copies.filter(({ bounce }) => !bounce).length > 1,
  );
  const duplicates = [...seen.tallies.values()].some(({ points }) => count(points, 'Duplicates', false).length > 0);
  if (duplicates && !hasCopies && story.skew.mailbox === 0)
    truth.violate('duplicates were counted, and there were none');
  const published = new Map<string, number>();
  for (const { points } of truth.published) add(published, JSON.stringify(points), 1);
  const wanted = new Map<string, number>();
  for (const { points, done, round } of seen.tallies.values()) {
    add(wanted, JSON.stringify(points), 1);
    if (!done) truth.violate(`the tally of round ${round} never reached CloudWatch`);
  }
  for (const [points, times] of wanted)
    if ((published.get(points) ?? 0) < times)
      truth.violate(`a tally is done and was not published: ${points.slice(0, 120)}`);
};

const gaugeOf = (points: readonly Point[], name: string, dimension?: string) =>
  points.find(
    (point) => point.name === name && (dimension === undefined || Object.values(point.dimensions).includes(dimension)),
  )?.values[0];

/** Routes that have no verdict but `unsent` within the time in which they should, as the records stood at a time. */
const unwatchedAt = (world: World, at: Ms, hostsAt: Ms): number => {
  const { seen, story } = world;
  const { limits, paths } = story.monitor;
  let unwatched = 0;
  for (const spans of seen.registry.values()) {
    const span = spans.find(({ from, to }) => from <= hostsAt && hostsAt < to);
    for (const { id, path } of span === undefined ? [] : routesOf(span.host, story.monitor)) {
      const oldest = at - (2 * (paths[path]?.every ?? 0) + (periodOf(story.monitor, path) ?? 0) + limits.lostAfter);
      const isSettled = [...seen.expected.values()].some(
        ({ route, slot }) =>
          route === id &&
          slotStart(slot, limits) >= oldest &&
          (seen.history.get(keyOfCanary(route, slot)) ?? []).findLast((entry) => entry.at <= at)?.verdict !==
            'unsent' &&
          (seen.history.get(keyOfCanary(route, slot)) ?? []).some((entry) => entry.at <= at),
      );
      if (!isSettled && (span?.host.since ?? 0) < oldest) unwatched += 1;
    }
  }
  return unwatched;
};

/** The gauges say what was: mailboxes not wholly looked into, routes nobody watches, pages that are open. */
export const checkGauges = (world: World): void => {
  const { truth, story, seen } = world;
  const mailboxes = Object.keys(story.monitor.mailboxes).length;
  for (const { at, confirm, points } of truth.published) {
    const dark = gaugeOf(points, 'MailboxesDark');
    if (dark === undefined) continue;
    if (points.at(-1)?.name !== 'RoundsConfirmed') truth.violate('RoundsConfirmed is not the last point of a round');
    const complete = truth.looks.filter((look) => look.confirm === confirm && look.complete).length;
    if (dark !== mailboxes - complete)
      truth.violate(`MailboxesDark was ${dark}, and ${mailboxes - complete} mailboxes were not wholly looked into`);
    if (dark > 0) truth.count('rounds in the dark');
    const unwatched = gaugeOf(points, 'RoutesUnwatched') ?? -1;
    // The boundary moves while the round runs: a minute earlier or later is the same answer.
    const times = [at - minute, at, at + minute];
    const now = unwatchedAt(world, at, at);
    const isPossible = () => {
      const possible = times.flatMap((then) => times.map((hostsAt) => unwatchedAt(world, then, hostsAt)));
      return unwatched >= Math.min(...possible) && unwatched <= Math.max(...possible);
    };
    if (unwatched !== now && !isPossible())
      truth.violate(
        `RoutesUnwatched was ${unwatched}, and ${now} routes were unwatched at ${new Date(at).toISOString()}`,
      );
    if (now > 0) truth.count('rounds with unwatched routes');
  }
  const last = truth.published.findLast(({ points }) => gaugeOf(points, 'IncidentsOpen') !== undefined);
  const open = [...seen.incidents.values()].filter((versions) => {
    const incident: Incident | undefined = versions.at(-1)?.incident;
    return incident?.severity === 'page' && incident.closedAt === undefined;
  }).length;
  if (last === undefined) truth.violate('no round ever published its gauges');
  else if (gaugeOf(last.points, 'IncidentsOpen', 'page') !== open)
    truth.violate(`IncidentsOpen is ${gaugeOf(last.points, 'IncidentsOpen', 'page')}, and ${open} pages are open`);
};
