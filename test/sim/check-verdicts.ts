/** Compares every verdict with the truth: said once, said of what happened, corrected when the mail arrived after all. */
import { slotStart } from '../../lambdas/core/judge.ts';
import { parseRoute, periodOf } from '../../lambdas/core/monitor.ts';
import { type Ms, type RouteId, type Slot, type Verdict, verdicts } from '../../lambdas/core/words.ts';
import { agentPath } from './agents.ts';
import { cronPath } from './crons.ts';
import type { Entry } from './seen.ts';
import { minute } from './story.ts';
import { type CanaryTruth, keyOfCanary } from './truth.ts';
import type { World } from './world.ts';

const isArrival = (verdict: Verdict) => verdicts[verdict].says === 'good';
/** Our own clocks differ by less than this. */
const tolerance: Ms = 1000;

/** True when at least one attempt to send this canary truly went wrong on the host's side, or too slowly. */
export const isTrulyBad = (canary: CanaryTruth | undefined, lostAfter: Ms): boolean =>
  canary?.attempts.some(({ sentAt, outcome }) => {
    if (outcome === 'unasked') return false;
    if (outcome === 'refused' || outcome === 'deferred') return true;
    const copies = canary.copies.filter((copy) => copy.sentAt === sentAt);
    return !copies.some(({ bounce, arrivedAt }) => !bounce && arrivedAt <= sentAt + lostAfter - tolerance);
  }) ?? false;

/** A host that was in the registry from this slot to the end. */
export const isWatched = ({ seen, story }: World, route: RouteId, slot: Slot): boolean => {
  const span = seen.registry.get(parseRoute(route).host)?.at(-1);
  return span?.to === Number.POSITIVE_INFINITY && span.from <= slotStart(slot, story.monitor.limits);
};

const complain = (world: World, key: string, text: string) => world.truth.violate(`${key}: ${text}`);

/** What was said when it was said. */
const checkEntry = (world: World, key: string, entry: Entry, before: Entry | undefined): void => {
  const { truth, story, seen } = world;
  const canary = truth.canaries.get(key);
  const arrivals = (canary?.copies ?? []).filter(({ bounce }) => !bounce);
  const attempts = canary?.attempts ?? [];
  const { verdict, at } = entry;
  const { mailbox } = parseRoute(key.split('@')[0] ?? '');
  const look = truth.looks.findLast((one) => one.mailbox === mailbox && one.began <= at);
  const fresh = look !== undefined && at - look.began < 2 * minute ? look : undefined;
  if (isArrival(verdict) && !arrivals.some(({ arrivedAt }) => arrivedAt <= at))
    complain(world, key, `called ${verdict}, and nothing had arrived`);
  if (verdict === 'lost') {
    const due = Math.min(...attempts.map(({ sentAt }) => sentAt)) + story.monitor.limits.lostAfter;
    if (attempts.length === 0) complain(world, key, 'called lost, and it was never sent');
    if (arrivals.some(({ arrivedAt }) => arrivedAt <= due - tolerance))
      complain(world, key, 'called lost, and it had arrived in time');
    if (fresh === undefined || !fresh.complete || fresh.began < due - tolerance)
      complain(world, key, 'called lost without a complete look after its time');
  }
  const { path } = parseRoute(key.split('@')[0] ?? '');
  // Nobody could be asked what became of the command: then nothing is known, however complete the look.
  const isUnasked = path === agentPath && story.faults.some(({ what }) => what === 'outcomes');
  if (verdict === 'blind' && fresh?.complete && !isUnasked) complain(world, key, 'called blind after a complete look');
  const asked = attempts.map(({ outcome }) => outcome);
  if (verdict === 'refused' && !asked.includes('refused') && !asked.includes('deferred'))
    complain(world, key, 'called refused, and nobody refused it');
  if (verdict === 'bounced' && !(canary?.copies ?? []).some(({ bounce, arrivedAt }) => bounce && arrivedAt <= at))
    complain(world, key, 'called bounced, and nothing came back');
  const handover = seen.handovers.get(key)?.state;
  if (verdict === 'blind' && handover === 'refused') complain(world, key, 'called blind, and it was refused');
  if (verdict === 'unsent' && handover !== undefined && handover !== 'unsent' && handover !== 'commanded')
    complain(world, key, `called unsent, and its handover says ${handover}`);
  const period = periodOf(story.monitor, path);
  const end = slotStart(Number(key.split('@')[1]), story.monitor.limits) + (period ?? 0) + story.monitor.limits.sendBy;
  if (verdict === 'unsent' && period !== undefined && at < end)
    complain(world, key, 'called unsent, and its host still had time');
  const isCorrection = isArrival(verdict) || (verdict === 'bounced' && before?.verdict !== 'unsent');
  if (before !== undefined && !isCorrection) complain(world, key, `was ${before.verdict} and became ${verdict}`);
};

