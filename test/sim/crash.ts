/** Deaths by plan: one machine of a story dies before or after one given call. */
import { tryStory } from './checker.ts';
import type { Kind } from './machine.ts';
import type { Story } from './story.ts';
import { runStory, type World } from './world.ts';

export type Death = {
  readonly kind: Kind;
  /** The how-manieth machine of its kind. */
  readonly number: number;
  readonly call: number;
  readonly when: 'before' | 'after';
};

/** A round that dies leaves its lease behind: it takes this many more of its kind to see it repaired. */
const repairs = 3;

/** Every death that a story has room for: before and after each call of each machine that a filter lets through. */
export const deathsOf = async (story: Story, isChosen: (kind: Kind, number: number) => boolean): Promise<Death[]> => {
  const { calls } = await runStory(story);
  const last = (kind: string) => [...calls.keys()].filter((machine) => machine.startsWith(`${kind} `)).length;
  return [...calls].flatMap(([machine, count]) => {
    const [kind, number] = machine.split(' ') as [Kind, string];
    if (!isChosen(kind, Number(number)) || Number(number) > last(kind) - repairs) return [];
    return Array.from({ length: count }, (_, call) => call).flatMap((call) =>
      (['before', 'after'] as const).map((when) => ({ kind, number: Number(number), call, when })),
    );
  });
};

/** The story with that one death. */
export const withDeath = (story: Story, { kind, number, call, when }: Death): Promise<World> =>
  tryStory(story, {
    doom: (whose, which) =>
      whose === kind && which === number ? (index) => (index === call ? when : undefined) : undefined,
  });
