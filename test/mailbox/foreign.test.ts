/**
 * A property: whatever lies in the mailbox and whatever fails, a round touches nothing but our own settled mail.
 * FOREIGN_RUNS sets the number of mailboxes, FOREIGN_SEED repeats a run.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { begin, type Outcome, play } from './foreign-rounds.ts';
import { stories } from './foreign-stories.ts';
import { startWorld, type World } from './foreign-world.ts';

const runs = Number(process.env.FOREIGN_RUNS ?? 500);
const seed = process.env.FOREIGN_SEED === undefined ? undefined : Number(process.env.FOREIGN_SEED);

let world: World;
beforeAll(async () => {
  world = await startWorld(begin);
});
afterAll(() => world.close());

test(`of ${runs} mailboxes nothing but our own settled mail is flagged, moved or deleted`, {
  timeout: 60_000 + runs * 100,
}, async () => {
  const outcomes: Outcome[] = [];
  await fc.assert(
    fc.asyncProperty(stories, async (story) => {
      outcomes.push(await play(world, story));
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }), endOnFailure: false },
  );
  const count = (which: (outcome: Outcome) => boolean) => outcomes.filter(which).length;
  const sum = (what: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + what(outcome), 0);
  const drawn = {
    mailboxes: outcomes.length,
    foreign: sum(({ foreign }) => foreign),
    gone: sum(({ gone }) => gone),
    refused: count(({ refused }) => refused),
    failed: count(({ failed }) => failed),
    dark: count(({ dark }) => dark),
  };
  // A property over mailboxes in which nothing happens would hold as well.
  expect(drawn.mailboxes).toBe(runs);
  expect(drawn.foreign).toBeGreaterThan(runs);
  expect(drawn.gone).toBeGreaterThan(runs / 5);
  for (const many of [drawn.refused, drawn.failed, drawn.dark])
    expect(many).toBeGreaterThanOrEqual(Math.floor(runs / 1000));
  if (process.env.FOREIGN_RUNS !== undefined) console.info(drawn);
});
