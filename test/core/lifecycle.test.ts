/** How an incident goes on: it changes, closes, comes back, and is never closed by silence or by a correction. */
import { describe, expect, test } from 'vitest';
import { hostOf, hostsOf, inside, limits, minute, monitorOf, outside, slot0 } from './fleet.ts';
import { blind, delivered, late, lost, type Outcome, only, refused, storyOf, unsent } from './story.ts';

const app = (host: number, mailbox = 'outside') => `web-0${host}/app/${mailbox}`;
const timeOf = (after: number) => (slot0 + after) * minute;

/** Three hosts, of which one (or more) failed at minutes 1 and 2: one open incident. */
const failing = (outcomes: { readonly [route: string]: Outcome } = { [app(3)]: refused() }, hosts = hostsOf(3)) => {
  const story = storyOf(hosts);
  story.minute(0, {});
  for (const after of [1, 2]) story.minute(after, outcomes);
  only(story.open());
  return story;
};

describe('closing', () => {
  test('by three good canaries in a row on each of its routes', () => {
    const story = failing({ [app(2)]: refused(), [app(3)]: refused() });
    for (const after of [3, 4]) story.minute(after, {});
    expect(story.open()).toHaveLength(1);
    story.minute(5, { [app(3)]: refused() });
    expect(only(story.open()).routes).toMatchObject({ [app(2)]: { over: 'recovered' }, [app(3)]: { over: undefined } });
    for (const after of [6, 7]) story.minute(after, {});
    expect(story.open()).toHaveLength(1);
    story.minute(8, {});
    expect(story.open()).toEqual([]);
    expect(only(story.all())).toMatchObject({ ending: 'recovered', closedAt: timeOf(8) + minute / 2 });
    expect(only(story.all()).timeline.at(-1)?.text).toBe('closed: recovered');
  });

  test('never by silence', () => {
    const story = failing();
    for (const hours of [1, 5, 24, 200]) story.round(timeOf(hours * 60));
    expect(only(story.open()).version).toBe(1);
  });

  test('never by a memory that is missing', () => {
    const story = failing();
    story.forget();
    story.round(timeOf(10));
    expect(story.open()).toHaveLength(1);
  });

  test.each([
    ['what we could not see', blind],
    ['what we did not send', unsent],
  ])('never by %s', (_, outcome) => {
    const story = failing();
    for (let after = 3; after < 30; after += 1) story.minute(after, { [app(3)]: outcome });
    expect(story.open().filter(({ finding }) => finding === 'failing')).toHaveLength(1);
  });

  test('never by a correction: mail that was queued is not lost, and the incident says so', () => {
    const story = failing({ [app(3)]: lost });
    const before = only(story.open());
    expect(before.cause).toBe('accepted-but-lost');
    story.minute(3, { [app(3)]: lost });
    for (const after of [1, 2, 3]) story.set(after, app(3), { ...late, was: 'lost' });
    story.round(timeOf(4));
    expect(only(story.open())).toMatchObject({ id: before.id, version: before.version + 1, cause: 'queued-not-lost' });
    expect(only(story.open()).remedy).toContain('find the queue');
    story.round(timeOf(200));
    expect(story.open()).toHaveLength(1);
    for (const after of [201, 202, 203]) story.minute(after, {});
    expect(only(story.all())).toMatchObject({ ending: 'recovered', cause: 'queued-not-lost' });
  });
});

describe('a host that is gone', () => {
  test('ends its incident as never delivered', () => {
    const story = failing();
    story.leave('web-03');
    story.round(timeOf(10));
    expect(only(story.all())).toMatchObject({ ending: 'host gone, never delivered', name: 'web-03' });
  });

  test('does not end that of others', () => {
    const story = failing({ [app(2)]: refused(), [app(3)]: refused() });
    story.leave('web-03');
    story.round(timeOf(10));
    expect(only(story.open()).routes[app(3)]?.over).toBe('host gone');
    for (const after of [11, 12, 13]) story.minute(after, {});
    expect(only(story.all()).ending).toBe('recovered');
  });

  test('keeps its services and customers in the report', () => {
    const story = failing();
    story.leave('web-03');
    story.round(timeOf(10));
    expect(only(story.all())).toMatchObject({ services: ['purchase-orders'], customers: ['Acme'] });
  });
});

describe('what stays and what changes', () => {
  test('the id stays while name and counts change', () => {
    const story = failing({ [app(1)]: refused() }, hostsOf(6));
    const ids = new Set([only(story.open()).id]);
    const names = new Set([only(story.open()).name]);
    for (let count = 2; count <= 6; count += 1) {
      const bad = Object.fromEntries(Array.from({ length: count }, (_, index) => [app(index + 1), refused()]));
      for (const after of [1, 2]) story.minute(2 * count + after, bad);
      ids.add(only(story.open()).id);
      names.add(only(story.open()).name);
    }
    expect(ids.size).toBe(1);
    expect(names.size).toBe(6);
  });

  test('the version grows only when there is something to tell', () => {
    const story = failing();
    for (let after = 3; after < 40; after += 1)
      story.minute(after, { [app(3)]: refused({ evidence: `try ${after}` }) });
    expect(only(story.open()).version).toBe(1);
    story.join(hostOf('web-04'));
    story.minute(40, { [app(3)]: refused() });
    expect(only(story.open()).version).toBe(1);
  });

  test('a closed incident is not told again when its route fails for another cause', () => {
    const story = failing();
    for (const after of [3, 4, 5]) story.minute(after, {});
    const closed = only(story.all());
    for (const after of [6, 7, 8]) story.minute(after, { [app(3)]: refused({ cause: 'greylisted' }) });
    expect(story.all().find(({ id }) => id === closed.id)).toEqual(closed);
  });

  test('a later loss that turns out to be queued does not rewrite a closed incident', () => {
    const story = failing({ [app(3)]: lost });
    for (let after = 3; after < 20; after += 1) story.minute(after, {});
    const closed = only(story.all());
    story.minute(80, { [app(3)]: lost });
    story.set(80, app(3), { ...late, was: 'lost' });
    story.minute(81, {});
    expect(only(story.all())).toEqual(closed);
  });

  test('a closed incident is left alone', () => {
    const story = failing();
    for (const after of [3, 4, 5]) story.minute(after, {});
    const closed = only(story.all());
    story.leave('web-03');
    for (let after = 6; after < 30; after += 1) story.minute(after, {});
    expect(only(story.all())).toEqual(closed);
  });
});

describe('a long trouble', () => {
  test('of the mailbox\u2019s own making ends when canaries arrive there again', () => {
    const both = monitorOf({ mailboxes: { outside, inside } });
    const story = storyOf(hostsOf(3, { mailboxes: ['outside', 'inside'] }), both);
    const toInside = Object.fromEntries([1, 2, 3].map((host) => [app(host, 'inside'), lost]));
    for (let after = 0; after < 120; after += 1) story.minute(after, after === 0 ? {} : toInside);
    expect(only(story.open()).name).toBe('all 3 hosts to mailbox inside');
    for (let after = 120; after < 120 + limits.healthy; after += 1) story.minute(after, {}, delivered);
    expect(only(story.all()).ending).toBe('recovered');
  });
});
