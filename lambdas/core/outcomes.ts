/** What became of canaries that hosts were told to send: asked only for batches with overdue ones, a few batches a round. */
import { canaryId } from './canary.ts';
import type { StoredBatch } from './items.ts';
import { type Monitor, parseRoute } from './monitor.ts';
import type { Commanded, Outcomes } from './ports.ts';
import type { Handover, HostFacts, Ms, RouteId, Slot } from './words.ts';

/** Batches that one round asks about; the others have time until `lostAfter`. */
const most = 20;

export type Asked = {
  /** By canary id. */
  readonly outcomes: ReadonlyMap<string, Handover>;
  /** Canaries about which nobody could be asked in this round: nothing is known of them. */
  readonly unasked: ReadonlySet<string>;
  readonly problems: readonly { readonly what: string; readonly error: unknown }[];
};

/** Asks for the overdue ones among the canaries that `isOpen` still waits for, oldest batches first. */
export const askOutcomes = async (
  monitor: Monitor,
  batches: readonly StoredBatch[],
  hosts: ReadonlyMap<string, HostFacts>,
  isOpen: (route: RouteId, slot: Slot) => boolean,
  port: ((path: string) => Outcomes | undefined) | undefined,
  now: Ms,
): Promise<Asked> => {
  const outcomes = new Map<string, Handover>();
  const unasked = new Set<string>();
  const problems: { what: string; error: unknown }[] = [];
  const waves = batches
    .map(({ slot, path, name, routes, handovers }) => ({
      slot,
      path,
      name,
      overdue: routes.flatMap((route, index): Commanded[] => {
        const handover = handovers?.[index];
        const host = hosts.get(parseRoute(route).host);
        const patience = monitor.paths[path]?.deliverWithin ?? monitor.limits.lostAfter;
        const isOverdue = handover?.state === 'commanded' && handover.command !== undefined;
        return isOverdue && host !== undefined && now >= handover.sentAt + patience && isOpen(route, slot)
          ? [{ route, slot, handover, host }]
          : [];
      }),
    }))
    .filter(({ overdue }) => overdue.length > 0)
    .sort((a, b) => a.slot - b.slot);
  await Promise.all(
    waves.map(async ({ path, name, slot, overdue }, index) => {
      const ids = new Map(overdue.map(({ route }) => [route, canaryId(route, slot)]));
      const ask = index < most ? port?.(path) : undefined;
      try {
        if (ask === undefined) throw new Error('not asked in this round');
        for (const [route, handover] of await ask(overdue)) outcomes.set(ids.get(route) ?? '', handover);
      } catch (error) {
        for (const id of ids.values()) unasked.add(id);
        if (ask !== undefined) problems.push({ what: `asking what became of batch ${name}`, error });
      }
    }),
  );
  return { outcomes, unasked, problems };
};
