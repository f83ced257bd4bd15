/** INTERNALDATE in whatever zone the server says it, in the nights in which clocks change as well: the same moment for us. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Ask } from '../../lambdas/core/ports.ts';
import { user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { canaryMail, idOf } from './mails.ts';

const minute = 60_000;
const second = 1000;
const day = 24 * 60 * minute;

/** Minutes east of Greenwich in a zone of the tz database, at that time. */
const eastIn = (timeZone: string) => {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  return (at: number): number => {
    const [date = '', time = ''] = parts.format(at).split(', ');
    const [dayOfMonth, month, year] = date.split('/').map(Number);
    const [hour, minutes, seconds] = time.split(':').map(Number);
    const local = Date.UTC(year ?? 0, (month ?? 0) - 1, dayOfMonth, hour, minutes, seconds);
    return Math.round((local - Math.floor(at / second) * second) / minute);
  };
};

const zones: readonly (readonly [name: string, (at: number) => number])[] = [
  ...['Europe/London', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'].map(
    (name) => [name, eastIn(name)] as const,
  ),
  ['fourteen hours east', () => 14 * 60],
  ['twelve hours west', () => -12 * 60],
];
/** Both nights of 2026 in Europe and America, and those of Lord Howe, which moves by half an hour. */
const nights = ['2026-03-29', '2026-10-25', '2026-03-08', '2026-11-01', '2026-04-04', '2026-10-03'].map((date) =>
  Date.parse(`${date}T00:00:00Z`),
);

test('the zones really change in these nights', () => {
  const changes = zones.filter(([, east]) => nights.some((night) => east(night) !== east(night + day)));
  expect(changes.map(([name]) => name)).toEqual([
    'Europe/London',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
  ]);
});

test.each(zones)('%s', async (_, zone) => {
  const times = fc.sample(fc.tuple(fc.constantFrom(...nights), fc.integer({ min: -6 * 3600, max: 30 * 3600 })), {
    numRuns: 120,
    seed: 4,
  });
  const moments = times.map(([night, seconds]) => night + seconds * second);
  const server = await start({ zone });
  moments.forEach((internalDate, index) => {
    server.store.deliver(user, 'INBOX', canaryMail(idOf(index)), { internalDate });
  });
  const ask: Ask = { cursor: undefined, expected: [], lastCall: [], digests: [], since: 0 };
  const look = await openAt(server.port).look(ask);
  if (look.state === 'dark') throw new Error(look.detail);
  expect(look.mails.map(({ internalDate }) => internalDate)).toEqual(moments);
});
