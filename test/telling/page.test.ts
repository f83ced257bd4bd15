/** What a page says, and that it keeps its contract whatever a stranger's server wrote. */
import { describe, expect, test } from 'vitest';
import { stepConditions } from '../../lambdas/core/conditions.ts';
import type { IncidentEvent } from '../../lambdas/core/incident.ts';
import type { Record } from '../../lambdas/core/lane.ts';
import { type PageContext, pageOf } from '../../lambdas/telling/page.ts';
import { hostsOf, inside, minute, monitorOf, outside, pathPlan, slot0 } from '../core/fleet.ts';
import { late, lost, type Outcome, refused, storyOf, unsent } from '../core/story.ts';

const start = slot0 * minute;
const contextFor = (hosts: readonly { id: string }[], more: Partial<PageContext> = {}): PageContext => ({
  hostsOf: { app: hosts.map(({ id }) => id), machine: hosts.map(({ id }) => id) },
  timezone: 'Europe/Berlin',
  since: start + minute,
  runbook: 'https://wiki.example.com/mail',
  ...more,
});

/** The story of hosts whose routes come to an outcome for a while, told through the real diagnosis. */
const told = (
  hosts: ReturnType<typeof hostsOf>,
  where: RegExp,
  outcome: Outcome,
  minutes = 2,
  monitor = monitorOf({ mailboxes: { outside, inside } }),
) => {
  const story = storyOf(hosts, monitor);
  const bad = () =>
    Object.fromEntries(
      story
        .routes()
        .filter(({ id }) => where.test(id))
        .map(({ id }) => [id, outcome]),
    );
  story.minute(0, {});
  for (let after = 1; after <= minutes; after += 1) story.minute(after, bad());
  const page = (kind: IncidentEvent['kind'], context = contextFor(hosts)) => {
    const [incident] = story.all();
    if (incident === undefined) throw new Error('the story has no incident');
    return pageOf({ kind, key: `${incident.id}/${incident.version}`, incident }, context);
  };
  return { story, page };
};

