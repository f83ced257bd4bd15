/** The verdict table (DESIGN 2) and the order in which its lines hold (DESIGN 10). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dueAt, type Evidence, judge, slotAt, slotStart } from '../../lambdas/core/judge.ts';
import { type Authentication, type Handover, type Sighting, verdicts } from '../../lambdas/core/words.ts';
import { limits, minute, slot0 } from './fleet.ts';

const begin = slotStart(slot0, limits);
const sentAt = begin + 20_000;
const due = sentAt + limits.lostAfter;
const neverDue = begin + limits.sendBy + limits.lostAfter;
const deliverWithin = 2 * minute;

const words = { sentAt, evidence: 'the words', answeredBy: 'mail-gw' };
const accepted: Handover = { state: 'accepted', ...words };
const claimed: Handover = { state: 'claimed', ...words };
const unanswered: Handover = { state: 'unanswered', ...words };
const refused: Handover = { state: 'refused', temporary: false, cause: 'relay-denied', ...words };
const deferred: Handover = { state: 'refused', temporary: true, cause: 'greylisted', ...words };
const unsent: Handover = { state: 'unsent', cause: 'sender-failed', ...words };

const seen = (took: number, junk = false): Sighting => ({
  state: 'seen',
  sentAt,
  arrivedAt: sentAt + took,
  junk,
  folder: 'INBOX',
  hops: [],
});
const bounced: Sighting = { state: 'bounced', words: '550 5.1.1 no such user', reportedBy: 'mx.example' };
const absent = (lookedAt: number): Sighting => ({ state: 'absent', lookedAt });
const dark: Sighting = { state: 'dark', cause: 'imap-login-refused', detail: 'NO [AUTHENTICATIONFAILED]' };

const judged = (handover: Handover | undefined, sighting: Sighting, now: number) =>
  judge({ slot: slot0, handover, sighting, deliverWithin }, now, limits);

describe('the verdict table', () => {
  const said = { evidence: 'the words', answeredBy: 'mail-gw' };
  const cases: readonly (readonly [
    what: string,
    handover: Handover | undefined,
    sighting: Sighting,
    now: number,
    expected: object,
  ])[] = [
    ['seen at once', accepted, seen(0), sentAt, { verdict: 'delivered', took: 0 }],
    ['seen at the limit', accepted, seen(deliverWithin), due, { verdict: 'delivered', took: deliverWithin }],
    ['seen after the limit', accepted, seen(deliverWithin + 1), due, { verdict: 'late', took: deliverWithin + 1 }],
    ['seen in Junk', accepted, seen(1000, true), due, { verdict: 'junked', took: 1000 }],
    ['seen in Junk, and late', accepted, seen(5 * minute, true), due, { verdict: 'junked' }],
    [
      'seen before it was sent, by the mailbox\u2019s clock',
      accepted,
      seen(-5000),
      due,
      { verdict: 'delivered', took: 0 },
    ],
    ['refused, and arrived', refused, seen(1000), due, { verdict: 'delivered', ...said }],
    ['unsent, and arrived', unsent, seen(1000), due, { verdict: 'delivered' }],
    ['without a handover, and arrived', undefined, seen(1000), due, { verdict: 'delivered' }],
    [
      'accepted, and returned',
      accepted,
      bounced,
      sentAt,
      { verdict: 'bounced', cause: 'returned', evidence: '550 5.1.1 no such user', answeredBy: 'mx.example' },
    ],
    ['refused, and returned', refused, bounced, sentAt, { verdict: 'bounced' }],
    ['refused', refused, absent(sentAt), sentAt, { verdict: 'refused', cause: 'relay-denied', ...said }],
    ['refused, while we cannot look', refused, dark, sentAt, { verdict: 'refused', cause: 'relay-denied' }],
    ['refused for now', deferred, absent(due - 1), due - 1, { verdict: 'pending', cause: 'greylisted' }],
    ['refused for now, for long', deferred, absent(due), due, { verdict: 'refused', cause: 'greylisted' }],
    ['refused for now, for long, while we cannot look', deferred, dark, due, { verdict: 'refused' }],
    ['unsent', unsent, absent(neverDue), neverDue, { verdict: 'pending', cause: 'sender-failed' }],
    ['unsent, for long', unsent, absent(neverDue), neverDue + 1, { verdict: 'unsent', cause: 'sender-failed' }],
    ['unsent, while we cannot look', unsent, dark, neverDue + 1, { verdict: 'unsent' }],
    ['without a handover', undefined, absent(neverDue), neverDue, { verdict: 'pending', cause: 'never-sent' }],
    ['without a handover, for long', undefined, dark, neverDue + 1, { verdict: 'unsent', cause: 'never-sent' }],
    ['not there yet', accepted, absent(due - 1), due - 1, { verdict: 'pending' }],
    ['not there yet, while we cannot look', accepted, dark, due - 1, { verdict: 'pending' }],
    ['accepted, and lost', accepted, absent(due), due, { verdict: 'lost', cause: 'accepted-but-lost', ...said }],
    ['claimed, and lost', claimed, absent(due), due, { verdict: 'lost', cause: 'claimed-but-lost' }],
    ['commanded, and lost', { ...claimed, state: 'commanded' }, absent(due), due, { verdict: 'lost' }],
    ['unanswered, and lost', unanswered, absent(due), due, { verdict: 'lost', cause: 'unanswered' }],
    ['a complete look that began before the deadline', accepted, absent(due - 1), due + minute, { verdict: 'pending' }],
    [
      'we cannot look',
      accepted,
      dark,
      due,
      { verdict: 'blind', cause: 'imap-login-refused', evidence: 'NO [AUTHENTICATIONFAILED]' },
    ],
  ];

  test.each(cases)('%s', (_, handover, sighting, now, expected) => {
    expect(judged(handover, sighting, now)).toMatchObject(expected);
  });

  test('every verdict can come out', () => {
    const found = new Set([
      ...demanding.map(([, sighting]) => judgedStrictly(sighting).verdict),
      ...cases.map(([, handover, sighting, now]) => judged(handover, sighting, now).verdict),
      ...strangers.map(([, handover, sighting, now]) => judgedStranger(handover, sighting, now).verdict),
    ]);
    expect([...found].sort()).toEqual([...Object.keys(verdicts), 'pending'].sort());
  });
});

const judgedStrictly = (sighting: Sighting) =>
  judge({ slot: slot0, handover: accepted, sighting, deliverWithin, mustAuthenticate: true }, due, limits);
const withResults = (authentication: Authentication | undefined): Sighting =>
  ({ ...seen(1000, true), authentication }) as Sighting;
const failed: Authentication = { spf: 'fail', dkim: 'none', dmarc: 'fail', words: 'mx.example; dmarc=fail' };
const demanding: readonly (readonly [what: string, sighting: Sighting, expected: object])[] = [
  [
    'nothing stands for the sender: bad, in whatever folder it is',
    withResults(failed),
    { verdict: 'unauthenticated', cause: 'unauthenticated', took: 1000, evidence: 'mx.example; dmarc=fail' },
  ],
  ['DMARC stands for it', withResults({ ...failed, dmarc: 'pass' }), { verdict: 'junked' }],
  ['the server could not find out', withResults({ spf: 'temperror', words: '' }), { verdict: 'junked' }],
  ['nobody judged: missing data is no proof of anything', withResults(undefined), { verdict: 'junked' }],
];

describe('where a proven sender is demanded', () => {
  test.each(demanding)('%s', (_, sighting, expected) => {
    expect(judgedStrictly(sighting)).toMatchObject(expected);
  });

  test('elsewhere it is a finding and no verdict', () => {
    expect(judged(accepted, withResults(failed), due)).toMatchObject({ verdict: 'junked' });
  });
});

test('a lost canary whose subject is there, without anything that proves it, was stripped of its marks', () => {
  const stripped: Sighting = { state: 'absent', lookedAt: due, unmarked: 'INBOX' };
  expect(judged(accepted, stripped, due)).toMatchObject({ verdict: 'lost', cause: 'marks-stripped' });
});

const judgedStranger = (handover: Handover | undefined, sighting: Sighting, now: number) =>
  judge({ slot: slot0, handover, sighting, deliverWithin, mustRefuse: true }, now, limits);

/** A canary that the server must refuse, since neither its sender nor its recipient is ours. */
const strangers: readonly (readonly [
  what: string,
  handover: Handover | undefined,
  sighting: Sighting,
  now: number,
  expected: object,
])[] = [
  ['refused for good', { ...refused, stage: 'rcpt' }, absent(sentAt), sentAt, { verdict: 'denied' }],
  ['refused, while we cannot look', { ...refused, stage: 'rcpt' }, dark, sentAt, { verdict: 'denied' }],
  ['taken', accepted, absent(sentAt), sentAt, { verdict: 'relayed', cause: 'open-relay', evidence: 'the words' }],
  ['taken, and lost', accepted, absent(due), due, { verdict: 'relayed' }],
  ['refused, and arrived', { ...refused, stage: 'rcpt' }, seen(1000), due, { verdict: 'relayed' }],
  ['refused for now', { ...deferred, stage: 'rcpt' }, absent(sentAt), due - 1, { verdict: 'pending' }],
  ['refused for now, for long', { ...deferred, stage: 'rcpt' }, absent(due), due, { verdict: 'unsent' }],
  ['no connection', { ...refused, stage: 'connect' }, absent(due), due, { verdict: 'unsent', cause: 'relay-denied' }],
  ['no connection, just now', { ...refused, stage: 'connect' }, absent(sentAt), sentAt, { verdict: 'pending' }],
  ['no answer', unanswered, absent(due), due, { verdict: 'unsent' }],
  ['never sent', undefined, absent(neverDue), neverDue, { verdict: 'unsent', cause: 'never-sent' }],
];

