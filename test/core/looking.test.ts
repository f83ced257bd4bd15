/** What a mailbox is asked besides canaries, how long that may take, and when it is not read at all. */
import { describe, expect, test } from 'vitest';
import type { MailboxState } from '../../lambdas/core/items.ts';
import { asksFor, ifOurs, lookInto } from '../../lambdas/core/looking.ts';
import type { Ask, Mailbox } from '../../lambdas/core/ports.ts';
import type { Look } from '../../lambdas/core/words.ts';
import { inside, limits, minute, monitorOf, outside, slot0 } from './fleet.ts';

const now = slot0 * minute;
const hour = 60 * minute;

const askOf = (state: MailboxState | undefined, at = now, keep?: number): Ask | undefined => {
  const monitor = monitorOf({ mailboxes: { outside: { ...outside, ...(keep === undefined ? {} : { keep }) } } });
  const states = new Map(state === undefined ? [] : [['outside', state]]);
  return asksFor(monitor, [], new Map(), new Map(), states, at).get('outside');
};
const darkFor = (cause: 'connect-timeout' | 'timeout-at-stage' | 'connection-lost'): MailboxState => ({
  unseen: 0,
  askedAt: now,
  dark: { since: now, cause, detail: 'no answer', tries: 1, nextTry: now },
});

describe('once an hour', () => {
  test('a mailbox is asked how full it is, and for what earlier rounds left', () => {
    const settled = limits.sendBy + limits.lostAfter;
    expect(askOf(undefined)).toMatchObject({ state: true, sweep: now - settled });
    expect(askOf({ unseen: 0, askedAt: now - hour })).toMatchObject({ state: true, sweep: now - settled });
    const between = askOf({ unseen: 0, askedAt: now - hour + 1 });
    expect(between).not.toHaveProperty('state');
    expect(between).not.toHaveProperty('sweep');
  });

  test('what is kept as evidence is left until its time is over', () => {
    expect(askOf(undefined, now, 7 * 24 * hour)).toMatchObject({ sweep: now - 7 * 24 * hour });
  });

  test('a mailbox of bounces is not', () => {
    const monitor = monitorOf({ bounceMailboxes: ['orders'] });
    const ask = asksFor(monitor, [], new Map(), new Map(), new Map(), now).get('orders');
    expect(ask).not.toHaveProperty('state');
    expect(ask).not.toHaveProperty('sweep');
  });
});

describe('a mailbox that hangs', () => {
  test.each(['connect-timeout', 'timeout-at-stage'] as const)(
    'after %s is given a short time, and its own in one round of five',
    (cause) => {
      const within = Array.from({ length: 10 }, (_, round) => askOf(darkFor(cause), now + round * minute)?.within);
      expect(within.filter((time) => time === limits.hurried)).toHaveLength(8);
      expect(within.filter((time) => time === undefined)).toHaveLength(2);
    },
  );

  test('one that answers, or answers with a failure, has its own time', () => {
    expect(askOf({ unseen: 0, askedAt: now })).not.toHaveProperty('within');
    expect(askOf(darkFor('connection-lost'))).not.toHaveProperty('within');
  });
});

describe('whose mailbox it is', () => {
  const look = (messages: number | undefined): Look => ({
    state: 'looked',
    at: now,
    complete: true,
    mails: [],
    cursor: {},
    messages,
  });
  const ours = (messages: number | undefined, state?: MailboxState, shared = false) =>
    ifOurs(
      'outside',
      look(messages),
      undefined,
      state,
      monitorOf({ mailboxes: { outside: { ...outside, shared }, inside } }),
    );

  test('much mail of somebody, and no canary yet: it is not read', () => {
    expect(ours(limits.foreign)).toMatchObject({ state: 'looked' });
    expect(ours(limits.foreign + 1)).toEqual({
      state: 'dark',
      cause: 'mailbox-not-ours',
      detail: 'the mailbox holds 1001 messages that are not ours, at most 1000 may be there',
    });
  });

  test('unless the settings say so, it was proven before, or nobody counted', () => {
    expect(ours(5000, undefined, true)).toMatchObject({ state: 'looked' });
    expect(ours(5000, { unseen: 0, provenAt: now - hour })).toMatchObject({ state: 'looked' });
    expect(ours(undefined)).toMatchObject({ state: 'looked' });
  });
});

test('one dark mailbox neither delays nor darkens another', async () => {
  const looks = (name: string, look: () => Promise<Look>): Mailbox => ({
    look,
    remove: () => Promise.reject(new Error(`nothing is removed from ${name}`)),
    close: async () => undefined,
  });
  const fine: Look = { state: 'looked', at: now, complete: true, mails: [], cursor: {} };
  const mailboxes = { hanging: looks('hanging', () => new Promise(() => {})), well: looks('well', async () => fine) };
  const ask = askOf(undefined);
  const both = [lookInto(mailboxes, 'hanging', undefined, ask, now), lookInto(mailboxes, 'well', undefined, ask, now)];
  expect(await Promise.race(both)).toEqual(fine);
});
