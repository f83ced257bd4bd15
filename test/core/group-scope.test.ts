/** Hosts of a group of mailboxes are spread over them: each is compared with all the others, as without a group. */
import { expect, test } from 'vitest';
import { diagnose } from '../../lambdas/core/diagnose.ts';
import type { Record } from '../../lambdas/core/lane.ts';
import { routesOf } from '../../lambdas/core/monitor.ts';
import { hostOf, minute, monitorOf, outside, remembered, slot0 } from './fleet.ts';

test.each([
  ['without a group, on one mailbox', undefined, 'a'],
  ['in a group, on the other mailbox', 'suppliers', 'b'],
])('one host that cannot connect while the others can, %s', (_, group, theirs) => {
  const monitor = monitorOf({ mailboxes: { a: { ...outside, group }, b: { ...outside, group } } });
  const hosts = [
    hostOf('web-01', { mailboxes: ['a'] }),
    hostOf('web-02', { mailboxes: [theirs] }),
    hostOf('web-03', { mailboxes: [theirs] }),
  ];
  const records = (route: string): Record[] =>
    [slot0, slot0 + 1].map((slot) =>
      route.startsWith('web-01')
        ? { slot, verdict: 'refused', cause: 'connect-timeout', answeredBy: 'mail-gw', evidence: 'connect ETIMEDOUT' }
        : { slot, verdict: 'delivered', took: 1000 },
    );
  const found = diagnose({
    monitor,
    hosts,
    routes: hosts.flatMap((host) => routesOf(host, monitor)),
    memory: (route) => remembered(records(route)),
    incidents: [],
    now: (slot0 + 4) * minute,
  });
  expect(found).toMatchObject([
    {
      cause: 'host-blocked',
      summary: expect.stringMatching(/^host-blocked by mail-gw: web-01; the other 2 delivered/),
    },
  ]);
});