/** What is said in the end: the earliest arrival, if the mail arrived where it is looked for. */
const checkLast = (world: World, key: string, last: Entry, route: RouteId, slot: Slot): void => {
  const { truth, story } = world;
  const { deliverWithin = 0 } = story.monitor.paths[parseRoute(route).path] ?? {};
  const copies = (truth.canaries.get(key)?.copies ?? [])
    .filter(({ bounce, folder, arrivedAt }) => !bounce && folder !== 'Archive' && arrivedAt < story.end - 5 * minute)
    .map((copy) => ({ ...copy, shown: Math.max(copy.internalDate, copy.sentAt) }))
    .sort((a, b) => a.shown - b.shown);
  const [first, second] = copies;
  if (first === undefined) return;
  const newer = [...world.seen.expected.values()].filter((one) => one.route === route && one.slot > slot).length;
  // Too many canaries later nobody remembers it; what is not remembered cannot be corrected.
  if (newer >= 11) return;
  if (!isArrival(last.verdict)) {
    complain(world, key, `stays ${last.verdict}, and it arrived`);
    return;
  }
  const took = last.took ?? Number.NaN;
  if ((last.verdict === 'late') !== took > deliverWithin && last.verdict !== 'junked')
    complain(world, key, `is ${last.verdict} after ${took} ms`);
  // INTERNALDATE may lie ahead of the time at which the mail was seen; then that time counts.
  const least = Math.min(first.shown, first.arrivedAt) - first.sentAt - tolerance;
  const most = first.shown - first.sentAt + tolerance;
  const isClear = second === undefined || second.shown - first.shown > 2 * story.skew.mailbox + 2 * tolerance;
  if (isClear && (took < Math.max(0, least) || took > Math.max(0, most)))
    complain(world, key, `took ${took} ms, and its earliest arrival took ${least} to ${most} ms`);
  if (isClear && (last.verdict === 'junked') !== (first.folder === 'Junk'))
    complain(world, key, `is ${last.verdict}, and its earliest arrival was in ${first.folder}`);
};

export const checkVerdicts = (world: World): void => {
  const { seen, story, truth } = world;
  const { limits } = story.monitor;
  for (const [key, { route, slot }] of seen.expected) {
    const entries = seen.history.get(key) ?? [];
    const period = periodOf(story.monitor, parseRoute(route).path) ?? 0;
    const overdue =
      slotStart(slot, limits) + period + limits.sendBy + limits.lostAfter + 4 * minute < story.end &&
      isWatched(world, route, slot);
    if (overdue && entries.length === 0) complain(world, key, 'was expected and never got a verdict');
    entries.forEach((entry, index) => {
      checkEntry(world, key, entry, entries[index - 1]);
      truth.count(index === 0 ? `verdict ${entry.verdict}` : 'corrections');
    });
    const last = entries.at(-1);
    if (last !== undefined && overdue) checkLast(world, key, last, route, slot);
  }
  for (const key of seen.history.keys())
    if (!seen.expected.has(key)) complain(world, key, 'has a verdict and was never expected');
  for (const [key, { route, slot, attempts }] of truth.canaries) {
    // A host that sends by its own clock waits for nobody.
    if (parseRoute(route).path === cronPath) continue;
    const expected = seen.expected.get(key);
    if (attempts.some(({ at }) => expected === undefined || at < expected.storedAt))
      complain(world, keyOfCanary(route, slot), 'was sent before it was expected');
  }
};