describe('the six states, word for word', () => {
  test('refused: one host of three', () => {
    const hosts = hostsOf(3, { services: ['purchase-orders', 'retractions'], customers: ['Acme', 'Globex'] }).map(
      (host) => ({
        ...host,
        labels: { subnet: host.id === 'web-03' ? '10.0.7.0/24' : '10.0.1.0/24' },
      }),
    );
    const evidence = '554 5.7.1 <canary@mailbox-elsewhere.example>: Relay access denied';
    const { page } = told(hosts, /web-03/, refused({ evidence, seenAs: '198.51.100.7' }));
    expect(page('opened')).toEqual({
      title: 'MAIL REFUSED: web-03 by mail-gw (1 of 3 hosts)',
      body: [
        'mail-gw refuses mail from web-03 since Tue 17 Nov 10:01 (UTC+1).',
        'At risk: purchase-orders, retractions for Acme, Globex.',
        'Server said: 554 5.7.1 canary(at)mailbox-elsewhere.example: Relay access denied',
        'Still working: the other 2 delivered within the last 30 s.',
        'Only these share: subnet 10.0.7.0/24.',
        "First step: trust 198.51.100.7 (web-03's own address is 10.0.1.3) on mail-gw:",
        "  Postfix mynetworks, Exchange the Receive connector's RemoteIPRanges on every",
        '  server, Exim relay_from_hosts; trust this address, never a whole network',
        'Refused mail is not queued here. It must be sent again.',
        'Runbook: https://wiki.example.com/mail',
      ],
    });
  });

  test('refused outside and taken inside: the trap of a trust list is told', () => {
    const { page } = told(hostsOf(3, { mailboxes: ['outside', 'inside'] }), /web-03\/app\/outside/, refused());
    expect(page('opened').body).toContain("Seen: mail-gw takes web-03's mail for example.com but does not relay it.");
  });

  test('down: a server that answers nobody', () => {
    const evidence = 'connect ETIMEDOUT 10.0.0.5:25';
    const { page } = told(
      hostsOf(4, { mailboxes: ['outside', 'inside'] }),
      /./,
      refused({ cause: 'connect-timeout', evidence }),
    );
    const { title, body } = page('opened');
    expect(title).toBe('MAIL DOWN: mail-gw answers no one (4 of 4 hosts)');
    expect(body.slice(0, 4)).toEqual([
      'No host can hand mail to mail-gw since Tue 17 Nov 10:01 (UTC+1).',
      'At risk: purchase-orders for Acme.',
      'Seen: connect ETIMEDOUT 10.0.0.5:25',
      'Not one host: path app (all 4 hosts). Suspect what they share.',
    ]);
  });

  test('lost, where path and mailbox cannot be told apart', () => {
    const { page } = told(hostsOf(3), /./, lost, 2, monitorOf());
    const { title, body } = page('opened');
    expect(title).toBe('MAIL LOST: all hosts to mailbox outside (3 of 3 hosts)');
    expect(body.join(' ').replace(/ +/g, ' ')).toContain('cannot tell with one of each');
    expect(body).toContain('Lost mail must be sent again.');
  });

  test('called lost, and arrived: late', () => {
    const { story, page } = told(hostsOf(3), /web-03/, lost);
    for (const after of [1, 2]) story.set(after, 'web-03/app/outside', { ...late, was: 'lost' });
    story.round(start + 4 * minute);
    expect(page('changed').title).toBe('MAIL LATE: web-03 to mailbox outside (1 of 3 hosts)');
    expect(page('changed').body[0]).toMatch(/^Mail from web-03 was called lost and has arrived since/);
  });

  test('returned', () => {
    const { page } = told(hostsOf(3), /web-03/, {
      verdict: 'bounced',
      cause: 'returned',
      evidence: '550 no such user',
      answeredBy: 'mx',
    });
    expect(page('opened').title).toBe('MAIL RETURNED: web-03 by mx (1 of 3 hosts)');
  });

  test('late: a ticket', () => {
    const { page } = told(hostsOf(3), /web-03/, late);
    expect(page('opened')).toMatchObject({ title: 'MAIL LATE: web-03 on path app (1 of 3 hosts)' });
    expect(page('opened').body).toContain('This is a ticket, not a page.');
    expect(page('opened').body.join()).toContain('Nothing must be sent again');
  });

  test('in Junk: a ticket', () => {
    const { page } = told(hostsOf(3), /./, { verdict: 'junked', took: 1000 });
    expect(page('opened').title).toBe('MAIL IN JUNK: all hosts to mailbox outside (3 of 3 hosts)');
  });

  test('not sent: not known, never broken', () => {
    const story = storyOf(hostsOf(3));
    for (let after = 0; after <= 50; after += 10) story.minute(after, { 'web-03/app/outside': unsent });
    const [incident] = story.open();
    const page = incident && pageOf({ kind: 'opened', key: 'k', incident }, contextFor(hostsOf(3)));
    expect(page?.title).toBe('NOT SENT: web-03 on path app (1 of 3 hosts)');
    expect(page?.body).toContain('Whether mail from there works is not known.');
  });

  test('over: since when, how proved, how long', () => {
    const { story, page } = told(hostsOf(3), /web-0[12]/, refused());
    for (const after of [25, 26, 27]) story.minute(after, {});
    expect(page('closed')).toEqual({
      title: 'OVER: web-01, web-02 send again (27 min)',
      body: [
        'Over since Tue 17 Nov 10:27 (UTC+1). It lasted 27 min.',
        'It was: mail-gw refuses mail from web-01, web-02, since Tue 17 Nov 10:01',
        '  (UTC+1).',
        'Was at risk: purchase-orders for Acme.',
        'Server said: 554 5.7.1 Relay access denied',
        'Proved: test mails in a row arrived on every route whose host is still there.',
        'Refused mail is not queued here. It must be sent again.',
        'Runbook: https://wiki.example.com/mail',
      ],
    });
  });

  test('over because the host is gone is no proof', () => {
    const { story, page } = told(hostsOf(3), /web-03/, refused());
    story.leave('web-03');
    story.round(start + 5 * minute);
    expect(page('closed').title).toBe('OVER: web-03 is gone, never delivered (4 min)');
    expect(page('closed').body.join()).toContain('Not proved');
  });
});

describe('mail that arrives, and not as it should', () => {
  const arriving = (record: Partial<Record>) => {
    const hosts = hostsOf(3);
    return told(hosts, /web-03/, { verdict: 'delivered', took: 2000, ...record }, 2).page('opened');
  };

  test('from an address that is none of the host: arrived, and nobody refused anything', () => {
    const { title, body } = arriving({ leftFrom: '10.0.1.99' });
    expect(title).toBe('WRONG ADDRESS: web-03 on path app (1 of 3 hosts)');
    expect(body).toContain('Seen: it left from 10.0.1.99');
    expect(body.join(' ')).not.toMatch(/refuse|must be sent again/);
  });

  test('with another attachment', () => {
    const { title, body } = arriving({ altered: true });
    expect(title).toBe('MAIL CHANGED: web-03 to mailbox outside (1 of 3 hosts)');
    expect(body.join(' ')).not.toMatch(/refuse|must be sent again/);
  });
});

test('a server that relays for strangers is an open relay, and refuses nobody', () => {
  const hosts = hostsOf(1);
  const outcome: Outcome = {
    verdict: 'relayed',
    cause: 'open-relay',
    evidence: '250 2.0.0 Ok: queued as 4F2B1',
    answeredBy: 'mail-gw',
  };
  const { title, body } = told(hosts, /web-01/, outcome, 1).page('opened');
  expect(title).toMatch(/^OPEN RELAY: web-01 by mail-gw/);
  expect(body[0]).toContain('mail-gw takes mail from strangers to strangers');
});

