/** How a mailbox fills up: a few samples of a day, the date at their pace, and how bad that is. */
import type { Ringing, Severity } from './incident.ts';
import type { Ms, Quota } from './words.ts';

/** How full a mailbox was: both numbers in the unit of its quota. */
export type Sample = { readonly at: Ms; readonly used: number; readonly limit: number };

const hour: Ms = 60 * 60_000;
const day: Ms = 24 * hour;

export type Sampling = {
  readonly most: number;
  /** The least time between two samples. */
  readonly apart: Ms;
  /** What "today" is. */
  readonly within: Ms;
  /** A pace is told only of samples that cover as much: an hour's burst is no pace. */
  readonly shortest: Ms;
  /** A date farther away than this is none. */
  readonly farthest: Ms;
};

export const sampling: Sampling = {
  most: 8,
  apart: hour,
  within: day,
  shortest: 6 * hour,
  farthest: 365 * day,
};

/** Percent of the limit that is used; more than 100 where a server lets mail in beyond it. The limit is not 0. */
export const usedPercent = ({ used, limit }: Pick<Quota, 'used' | 'limit'>): number => (used / limit) * 100;

/** Takes out the sample that is missed least: the one whose neighbours are nearest to each other. */
const thinned = <S extends Sample>(samples: readonly S[], most: number): readonly S[] => {
  if (samples.length <= most) return samples;
  const gap = (index: number) => (samples[index + 1]?.at ?? 0) - (samples[index - 1]?.at ?? 0);
  const inner = samples.slice(1, -1).map((_, index) => index + 1);
  const least = inner.reduce((best, index) => (gap(index) < gap(best) ? index : best), 1);
  return thinned(samples.toSpliced(least, 1), most);
};

/**
 * The samples with one more, oldest first, the newest always among them: at most 8, none older than a day before it, the others
 * at least an hour apart. They begin anew where somebody emptied the mailbox (it holds a fifth less than before), or its limit
 * is another one.
 */
export const withSample = <S extends Sample>(
  samples: readonly S[],
  sample: S,
  { most, apart, within }: Sampling = sampling,
): readonly S[] => {
  // A sample of later is one of a clock that was wrong.
  const kept = samples.filter(({ at }) => at < sample.at && at >= sample.at - within);
  const last = kept.at(-1);
  if (last === undefined || sample.limit !== last.limit || sample.used < last.used * 0.8) return [sample];
  const before = kept.at(-2);
  const isNear = before !== undefined && last.at - before.at < apart;
  return thinned([...(isNear ? kept.slice(0, -1) : kept), sample], most);
};

/**
 * When the mailbox is full at the pace of the day before its newest sample (a straight line from the first to the last);
 * undefined while it does not grow, for less than six hours of samples, and for a date more than a year after `now`.
 */
export const fullOn = (
  samples: readonly Sample[],
  now: Ms,
  { within, shortest, farthest }: Sampling = sampling,
): Ms | undefined => {
  const last = samples.at(-1);
  const first = samples.find(({ at }) => last !== undefined && at >= last.at - within);
  if (first === undefined || last === undefined || last.at - first.at < shortest) return undefined;
  const pace = (last.used - first.used) / (last.at - first.at);
  if (!(pace > 0)) return undefined;
  const at = Math.round(last.at + Math.max(0, last.limit - last.used) / pace);
  return at - now > farthest ? undefined : at;
};

/** From when on a mailbox rings, worst first: at a percentage, or sooner where it is full within a time. */
const rules = [
  { severity: 'page', percent: 95, within: day, atLeast: 80 },
  { severity: 'ticket', percent: 80, within: 7 * day, atLeast: 50 },
] as const satisfies readonly { severity: Ringing; percent: number; within: Ms; atLeast: number }[];

/** What rings goes on until it is better by this much: a mailbox at its threshold would open and close with every mail. */
const slack = { percent: 5, times: 1.5 } as const;

/** True when the one is as bad as the other, or worse. */
const isAsBad = (one: Severity | undefined, other: Ringing): boolean => one === 'page' || one === other;

/**
 * How bad it is: a ticket from 80 %, or half full and full within 7 days; a page from 95 %, or 80 % and full within 24 hours.
 * `held` is what it was in the last round: then 5 points less, and half as much time again, are still as bad.
 */
export const quotaSeverity = (
  usedPercent: number,
  fullAt: Ms | undefined,
  now: Ms,
  held?: Severity | undefined,
): Ringing | undefined =>
  rules.find(({ severity, percent, within, atLeast }) => {
    const [points, times] = isAsBad(held, severity) ? [slack.percent, slack.times] : [0, 1];
    const isSoon = fullAt !== undefined && fullAt - now <= within * times;
    return usedPercent >= percent - points || (isSoon && usedPercent >= atLeast - points);
  })?.severity;
