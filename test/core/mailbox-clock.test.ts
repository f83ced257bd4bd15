/** When a canary arrived, where the mailbox's own clock may be wrong: never negative, never off by more than the bound. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import type { MailboxState } from '../../lambdas/core/items.ts';
import { mailboxAfter } from '../../lambdas/core/mailbox-after.ts';
import { arrivalOf, sortMails } from '../../lambdas/core/sighting.ts';
import type { Look, MailSeen, Ms } from '../../lambdas/core/words.ts';
import { limits, minute } from './fleet.ts';

const keys = { current: keyOf('k'.repeat(64)) };
const second = 1000;
/** A clock that was believed is wrong by at most this; one that is not believed costs at most the time between two looks. */
const bound = 121 * second;

type Canary = { readonly sentAt: Ms; readonly arrivedAt: Ms };

const seenOf = ({ sentAt, arrivedAt }: Canary, uid: number, skew: Ms): MailSeen => {
  const { headers, messageId } = mint('web-03/app/outside', Math.floor(sentAt / minute), sentAt, keys.current, {
    from: 'orders@example.com',
    to: 'canary@elsewhere.example',
    autoSubmitted: true,
  });
  return {
    place: { folder: 'INBOX', uidValidity: '1', uid },
    junk: false,
    // INTERNALDATE is said in whole seconds, by the server's clock.
    internalDate: Math.floor((arrivedAt + skew) / second) * second,
    canary: headers['X-Mail-Canary'],
    messageId,
    hops: [],
  };
};

/** Looks every minute, as the rounds do, with what is remembered between them; the times that come out, with the true ones. */
const measure = (start: Ms, delays: readonly Ms[], skew: Ms) => {
  const canaries = delays.map((delay, index) => {
    const sentAt = start + index * minute + 7 * second;
    return { sentAt, arrivedAt: sentAt + delay };
  });
  let state: MailboxState | undefined;
  let from = 0;
  const measured: { readonly took: Ms; readonly truly: Ms; readonly off: boolean }[] = [];
  for (let now = start + minute; from < canaries.length + 1 && now < start + 60 * minute; now += minute) {
    const fresh = canaries.filter(({ arrivedAt }) => arrivedAt <= now && arrivedAt > now - minute);
    const mails = fresh.map((canary, index) => seenOf(canary, from + index + 1, skew));
    from += mails.length;
    const look: Look = { state: 'looked', at: now, complete: true, mails, cursor: {} };
    const sorted = sortMails(look, keys, now, limits.replay, state?.clockOff !== undefined);
    expect(sorted.own).toHaveLength(mails.length);
    const off = sorted.clock === 'unusable' || (sorted.clock === undefined && state?.clockOff !== undefined);
    for (const one of sorted.own) {
      const truly = (canaries.find(({ sentAt }) => sentAt === one.sentAt)?.arrivedAt ?? Number.NaN) - one.sentAt;
      measured.push({ took: arrivalOf(one, now) - one.sentAt, truly, off });
    }
    state = mailboxAfter(
      state,
      { look, sorted, asked: false, waiting: [], lost: 0, unremoved: 0, stuck: undefined, judgesSenders: false, now },
      limits,
    );
  }
  return { measured, state };
};

const start = Date.UTC(2026, 9, 25, 0, 30);
const quick = fc.integer({ min: 0, max: 25 }).map((seconds) => seconds * second);
const slow = fc.integer({ min: 0, max: 600 }).map((seconds) => seconds * second);
const skews = fc.integer({ min: -86_400, max: 86_400 }).map((seconds) => seconds * second);

describe('a clock that is wrong all the time', () => {
  test('never makes a time negative, nor wrong by more than the bound, once one quick mail has shown it', () => {
    fc.assert(
      fc.property(quick, fc.array(slow, { minLength: 1, maxLength: 20 }), skews, (first, others, skew) => {
        const { measured } = measure(start, [first, ...others], skew);
        expect(measured.length).toBeGreaterThan(others.length);
        for (const { took, truly } of measured) {
          expect(took).toBeGreaterThanOrEqual(0);
          expect(Math.abs(took - truly)).toBeLessThanOrEqual(bound);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a clock that is right by a few seconds is believed, to the second', () => {
    fc.assert(
      fc.property(fc.array(quick, { minLength: 1, maxLength: 20 }), fc.integer({ min: -3, max: 3 }), (delays, skew) => {
        const { measured, state } = measure(start, delays, skew * second);
        for (const { took, truly, off } of measured) {
          expect(off).toBe(false);
          expect(Math.abs(took - truly)).toBeLessThanOrEqual(4 * second);
        }
        expect(state).not.toHaveProperty('clockOff');
      }),
      { numRuns: 30 },
    );
  });

  test.each([-12, -1, 1, 9])('%s hours off, as a zone that is misread: the time we saw it is used', (hours) => {
    const { measured, state } = measure(start, [5 * second, 8 * second], hours * 60 * minute);
    expect(measured.map(({ off }) => off)).toEqual([true, true]);
    expect(measured.map(({ took }) => took)).toEqual([53 * second, 53 * second]);
    expect(state?.clockOff).toBe(start + minute);
  });

  test('a slow mail alone shows nothing, and what was known is kept', () => {
    const { measured } = measure(start, [5 * second, 300 * second], -4 * 60 * minute);
    expect(measured.map(({ off }) => off)).toEqual([true, true]);
  });

  test('one date that can be right, among wrong ones, shows that the clock can be used', () => {
    const now = start + minute;
    const sentAt = start;
    const mails = [
      seenOf({ sentAt, arrivedAt: sentAt + second }, 1, 0),
      seenOf({ sentAt: sentAt + 1, arrivedAt: sentAt + second }, 2, 20 * minute),
    ];
    const { clock, own } = sortMails(
      { state: 'looked', at: now, complete: true, mails, cursor: {} },
      keys,
      now,
      limits.replay,
      true,
    );
    expect(clock).toBe('usable');
    expect(own.map(({ arrivedAt }) => arrivedAt)).toEqual([sentAt + second, now]);
  });
});
