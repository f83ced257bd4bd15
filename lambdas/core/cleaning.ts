/** Removing our own mail from a mailbox, and what to do where the server does not let us (DESIGN 8). */
import type { MailboxState, Stuck } from './items.ts';
import type { Limits } from './limits.ts';
import type { Mailbox } from './ports.ts';
import type { Ms, Place } from './words.ts';

export type Cleaned = {
  /** Places that the cursor must not pass: they are tried again. */
  readonly waiting: readonly Place[];
  readonly unremoved: number;
  readonly stuck: Stuck | undefined;
  /** What failed besides a refusal of the server. */
  readonly error?: unknown;
};

/**
 * Removes mail that may go. What could not be removed waits for some rounds and is then left behind, to be found again by
 * the hourly sweep. A mailbox that may only be read is tried once an hour, and nothing waits.
 */
export const cleanUp = async (
  mailbox: Mailbox | undefined,
  places: readonly Place[],
  before: MailboxState | undefined,
  limits: Limits,
  now: Ms,
): Promise<Cleaned> => {
  const { stuck, unremoved = 0 } = before ?? {};
  if (mailbox === undefined || places.length === 0) return { waiting: [], unremoved: 0, stuck };
  if (stuck?.readOnly && now < stuck.nextTry) return { waiting: [], unremoved: 0, stuck };
  try {
    const { refused } = await mailbox.remove(places);
    if (refused === undefined) return { waiting: [], unremoved: 0, stuck: undefined };
    const { readOnly, detail } = refused;
    const rounds = (stuck?.rounds ?? 0) + 1;
    const next: Stuck = { since: stuck?.since ?? now, readOnly, detail, rounds, nextTry: now + limits.housekeeping };
    return { waiting: readOnly || rounds > limits.removals ? [] : places, unremoved: 0, stuck: next };
  } catch (error) {
    const failed = unremoved + 1;
    return { waiting: failed > limits.removals ? [] : places, unremoved: failed, stuck, error };
  }
};