describe('news that is about no route', () => {
  const incident = stepConditions(
    [
      {
        key: 'self-registered|web-09|cron',
        severity: 'note',
        cause: 'self-registered',
        name: 'web-09',
        since: start,
        evidence: 'web-09 spoke for itself over path cron from 10.0.1.9 @everybody',
      },
    ],
    [],
    monitorOf(),
    start,
  )[0];
  if (incident === undefined) throw new Error('there is no incident');
  const page = (one: typeof incident) => pageOf({ kind: 'opened', key: 'k', incident: one }, contextFor([]));

  test('is told as news, with its first step, and rings nothing', () => {
    const { title, body } = page(incident);
    expect(title).toBe('NEWS: web-09: a host that nobody had listed spoke for itself');
    expect(body.join('\n')).toMatch(/^First step: nothing if you expected web-09/m);
    expect(body).toContain('This is a note, not a page.');
    expect(body.join(' ')).not.toMatch(/refuse|@everybody/);
  });

  test('and is over when it is none any more', () => {
    const { title, body } = page({ ...incident, closedAt: start + 24 * 60 * minute, ending: 'recovered' });
    expect(title).toMatch(/^OVER: NEWS: web-09/);
    expect(body.join(' ')).toMatch(/It lasted 1 day|It lasted 24 h/);
  });
});

describe('counts and names', () => {
  test('hosts that recovered are not counted any more', () => {
    const { story, page } = told(hostsOf(6), /web-0[56]/, refused());
    for (const after of [3, 4, 5]) story.minute(after, { 'web-06/app/outside': refused() });
    expect(page('changed').title).toBe('MAIL REFUSED: web-06 by mail-gw (1 of 6 hosts)');
  });

  test('many hosts are counted, not listed', () => {
    const { page } = told(hostsOf(40), /web-1/, refused());
    expect(page('opened').title).toBe('MAIL REFUSED: web-10 and 9 more by mail-gw (10 of 40 hosts)');
    expect(page('opened').body[0]).toContain('web-10, web-11, web-12 and 7 more');
  });

  test('no whole is told where it is not known', () => {
    const { page } = told(hostsOf(3), /web-03/, refused());
    expect(page('opened', contextFor([], { hostsOf: {} })).title).toBe('MAIL REFUSED: web-03 by mail-gw (1 host)');
  });

  test('a host that fails on two paths is counted once', () => {
    const monitor = monitorOf({ paths: { app: pathPlan(), machine: pathPlan() } });
    const { page } = told(hostsOf(3, { paths: ['app', 'machine'] }), /web-03/, refused(), 2, monitor);
    expect(page('opened').title).toBe('MAIL REFUSED: web-03 by mail-gw (1 of 3 hosts)');
  });

  test('a zone that is not there is a mistake of the settings', () => {
    const { page } = told(hostsOf(3), /web-03/, refused());
    expect(() => page('opened', contextFor([], { timezone: 'Europe/Nowhere' }))).toThrow(RangeError);
  });

  test('a runbook that would be cut is left out', () => {
    const { page } = told(hostsOf(3), /web-03/, refused());
    const runbook = `https://wiki.example.com/${'x'.repeat(80)}`;
    expect(page('opened', contextFor([], { runbook })).body.join()).not.toContain('wiki');
    expect(page('opened', contextFor([], { runbook: runbook.slice(0, 78) })).body.at(-1)).toBe(runbook.slice(0, 78));
  });
});

describe('a stranger\u2019s words', () => {
  const said = (evidence: string) => {
    const { page } = told(hostsOf(3), /web-03/, refused({ evidence }));
    return page('opened').body.find((line) => line.startsWith('Server said'));
  };
  test.each([
    ['a mention', '550 <!channel> <@U123> @here', '550 !channel (at)U123 (at)here'],
    ['a link', '550 see https://evil.example/?x=1 now', '550 see (link) now'],
    ['a link in markup', '550 [click](http://evil.example) <http://evil.example|here>', '550 (link) (link)'],
    ['a link of look-alikes', '550 h\u200bttp\uff1a\uff0f\uff0fevil.example', '550 (link)'],
    ['a link hidden in markup', '550 http:_//evil.example www*.evil.example', '550 (link) (link)'],
    ['a script', '550 javascript:alert(1) data:text/html,x', '550 (link) (link)'],
    ['lines and escapes', '550\r\nFrom: boss\u001b[31m\u0000\u202e', '550 From: boss (31m'],
    ['markup', '550 *bold* _it_ `code` ~no~ a_b', "550 bold it 'code' -no- a_b"],
    ['other scripts', '550 geschützt 拒否', '550 geschutzt ??'],
  ])('%s', (_, evidence, expected) => {
    expect(said(evidence)).toBe(`Server said: ${expected}`);
  });

  test('a flood of words takes no more time than they are long', () => {
    for (const flood of ['a'.repeat(500_000), '<@'.repeat(250_000), ':/'.repeat(250_000), '_'.repeat(500_000)]) {
      const { page } = told(hostsOf(3), /web-03/, refused({ evidence: flood, answeredBy: flood }));
      expect(page('opened').title.length).toBeLessThanOrEqual(60);
    }
  });
});
