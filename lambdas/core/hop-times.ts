/** How long a mail lay at each server, by the `Received` chain: every stamp is another machine's clock, and not all can be right. */
import { asEvidence } from './replies.ts';
import type { Hop, Ms } from './words.ts';

/** Two clocks that nobody doubts: when the mail was sent, and when it was in the mailbox. */
export type HopBounds = { readonly sentAt: Ms; readonly arrivedAt: Ms };

/** A hop, and the seconds until the next server took the mail (for the last: until it was in the mailbox, where that is given). */
export type HopTime = Omit<Hop, 'at'> & {
  readonly seconds?: number;
  /** The clocks behind `seconds` contradict each other, or what is possible: it is no time that anybody waited. */
  readonly skew?: true;
};

/** Stamps are whole seconds, and clocks that are kept by NTP may still differ by a little. */
const tolerance: Ms = 5000;
/** Without bounds, nobody believes that a server held a mail for longer. */
const day: Ms = 86_400_000;
/** Nothing that is shorter explains a late mail. */
const worthNaming: Ms = 10_000;

/** Whether one stamp can stand before another. */
const follows = (before: Ms, after: Ms, bounds: HopBounds | undefined): boolean =>
  before <= after + tolerance && (bounds !== undefined || after - before <= day);

const isPossible = (at: Ms, { sentAt, arrivedAt }: HopBounds): boolean =>
  at >= sentAt - tolerance && at <= Math.max(sentAt, arrivedAt) + tolerance;

type Stamp = { readonly index: number; readonly at: Ms };

/** For each stamp, how many can stand before it in order, itself included. */
const ranks = (stamps: readonly Stamp[], precedes: (one: Stamp, other: Stamp) => boolean): number[] => {
  const found: number[] = [];
  for (const [index, stamp] of stamps.entries()) {
    let best = 0;
    for (let at = 0; at < index; at += 1) {
      const earlier = stamps[at];
      if (earlier !== undefined && precedes(earlier, stamp)) best = Math.max(best, found[at] ?? 0);
    }
    found.push(best + 1);
  }
  return found;
};

/**
 * The stamps that nothing speaks against: those of every longest series in which time does not run backwards. Where two
 * stamps contradict each other and nothing says which is wrong, neither is among them.
 */
const steady = (hops: readonly Hop[], bounds: HopBounds | undefined): readonly Stamp[] => {
  const stamps = hops.flatMap(({ at }, index) =>
    at !== undefined && Number.isFinite(at) && (bounds === undefined || isPossible(at, bounds)) ? [{ index, at }] : [],
  );
  const before = ranks(stamps, (one, other) => follows(one.at, other.at, bounds));
  const after = ranks([...stamps].reverse(), (one, other) => follows(other.at, one.at, bounds)).reverse();
  const longest = Math.max(0, ...before);
  const inSome = stamps.filter((_, at) => (before[at] ?? 0) + (after[at] ?? 0) - 1 === longest);
  const rankOf = new Map(stamps.map((stamp, at) => [stamp, before[at] ?? 0]));
  const held = Map.groupBy(inSome, (stamp) => rankOf.get(stamp));
  return inSome.filter((stamp) => held.get(rankOf.get(stamp))?.length === 1);
};

/**
 * The hops, oldest first as given, with the seconds that the mail lay at each. A pair of stamps that is negative, that takes
 * more than a day, or (with bounds) more than sending and arrival allow, is `skew`; so is one beside a clock that is wrong.
 * Seconds without `skew` never come to more than the bounds allow, but for `tolerance` a hop. Never NaN.
 */
export const hopTimes = (hops: readonly Hop[], bounds?: HopBounds): readonly HopTime[] => {
  const trusted = new Set(steady(hops, bounds).map(({ index }) => index));
  return hops.map(({ at, ...hop }, index) => {
    const isLast = index === hops.length - 1;
    const next = isLast ? bounds?.arrivedAt : hops[index + 1]?.at;
    if (at === undefined || next === undefined || !Number.isFinite(next - at)) return hop;
    const seconds = (next - at) / 1000;
    const isKnown = trusted.has(index) && (isLast || trusted.has(index + 1)) && seconds >= 0;
    return { ...hop, seconds, ...(isKnown ? {} : { skew: true as const }) };
  });
};