describe('a canary that must be refused', () => {
  test.each(strangers)('%s', (_, handover, sighting, now, expected) => {
    expect(judgedStranger(handover, sighting, now)).toMatchObject(expected);
  });
});

describe('a host that sends by its own clock', () => {
  const period = 15 * minute;
  const own = (handover: Handover | undefined, sighting: Sighting, now: number) =>
    judge({ slot: slot0, handover, sighting, deliverWithin, period }, now, limits);
  const silentAt = neverDue + period;

  test('has its whole period, and then is silent: nothing is said of its mail', () => {
    expect(own(undefined, absent(silentAt), silentAt)).toMatchObject({ verdict: 'pending' });
    expect(own(undefined, absent(silentAt), silentAt + 1)).toMatchObject({ verdict: 'unsent', cause: 'host-silent' });
  });

  test('that told of it is lost lostAfter later, as any other', () => {
    const told: Handover = { state: 'commanded', sentAt };
    expect(own(told, absent(due), due)).toMatchObject({ verdict: 'lost' });
  });
});

describe('times', () => {
  test('a slot begins with its minute', () => {
    expect(slotAt(begin, limits)).toBe(slot0);
    expect(slotAt(begin - 1, limits)).toBe(slot0 - 1);
  });

  test('the deadline counts from sending, or from the slot where nothing was sent', () => {
    expect(dueAt(slot0, accepted, limits)).toBe(due);
    expect(dueAt(slot0, unsent, limits)).toBe(neverDue);
    expect(dueAt(slot0, undefined, limits)).toBe(neverDue);
  });
});

