/** What becomes one incident and what becomes two, when it opens, and that no route is forgotten or blamed. */
import { describe, expect, test } from 'vitest';
import { slotStart } from '../../lambdas/core/judge.ts';
import { hostsOf, inside, limits, monitorOf, outside, pathPlan, slot0 } from './fleet.ts';
import { blind, delivered, junked, late, lost, type Outcome, only, refused, storyOf, unsent } from './story.ts';

const app = (host: number, mailbox = 'outside') => `web-0${host}/app/${mailbox}`;
const twoPaths = monitorOf({ paths: { app: pathPlan(), machine: pathPlan() } });
const twoMailboxes = monitorOf({ mailboxes: { outside, inside } });

describe('an incident opens', () => {
  test('at the second bad canary, not at the first', () => {
    const story = storyOf(hostsOf(3));
    story.minute(0, {});
    expect(story.minute(1, { [app(3)]: refused() })).toEqual([]);
    const incident = only(story.minute(2, { [app(3)]: refused() }));
    expect(incident).toMatchObject({
      finding: 'failing',
      severity: 'page',
      cause: 'relay-denied',
      answeredBy: 'mail-gw',
      firstSlot: slot0 + 1,
      version: 1,
      evidence: '554 5.7.1 Relay access denied',
    });
    expect(incident.id).toMatch(/^2026-11-17-[bcdfghjklmnpqrstvwxz]{5}$/);
    expect(incident.timeline.map(({ text }) => text)).toEqual(['opened with 1 route']);
  });

  test('never for what we could not see, and never at once for what we did not send', () => {
    const story = storyOf(hostsOf(3));
    for (let after = 0; after < 20; after += 1) story.minute(after, { [app(1)]: unsent }, blind);
    expect(story.all()).toEqual([]);
  });

  test('with all hosts that one server refuses for one cause', () => {
    const story = storyOf(hostsOf(6));
    for (const after of [0, 1, 2]) story.minute(after, after === 0 ? {} : { [app(5)]: refused(), [app(6)]: refused() });
    expect(Object.keys(only(story.open()).routes)).toEqual([app(5), app(6)]);
  });

  test('a host that fails later joins it: an update, not a second page', () => {
    const story = storyOf(hostsOf(6));
    story.minute(0, {});
    for (const after of [1, 2]) story.minute(after, { [app(5)]: refused() });
    const before = only(story.open());
    for (const after of [3, 4]) story.minute(after, { [app(5)]: refused(), [app(6)]: refused() });
    expect(only(story.open())).toMatchObject({
      id: before.id,
      version: before.version + 1,
      name: 'web-05, web-06 (2 of 6 hosts)',
    });
  });
});

describe('two faults at once are two incidents', () => {
  const keysAfter = (outcomes: { readonly [route: string]: Outcome }, hosts = hostsOf(6), monitor = monitorOf()) => {
    const story = storyOf(hosts, monitor);
    story.minute(0, {});
    for (const after of [1, 2]) story.minute(after, outcomes);
    return story
      .open()
      .map(({ key }) => key)
      .sort();
  };

  test('two causes at one server', () => {
    expect(keysAfter({ [app(1)]: refused(), [app(2)]: refused({ cause: 'blocklisted' }) })).toEqual([
      'blocklisted|mail-gw',
      'relay-denied|mail-gw',
    ]);
  });

  test('one cause at two servers', () => {
    expect(keysAfter({ [app(1)]: refused(), [app(2)]: refused({ answeredBy: 'mail-gw-2' }) })).toEqual([
      'relay-denied|mail-gw',
      'relay-denied|mail-gw-2',
    ]);
  });

  test('lost in two mailboxes', () => {
    const bothMailboxes = { mailboxes: ['outside', 'inside'] };
    const outcomes = { [app(1)]: lost, [app(2, 'inside')]: lost };
    expect(keysAfter(outcomes, hostsOf(3, bothMailboxes), twoMailboxes)).toEqual(['lost|inside', 'lost|outside']);
  });

  test('but the same cause at each host\u2019s own server is one: that of the path', () => {
    const own = (host: number) => refused({ cause: 'app-error', answeredBy: `web-0${host}`, ownServer: true });
    expect(keysAfter({ [app(1)]: own(1), [app(2)]: own(2) })).toEqual(['app-error|path app']);
  });

  test('and what nobody answered is that of the path', () => {
    const silent = refused({ cause: 'connect-timeout', answeredBy: undefined });
    expect(keysAfter({ [app(1)]: silent, [app(2)]: silent })).toEqual(['connect-timeout|path app']);
  });
});

describe('waiting for siblings', () => {
  /** A host fails at 1 and 2, and the others have told nothing since. */
  const alone = () => {
    const story = storyOf(hostsOf(3));
    story.minute(0, {});
    story.set(1, app(3), refused());
    story.set(2, app(3), refused());
    return story;
  };
  const failedAt = slotStart(slot0 + 2, limits);

  test('lasts 90 seconds at most', () => {
    const story = alone();
    expect(story.round(failedAt + 89_999)).toEqual([]);
    expect(only(story.round(failedAt + 90_000)).name).toBe('web-03');
  });

  test('ends with two fresh verdicts', () => {
    const story = alone();
    story.set(2, app(1), delivered);
    expect(story.round(failedAt + 20_000)).toEqual([]);
    story.set(2, app(2), delivered);
    expect(story.round(failedAt + 30_000)).toHaveLength(1);
  });

  test('does not happen where there are none', () => {
    const story = storyOf(hostsOf(1));
    story.set(1, app(1), refused());
    story.set(2, app(1), refused());
    expect(story.round(failedAt + 1000)).toHaveLength(1);
  });
});

describe('tickets', () => {
  test('late, when it repeats', () => {
    const story = storyOf(hostsOf(3));
    story.minute(0, { [app(1)]: late });
    expect(story.minute(1, {})).toEqual([]);
    for (const after of [2, 3]) story.minute(after, { [app(1)]: late });
    expect(only(story.open())).toMatchObject({ finding: 'late', severity: 'ticket', cause: 'arrives-late' });
  });

  test('in Junk, one for the mailbox', () => {
    const story = storyOf(hostsOf(3, { paths: ['app', 'machine'] }), twoPaths);
    for (const after of [0, 1]) story.minute(after, {}, junked);
    expect(only(story.open())).toMatchObject({ finding: 'junked', severity: 'ticket', key: 'junked|outside' });
  });

  test.each([
    ['every ten minutes', 10],
    ['every minute', 1],
  ])('not sent %s: after thirty minutes', (_, step) => {
    const story = storyOf(hostsOf(3));
    story.minute(0, {});
    const openedAt: number[] = [];
    for (let after = step; after <= 60; after += step) {
      story.minute(after, { [app(1)]: unsent });
      if (openedAt.length === 0 && story.open().length > 0) openedAt.push(after);
    }
    expect(only(story.open())).toMatchObject({ finding: 'unsent', severity: 'ticket', cause: 'sender-failed' });
    expect(openedAt[0]).toBeGreaterThanOrEqual(20);
    expect(openedAt[0]).toBeLessThanOrEqual(41);
  });
});
