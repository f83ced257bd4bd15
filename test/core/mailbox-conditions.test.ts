/** What is wrong with a mailbox itself: told while it holds, with its cause, since when, and what is not known meanwhile. */
import { describe, expect, test } from 'vitest';
import { remedyFor } from '../../lambdas/core/causes.ts';
import type { MailboxState, Stuck } from '../../lambdas/core/items.ts';
import { mailboxConditions } from '../../lambdas/core/mailbox-conditions.ts';
import { routesOf } from '../../lambdas/core/monitor.ts';
import { hostsOf, limits, minute, monitorOf, outside, slot0 } from './fleet.ts';

const now = slot0 * minute;
const monitor = monitorOf({ bounceMailboxes: ['orders'] });
const routes = hostsOf(3).flatMap((host) => routesOf(host, monitor));
const toOutside = routes.filter(({ mailbox }) => mailbox === 'outside').length;
const found = (state: Partial<MailboxState>, name = 'outside', of = monitor) =>
  mailboxConditions(of, routes, new Map([[name, { unseen: 0, ...state }]]), now);
const dark = (since: number) => ({
  dark: { since, cause: 'imap-login-refused' as const, detail: 'NO bad password', tries: 1, nextTry: now },
});

describe('dark', () => {
  test('a short darkness is not told', () => {
    expect(found(dark(now - limits.darkFor + 1))).toEqual([]);
  });

  test('a longer one says why, since when, and how many routes are not known; the alarm Blind rings, not this', () => {
    expect(found(dark(now - limits.darkFor))).toEqual([
      {
        key: 'dark|outside',
        severity: 'note',
        cause: 'imap-login-refused',
        name: 'mailbox outside',
        mailbox: 'outside',
        since: now - limits.darkFor,
        evidence: `NO bad password; whether mail of ${toOutside} routes arrives is not known since 2026-11-17 08:58 UTC`,
      },
    ]);
    expect(toOutside).toBeGreaterThan(2);
  });

  test('a mailbox of bounces is a ticket: no other alarm tells it', () => {
    expect(found(dark(now - limits.darkFor), 'orders')).toMatchObject([
      { key: 'bounces-dark|orders', severity: 'ticket', name: 'bounce mailbox orders' },
    ]);
  });
});

describe('our own mail stays', () => {
  const stuck = (changes: Partial<Stuck>): Partial<MailboxState> => ({
    stuck: { since: now - minute, readOnly: false, detail: 'NO [NOPERM]', rounds: 1, nextTry: now, ...changes },
  });

  test('in a mailbox that may only be read: said once, at once', () => {
    expect(found(stuck({ readOnly: true }))).toMatchObject([{ severity: 'note', cause: 'mailbox-read-only' }]);
    expect(found(stuck({ readOnly: true, rounds: 40 }))).toHaveLength(1);
  });

  test('where the server keeps it: after as many rounds as the cursor waits', () => {
    expect(found(stuck({ rounds: limits.removals }))).toEqual([]);
    expect(found(stuck({ rounds: limits.removals + 1 }))).toMatchObject([
      {
        severity: 'ticket',
        cause: 'mailbox-keeps-mail',
        evidence: 'NO [NOPERM]; our own mail is not deleted for 11 rounds, since 2026-11-17 08:59 UTC',
      },
    ]);
  });
});

test('a clock, senders that nobody judges, and somebody else’s mail are notes', () => {
  const all = found({ clockOff: now - minute, unjudged: now - minute, foreign: limits.foreign + 1 });
  expect(all).toMatchObject([
    { severity: 'note', cause: 'mailbox-clock' },
    { severity: 'note', cause: 'sender-unjudged' },
    { severity: 'note', cause: 'mailbox-not-ours', evidence: 'it holds 1001 messages that are not ours' },
  ]);
  for (const { cause, name } of all)
    expect(remedyFor(cause, { host: name, path: '', mailbox: 'outside', isMailbox: true })).toContain('outside');
});

test('where a proven sender is demanded, that nobody judges is a ticket: it would pass for good otherwise', () => {
  const strict = monitorOf({ mailboxes: { outside: { ...outside, mustAuthenticate: true } } });
  expect(found({ unjudged: now - minute }, 'outside', strict)).toMatchObject([
    { severity: 'ticket', cause: 'sender-unjudged' },
  ]);
});

test('a mailbox that may be shared may hold anybody’s mail', () => {
  const shared = monitorOf({ mailboxes: { outside: { ...outside, shared: true } } });
  expect(found({ foreign: 50_000 }, 'outside', shared)).toEqual([]);
});

test('a mailbox that is well has no condition', () => {
  expect(found({ provenAt: now, askedAt: now, foreign: 3 })).toEqual([]);
});
