/** Whatever happens to a fleet: no route is forgotten, none is blamed, and nothing is told twice. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cause } from '../../lambdas/core/causes.ts';
import { slotStart } from '../../lambdas/core/judge.ts';
import { hostSays, lastJudged, stateOf } from '../../lambdas/core/lane.ts';
import { hostsOf, inside, limits, minute, monitorOf, outside, slot0 } from './fleet.ts';
import { blind, delivered, junked, late, lost, type Outcome, refused, storyOf, unsent } from './story.ts';

const twoMailboxes = monitorOf({ mailboxes: { outside, inside } });

describe('properties', () => {
  const causesTold: readonly Cause[] = ['relay-denied', 'auth-failed'];
  const outcome = fc.oneof(
    { arbitrary: fc.constant(delivered), weight: 4 },
    fc
      .tuple(fc.constantFrom(...causesTold), fc.constantFrom('mail-gw', 'mail-gw-2'))
      .map(([cause, answeredBy]) => refused({ cause, answeredBy })),
    fc.constantFrom(lost, late, junked, blind, unsent),
  );
  /** For each minute, an outcome for each of eight routes; long runs of the same, so that things fail and recover. */
  const scripts = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(outcome, { minLength: 8, maxLength: 8 })),
    { minLength: 1, maxLength: 14 },
  );
  const play = (
    script: readonly (readonly [number, readonly Outcome[]])[],
    check: (story: ReturnType<typeof storyOf>, now: number) => void,
  ) => {
    const story = storyOf(hostsOf(4, { mailboxes: ['outside', 'inside'] }), twoMailboxes);
    let after = 0;
    for (const [times, outcomes] of script) {
      for (let time = 0; time < times; time += 1) {
        story.minute(
          after,
          Object.fromEntries(story.routes().map(({ id }, index) => [id, outcomes[index] ?? delivered])),
        );
        check(story, slotStart(slot0 + after, limits) + minute / 2);
        after += 1;
      }
    }
  };

  test('every failing route is in exactly one open incident', () => {
    fc.assert(
      fc.property(scripts, (script) => {
        play(script, (story) => {
          const failing = story.open().filter(({ finding }) => finding === 'failing');
          for (const { id } of story.routes()) {
            if (stateOf(story.memory(id), limits).health !== 'failing') continue;
            expect(
              failing.filter(({ routes }) => routes[id] !== undefined && routes[id].over === undefined),
            ).toHaveLength(1);
          }
        });
      }),
      { numRuns: 60 },
    );
  });

  test('no healthy route is counted as failing, and what never was bad is in no page', () => {
    fc.assert(
      fc.property(scripts, (script) => {
        const everBad = new Set<string>();
        play(script, (story) => {
          for (const { id } of story.routes()) {
            const judged = lastJudged(story.memory(id));
            if (judged !== undefined && hostSays(judged) === 'bad') everBad.add(id);
          }
          for (const { routes } of story.open().filter(({ finding }) => finding === 'failing')) {
            for (const [id, { over }] of Object.entries(routes)) {
              expect(everBad).toContain(id);
              if (over === undefined) expect(stateOf(story.memory(id), limits).health).toBe('failing');
            }
          }
        });
      }),
      { numRuns: 60 },
    );
  });

  test('a round that is repeated changes nothing', () => {
    fc.assert(
      fc.property(scripts, (script) => {
        play(script, (story, now) => {
          const before = story.all();
          expect(story.round(now)).toEqual(before);
        });
      }),
      { numRuns: 30 },
    );
  });

  test('an incident keeps its id, its beginning and its severity, its version never falls, and two never share an id', () => {
    fc.assert(
      fc.property(scripts, (script) => {
        const seen = new Map<string, { version: number; firstSlot: number; openedAt: number; severity: string }>();
        play(script, (story) => {
          for (const { id, version, firstSlot, openedAt, severity } of story.all()) {
            const before = seen.get(id);
            if (before !== undefined)
              expect({ ...before, version }).toEqual({ version, firstSlot, openedAt, severity });
            expect(version).toBeGreaterThanOrEqual(before?.version ?? 1);
            seen.set(id, { version, firstSlot, openedAt, severity });
          }
        });
      }),
      { numRuns: 30 },
    );
  });
});
