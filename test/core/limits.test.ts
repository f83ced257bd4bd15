/** The limits on ourselves: the demo's pace shortens every span but those that the world sets. */
import { describe, expect, test } from 'vitest';
import { type Limits, limitsFor } from '../../lambdas/core/limits.ts';
import { minute } from './fleet.ts';

const lostAfter = 15 * minute;
const real = limitsFor({ lostAfter });
const fast = limitsFor({ lostAfter }, 1 / 60);

/** Every span, by name; whatever is added to the limits must be put here or among the numbers. */
const spans = (of: Limits): { [name: string]: number } => ({
  tick: of.tick,
  sendBy: of.sendBy,
  spread: of.spread,
  lease: of.lease,
  siblings: of.siblings,
  reopen: of.reopen,
  unstable: of.unstable.within,
  unsentTicket: of.unsentTicket,
  refusals: of.refusals.within,
  gently: of.gently,
  unproven: of.unproven.every,
  forgets: of.forgets,
  housekeeping: of.housekeeping,
  darkFor: of.darkFor,
  ...Object.fromEntries(of.imapBackoff.map((wait, index) => [`imapBackoff ${index}`, wait])),
});
const unscaled = ['lostAfter', 'patience', 'replay', 'hurried'] as const;
const counts = ['again', 'foreign', 'failing', 'healthy', 'removals', 'window'];

describe('the pace', () => {
  test.each(Object.entries(spans(real)))('scales %s', (name, span) => {
    expect(spans(fast)[name]).toBeCloseTo(span / 60, 6);
  });

  test.each(unscaled)('leaves %s as it is', (name) => {
    expect(fast[name]).toBe(real[name]);
  });

  test('is tested for every limit', () => {
    const named = new Set([...Object.keys(spans(real)), 'imapBackoff', ...unscaled, ...counts]);
    expect(Object.keys(real).filter((name) => !named.has(name))).toEqual([]);
  });
});

describe('the values', () => {
  test('the lease outlives a function that may run 75 seconds', () => {
    expect(real.lease).toBeGreaterThan(75_000);
  });

  test('a fourth refusal within ten minutes is avoided: fail2ban bans after five', () => {
    expect(real.refusals).toEqual({ most: 3, within: 10 * minute });
  });

  test('a window holds everything that is open, and half an hour more', () => {
    for (const minutes of [1, 15, 120]) {
      const limits = limitsFor({ lostAfter: minutes * minute });
      const open = (limits.lostAfter + limits.sendBy + 2 * limits.tick) / limits.tick;
      expect(limits.window).toBeGreaterThanOrEqual(open + 30);
    }
  });

  test('a refused IMAP login is tried again after 1, 5, 15 and 60 minutes', () => {
    expect(real.imapBackoff.map((wait) => wait / minute)).toEqual([1, 5, 15, 60]);
  });

  test('a token is accepted for longer than its canary can be late', () => {
    expect(real.replay).toBeGreaterThan(24 * 60 * minute);
  });
});
