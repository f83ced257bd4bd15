/** How a canary arrived: what is kept of it, what it counts, and which incident it makes when it repeats. */
import { describe, expect, test } from 'vitest';
import { arriving } from '../../lambdas/core/arriving.ts';
import { gather, settledPoints } from '../../lambdas/core/tally.ts';
import type { Sighting } from '../../lambdas/core/words.ts';
import { hostsOf, minute, monitorOf, slot0 } from './fleet.ts';
import { delivered, junked, late, type Outcome, storyOf } from './story.ts';

const sentAt = slot0 * minute;
const seen = (changes: object = {}): Sighting => ({
  state: 'seen',
  sentAt,
  arrivedAt: sentAt + 10 * minute,
  junk: false,
  folder: 'INBOX',
  hops: [],
  ...changes,
});
const failed = { spf: 'fail', dkim: 'none', dmarc: 'fail', words: 'mx.example; spf=fail' } as const;

describe('what a record keeps', () => {
  test('nothing of a canary that arrived as it should, or did not arrive', () => {
    expect(arriving(seen(), 'delivered', { state: 'confirmed', address: '10.0.1.17' })).toEqual({});
    expect(arriving({ state: 'absent', lookedAt: sentAt }, 'lost', undefined)).toEqual({});
  });

  test('the address that it left from, where that is not the host’s', () => {
    expect(arriving(seen(), 'delivered', { state: 'mismatched', address: '192.0.2.9' })).toEqual({
      leftFrom: '192.0.2.9',
    });
  });

  test('the folder into which a rule moved it', () => {
    const sighting = seen({ moved: true, folder: 'Archive/2026' });
    expect(arriving(sighting, 'delivered', undefined)).toEqual({ moved: 'Archive/2026' });
    expect(arriving(seen({ folder: 'Canaries' }), 'delivered', undefined)).toEqual({});
  });

  test('that nothing stands for its sender', () => {
    const { unauthenticated } = arriving(seen({ authentication: failed }), 'delivered', undefined);
    expect(unauthenticated).toMatch(/SPF fail.*DMARC fail/);
    const passing = { ...failed, dmarc: 'pass' };
    expect(arriving(seen({ authentication: passing }), 'delivered', undefined)).toEqual({});
  });

  test('the words of the spam filter, and where a late one waited', () => {
    const spam = 'X-Spam-Status: Yes, score=7.1';
    expect(arriving(seen({ junk: true, spam }), 'junked', undefined)).toEqual({ shown: spam });
    const hops = [
      { by: 'web-03.example.com', at: sentAt },
      { by: 'mail-gw.example.com', at: sentAt + 1000 },
      { by: 'mx.elsewhere.example', at: sentAt + 9 * minute },
    ];
    expect(arriving(seen({ hops }), 'late', undefined).shown).toContain('mail-gw.example.com');
    expect(arriving(seen({ hops }), 'delivered', undefined)).toEqual({});
  });

  test('no more than 160 characters of anything that a server wrote', () => {
    const long = 'x'.repeat(1000);
    const { moved, shown } = arriving(seen({ moved: true, folder: long, spam: long }), 'junked', undefined);
    expect([moved?.length, shown?.length]).toEqual([160, 160]);
  });
});

const dimensions = (record: object) =>
  gather(
    'production',
    settledPoints([{ route: 'web-03/app/outside', record: { slot: slot0, ...delivered, ...record } }], monitorOf()),
  )
    .filter(({ name }) => name === 'Unauthenticated')
    .map((point) => [point.dimensions, point.values]);

test('the metric Unauthenticated counts per mailbox, and per path and mailbox', () => {
  expect(dimensions({ unauthenticated: 'SPF fail' })).toEqual([
    [{ Monitor: 'production', Mailbox: 'outside' }, [1]],
    [{ Monitor: 'production', Path: 'app', Mailbox: 'outside' }, [1]],
  ]);
  expect(dimensions({ verdict: 'unauthenticated', unauthenticated: 'SPF fail' })).toHaveLength(2);
  expect(dimensions({})).toEqual([]);
});

describe('when it repeats', () => {
  const incidentsOf = (outcome: Outcome) => {
    const story = storyOf(hostsOf(3));
    const bad = Object.fromEntries(story.routes().map(({ id }) => [id, outcome]));
    return [1, 2, 3, 4].map((after) => story.minute(after, bad)).at(-1) ?? [];
  };

  test.each([
    ['moved', 'ticket', 'moved-by-rule', { ...delivered, moved: 'Archive/2026' }, 'it was moved to Archive/2026'],
    ['unauthenticated', 'ticket', 'unauthenticated', { ...delivered, unauthenticated: 'SPF fail' }, 'SPF fail'],
    ['junked', 'ticket', 'arrives-in-junk', { ...junked, shown: 'score=7.1' }, 'score=7.1'],
    ['late', 'ticket', 'arrives-late', { ...late, shown: 'mail-gw held it for 9 min' }, 'mail-gw held it for 9 min'],
    [
      'failing',
      'page',
      'unauthenticated',
      {
        verdict: 'unauthenticated',
        cause: 'unauthenticated',
        took: 2000,
        evidence: 'dmarc=fail',
        unauthenticated: 'DMARC fail',
      },
      'dmarc=fail',
    ],
  ] as const)('%s is a %s of cause %s, with what proves it', (finding, severity, cause, outcome, evidence) => {
    const found = incidentsOf(outcome);
    expect(found.length).toBeGreaterThan(0);
    for (const incident of found) expect(incident).toMatchObject({ finding, severity, cause, evidence });
  });
});
