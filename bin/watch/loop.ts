/** The loop of `watch` and of the demo: plans each tick, confirms several times a tick, until it is told to stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Confirmed } from '../../lambdas/core/confirm.ts';
import { slotAt, slotStart } from '../../lambdas/core/judge.ts';
import type { Monitor } from '../../lambdas/core/monitor.ts';
import type { Local } from '../../lambdas/wiring/local.ts';

export type LoopOptions = {
  readonly local: Local;
  readonly monitor: Monitor;
  readonly signal: AbortSignal;
  readonly onRound: (round: Confirmed) => void;
  readonly onProblem: (what: string, error: unknown) => void;
  /** Rounds of confirm in one tick. @default 4 */
  readonly perTick?: number;
};

/** Runs until the signal. A round that fails is told and repeated; the two loops do not wait for each other. */
export const runLoop = async ({
  local,
  monitor,
  signal,
  onRound,
  onProblem,
  perTick = 4,
}: LoopOptions): Promise<void> => {
  const { limits } = monitor;
  const pause = async (until: number) => {
    await sleep(Math.max(0, until - Date.now()), undefined, { signal }).catch(() => undefined);
  };
  const planning = async () => {
    while (!signal.aborted) {
      await local.plan().catch((error: unknown) => onProblem('planning', error));
      await pause(slotStart(slotAt(Date.now(), limits) + 1, limits));
    }
  };
  const confirming = async () => {
    while (!signal.aborted) {
      const begun = Date.now();
      try {
        const round = await local.confirm();
        if (round !== undefined) onRound(round);
      } catch (error) {
        onProblem('confirming', error);
      }
      await local.rest();
      await pause(begun + limits.tick / perTick);
    }
  };
  await Promise.all([planning(), confirming()]);
  await local.stop();
};
