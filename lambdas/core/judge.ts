/** From what was said and what was seen to one verdict (DESIGN 2 and 10): the first line that holds. */
import { standing } from './authentication.ts';
import type { Cause } from './causes.ts';
import type { Limits } from './limits.ts';
import type { Handover, Ms, Sighting, Slot, Stage, Verdict } from './words.ts';

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
  /** How long after its slot began a host may send it by its own clock. @default 0 */
  readonly period?: Ms | undefined;
  /** The trusted server must find that SPF, DKIM or DMARC stand for the sender. */
  readonly mustAuthenticate?: boolean | undefined;
  /** The server must refuse it: a relay is asked to relay for a stranger. */
  readonly mustRefuse?: boolean | undefined;
};

/** When a slot begins. */
export const slotStart = (slot: Slot, limits: Pick<Limits, 'tick'>): Ms => slot * limits.tick;

/** The slot that a time lies in. */
export const slotAt = (time: Ms, limits: Pick<Limits, 'tick'>): Slot => Math.floor(time / limits.tick);

/** The time from which a canary without sighting is called lost (or, if it was never sent, unsent). */
export const dueAt = (slot: Slot, handover: Handover | undefined, limits: Limits, period: Ms = 0): Ms =>
  handover === undefined || handover.state === 'unsent'
    ? slotStart(slot, limits) + period + limits.sendBy + limits.lostAfter
    : handover.sentAt + limits.lostAfter;

/** Why a canary that nobody refused is not there. */
const lostCause = (handover: Handover, unmarked: string | undefined): Cause => {
  if (unmarked !== undefined) return 'marks-stripped';
  if (handover.state === 'claimed') return 'claimed-but-lost';
  return handover.state === 'unanswered' ? 'unanswered' : 'accepted-but-lost';
};

/** Stages at which a server answers for the mail itself: what comes before says nothing of whom it relays for. */
const answersForMail: readonly (Stage | undefined)[] = ['mail', 'rcpt', 'data', 'body'];

/** Judges a canary that must be refused: taken or arrived is the failure; no connection says nothing. */
const judgeStranger = ({ slot, handover, sighting, period }: Evidence, now: Ms, limits: Limits): Judgement => {
  const said = { evidence: handover?.evidence, answeredBy: handover?.answeredBy };
  if (sighting.state === 'seen' || handover?.state === 'accepted' || handover?.state === 'claimed')
    return { verdict: 'relayed', cause: 'open-relay', ...said };
  if (handover?.state === 'refused' && !handover.temporary && answersForMail.includes(handover.stage))
    return { verdict: 'denied', ...said };
  if (now < dueAt(slot, handover, limits, period)) return { verdict: 'pending', ...said };
  const cause = handover !== undefined && 'cause' in handover ? handover.cause : 'never-sent';
  return { verdict: 'unsent', cause, ...said };
};

/** Judges one canary. Arrival beats every claim; a refusal needs no mailbox; `lost` needs a complete look. */
export const judge = (evidence: Evidence, now: Ms, limits: Limits): Judgement => {
  const { slot, handover, sighting, deliverWithin, period } = evidence;
  if (evidence.mustRefuse) return judgeStranger(evidence, now, limits);
  const said = { evidence: handover?.evidence, answeredBy: handover?.answeredBy };
  if (sighting.state === 'seen') {
    const took = Math.max(0, sighting.arrivedAt - sighting.sentAt);
    const { authentication } = sighting;
    if (evidence.mustAuthenticate && authentication !== undefined && standing(authentication) === 'fail')
      return { verdict: 'unauthenticated', cause: 'unauthenticated', took, ...said, evidence: authentication.words };
    const verdict = sighting.junk ? 'junked' : took > deliverWithin ? 'late' : 'delivered';
    return { verdict, took, ...said };
  }
  if (sighting.state === 'bounced')
    return { verdict: 'bounced', cause: 'returned', evidence: sighting.words, answeredBy: sighting.reportedBy };
  const due = dueAt(slot, handover, limits, period);
  if (handover?.state === 'refused') {
    if (!handover.temporary || now >= due) return { verdict: 'refused', cause: handover.cause, ...said };
    return { verdict: 'pending', cause: handover.cause, ...said };
  }
  if (handover === undefined || handover.state === 'unsent') {
    const cause: Cause = handover?.cause ?? (period === undefined ? 'never-sent' : 'host-silent');
    return { verdict: now > due ? 'unsent' : 'pending', cause, ...said };
  }
  if (now < due) return { verdict: 'pending', ...said };
  if (sighting.state === 'absent' && sighting.lookedAt >= due)
    return { verdict: 'lost', cause: lostCause(handover, sighting.unmarked), ...said };
  if (sighting.state === 'dark') return { verdict: 'blind', cause: sighting.cause, evidence: sighting.detail };
  // The look was complete, but began before the deadline: the next one decides.
  return { verdict: 'pending', ...said };
};
