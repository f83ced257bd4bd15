/** The routes of a host: its paths to its mailboxes, a group standing for the one mailbox of it that is the host's. */
import { expect, test } from 'vitest';
import { expandMailboxes } from '../../lambdas/core/groups.ts';
import { routesOf } from '../../lambdas/core/monitor.ts';
import { hostOf, inside, monitorOf, outside, pathPlan } from './fleet.ts';

const mailboxes = { a: { ...outside, group: 'suppliers' }, b: { ...outside, group: 'suppliers' }, inside };
const monitor = monitorOf({ mailboxes, paths: { app: pathPlan(), mta: pathPlan() } });
const idsOf = (names: readonly string[], id = 'web-01') =>
  routesOf(hostOf(id, { paths: ['app', 'mta'], mailboxes: names }), monitor).map((route) => route.id);

test('a group gives a host one route for each path, always to the same mailbox', () => {
  const [mine] = expandMailboxes('web-01', ['suppliers'], mailboxes);
  expect(idsOf(['suppliers', 'inside'])).toEqual([
    `web-01/app/${mine}`,
    'web-01/app/inside',
    `web-01/mta/${mine}`,
    'web-01/mta/inside',
  ]);
  expect(idsOf(['suppliers'])).toEqual(idsOf(['suppliers']));
});

test('a group is shared by the hosts that name it', () => {
  const all = Array.from({ length: 40 }, (_, index) => idsOf(['suppliers'], `web-${index}`)).flat();
  expect(new Set(all.map((id) => id.split('/')[2]))).toEqual(new Set(['a', 'b']));
});

test('a mailbox or path that the settings no longer have makes no route', () => {
  expect(idsOf(['gone', 'inside'])).toEqual(['web-01/app/inside', 'web-01/mta/inside']);
});
