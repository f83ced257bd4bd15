/** How a group is named, what its hosts share, and what is said of the others: facts, in a fixed order. */
import { describe, expect, test } from 'vitest';
import type { Monitor } from '../../lambdas/core/monitor.ts';
import { hostsOf, inside, minute, monitorOf, outside, pathPlan, slot0 } from './fleet.ts';
import { late, lost, type Outcome, only, refused, storyOf } from './story.ts';

/** The same outcome for every route that these words are found in. */
const where = (routes: readonly { id: string }[], test: RegExp, outcome: Outcome) =>
  Object.fromEntries(routes.filter(({ id }) => test.test(id)).map(({ id }) => [id, outcome]));

/** Two bad minutes for those routes, everything else delivered: the one incident that comes of it. */
const incidentOf = (
  hosts: ReturnType<typeof hostsOf>,
  monitor: Monitor,
  test: RegExp,
  outcome: Outcome = refused(),
) => {
  const story = storyOf(hosts, monitor);
  story.minute(0, {});
  story.minute(1, where(story.routes(), test, outcome));
  story.minute(2, where(story.routes(), test, outcome));
  return only(story.open());
};

const twoPaths = monitorOf({ paths: { app: pathPlan(), machine: pathPlan() } });
const twoMailboxes = monitorOf({ mailboxes: { outside, inside } });
const bothPaths = { paths: ['app', 'machine'] };
const bothMailboxes = { mailboxes: ['outside', 'inside'] };

describe('the name', () => {
  test('one host: the host, and how the others are', () => {
    const incident = incidentOf(hostsOf(3), monitorOf(), /web-03/);
    expect(incident.name).toBe('web-03');
    expect(incident.summary).toBe('relay-denied by mail-gw: web-03; the other 2 delivered within the last 30 s');
  });

  test('one host on all its paths: still the host', () => {
    expect(incidentOf(hostsOf(3, bothPaths), twoPaths, /web-03/).name).toBe('web-03');
  });

  test('the only host there is: the host', () => {
    const incident = incidentOf(hostsOf(1), monitorOf(), /./);
    expect(incident.summary).toBe('relay-denied by mail-gw: web-01');
  });

  test('two of six: the list, and the count', () => {
    const incident = incidentOf(hostsOf(6), monitorOf(), /web-0[56]/);
    expect(incident.name).toBe('web-05, web-06 (2 of 6 hosts)');
    expect(incident.summary).toContain('the other 4 delivered within the last 30 s');
  });

  test('many: three of the list, and the count', () => {
    const incident = incidentOf(hostsOf(20), monitorOf(), /web-1/);
    expect(incident.name).toBe('web-10, web-11, web-12 and 7 more (10 of 20 hosts)');
  });

  test('all hosts of a path while the other path is well: the path', () => {
    expect(incidentOf(hostsOf(3, bothPaths), twoPaths, /app/).name).toBe('path app (all 3 hosts)');
  });

  test('all to one mailbox while another is well: the mailbox', () => {
    const incident = incidentOf(hostsOf(3, bothMailboxes), twoMailboxes, /inside/, lost);
    expect(incident.name).toBe('all 3 hosts to mailbox inside');
  });

  test('all hosts of a path to both mailboxes: the path', () => {
    expect(incidentOf(hostsOf(3, bothMailboxes), twoMailboxes, /./).name).toBe('path app (all 3 hosts)');
  });

  test('all hosts on all paths: everything', () => {
    expect(incidentOf(hostsOf(3, bothPaths), twoPaths, /./).name).toBe('everything (all 3 hosts)');
  });

  test('one path and one mailbox: both, since they cannot be told apart', () => {
    expect(incidentOf(hostsOf(3), monitorOf(), /./, lost).name).toBe(
      'all 3 hosts: path app or mailbox outside, cannot tell with one of each',
    );
  });

  test('two hosts are too few to blame a path', () => {
    expect(incidentOf(hostsOf(2, bothPaths), twoPaths, /app/).name).not.toContain('path');
  });

  test('hosts that are late are named in the same way', () => {
    expect(incidentOf(hostsOf(3), monitorOf(), /web-0[12]/, late).name).toBe('web-01, web-02 (2 of 3 hosts)');
  });
});

