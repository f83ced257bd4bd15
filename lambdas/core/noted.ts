/** What was said of a canary later, brought together with what the sending side said at first. */
import type { Bounce, Handover, Note } from './words.ts';

export type Noted = {
  readonly handover: Handover | undefined;
  /** It was returned. `unsigned`: nobody proved it, so it explains a canary that is not there and makes none bad. */
  readonly bounce?: Bounce | undefined;
  readonly unsigned?: boolean | undefined;
};

/** A host that said "about to send" says less than anything that came of it. */
const isEnd = (handover: Handover | undefined) => handover !== undefined && handover.state !== 'commanded';

/** Brings handover and notes together, the notes in the order in which they were said. Their own order changes nothing. */
export const withNotes = (handover: Handover | undefined, notes: readonly Note[]): Noted => {
  let known = handover;
  let bounce: Bounce | undefined;
  let unsigned: boolean | undefined;
  for (const { says } of [...notes].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))) {
    if (says.state === 'handed') {
      if (isEnd(known) && !isEnd(says.handover)) continue;
      // The attempt began when it was first spoken of; the clock of what came later may be another one.
      const sentAt = Math.min(known?.sentAt ?? says.handover.sentAt, says.handover.sentAt);
      known = { ...says.handover, sentAt };
    } else if (says.state === 'bounced') {
      if (bounce !== undefined && !unsigned) continue;
      bounce = { words: says.words, reportedBy: says.reportedBy };
      unsigned = says.unsigned;
    } else if (known !== undefined && known.state !== 'refused') {
      known = { ...known, evidence: says.words, answeredBy: says.reportedBy ?? known.answeredBy };
    }
  }
  return { handover: known, ...(bounce === undefined ? {} : { bounce, unsigned: unsigned === true }) };
};
