/** Hosts that speak for themselves: hosts of this monitor until they are silent for a week, written down once an hour. */
import { describe, expect, test } from 'vitest';
import { fleetId } from '../../lambdas/core/enrolment.ts';
import { expandMailboxes } from '../../lambdas/core/groups.ts';
import { helloAfter, helloHosts } from '../../lambdas/core/hello.ts';
import type { HelloItem } from '../../lambdas/core/items.ts';
import { limits, minute, monitorOf, outside, pathPlan, slot0 } from './fleet.ts';

const now = slot0 * minute;
const monitor = monitorOf({ paths: { cron: pathPlan({ byHost: true }) } });
const hello: HelloItem = { id: 'web-09', path: 'cron', address: '10.0.1.9', first: now, last: now };

describe('as hosts', () => {
  test('they have the path that they spoke over, and every mailbox', () => {
    expect(helloHosts([hello], monitor, now)).toEqual([
      {
        id: 'web-09',
        address: '10.0.1.9',
        paths: ['cron'],
        mailboxes: ['outside'],
        services: [],
        customers: [],
        labels: {},
      },
    ]);
  });

  test('of a fleet all send to the same mailbox of a group: their one script names it; others to their own', () => {
    const mailboxes = Object.fromEntries([1, 2, 3].map((n) => [`m${n}`, { ...outside, group: 'all' }]));
    const grouped = monitorOf({ mailboxes, paths: { cron: pathPlan({ byHost: true }), app: pathPlan() } });
    const ids = Array.from({ length: 20 }, (_, index) => `web-${index}`);
    const mailboxesOf = (path: string) =>
      new Set(
        helloHosts(
          ids.map((id) => ({ ...hello, id, path })),
          grouped,
          now,
        ).map((host) => host.mailboxes.join()),
      );
    expect([...mailboxesOf('cron')]).toEqual(expandMailboxes(fleetId, ['all'], mailboxes));
    expect(mailboxesOf('app').size).toBe(3);
  });

  test('that speak over two paths are one host', () => {
    const both = monitorOf({ paths: { cron: pathPlan({ byHost: true }), night: pathPlan({ byHost: true }) } });
    expect(helloHosts([hello, { ...hello, path: 'night' }], both, now)).toMatchObject([
      { id: 'web-09', paths: ['cron', 'night'] },
    ]);
  });

  test('silent for longer than a week they are forgotten, not a moment earlier', () => {
    expect(helloHosts([hello], monitor, now + limits.forgets)).toHaveLength(1);
    expect(helloHosts([hello], monitor, now + limits.forgets + 1)).toEqual([]);
  });

  test('a path that the settings no longer have makes no host', () => {
    expect(helloHosts([{ ...hello, path: 'gone' }], monitor, now)).toEqual([]);
  });
});

describe('what is written', () => {
  const said = { id: 'web-09', path: 'cron', address: '10.0.1.9' };
  test.each([
    ['the first time', undefined, said, now, hello],
    ['again within the hour', hello, said, now + 59 * minute, undefined],
    ['after an hour', hello, said, now + 60 * minute, { ...hello, last: now + 60 * minute }],
    [
      'from another address',
      hello,
      { ...said, address: '10.0.1.10' },
      now + 1,
      { ...hello, address: '10.0.1.10', last: now + 1 },
    ],
  ] as const)('%s', (_, known, what, at, expected) => {
    expect(helloAfter(known, what, at)).toEqual(expected);
  });
});
