/** What reports in the mailboxes say of canaries that are still expected, as notes: a report is read once, and the cursor moves on. */
import { canaryId } from './canary.ts';
import type { StoredBatch } from './items.ts';
import type { Sorted } from './sighting.ts';
import type { Bounce, Ms, Note, RouteId, Slot } from './words.ts';

type Expected = { readonly route: RouteId; readonly slot: Slot; readonly noted: ReadonlySet<string> };

/**
 * Notes that the ledger does not hold yet: delay notices with our token, and reports that name a canary by its envelope id
 * or queue id alone. One of each kind a canary, so that a flood of reports writes no more than that.
 */
export const hintedBy = (
  batches: readonly StoredBatch[],
  sorted: ReadonlyMap<string, Sorted>,
  isOpen: (route: RouteId, slot: Slot) => boolean,
  now: Ms,
): Note[] => {
  const all = [...sorted.values()];
  const delays = all.flatMap(({ own }) => own.filter(({ mail, stale }) => !stale && mail.bounce?.delayed));
  const hints = all.flatMap((one) => one.hints);
  if (delays.length + hints.length === 0) return [];
  const byId = new Map<string, Expected>();
  const byQueueId = new Map<string, Expected>();
  for (const { slot, routes, handovers, notes = [] } of batches)
    routes.forEach((route, index) => {
      if (!isOpen(route, slot)) return;
      const expected = { route, slot, noted: new Set(notes.map(({ id }) => id)) };
      byId.set(canaryId(route, slot), expected);
      const queueId = handovers?.[index]?.queueId;
      if (queueId !== undefined) byQueueId.set(queueId, expected);
    });
  const found = new Map<string, Note>();
  const add = (expected: Expected | undefined, { words, reportedBy, delayed }: Bounce, unsigned: boolean) => {
    if (expected === undefined) return;
    const { route, slot, noted } = expected;
    const state = delayed ? 'delayed' : 'bounced';
    const id = `${unsigned ? 'hint' : 'report'}.${state}.${canaryId(route, slot)}`;
    if (noted.has(id) || found.has(id)) return;
    found.set(id, { id, route, slot, at: now, says: { state, words, reportedBy, ...(unsigned ? { unsigned } : {}) } });
  };
  for (const { id, mail } of delays) if (mail.bounce !== undefined) add(byId.get(id), mail.bounce, false);
  for (const hint of hints) add(byId.get(hint.envelopeId ?? '') ?? byQueueId.get(hint.queueId ?? ''), hint, true);
  return [...found.values()];
};
