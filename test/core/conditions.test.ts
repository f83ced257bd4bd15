/** What holds now is an incident while it holds: opened once, kept, closed when it holds no more. */
import { describe, expect, test } from 'vitest';
import { type Condition, conditionFinding, conditionsOf, stepConditions } from '../../lambdas/core/conditions.ts';
import type { Incident } from '../../lambdas/core/incident.ts';
import type { HelloItem, MailboxState } from '../../lambdas/core/items.ts';
import { hostOf, minute, monitorOf, pathPlan, slot0 } from './fleet.ts';

const monitor = monitorOf({ paths: { cron: pathPlan({ byHost: true }) }, bounceMailboxes: ['orders'] });
const now = slot0 * minute;
const hour = 60 * minute;
const hello: HelloItem = { id: 'web-09', path: 'cron', address: '10.0.1.9', first: now, last: now };
const input = {
  monitor,
  hosts: [hostOf('web-09')],
  hellos: [hello],
  routes: [],
  states: new Map<string, MailboxState>(),
  certificates: [],
  incidents: [],
  now,
};
const dark: MailboxState = {
  unseen: 0,
  dark: { since: now, cause: 'imap-login-refused', detail: 'NO [AUTHENTICATIONFAILED]', tries: 1, nextTry: now },
};

describe('what holds', () => {
  test('a host that registered itself is news for a day', () => {
    expect(conditionsOf(input)).toMatchObject([
      { key: 'self-registered|web-09|cron', severity: 'note', name: 'web-09', since: now },
    ]);
    expect(conditionsOf({ ...input, now: now + 24 * hour })).toEqual([]);
  });

  test('one that is not in the registry yet, or was listed by people, is not', () => {
    expect(conditionsOf({ ...input, hosts: [] })).toEqual([]);
    expect(conditionsOf({ ...input, hellos: [] })).toEqual([]);
  });

  test('a bounce mailbox that cannot be read for a while is a ticket; no route is blind for it', () => {
    const states = new Map([['orders', dark]]);
    expect(conditionsOf({ ...input, hellos: [], states, now: now + minute })).toEqual([]);
    expect(conditionsOf({ ...input, hellos: [], states, now: now + 2 * minute })).toMatchObject([
      {
        severity: 'ticket',
        cause: 'imap-login-refused',
        evidence: expect.stringMatching(/^NO \[AUTHENTICATIONFAILED\]; returned mail is not read since 20/),
      },
    ]);
  });
});

describe('an incident of it', () => {
  const condition: Condition = {
    key: 'self-registered|web-09',
    severity: 'note',
    cause: 'self-registered',
    name: 'web-09',
    since: now,
    path: 'cron',
  };
  const step = (conditions: readonly Condition[], incidents: readonly Incident[], at = now) =>
    stepConditions(conditions, incidents, monitor, at);
  const opened = step([condition], []);

  test('is opened once, and kept as it is while it holds', () => {
    expect(opened).toMatchObject([
      { finding: conditionFinding, severity: 'note', name: 'web-09', version: 1, told: 0, routes: {} },
    ]);
    expect(opened[0]?.remedy).toContain('web-09');
    expect(step([condition], opened, now + minute)).toEqual(opened);
  });

  test('changes with its cause or severity', () => {
    const worse = step([{ ...condition, severity: 'ticket' }], opened, now + minute);
    expect(worse).toMatchObject([{ severity: 'ticket', version: 2 }]);
  });

  test('is closed when it holds no more, and another time is another incident', () => {
    const closed = step([], opened, now + hour);
    expect(closed).toMatchObject([{ closedAt: now + hour, version: 2 }]);
    expect(step([], closed, now + 2 * hour)).toEqual(closed);
    const again = step([condition], closed, now + 2 * hour);
    expect(again).toHaveLength(2);
    expect(new Set(again.map(({ id }) => id)).size).toBe(2);
  });

  test('incidents of routes are left alone', () => {
    const other = { ...(opened[0] as Incident), id: 'other', finding: 'failing' };
    expect(step([], [other])).toEqual([]);
  });
});
