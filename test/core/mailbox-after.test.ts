/** What is remembered of a mailbox between rounds, besides how far it was read. */
import { describe, expect, test } from 'vitest';
import { gauges } from '../../lambdas/core/gauges.ts';
import type { MailboxState } from '../../lambdas/core/items.ts';
import { mailboxAfter, type RoundOfMailbox } from '../../lambdas/core/mailbox-after.ts';
import type { OwnMail, Sorted } from '../../lambdas/core/sighting.ts';
import type { Look, MailSeen, Quota } from '../../lambdas/core/words.ts';
import { limits, minute, monitorOf, slot0 } from './fleet.ts';

const now = slot0 * minute;
const hour = 60 * minute;
const quota: Quota = { resource: 'STORAGE', used: 830, limit: 1000 };

const mailWith = (changes: Partial<MailSeen>): OwnMail => ({
  id: 'bcdfg',
  slot: slot0,
  sentAt: now,
  stale: false,
  arrivedAt: now,
  mail: { place: { folder: 'INBOX', uidValidity: '1', uid: 1 }, junk: false, internalDate: now, hops: [], ...changes },
});
const sortedOf = (...own: readonly OwnMail[]): Sorted => ({ own, forged: 0, hints: [] });
const lookWith = (changes: object = {}): Look => ({
  state: 'looked',
  at: now,
  complete: true,
  mails: [],
  cursor: {},
  ...changes,
});
const stateAfter = (round: Partial<RoundOfMailbox>, before?: MailboxState): MailboxState =>
  mailboxAfter(
    before,
    {
      look: lookWith(),
      sorted: sortedOf(),
      asked: false,
      waiting: [],
      lost: 0,
      unremoved: 0,
      stuck: undefined,
      judgesSenders: false,
      now,
      ...round,
    },
    limits,
  );

describe('how full it is', () => {
  test('is remembered with the time at which it was told, and how much of INBOX is not ours', () => {
    const state = stateAfter({ asked: true, look: lookWith({ quota, messages: 12 }), sorted: sortedOf(mailWith({})) });
    expect(state).toMatchObject({ askedAt: now, foreign: 11, quota: [{ ...quota, at: now }] });
  });

  test('is kept while it is not asked for, or the mailbox is dark', () => {
    const before = stateAfter({ asked: true, look: lookWith({ quota, messages: 12 }) });
    const dark: Look = { state: 'dark', cause: 'connect-timeout', detail: 'no answer' };
    for (const round of [{ now: now + minute }, { now: now + hour, asked: true, look: dark }])
      expect(stateAfter(round, before)).toMatchObject({ askedAt: now, foreign: 12, quota: [{ ...quota, at: now }] });
  });

  test('no answer is no good news: the last figure holds for a day, so that nothing seems to be over', () => {
    const before = stateAfter({ asked: true, look: lookWith({ quota }) });
    const hourLater = stateAfter({ asked: true, now: now + hour }, before);
    expect(hourLater).toMatchObject({ askedAt: now + hour, quota: [{ ...quota, at: now }] });
    expect(stateAfter({ asked: true, now: now + 24 * hour }, hourLater)).toHaveProperty('quota');
    // A server that never tells it again is not quoted for ever.
    expect(stateAfter({ asked: true, now: now + 24 * hour + 1 }, hourLater)).not.toHaveProperty('quota');
  });
});

describe('who judges the sender', () => {
  const judged = mailWith({ authentication: { dmarc: 'pass', words: '' } });
  const unjudged = mailWith({});

  test('canaries that nobody judged are remembered until one is', () => {
    const first = stateAfter({ judgesSenders: true, sorted: sortedOf(unjudged) });
    expect(first.unjudged).toBe(now);
    const silent = stateAfter({ judgesSenders: true, now: now + minute }, first);
    expect(silent.unjudged).toBe(now);
    const healed = stateAfter({ judgesSenders: true, sorted: sortedOf(unjudged, judged), now: now + minute }, silent);
    expect(healed).not.toHaveProperty('unjudged');
  });

  test('where nobody is trusted, nothing is missing', () => {
    expect(stateAfter({ sorted: sortedOf(unjudged) })).not.toHaveProperty('unjudged');
  });

  test('a returned mail proves no mailbox, and judges nobody', () => {
    const returned = mailWith({ bounce: { words: '550 no' } });
    const state = stateAfter({ judgesSenders: true, sorted: sortedOf(returned) });
    expect(state).not.toHaveProperty('provenAt');
    expect(state).not.toHaveProperty('unjudged');
  });
});

test('the gauges repeat what was told last, and say nothing of what nobody told', () => {
  const monitor = monitorOf();
  const found = gauges({
    monitor,
    routes: [],
    hosts: new Map(),
    lanes: new Map(),
    laneOf: new Map(),
    incidents: [],
    dark: new Set(),
    skipped: 0,
    states: new Map([
      [
        'outside',
        {
          unseen: 0,
          quota: [
            { ...quota, used: 100, at: now - hour },
            { ...quota, at: now },
          ],
        },
      ],
      ['inside', { unseen: 0 }],
    ]),
    certificates: [
      {
        server: 'imap.example:993',
        name: 'imap.example',
        names: [],
        from: now - hour,
        until: now + 36 * hour,
        seenAt: now,
      },
    ],
    now,
  });
  const of = (name: string) =>
    found.filter((one) => one.name === name).map(({ dimensions, value }) => [dimensions, value]);
  expect(of('MailboxUsedPercent')).toEqual([[{ Mailbox: 'outside' }, 83]]);
  expect(of('CertificateDaysLeft')).toEqual([[{ Server: 'imap.example:993' }, 1.5]]);
});