/** "45 s", "14 min", "2 h 5 min", "3 days". */
const spanWords = (span: Ms): string => {
  const minutes = Math.round(span / 60_000);
  if (span < 90_000) return `${Math.round(span / 1000)} s`;
  if (minutes < 120) return `${minutes} min`;
  if (minutes >= 2 * 24 * 60) return `${Math.round(span / day)} days`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest === 0 ? '' : ` ${rest} min`}`;
};

const nameOf = (hop: Hop | undefined): string =>
  hop === undefined || hop.by === 'unknown' ? 'a server without a name' : asEvidence(hop.by, [], 80);

/** The longest wait between two clocks that nothing speaks against, in words. */
const waitIn = (hops: readonly Hop[], trusted: readonly Stamp[], { sentAt, arrivedAt }: HopBounds) => {
  const end = { index: hops.length, at: arrivedAt };
  const known = [{ index: -1, at: sentAt }, ...trusted, end];
  const waits = known.slice(1).map((to, at) => ({ from: known[at] ?? to, to }));
  const [slowest] = waits.sort((a, b) => b.to.at - b.from.at - (a.to.at - a.from.at));
  // Without a single clock between sending and arrival nobody can say where it lay.
  if (slowest === undefined || trusted.length === 0) return undefined;
  const { from, to } = slowest;
  if (to.at - from.at < worthNaming) return undefined;
  const span = spanWords(to.at - from.at);
  const [before, after] = [nameOf(hops[from.index]), nameOf(hops[to.index])];
  if (from.index < 0) return `${span} passed before ${after} took it`;
  if (to.index > from.index + 1) return `${span} passed between ${before} and ${to === end ? 'the mailbox' : after}`;
  if (before === after) return `${before} held it for ${span}`;
  return `${before} held it for ${span} (until ${to === end ? 'it was in the mailbox' : `${after} took it`})`;
};

/** Clocks that are wrong by something that can be said, and those that only contradict another one. */
const clocksIn = (hops: readonly Hop[], trusted: readonly Stamp[], { sentAt, arrivedAt }: HopBounds): string[] => {
  const wrong = new Map<string, string>();
  const unclear = new Set<string>();
  for (const [index, hop] of hops.entries()) {
    const { at } = hop;
    if (at === undefined || !Number.isFinite(at) || trusted.some((stamp) => stamp.index === index)) continue;
    const before = trusted.findLast((stamp) => stamp.index < index)?.at ?? sentAt;
    const after = trusted.find((stamp) => stamp.index > index)?.at ?? Math.max(sentAt, arrivedAt);
    const name = nameOf(hop);
    if (at > after + tolerance) wrong.set(name, `clock of ${name} is ${spanWords(at - after)} ahead`);
    else if (at < before - tolerance) wrong.set(name, `clock of ${name} is ${spanWords(before - at)} behind`);
    else unclear.add(name);
  }
  const names = [...unclear].filter((name) => !wrong.has(name)).slice(0, 3);
  return [
    ...[...wrong.values()].slice(0, 2),
    ...(names.length > 1 ? [`clocks of ${names.join(' and ')} disagree`] : []),
  ];
};

/**
 * Where a late mail lay, in one clause without a period: "mail-gw.example.com held it for 14 min (until mx.example.net took
 * it)", with the clocks that are wrong behind it. Undefined when nothing can be said. Hops oldest first.
 */
export const slowestHop = (hops: readonly Hop[], bounds: HopBounds): string | undefined => {
  const trusted = steady(hops, bounds);
  const wait = waitIn(hops, trusted, bounds);
  const words = [...(wait === undefined ? [] : [wait]), ...clocksIn(hops, trusted, bounds)];
  return words.length === 0 ? undefined : words.join('; ');
};
