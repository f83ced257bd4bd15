/** Trouble that is on its way: when it is told, how bad it is, and in which words. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BrewingInput, brewingOf, daysLeft, endSeverity } from '../../lambdas/core/brewing.ts';
import type { Shown } from '../../lambdas/core/certificates.ts';
import type { Severity } from '../../lambdas/core/incident.ts';
import type { QuotaSample } from '../../lambdas/core/items.ts';
import { outside } from './fleet.ts';

const hour = 3_600_000;
const day = 24 * hour;
const now = Date.UTC(2026, 10, 22, 9);
const ranks = { page: 3, ticket: 2, note: 1, none: 0 } as const;
const rank = (severity: Severity | undefined) => ranks[severity ?? 'none'];

const certificate = (part: Partial<Shown> & { readonly left?: number }): Shown => ({
  server: 'mail-gw.example.com:587',
  name: 'mail-gw.example.com',
  names: ['mail-gw.example.com'],
  from: now - 345 * day,
  until: now + (part.left ?? 9.3) * day,
  seenAt: now,
  ...part,
});

const input = (part: Partial<BrewingInput> = {}): BrewingInput => ({
  monitor: { mailboxes: { outside } },
  states: new Map(),
  certificates: [],
  now,
  ...part,
});

const gb = 1024 * 1024;
const sample = (hoursAgo: number, used: number, limit = 10 * gb): QuotaSample => ({
  at: now - hoursAgo * hour,
  resource: 'STORAGE',
  used: Math.round(used),
  limit,
});
const filling = (...quota: readonly QuotaSample[]) => new Map([['outside', { quota }]]);

describe('days left', () => {
  test.each([
    [now + 9.39 * day, 9.3],
    [now + 0.09 * day, 0],
    [now, 0],
    [now - 0.01 * day, -0.1],
    [now - 2 * day, -2],
  ])('are told to a tenth, and never too many: %s', (until, days) => {
    expect(daysLeft(until, now)).toBe(days);
  });
});

describe('how bad an end is', () => {
  test.each<[what: string, life: number, ticket: number, page: number]>([
    ['of a year', 365, 21, 3],
    ['of 90 days, renewed at 30', 90, 18, 3],
    ['of 47 days, renewed at 15', 47, 9.4, 2.35],
    ['of 6 days, renewed at 3', 6, 1.2, 0.3],
    ['of a day, renewed at 8 hours', 1, 0.2, 0.05],
  ])('a certificate %s', (_, life, ticket, page) => {
    const severity = (left: number) => endSeverity(now + left * day, now, 'certificate', now - (life - left) * day);
    expect([ticket + 0.001, ticket - 0.001, page + 0.001, page - 0.001, 0, -1].map(severity)).toEqual([
      undefined,
      'ticket',
      'ticket',
      'page',
      'page',
      'page',
    ]);
  });

  test.each<[left: number, kind: 'certificate' | 'secret', Severity | undefined]>([
    [21.1, 'certificate', undefined],
    [20.9, 'certificate', 'ticket'],
    [2.9, 'certificate', 'page'],
    [30.1, 'secret', undefined],
    [29.9, 'secret', 'ticket'],
    [7.1, 'secret', 'ticket'],
    [6.9, 'secret', 'page'],
    [-100, 'secret', 'page'],
  ])('%s days before the end of a %s whose life is not known: %s', (left, kind, severity) => {
    expect(endSeverity(now + left * day, now, kind)).toBe(severity);
  });

  test('one that ends before it begins rings only then', () => {
    expect(endSeverity(now + day, now, 'certificate', now + 2 * day)).toBeUndefined();
    expect(endSeverity(now - day, now, 'certificate', now + 2 * day)).toBe('page');
  });

  test('never less as time passes', () => {
    const span = fc.integer({ min: -100 * day, max: 800 * day });
    const from = fc.option(span, { nil: undefined });
    fc.assert(
      fc.property(span, from, fc.nat(400 * day), fc.constantFrom('certificate', 'secret'), (at, life, later, kind) => {
        const begin = life === undefined ? undefined : now + at - life;
        expect(rank(endSeverity(now + at, now + later, kind, begin))).toBeGreaterThanOrEqual(
          rank(endSeverity(now + at, now, kind, begin)),
        );
      }),
    );
  });
});

describe('a mailbox that fills up', () => {
  test('is told with the numbers, and the day at this pace', () => {
    const states = filling(sample(24, 7.9 * gb), sample(0, 8.3 * gb));
    expect(brewingOf(input({ states }))).toEqual([
      {
        key: 'quota|outside',
        severity: 'ticket',
        cause: 'mailbox-filling',
        name: 'mailbox outside',
        mailbox: 'outside',
        since: now,
        evidence: "mailbox outside is 83 % full (8.3 of 10 GB); at today's pace it is full on Thu 26 Nov (UTC)",
      },
    ]);
  });

  test.each<[readonly QuotaSample[], Severity, string]>([
    [[sample(0, 8.3 * gb)], 'ticket', 'mailbox outside is 83 % full (8.3 of 10 GB)'],
    [[sample(0, 9.999 * gb)], 'page', 'mailbox outside is 99 % full (10 of 10 GB)'],
    [[sample(24, 9 * gb), sample(0, 10.5 * gb)], 'page', 'mailbox outside is 105 % full (10.5 of 10 GB)'],
    [[sample(0, 450, 512)], 'ticket', 'mailbox outside is 87 % full (450 of 512 KB)'],
    [[sample(0, 1_800, 2_048)], 'ticket', 'mailbox outside is 87 % full (1.76 of 2 MB)'],
    [
      [{ at: now, resource: 'MESSAGE', used: 8300, limit: 10_000 }],
      'ticket',
      'mailbox outside is 83 % full (8300 of 10000 messages)',
    ],
    [
      [sample(24, 7 * gb), sample(0, 9 * gb)],
      'page',
      "mailbox outside is 90 % full (9 of 10 GB); at today's pace it is full on Sun 22 Nov 21:00 (UTC)",
    ],
  ])('%#', (quota, severity, evidence) => {
    expect(brewingOf(input({ states: filling(...quota) }))).toMatchObject([{ severity, evidence }]);
  });

  test('says nothing while there is room, or nobody knows', () => {
    expect(brewingOf(input({ states: filling(sample(24, 7 * gb), sample(0, 7.01 * gb)) }))).toEqual([]);
    expect(brewingOf(input({ states: new Map([['outside', {}]]) }))).toEqual([]);
  });

  test('what was a ticket stays one until it is clearly better', () => {
    const states = filling(sample(0, 7.8 * gb));
    expect(brewingOf(input({ states }))).toEqual([]);
    const held = new Map<string, Severity>([['quota|outside', 'ticket']]);
    expect(brewingOf(input({ states, held }))).toMatchObject([{ key: 'quota|outside', severity: 'ticket' }]);
    expect(brewingOf(input({ states, held: new Map([['quota|inside', 'ticket']]) }))).toEqual([]);
  });
});

describe('a certificate that ends', () => {
  const said = (...certificates: readonly Shown[]) => brewingOf(input({ certificates }));

  test('is told with its server, its day, and the name that breaks', () => {
    expect(said(certificate({}))).toEqual([
      {
        key: 'certificate|2026-12-01',
        severity: 'ticket',
        cause: 'certificate-ends',
        name: 'mail-gw.example.com:587',
        server: 'mail-gw.example.com:587',
        since: now,
        evidence:
          'the certificate of mail-gw.example.com:587 expires on 2026-12-01, in 9.3 days: connections that check it break then for the name mail-gw.example.com',
      },
    ]);
  });

  test('the name is the one by which it was called, whatever else it is for', () => {
    const [one] = said(
      certificate({ server: '10.0.1.17:587', name: 'www.example.com', names: ['*.example.com', 'example.com'] }),
    );
    expect(one?.evidence).toContain('of 10.0.1.17:587 (*.example.com, example.com) expires on');
    expect(one?.evidence).toMatch(/for the name www\.example\.com$/);
  });

  test('has ended', () => {
    const [one] = said(certificate({ left: -0.42 }));
    expect(one).toMatchObject({
      severity: 'page',
      evidence: expect.stringContaining(
        'expired on 2026-11-21, 0.4 days ago: connections that check it break for the name',
      ),
    });
  });

  test('one that signed it is named', () => {
    const signed = [
      certificate({ signer: 'lab CA 2' }),
      certificate({ signer: 'lab CA 2', server: 'imap.example.com:993' }),
    ];
    const told = said(...signed);
    expect(told).toMatchObject([{ key: 'certificate|2026-12-01|lab CA 2' }]);
    expect(told[0]?.evidence).toMatch(
      /^"lab CA 2", which signed the certificates of imap\.example\.com:993, mail-gw\.example\.com:587, expires on/,
    );
  });

  test('many that end on one day are one trouble, as bad as the worst of them', () => {
    const many = Array.from({ length: 500 }, (_, index) =>
      certificate({
        server: `10.0.1.${index}:587`,
        name: `web-${index}`,
        until: Date.UTC(2026, 10, 25) + index * 60_000,
      }),
    );
    const told = said(...many);
    expect(told).toMatchObject([{ severity: 'page', key: 'certificate|2026-11-25' }]);
    expect(told[0]?.name).toBe('10.0.1.0:587, 10.0.1.100:587, 10.0.1.101:587 and 497 more');
    expect(told[0]?.evidence).toContain(' expire on 2026-11-25, in 2.6 days:');
    expect(told[0]?.evidence?.length).toBeLessThan(300);
  });

  test('a healthy one of the same day is not named: it is renewed by itself', () => {
    const young = certificate({ server: 'acme.example.com:587', from: now - day, left: 4 });
    const old = certificate({ server: 'old.example.com:587', left: 4 });
    expect(said(young, old)).toMatchObject([{ name: 'old.example.com:587' }]);
  });

  test('two machines in turns behind one name: the worse certificate counts as long as it is shown', () => {
    const [old, renewed] = [certificate({}), certificate({ left: 350 })];
    expect(said({ ...old, seenAt: now - hour }, renewed)).toMatchObject([{ key: 'certificate|2026-12-01' }]);
    expect(said({ ...old, seenAt: now - 3 * hour }, renewed)).toEqual([]);
  });

  test('a stranger’s words stay on one line', () => {
    const [one] = said(certificate({ name: 'a\nb', names: ['x\u202ey'] }));
    expect(one?.evidence).not.toMatch(/[\n\u202e]/);
  });
});

describe('a credential that ends', () => {
  const ends = (left: number) =>
    brewingOf(
      input({
        monitor: { mailboxes: { outside: { ...outside, ends: { what: 'client secret', at: now + left * day } } } },
      }),
    );

  test('is told from 30 days before', () => {
    expect(ends(30.1)).toEqual([]);
    expect(ends(12.34)).toEqual([
      {
        key: 'secret-ends|outside',
        severity: 'ticket',
        cause: 'secret-ends',
        name: 'mailbox outside',
        mailbox: 'outside',
        since: now,
        evidence:
          'the client secret of mailbox outside expires on 2026-12-04, in 12.3 days: the mailbox cannot be read from then on',
      },
    ]);
    expect(ends(-1)).toMatchObject([{ severity: 'page', evidence: expect.stringContaining('expired on 2026-11-21') }]);
  });
});

describe('whatever brews', () => {
  const times = fc.integer({ min: -10 * day, max: 60 * day });
  const server = fc.constantFrom('a.example:587', 'b.example:587', 'c.example:993');
  const shown: fc.Arbitrary<Shown> = fc.record({
    server,
    name: server,
    names: fc.constant([]),
    from: fc.integer({ min: -800 * day, max: -day }).map((at) => now + at),
    until: times.map((at) => now + at),
    seenAt: fc.integer({ min: -3 * day, max: 0 }).map((at) => now + at),
  });
  const quota = fc
    .array(fc.integer({ min: 0, max: 110 }), { minLength: 1, maxLength: 8 })
    .map((used) => used.map((percent, index) => sample((used.length - 1 - index) * 3, percent, 100)));

  test('has a key of its own, and never becomes less by time alone', () => {
    fc.assert(
      fc.property(
        fc.array(shown, { maxLength: 6 }),
        quota,
        times,
        fc.nat(20 * day),
        (certificates, used, at, later) => {
          const monitor = { mailboxes: { outside: { ...outside, ends: { what: 'key', at: now + at } } } };
          const states = filling(...used);
          const first = brewingOf(input({ monitor, states, certificates }));
          const held = new Map(first.map(({ key, severity }) => [key, severity]));
          const second = brewingOf(input({ monitor, states, certificates, held, now: now + later }));
          const after = new Map(second.map(({ key, severity }) => [key, severity]));
          expect(held.size).toBe(first.length);
          for (const [key, severity] of held) expect(rank(after.get(key))).toBeGreaterThanOrEqual(rank(severity));
        },
      ),
    );
  });
});
