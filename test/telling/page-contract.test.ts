/** The page contract (TELLING), for any incident that anybody could make up. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cause, causes } from '../../lambdas/core/causes.ts';
import type { Affected, Incident, IncidentEvent } from '../../lambdas/core/incident.ts';
import { pageOf } from '../../lambdas/telling/page.ts';

describe('the contract', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.string({ maxLength: 60 }),
    fc
      .array(
        fc.constantFrom(
          '@here',
          '<!channel>',
          'https://e.example',
          '://',
          'www.',
          '`',
          '*',
          '_',
          '\n',
          '\u202e',
          'a',
          ' ',
          ':',
          '/',
          '\\',
          '|',
          '\uff20',
          '\uff1a',
          '\uff0f',
          '\u0338',
          'mailto:',
          '[x](y)',
          '...',
        ),
        { maxLength: 40 },
      )
      .map((parts) => parts.join('')),
  );
  const name = hostile.map((text) => text.replaceAll('/', ''));
  const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
  const list = fc.array(hostile, { maxLength: 8 });
  const cause = fc.constantFrom(...(Object.keys(causes) as Cause[]));
  const affected: fc.Arbitrary<Affected> = fc.record({
    since: fc.nat(),
    verdict: fc.constantFrom('refused', 'bounced', 'lost', 'late', 'junked', 'unsent'),
    cause,
    over: fc.constantFrom(undefined, 'recovered', 'host gone'),
  });
  const routes = fc
    .array(fc.tuple(name, fc.constantFrom('app', 'machine', '__proto__'), name, affected), { maxLength: 12 })
    .map((all) => Object.fromEntries(all.map(([host, path, mailbox, one]) => [`${host}/${path}/${mailbox}`, one])));
  const incident: fc.Arbitrary<Incident> = fc.record({
    id: hostile,
    key: hostile,
    finding: fc.constantFrom('failing', 'late', 'junked', 'unsent', 'a finding of tomorrow'),
    severity: fc.constantFrom('page', 'ticket'),
    cause,
    answeredBy: fc.option(hostile, { nil: undefined }),
    openedAt: time,
    firstSlot: fc.nat(),
    closedAt: fc.option(time, { nil: undefined }),
    ending: fc.constantFrom(undefined, 'recovered', 'host gone, never delivered'),
    name: hostile,
    summary: hostile,
    inCommon: list,
    facts: list,
    evidence: fc.option(hostile, { nil: undefined }),
    remedy: hostile,
    services: list,
    customers: list,
    routes,
    openings: fc.array(time, { maxLength: 5 }),
    unstable: fc.boolean(),
    timeline: fc.constant([]),
    version: fc.nat(),
    told: fc.nat(),
  });
  const context = fc.record({
    hostsOf: fc.dictionary(fc.constantFrom('app', 'machine'), fc.array(name, { maxLength: 20 })),
    timezone: fc.constantFrom('Europe/London', 'Asia/Kathmandu', 'America/St_Johns', 'UTC'),
    since: fc.option(time, { nil: undefined }),
    runbook: fc.constantFrom(undefined, 'https://wiki.example.com/mail'),
  });

  test('holds for any incident: short, ASCII, and nothing of a stranger\u2019s that could act', () => {
    fc.assert(
      fc.property(incident, context, (one, about) => {
        const event: IncidentEvent = { kind: 'changed', key: 'k', incident: one };
        const { title, body } = pageOf(event, about);
        expect(title.length).toBeLessThanOrEqual(60);
        expect(title).toMatch(/^[A-Z][A-Z ]+: [\x20-\x7e]+$/);
        expect(body.length).toBeGreaterThan(0);
        expect(body.length).toBeLessThanOrEqual(10);
        const own = (line: string) => line === 'Runbook: https://wiki.example.com/mail';
        for (const line of [title, ...body.filter((each) => !own(each))]) {
          expect(line).toMatch(/^[\x20-\x7e]{1,80}$/);
          expect(line).not.toMatch(/[@<>`*[\]{}|~\\]|:\/\/|\bwww\.|\bmailto:|\bjavascript:/i);
          expect(line).not.toMatch(/undefined|NaN|\[object/);
        }
        expect(body.filter(own)).toHaveLength(about.runbook === undefined ? 0 : 1);
        expect(pageOf(event, about)).toEqual({ title, body });
      }),
      { numRuns: 200 },
    );
  });
});
