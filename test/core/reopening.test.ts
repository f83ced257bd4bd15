/** An incident that comes back: the same one within an hour, unstable at the third time, and each route in one of them. */
import { describe, expect, test } from 'vitest';
import { hostsOf } from './fleet.ts';
import { type Outcome, only, refused, storyOf } from './story.ts';

const app = (host: number) => `web-0${host}/app/outside`;

/** Three hosts, of which one (or more) failed at minutes 1 and 2: one open incident. */
const failing = (outcomes: { readonly [route: string]: Outcome } = { [app(3)]: refused() }) => {
  const story = storyOf(hostsOf(3));
  story.minute(0, {});
  for (const after of [1, 2]) story.minute(after, outcomes);
  only(story.open());
  return story;
};

describe('coming back', () => {
  const recover = (story: ReturnType<typeof storyOf>, from: number) => {
    for (const after of [0, 1, 2]) story.minute(from + after, {});
  };
  const failAgain = (story: ReturnType<typeof storyOf>, from: number, outcome: Outcome = refused()) => {
    for (const after of [0, 1]) story.minute(from + after, { [app(3)]: outcome });
  };

  test('within an hour it is the same incident', () => {
    const story = failing();
    const { id } = only(story.open());
    recover(story, 3);
    failAgain(story, 60);
    expect(only(story.open())).toMatchObject({ id, unstable: false, closedAt: undefined, ending: undefined });
    expect(only(story.open()).openings).toHaveLength(2);
    expect(only(story.open()).timeline.map(({ text }) => text)).toContain('reopened');
  });

  test('after an hour it is another', () => {
    const story = failing();
    const { id } = only(story.open());
    recover(story, 3);
    failAgain(story, 80);
    expect(only(story.open()).id).not.toBe(id);
    expect(story.all()).toHaveLength(2);
  });

  test('with another cause it is another', () => {
    const story = failing();
    const { id } = only(story.open());
    recover(story, 3);
    failAgain(story, 10, refused({ cause: 'greylisted' }));
    expect(only(story.open()).id).not.toBe(id);
  });

  const unstable = () => {
    const story = failing();
    for (const from of [10, 20]) {
      recover(story, from - 7);
      failAgain(story, from);
    }
    return story;
  };

  test('the third time within a day it is unstable, and three good canaries do not close it', () => {
    const story = unstable();
    expect(only(story.open())).toMatchObject({ unstable: true });
    recover(story, 22);
    expect(only(story.open()).routes[app(3)]?.over).toBe('recovered');
  });

  test('an unstable one stays until a day without a bad verdict, however many canaries are well meanwhile', () => {
    const story = unstable();
    for (let after = 30; after < 20 * 60; after += 10) story.minute(after, {});
    expect(story.open()).toHaveLength(1);
    for (let after = 20 * 60; after < 25 * 60; after += 10) story.minute(after, {});
    expect(story.open()).toEqual([]);
  });

  test('an unstable one takes a further failure as an update', () => {
    const story = unstable();
    const { id, version } = only(story.open());
    recover(story, 22);
    failAgain(story, 100);
    expect(only(story.open())).toMatchObject({ id, unstable: true });
    expect(only(story.open()).version).toBeGreaterThan(version);
  });

  test('a route that fails for another cause by now is not taken back', () => {
    const story = failing({ [app(2)]: refused(), [app(3)]: refused() });
    recover(story, 3);
    for (const after of [10, 11]) story.minute(after, { [app(2)]: refused({ cause: 'auth-failed' }) });
    const both = { [app(2)]: refused({ cause: 'auth-failed' }), [app(3)]: refused() };
    for (const after of [12, 13]) story.minute(after, both);
    const live = story
      .open()
      .map(({ cause, routes }) => [cause, Object.keys(routes).filter((id) => routes[id]?.over === undefined)]);
    expect(Object.fromEntries(live)).toEqual({ 'auth-failed': [app(2)], 'relay-denied': [app(3)] });
  });
});
