/** How the handovers of a batch are written down: what canaries share is written once, so that a refused batch costs no more than an accepted one. */
import type { Handover, Ms } from './words.ts';

/** A handover without what differs from canary to canary. */
type Fact = Omit<Handover, 'sentAt' | 'queueId'>;

/** The fact, milliseconds after the first one was sent, queue id. */
type Row = readonly [fact: number, after: Ms] | readonly [fact: number, after: Ms, queueId: string];

type Body = { readonly base: Ms; readonly facts: readonly Fact[]; readonly rows: readonly Row[] };

/** Writes the handovers of a batch in their order. */
export const encodeHandovers = (handovers: readonly Handover[]): Body => {
  const base = handovers.reduce((least, { sentAt }) => Math.min(least, sentAt), handovers[0]?.sentAt ?? 0);
  const facts: Fact[] = [];
  const places = new Map<string, number>();
  const rows = handovers.map(({ sentAt, queueId, ...fact }): Row => {
    const text = JSON.stringify(fact);
    const place = places.get(text) ?? facts.push(fact) - 1;
    places.set(text, place);
    return queueId === undefined ? [place, sentAt - base] : [place, sentAt - base, queueId];
  });
  return { base, facts, rows };
};

/** Reads what `encodeHandovers` wrote. */
export const decodeHandovers = (body: unknown): Handover[] => {
  const { base, facts, rows } = body as Body;
  return rows.map(([place, after, queueId]) => {
    const fact = facts[place];
    if (fact === undefined) throw new Error(`handovers cannot be read: they have no fact ${place}`);
    return { ...fact, sentAt: base + after, ...(queueId === undefined ? {} : { queueId }) } as Handover;
  });
};
