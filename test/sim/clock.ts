/** Simulated time: events in order, and after each the rounds run on until they wait again. */
import type { Ms } from '../../lambdas/core/words.ts';

type Event = { readonly at: Ms; readonly turn: number; readonly happen: () => void };

export type Clock = {
  readonly now: () => Ms;
  readonly at: (time: Ms, happen: () => void) => void;
  readonly wait: (span: Ms) => Promise<void>;
  /** Lets everything happen until nothing is left before this time. */
  readonly run: (until: Ms) => Promise<void>;
};

/** Everything that promises still have to do is done before a macrotask begins. */
const drained = () => new Promise<void>((resolve) => setImmediate(resolve));

export const clockFrom = (start: Ms): Clock => {
  const heap: Event[] = [];
  let time = start;
  let turn = 0;
  const before = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.turn < b.turn);
  const swap = (i: number, j: number) => {
    const [a, b] = [heap[i], heap[j]];
    if (a === undefined || b === undefined) return;
    heap[i] = b;
    heap[j] = a;
  };
  const isBefore = (i: number, j: number) => {
    const [a, b] = [heap[i], heap[j]];
    return a !== undefined && b !== undefined && before(a, b);
  };
  const push = (event: Event) => {
    heap.push(event);
    for (let at = heap.length - 1; at > 0 && isBefore(at, (at - 1) >> 1); at = (at - 1) >> 1) swap(at, (at - 1) >> 1);
  };
  const pop = (): Event | undefined => {
    const [first] = heap;
    swap(0, heap.length - 1);
    heap.pop();
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const least = isBefore(right, left) ? right : left;
      if (!isBefore(least, at)) break;
      swap(least, at);
      at = least;
    }
    return first;
  };
  const at: Clock['at'] = (when, happen) => push({ at: Math.max(when, time), turn: turn++, happen });
  return {
    now: () => time,
    at,
    wait: (span) => new Promise((resolve) => at(time + span, resolve)),
    run: async (until) => {
      await drained();
      for (let next = heap[0]; next !== undefined && next.at <= until; next = heap[0]) {
        pop();
        time = next.at;
        next.happen();
        await drained();
      }
      time = Math.max(time, until);
    },
  };
};
