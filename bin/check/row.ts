/** One canary of a pass, as people and programs read it. */
import { standing } from '../../lambdas/core/authentication.ts';
import { remedyFor } from '../../lambdas/core/causes.ts';
import { hopTimes, slowestHop } from '../../lambdas/core/hop-times.ts';
import { type Monitor, parseRoute } from '../../lambdas/core/monitor.ts';
import type { Settled } from '../../lambdas/core/settle.ts';
import {
  type Authentication,
  type Hop,
  type Ms,
  type Origin,
  type Verdict,
  verdicts,
} from '../../lambdas/core/words.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { commandsFor, knownOf } from './known.ts';

export type Row = {
  readonly route: string;
  readonly host: string;
  readonly path: string;
  readonly mailbox: string;
  readonly verdict: Verdict | 'pending';
  readonly cause: string | null;
  readonly evidence: string | null;
  readonly remedy: string | null;
  readonly answeredBy: string | null;
  readonly seenAs: string | null;
  readonly queueId: string | null;
  readonly sentAt: string | null;
  /** From sending to arrival. */
  readonly seconds: number | null;
  readonly folder: string | null;
  /** Where it really left from: the host's own address or not; null where that was not looked at. */
  readonly origin: Origin | null;
  /** A rule moved it to `folder`, which is not read. */
  readonly moved: boolean;
  /** What the trusted server found of its sender (SPF, DKIM, DMARC); null where none is trusted, or it did not judge. */
  readonly authentication: Omit<Authentication, 'words'> | null;
  /** Nothing stands for its sender. */
  readonly unauthenticated: boolean;
  /** Where it waited longest, when it was late and the hops tell. */
  readonly slowest: string | null;
  /** The headers of the spam filter, where it arrived in Junk. */
  readonly spam: string | null;
  /** Its attachment is not the one that was sent. */
  readonly altered: boolean;
  /** What was said to and fro, a line each; kept for one canary of each kind of failure. */
  readonly conversation: readonly string[];
  /** Commands for the administrator: where the reason is found. */
  readonly whereToLook: readonly string[];
  /** The same for a failure: which mails the server refused from that address since the day before. */
  readonly lostMails: readonly string[];
  /** Oldest first; seconds until the next hop, with `skew` where the clocks of the two differ too much to tell. */
  readonly hops: readonly {
    readonly by: string;
    readonly from: string | null;
    readonly address: string | null;
    readonly protocol: string | null;
    readonly tls: string | null;
    readonly seconds: number | null;
    readonly skew: boolean;
  }[];
};

/**
 * The verdict at the end of a pass. What nobody sent will not be sent any more, and what was refused for now is not
 * tried again (of a server that must refuse, that says nothing); a mailbox that stayed dark leaves its canaries blind.
 * The rest is still `pending`, and says so.
 */
const finalVerdict = ({ judgement, handover, sighting }: Settled, mustRefuse: boolean): Verdict | 'pending' => {
  if (judgement.verdict !== 'pending') return judgement.verdict;
  if (handover?.state === 'refused') return mustRefuse ? 'unsent' : 'refused';
  if (handover?.state === 'unsent') return 'unsent';
  return sighting.state === 'dark' && sighting.cause !== 'looked-partly' ? 'blind' : 'pending';
};

const hopsOf = (hops: readonly Hop[], bounds: { readonly sentAt: Ms; readonly arrivedAt: Ms }): Row['hops'] =>
  hopTimes(hops, bounds).map(({ by, from, address, with: protocol, tls, seconds, skew }) => ({
    by,
    from: from ?? null,
    address: address ?? null,
    protocol: protocol ?? null,
    tls: tls ?? null,
    seconds: seconds ?? null,
    skew: skew === true,
  }));

/** How it arrived, besides when. */
const arrivalOf = (
  sighting: Settled['sighting'],
): Pick<Row, 'moved' | 'authentication' | 'unauthenticated' | 'spam'> => {
  if (sighting.state !== 'seen') return { moved: false, authentication: null, unauthenticated: false, spam: null };
  const { moved = false, authentication, spam = null } = sighting;
  const { words: _, ...results } = authentication ?? {};
  const unauthenticated = authentication !== undefined && standing(authentication) === 'fail';
  return { moved, authentication: authentication === undefined ? null : results, unauthenticated, spam };
};

/** Everything that a pass knows of one canary. */
export const rowOf = (story: Settled, settings: Settings, monitor: Monitor): Row => {
  const { route, handover, sighting, judgement } = story;
  const { host, path, mailbox } = parseRoute(route);
  const verdict = finalVerdict(story, monitor.paths[path]?.mustRefuse === true);
  const dark = verdict === 'blind' && sighting.state === 'dark' ? sighting : undefined;
  const good = verdict !== 'pending' && verdicts[verdict].says === 'good';
  const refusal = handover !== undefined && 'cause' in handover ? handover.cause : undefined;
  const cause = dark?.cause ?? (good ? undefined : (judgement.cause ?? refusal));
  const known = knownOf(story, settings, monitor, dark !== undefined);
  const bad = verdict !== 'pending' && verdicts[verdict].says === 'bad';
  const commands = cause === undefined || good ? undefined : commandsFor(cause, known);
  return {
    route,
    host,
    path,
    mailbox,
    verdict,
    cause: cause ?? null,
    evidence: dark?.detail ?? judgement.evidence ?? handover?.evidence ?? null,
    remedy: cause === undefined ? null : remedyFor(cause, known),
    answeredBy: judgement.answeredBy ?? handover?.answeredBy ?? null,
    seenAs: handover?.seenAs ?? null,
    queueId: handover?.queueId ?? null,
    sentAt: handover === undefined || handover.state === 'unsent' ? null : new Date(handover.sentAt).toISOString(),
    seconds: judgement.took === undefined ? null : judgement.took / 1000,
    folder: sighting.state === 'seen' ? sighting.folder : null,
    origin: story.origin ?? null,
    ...arrivalOf(sighting),
    altered: sighting.state === 'seen' && sighting.altered === true,
    conversation: handover?.conversation ?? [],
    whereToLook: commands?.whereToLook ?? [],
    lostMails: bad ? (commands?.lostMails ?? []) : [],
    slowest: sighting.state === 'seen' && verdict === 'late' ? (slowestHop(sighting.hops, sighting) ?? null) : null,
    hops: sighting.state === 'seen' ? hopsOf(sighting.hops, sighting) : [],
  };
};