describe('properties', () => {
  const handovers = fc.option(
    fc
      .tuple(fc.constantFrom(accepted, claimed, unanswered, refused, deferred, unsent), fc.nat({ max: 2 * minute }))
      .map(([handover, after]): Handover => ({ ...handover, sentAt: begin + after })),
    { nil: undefined },
  );
  const sightings = fc.oneof(
    fc.tuple(fc.integer({ min: -minute, max: 60 * minute }), fc.boolean()).map(([took, junk]) => seen(took, junk)),
    fc.constantFrom(bounced, dark),
    fc.nat({ max: 60 * minute }).map((after) => absent(begin + after)),
  );
  const evidence = fc.record({
    slot: fc.constant(slot0),
    handover: handovers,
    sighting: sightings,
    deliverWithin: fc.nat({ max: 10 * minute }),
  });
  const nows = fc.nat({ max: 60 * minute }).map((after) => begin + after);
  const verdictOf = (one: Evidence, now: number) => judge(one, now, limits).verdict;

  test('good needs an arrival, and an arrival is always good', () => {
    fc.assert(
      fc.property(evidence, nows, (one, now) => {
        const verdict = verdictOf(one, now);
        const good = verdict !== 'pending' && verdicts[verdict].says === 'good';
        expect(good).toBe(one.sighting.state === 'seen');
      }),
    );
  });

  test('while we cannot look nothing is bad but what was refused', () => {
    fc.assert(
      fc.property(evidence, nows, (one, now) => {
        const verdict = verdictOf({ ...one, sighting: dark }, now);
        if (verdict !== 'pending' && verdicts[verdict].says === 'bad') {
          expect(verdict).toBe('refused');
          expect(one.handover?.state).toBe('refused');
        }
      }),
    );
  });

  test('lost only from a complete look that began after the deadline', () => {
    fc.assert(
      fc.property(evidence, nows, (one, now) => {
        if (verdictOf(one, now) !== 'lost') return;
        expect(one.sighting.state).toBe('absent');
        const end = dueAt(one.slot, one.handover, limits);
        if (one.sighting.state === 'absent') expect(one.sighting.lookedAt).toBeGreaterThanOrEqual(end);
        expect(now).toBeGreaterThanOrEqual(end);
      }),
    );
  });

  test('with the same facts, a verdict once given stays as time goes on', () => {
    fc.assert(
      fc.property(evidence, nows, fc.nat({ max: 60 * minute }), (one, now, later) => {
        const verdict = verdictOf(one, now);
        if (verdict !== 'pending') expect(verdictOf(one, now + later)).toBe(verdict);
      }),
    );
  });
});
