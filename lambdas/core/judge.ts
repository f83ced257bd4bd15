/** From what was said and what was seen to one verdict (DESIGN 2 and 10): the first line that holds. */
import type { Cause } from './causes.ts';
import type { Limits } from './limits.ts';
import type { Handover, Ms, Sighting, Slot, Verdict } from './words.ts';

/** A verdict, or `pending` while none holds, with what proves it. */
export type Judgement = {
  readonly verdict: Verdict | 'pending';
  readonly cause?: Cause | undefined;
  readonly evidence?: string | undefined;
  readonly answeredBy?: string | undefined;
  /** From sending to arrival, when it arrived. */
  readonly took?: Ms | undefined;
};

export type Evidence = {
  readonly slot: Slot;
  readonly handover: Handover | undefined;
  readonly sighting: Sighting;
  readonly deliverWithin: Ms;
};

/** When a slot begins. */
export const slotStart = (slot: Slot, limits: Pick<Limits, 'tick'>): Ms => slot * limits.tick;

/** The slot that a time lies in. */
export const slotAt = (time: Ms, limits: Pick<Limits, 'tick'>): Slot => Math.floor(time / limits.tick);

/** The time from which a canary without sighting is called lost (or, if it was never sent, unsent). */
export const dueAt = (slot: Slot, handover: Handover | undefined, limits: Limits): Ms =>
  handover === undefined || handover.state === 'unsent'
    ? slotStart(slot, limits) + limits.sendBy + limits.lostAfter
    : handover.sentAt + limits.lostAfter;

/** Why a canary that nobody refused is not there. */
const lostCause = (handover: Handover): Cause => {
  if (handover.state === 'claimed') return 'claimed-but-lost';
  return handover.state === 'unanswered' ? 'unanswered' : 'accepted-but-lost';
};

/** Judges one canary. Arrival beats every claim; a refusal needs no mailbox; `lost` needs a complete look. */
export const judge = ({ slot, handover, sighting, deliverWithin }: Evidence, now: Ms, limits: Limits): Judgement => {
  const said = { evidence: handover?.evidence, answeredBy: handover?.answeredBy };
  if (sighting.state === 'seen') {
    const took = Math.max(0, sighting.arrivedAt - sighting.sentAt);
    const verdict = sighting.junk ? 'junked' : took > deliverWithin ? 'late' : 'delivered';
    return { verdict, took, ...said };
  }
  if (sighting.state === 'bounced')
    return { verdict: 'bounced', cause: 'returned', evidence: sighting.words, answeredBy: sighting.reportedBy };
  const due = dueAt(slot, handover, limits);
  if (handover?.state === 'refused') {
    if (!handover.temporary || now >= due) return { verdict: 'refused', cause: handover.cause, ...said };
    return { verdict: 'pending', cause: handover.cause, ...said };
  }
  if (handover === undefined || handover.state === 'unsent') {
    const cause: Cause = handover?.cause ?? 'never-sent';
    return { verdict: now > due ? 'unsent' : 'pending', cause, ...said };
  }
  if (now < due) return { verdict: 'pending', ...said };
  if (sighting.state === 'absent' && sighting.lookedAt >= due)
    return { verdict: 'lost', cause: lostCause(handover), ...said };
  if (sighting.state === 'dark') return { verdict: 'blind', cause: sighting.cause, evidence: sighting.detail };
  // The look was complete, but began before the deadline: the next one decides.
  return { verdict: 'pending', ...said };
};
