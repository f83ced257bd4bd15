/** Starts the machines of a story: some are slow, some are doomed, and one that throws what nobody refused has found a bug. */
import type { Ms } from '../../lambdas/core/words.ts';
import type { Clock } from './clock.ts';
import { type Doom, type Ending, type Kind, type Machine, Refused, startMachine } from './machine.ts';
import type { Random } from './random.ts';
import { minute, type Story } from './story.ts';
import type { Truth } from './truth.ts';

export type StarterOptions = {
  /** Where a machine dies; in place of the story's own random deaths. */
  readonly doom?: (kind: Kind, number: number) => Doom | undefined;
  /** Called at the end of each machine that ran confirm, with how many slots it read. */
  readonly onRoundReads?: (slots: number) => void;
};

type World = {
  readonly story: Story;
  readonly clock: Clock;
  readonly random: Random;
  readonly truth: Truth;
};

const timeouts: Readonly<Record<Kind, Ms>> = {
  discover: minute,
  plan: minute,
  send: 70_000,
  note: 20_000,
  confirm: minute,
};
const isRead = (what: string) => what.startsWith('get ') || what.startsWith('list ');

/** A death at a random call that changes something, so that most doomed machines die where it matters. */
const randomDoom = (random: Random): Doom => {
  let left = random.whole(0, 9);
  return (_, what) => {
    if (isRead(what)) return random.chance(0.01) ? 'before' : undefined;
    left -= 1;
    return left === -1 ? random.pick(['before', 'after'] as const) : undefined;
  };
};

/** What starts a machine; `calls` grows while the story runs. */
export const starterOf = ({ story, clock, random, truth }: World, options: StarterOptions) => {
  const numbers = new Map<Kind, number>();
  const calls = new Map<string, number>();
  let confirmCalls = 0;

  const start = async (kind: Kind, round: (machine: Machine) => Promise<unknown>): Promise<Ending> => {
    const number = (numbers.get(kind) ?? 0) + 1;
    numbers.set(kind, number);
    const isNoisy = clock.now() < story.calm;
    const isSlow = isNoisy && random.chance(story.noise.slow);
    let slotsRead = 0;
    const doomed = isNoisy && random.chance(story.noise.death);
    const ending = await startMachine(
      {
        kind,
        number,
        clock,
        random,
        skew: Math.round((random.next() * 2 - 1) * story.skew.ours),
        pace: isSlow ? random.pick([50, 500, 2500]) : 0,
        timeout: timeouts[kind],
        doom: options.doom?.(kind, number) ?? (doomed ? randomDoom(random) : undefined),
        onCall: (what) => {
          if (kind === 'confirm' && what.startsWith('list batch#')) slotsRead += 1;
          calls.set(`${kind} ${number}`, (calls.get(`${kind} ${number}`) ?? 0) + 1);
          if (kind === 'confirm') confirmCalls += 1;
        },
      },
      round,
    );
    if (kind === 'confirm') options.onRoundReads?.(slotsRead);
    if (ending.how === 'died') {
      truth.count(`${kind} died`);
      truth.tell(() => `${kind} ${number} dies`);
    }
    if (ending.how === 'failed') {
      truth.tell(() => `${kind} ${number} fails: ${String(ending.error)}`);
      if (ending.error instanceof Refused) truth.count(`${kind} failed`);
      else
        truth.violate(`${kind} ${number} threw ${ending.error instanceof Error ? ending.error.stack : ending.error}`);
    }
    return ending;
  };

  return { start, calls, confirmCalls: () => confirmCalls };
};
