/** What a pass found, as one JSON document and as what a person reads. */
import { remedyFor } from '../../lambdas/core/causes.ts';
import { diagnose } from '../../lambdas/core/diagnose.ts';
import type { Incident } from '../../lambdas/core/incident.ts';
import { initial, type Record as VerdictRecord } from '../../lambdas/core/lane.ts';
import { type Monitor, parseRoute, routesOf } from '../../lambdas/core/monitor.ts';
import type { Settled } from '../../lambdas/core/settle.ts';
import { type Handover, type Hop, type Ms, type Origin, type Verdict, verdicts } from '../../lambdas/core/words.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { findingsOf } from './findings.ts';
import { commandsFor, knownOf } from './known.ts';
import type { Pass } from './pass.ts';

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
  /** Its attachment is not the one that was sent. */
  readonly altered: boolean;
  /** What was said to and fro, a line each; kept for one canary of each kind of failure. */
  readonly conversation: readonly string[];
  /** Commands for the administrator: where the reason is found. */
  readonly whereToLook: readonly string[];
  /** The same for a failure: which mails the server refused from that address since the day before. */
  readonly lostMails: readonly string[];
  /** Oldest first; seconds since the hop before, negative where clocks differ. */
  readonly hops: readonly { readonly by: string; readonly from: string | null; readonly seconds: number | null }[];
};

export type Report = {
  readonly ok: boolean;
  readonly verdicts: readonly Row[];
  readonly incidents: readonly {
    readonly id: string;
    readonly name: string;
    readonly cause: string;
    readonly answeredBy: string | null;
    readonly routes: readonly string[];
    readonly inCommon: readonly string[];
    readonly summary: string;
  }[];
  readonly warnings: readonly string[];
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

const hopsOf = (hops: readonly Hop[]): Row['hops'] =>
  hops.map(({ by, from, at }, index) => {
    const before = hops[index - 1]?.at;
    return { by, from: from ?? null, seconds: at === undefined || before === undefined ? null : (at - before) / 1000 };
  });

const rowOf = (story: Settled, settings: Settings, monitor: Monitor): Row => {
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
    altered: sighting.state === 'seen' && sighting.altered === true,
    conversation: handover?.conversation ?? [],
    whereToLook: commands?.whereToLook ?? [],
    lostMails: bad ? (commands?.lostMails ?? []) : [],
    hops: sighting.state === 'seen' ? hopsOf(sighting.hops) : [],
  };
};

const recordOf = (story: Settled, row: Row): VerdictRecord[] => {
  if (row.verdict === 'pending') return [];
  const handover: Handover | undefined = story.handover;
  return [
    {
      slot: story.slot,
      verdict: row.verdict,
      took: story.judgement.took,
      cause: story.judgement.cause ?? (handover !== undefined && 'cause' in handover ? handover.cause : undefined),
      evidence: row.evidence ?? undefined,
      answeredBy: row.answeredBy ?? undefined,
      seenAs: row.seenAs ?? undefined,
      ownServer: handover?.ownServer,
      product: handover?.product,
      altered: row.altered || undefined,
    },
  ];
};

/** The incidents of one pass: the same diagnosis, where one bad verdict is enough since there is only one. */
const incidentsOf = (pass: Pass, rows: readonly Row[], settings: Settings, now: Ms): Incident[] => {
  const records = new Map(pass.stories.map((story, index) => [story.route, recordOf(story, rows[index] as Row)]));
  const limits = { ...pass.monitor.limits, failing: { inRow: 1, of: [1, 1] as const }, siblings: 0, unsentTicket: 0 };
  const hosts = settings.hosts.map((host, seat) => ({ ...host, seat, since: 0, missing: 0 }));
  return diagnose({
    monitor: { ...pass.monitor, limits },
    hosts,
    routes: hosts.flatMap((host) => routesOf(host, pass.monitor)).filter(({ id }) => records.has(id)),
    memory: (route) => ({ base: initial, records: records.get(route) ?? [] }),
    incidents: [],
    now,
  });
};

/** Speaks for the host. */
export const isGood = ({ verdict }: Row): boolean => verdict !== 'pending' && verdicts[verdict].says === 'good';

/** Is in the mailbox, as it must be: of a server that must refuse, a refusal is good. */
export const hasArrived = (row: Row): boolean => isGood(row) && row.verdict !== 'denied';

/** Makes the report of a pass. */
export const reportOf = (pass: Pass, settings: Settings, warnings: readonly string[], now: Ms): Report => {
  const order = new Map(settings.hosts.map(({ id }, index) => [id, index]));
  const stories = [...pass.stories].sort(
    (a, b) =>
      (order.get(parseRoute(a.route).host) ?? 0) - (order.get(parseRoute(b.route).host) ?? 0) ||
      (a.route < b.route ? -1 : 1),
  );
  const rows = stories.map((story) => rowOf(story, settings, pass.monitor));
  const problems = [
    ...new Set(
      pass.problems.map(
        ({ what, error }) => `${what} failed: ${error instanceof Error ? error.message : 'unknown error'}`,
      ),
    ),
  ];
  return {
    ok: rows.length > 0 && rows.every(isGood),
    verdicts: rows,
    incidents: incidentsOf({ ...pass, stories }, rows, settings, now)
      // What arrived late or in Junk is a warning.
      .filter(({ routes }) => rows.some((row) => row.route in routes && !isGood(row)))
      .map(({ id, name, cause, answeredBy, routes, inCommon, summary }) => ({
        id,
        name,
        cause,
        answeredBy: answeredBy ?? null,
        routes: Object.keys(routes),
        inCommon,
        summary,
      })),
    warnings: [...warnings, ...findingsOf(rows, settings), ...problems],
  };
};

/** 0: all arrived. 1: some failed, were not sent or have not arrived yet. 3: none failed, and some could not be looked for. */
export const exitStatus = ({ ok, verdicts: rows }: Report): 0 | 1 | 3 => {
  if (ok) return 0;
  return rows.some(
    ({ verdict }) => verdict === 'pending' || verdict === 'unsent' || verdicts[verdict].says === 'bad',
  ) || rows.length === 0
    ? 1
    : 3;
};
