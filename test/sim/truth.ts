/** What truly happened in the simulated world: the checker's only knowledge besides what the rounds put out. */
import type { IncidentEvent } from '../../lambdas/core/incident.ts';
import type { Point } from '../../lambdas/core/metrics.ts';
import type { Ms, RouteId, Slot } from '../../lambdas/core/words.ts';

/** What the world did with one attempt to send. */
export type Outcome = 'accepted' | 'refused' | 'deferred' | 'unanswered' | 'unasked';

export type Attempt = { readonly sentAt: Ms; readonly at: Ms; readonly outcome: Outcome; readonly send: number };

/** One mail that reached, or will reach, a mailbox. */
export type Copy = {
  readonly sentAt: Ms;
  readonly arrivedAt: Ms;
  readonly internalDate: Ms;
  readonly folder: string;
  readonly bounce: boolean;
};

export type CanaryTruth = {
  readonly route: RouteId;
  readonly slot: Slot;
  readonly attempts: Attempt[];
  readonly copies: Copy[];
};

export type LookTruth = {
  readonly mailbox: string;
  readonly confirm: number;
  readonly began: Ms;
  readonly complete: boolean;
};

export type Published = { readonly at: Ms; readonly confirm: number; readonly points: readonly Point[] };
export type Told = { readonly at: Ms; readonly confirm: number; readonly event: IncidentEvent };

export type Truth = {
  readonly canaries: Map<string, CanaryTruth>;
  readonly looks: LookTruth[];
  readonly published: Published[];
  readonly told: Told[];
  /** Rare events by name, counted: a simulation in which they never occur proves nothing. */
  readonly counts: Map<string, number>;
  /** What must never happen, as it was seen to happen. */
  readonly violations: string[];
  readonly count: (what: string, by?: number) => void;
  readonly violate: (text: string) => void;
  /** One line of the story; the text is made only when somebody reads it. */
  readonly tell: (text: () => string) => void;
};

export const keyOfCanary = (route: RouteId, slot: Slot): string => `${route}@${slot}`;

export const truthOf = (now: () => Ms, listener?: (line: string) => void): Truth => {
  const counts = new Map<string, number>();
  const violations: string[] = [];
  const clock = () => new Date(now()).toISOString().slice(11, 23);
  return {
    canaries: new Map(),
    looks: [],
    published: [],
    told: [],
    counts,
    violations,
    count: (what, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by),
    violate: (text) => {
      violations.push(`${clock()} ${text}`);
      listener?.(`${clock()} VIOLATION ${text}`);
    },
    tell: (text) => listener?.(`${clock()} ${text()}`),
  };
};

export const canaryOf = (truth: Truth, route: RouteId, slot: Slot): CanaryTruth => {
  const key = keyOfCanary(route, slot);
  const known = truth.canaries.get(key) ?? { route, slot, attempts: [], copies: [] };
  truth.canaries.set(key, known);
  return known;
};
