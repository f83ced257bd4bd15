/** The lease of a confirm round: one at a time, and each with a number of its own. */
import type { ConfirmClock, Items } from './items.ts';
import { slotAt } from './judge.ts';
import type { Monitor } from './monitor.ts';
import type { Ms } from './words.ts';

/** Takes the lease with the next round number; the first round ever begins with the present slots. */
export const takeLease = async (items: Items, now: Ms, { limits }: Monitor): Promise<ConfirmClock | undefined> => {
  const last = await items.confirmClock();
  if (last !== undefined && last.leaseUntil > now) return undefined;
  const oldest = slotAt(now - (limits.sendBy + limits.lostAfter + limits.patience + 2 * limits.tick), limits);
  const base: ConfirmClock = last ?? { round: 0, leaseUntil: 0, open: oldest, ended: 0, published: 0, skipped: 0 };
  const next = { ...base, round: base.round + 1, leaseUntil: now + limits.lease };
  return (await items.putConfirmClock(next, 'take')) ? next : undefined;
};