describe('what is said of the others', () => {
  test('nothing is known where nobody delivered since the trouble began', () => {
    const story = storyOf(hostsOf(3));
    const bad = where(story.routes(), /web-03/, refused());
    story.minute(0, {});
    story.minute(1, bad, { verdict: 'blind', cause: 'imap-login-refused' });
    story.minute(2, bad, { verdict: 'blind', cause: 'imap-login-refused' });
    story.round((slot0 + 4) * minute);
    expect(only(story.open()).summary).toContain('; of the others nothing is known since then');
  });

  test('only those that delivered since then are counted', () => {
    const story = storyOf(hostsOf(4));
    const bad = { 'web-03/app/outside': refused(), 'web-04/app/outside': { verdict: 'blind' } as const };
    for (const after of [0, 1, 2]) story.minute(after, bad);
    expect(only(story.open()).summary).toContain('2 of the other 3 delivered within the last');
  });

  test('the age is that of the oldest of their newest canaries', () => {
    const story = storyOf(hostsOf(3));
    const bad = { 'web-03/app/outside': refused() };
    story.minute(0, bad);
    story.set(6, 'web-01/app/outside', { verdict: 'delivered' });
    story.set(3, 'web-02/app/outside', { verdict: 'delivered' });
    story.set(6, 'web-03/app/outside', refused());
    story.round((slot0 + 7) * minute);
    expect(only(story.open()).summary).toContain('the other 2 delivered within the last 4 min');
  });
});

describe('in common', () => {
  const labelled = (labels: (seat: number) => Readonly<Record<string, string>>) =>
    hostsOf(6).map((host) => ({ ...host, labels: labels(host.seat) }));

  test('labels that all failing hosts have and no healthy one has', () => {
    const hosts = labelled((seat) => ({
      subnet: seat > 4 ? '10.0.7.0/24' : '10.0.1.0/24',
      role: 'web',
      rack: `r${seat}`,
    }));
    const incident = incidentOf(hosts, monitorOf(), /web-0[56]/);
    expect(incident.inCommon).toEqual(['subnet 10.0.7.0/24']);
    expect(incident.summary).toMatch(/\. In common: subnet 10\.0\.7\.0\/24$/);
  });

  test('nothing where a healthy host has it too', () => {
    const hosts = labelled((seat) => ({ subnet: seat > 3 ? '10.0.7.0/24' : '10.0.1.0/24' }));
    expect(incidentOf(hosts, monitorOf(), /web-0[56]/).inCommon).toEqual([]);
  });

  test('three or more say that they were made together', () => {
    const hosts = labelled((seat) =>
      Object.fromEntries(['ami', 'launched', 'rack', 'subnet'].map((name) => [name, seat > 4 ? 'new' : 'old'])),
    );
    const { inCommon } = incidentOf(hosts, monitorOf(), /web-0[56]/);
    expect(inCommon).toHaveLength(4);
    expect(inCommon.at(-1)).toBe('they were made together');
  });

  test('three or more: the launch time is always among those that are named', () => {
    const hosts = labelled((seat) =>
      Object.fromEntries(['ami', 'az', 'build', 'launched'].map((name) => [name, seat > 4 ? 'new' : 'old'])),
    );
    expect(incidentOf(hosts, monitorOf(), /web-0[56]/).inCommon).toContain('launched new');
  });

  test('nothing where all hosts fail', () => {
    const hosts = labelled(() => ({ subnet: '10.0.7.0/24' }));
    expect(incidentOf(hosts, monitorOf(), /./).inCommon).toEqual([]);
  });
});

describe('facts', () => {
  test('inside delivered and outside refused on one host: the server takes its mail but does not relay it', () => {
    const incident = incidentOf(hostsOf(3, bothMailboxes), twoMailboxes, /web-03\/app\/outside/);
    expect(incident.facts).toContain("mail-gw takes web-03's mail for example.com but does not relay it");
  });

  test('not where inside is refused as well, and not for another cause', () => {
    const both = incidentOf(hostsOf(3, bothMailboxes), twoMailboxes, /web-03/);
    const other = incidentOf(
      hostsOf(3, bothMailboxes),
      twoMailboxes,
      /web-03\/app\/outside/,
      refused({ cause: 'greylisted' }),
    );
    for (const { facts } of [both, other]) expect(facts.join()).not.toContain('does not relay');
  });

  test('a host that was first seen within a day before is said to be new', () => {
    const hosts = hostsOf(3).map((host) => (host.id === 'web-03' ? { ...host, since: (slot0 - 60) * minute } : host));
    expect(incidentOf(hosts, monitorOf(), /web-03/).facts).toEqual([
      'web-03 was first seen at 2026-11-17 08:00:00 UTC',
    ]);
  });

  test('services and customers at risk are those of the failing hosts', () => {
    const hosts = hostsOf(3).map((host) =>
      host.id === 'web-03' ? { ...host, services: ['retractions'], customers: ['Globex'] } : host,
    );
    expect(incidentOf(hosts, monitorOf(), /web-03/)).toMatchObject({
      services: ['retractions'],
      customers: ['Globex'],
    });
  });

  test('the remedy names the address as the server saw it', () => {
    const { remedy } = incidentOf(hostsOf(3), monitorOf(), /web-03/, refused({ seenAs: '198.51.100.7' }));
    expect(remedy).toMatch(/^trust 198\.51\.100\.7 \(web-03's own address is 10\.0\.1\.3\) on mail-gw/);
  });
});
