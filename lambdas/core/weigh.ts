/** One canary with everything that is known of it: what was said, what was seen, where it left from, and the verdict. */
import { type Judgement, judge } from './judge.ts';
import { type Monitor, parseRoute, periodOf } from './monitor.ts';
import { withNotes } from './noted.ts';
import { originOf } from './origin.ts';
import type { Asked } from './outcomes.ts';
import { type OwnMail, sightingOf } from './sighting.ts';
import type { Handover, HostFacts, Look, Ms, Note, Origin, RouteId, Sighting, Slot } from './words.ts';

const notAsked = 'nobody could be asked what became of the command';

export type Canary = {
  /** `canaryId` of route and slot. */
  readonly id: string;
  readonly route: RouteId;
  readonly slot: Slot;
  /** What the sending side said at first. */
  readonly first: Handover | undefined;
  readonly notes: readonly Note[];
  readonly mails: readonly OwnMail[];
};

export type Known = {
  readonly monitor: Monitor;
  readonly look: Look | undefined;
  readonly host: HostFacts | undefined;
  /** What became of commanded canaries, by id; and those about which nobody could be asked. */
  readonly asked: Pick<Asked, 'outcomes' | 'unasked'>;
  readonly now: Ms;
};

export type Weighed = {
  readonly handover: Handover | undefined;
  readonly sighting: Sighting;
  readonly judgement: Judgement;
  readonly origin: Origin | undefined;
};

/** Weighs one canary. The handover is the best that is known of it: later words and outcomes included. */
export const weigh = ({ id, route, slot, first, notes, mails }: Canary, known: Known): Weighed => {
  const { monitor, look, host, asked, now } = known;
  const { path, mailbox } = parseRoute(route);
  const plan = monitor.paths[path];
  const { handover: told, bounce, unsigned } = withNotes(first, notes);
  const handover = (told?.state === 'commanded' ? asked.outcomes.get(id) : undefined) ?? told;
  const seen = sightingOf(mails, look, now, { bounce: unsigned ? undefined : bounce, size: plan?.size, id });
  const isUnasked = seen.state === 'absent' && asked.unasked.has(id);
  const sighting: Sighting = isUnasked ? { state: 'dark', cause: 'outcome-unknown', detail: notAsked } : seen;
  const evidence = {
    slot,
    handover,
    sighting,
    deliverWithin: plan?.deliverWithin ?? monitor.limits.lostAfter,
    period: periodOf(monitor, path),
    mustRefuse: plan?.mustRefuse,
    mustAuthenticate: monitor.mailboxes[mailbox]?.mustAuthenticate,
  };
  const plainly = judge(evidence, now, monitor.limits);
  // A report that nobody signed proves nothing; it says why a canary is lost that is lost anyway.
  const explained: Sighting | undefined =
    plainly.verdict === 'lost' && bounce !== undefined
      ? { state: 'bounced', words: bounce.words, reportedBy: bounce.reportedBy }
      : undefined;
  const judgement =
    explained === undefined ? plainly : judge({ ...evidence, sighting: explained }, now, monitor.limits);
  const isWanted = sighting.state === 'seen' && host !== undefined && plan?.anyOrigin === undefined;
  const origin = isWanted ? originOf(sighting.hops, host, plan?.submitted ?? false) : undefined;
  return { handover, sighting, judgement, origin };
};
