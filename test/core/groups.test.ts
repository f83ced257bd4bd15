/** Groups of mailboxes: a host always on the same one, evenly spread, and as few moved as possible. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultMailboxes, expandMailboxes, type Grouped, groupsOf } from '../../lambdas/core/groups.ts';

const groupOf = (count: number, group = 'suppliers', prefix = 'supplier'): Grouped =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}-${index + 1}`, { group }]));
const hosts = Array.from({ length: 10_000 }, (_, index) => `web-${index}`);
const spreadOver = (mailboxes: Grouped) =>
  new Map(hosts.map((host) => [host, expandMailboxes(host, ['suppliers'], mailboxes)[0]]));

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const hostName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/);

describe('spreading', () => {
  test('10,000 hosts over 5 mailboxes: each gets its fifth within a tenth of it', () => {
    const counts = Map.groupBy(spreadOver(groupOf(5)), ([, mailbox]) => mailbox);
    expect(counts.size).toBe(5);
    for (const its of counts.values()) expect(Math.abs(its.length - 2000)).toBeLessThanOrEqual(200);
  });

  test('a sixth mailbox takes a sixth of the hosts and moves no other', () => {
    const before = spreadOver(groupOf(5));
    const after = spreadOver(groupOf(6));
    const moved = hosts.filter((host) => before.get(host) !== after.get(host));
    expect(new Set(moved.map((host) => after.get(host)))).toEqual(new Set(['supplier-6']));
    expect(Math.abs(moved.length - 10_000 / 6)).toBeLessThanOrEqual(170);
  });

  test('a mailbox that is taken out moves its own hosts only', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 2, maxLength: 8 }),
        fc.nat(),
        fc.array(hostName, { minLength: 1 }),
        (names, which, some) => {
          const all = Object.fromEntries(names.map((each) => [each, { group: 'a group' }]));
          const gone = names[which % names.length] ?? '';
          const { [gone]: _, ...left } = all;
          for (const host of some) {
            const [was] = expandMailboxes(host, ['a group'], all);
            const [is] = expandMailboxes(host, ['a group'], left);
            if (was !== gone) expect(is).toBe(was);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a host is on the same mailbox whatever the order of the settings, and whoever else is there', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 8 }), hostName, (names, host) => {
        const all = Object.fromEntries(names.map((each) => [each, { group: 'a group' }]));
        const turned = Object.fromEntries([...names].reverse().map((each) => [each, { group: 'a group' }]));
        expect(expandMailboxes(host, ['a group'], turned)).toEqual(expandMailboxes(host, ['a group'], all));
      }),
    );
  });

  // Rewriting the hash would move every host of every deployed monitor.
  test('the mailbox of a host stays what it was when this was written', () => {
    const mailboxes = groupOf(5);
    const chosen = ['web-01', 'web-02', 'web-03', 'monitor'].map((host) =>
      expandMailboxes(host, ['suppliers'], mailboxes).join(),
    );
    expect(chosen).toEqual(['supplier-5', 'supplier-1', 'supplier-5', 'supplier-1']);
  });
});

describe('names', () => {
  const mailboxes: Grouped = { inside: {}, ...groupOf(2), other: { group: 'single' } };

  test('a mailbox stays, a group becomes one of its mailboxes, each once, in the order of the names', () => {
    expect(expandMailboxes('web-01', ['single', 'inside', 'inside'], mailboxes)).toEqual(['other', 'inside']);
    const [one = ''] = expandMailboxes('web-01', ['suppliers'], mailboxes);
    expect(Object.keys(groupOf(2))).toContain(one);
    expect(expandMailboxes('web-01', ['suppliers', one, 'suppliers'], mailboxes)).toEqual([one]);
  });

  test('expanding twice changes nothing', () => {
    const names = ['suppliers', 'inside', 'single'];
    const once = expandMailboxes('web-01', names, mailboxes);
    expect(expandMailboxes('web-01', once, mailboxes)).toEqual(once);
  });

  test('a mailbox of a group can be named by itself', () => {
    expect(expandMailboxes('web-01', ['supplier-2', 'supplier-1'], mailboxes)).toEqual(['supplier-2', 'supplier-1']);
  });

  test('unknown names are dropped, those that every object has as well', () => {
    expect(expandMailboxes('web-01', ['nowhere', 'constructor', '__proto__', 'inside'], mailboxes)).toEqual(['inside']);
    expect(expandMailboxes('web-01', ['toString'], {})).toEqual([]);
  });

  test('a group may be called like what every object has', () => {
    const odd = { a: { group: 'constructor' }, b: { group: 'constructor' } };
    expect(expandMailboxes('web-01', ['constructor'], odd)).toHaveLength(1);
    expect([...groupsOf(odd)]).toEqual([['constructor', ['a', 'b']]]);
  });

  test('by default: every mailbox without a group, and one of each group', () => {
    expect(defaultMailboxes(mailboxes)).toEqual(['inside', 'suppliers', 'single']);
    const sent = expandMailboxes('web-01', defaultMailboxes(mailboxes), mailboxes);
    expect(sent).toHaveLength(3);
    expect(sent).toEqual(expect.arrayContaining(['inside', 'other']));
    expect(defaultMailboxes({ inside: {}, outside: {} })).toEqual(['inside', 'outside']);
  });
});
