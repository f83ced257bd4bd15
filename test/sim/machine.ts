/** A machine runs one round: it may be slow, its clock may be off, and it may die before or after any call to the world. */
import type { Ms } from '../../lambdas/core/words.ts';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

export type Kind = 'discover' | 'plan' | 'send' | 'note' | 'confirm';

/** What the simulated world refuses on purpose; anything else that a round throws is a bug. */
export class Refused extends Error {
  override name = 'Refused';
}

/** Decides for each call whether the machine dies before or after it; `index` counts the calls of this machine. */
export type Doom = (index: number, what: string) => 'before' | 'after' | undefined;

export type Machine = {
  readonly kind: Kind;
  /** The how-manieth machine of its kind. */
  readonly number: number;
  readonly now: () => Ms;
  /** One call to the world. A dead machine's calls do nothing and never return. */
  readonly call: <T>(what: string, effect: () => T | Promise<T>) => Promise<T>;
  readonly calls: () => number;
  readonly isDead: () => boolean;
};

export type Ending = { readonly how: 'ended' | 'died' } | { readonly how: 'failed'; readonly error: unknown };

export type MachineOptions = {
  readonly kind: Kind;
  readonly number: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly skew: Ms;
  /** How long one call to the ledger may take, there or back; 0 is a machine that needs no time. */
  readonly pace: Ms;
  readonly timeout: Ms;
  readonly doom?: Doom | undefined;
  readonly onCall?: ((what: string) => void) | undefined;
};

const never = <T>() => new Promise<T>(() => undefined);

/** Starts a round on a new machine. A round that dies leaves everything it did, and does nothing more. */
export const startMachine = async (
  options: MachineOptions,
  round: (machine: Machine) => Promise<unknown>,
): Promise<Ending> => {
  const { clock, random, pace } = options;
  let dead = false;
  let calls = 0;
  let buried: () => void = () => undefined;
  const death = new Promise<Ending>((resolve) => {
    buried = () => resolve({ how: 'died' });
  });
  const die = () => {
    dead = true;
    buried();
  };
  const journey = async () => {
    if (pace > 0) await clock.wait(Math.floor(random.next() * pace));
  };
  const machine: Machine = {
    kind: options.kind,
    number: options.number,
    now: () => clock.now() + options.skew,
    isDead: () => dead,
    calls: () => calls,
    call: async (what, effect) => {
      if (dead) return never();
      const doom = options.doom?.(calls, what);
      calls += 1;
      options.onCall?.(what);
      if (doom === 'before') die();
      else await journey();
      if (dead) return never();
      try {
        const answer = await effect();
        if (doom === 'after') die();
        await journey();
        return dead ? never() : answer;
      } catch (error) {
        if (doom === 'after') die();
        if (dead) return never();
        throw error;
      }
    },
  };
  let over = false;
  clock.at(clock.now() + options.timeout, () => {
    if (!over) die();
  });
  const work = round(machine).then(
    (): Ending => ({ how: 'ended' }),
    (error: unknown): Ending => ({ how: 'failed', error }),
  );
  const ending = await Promise.race([work, death]);
  over = true;
  return ending;
};
