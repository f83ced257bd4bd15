import { causes } from '../../lambdas/core/causes.ts';
import { type Condition, remedyOf } from '../../lambdas/core/conditions.ts';
import { diagnose } from '../../lambdas/core/diagnose.ts';
import type { Incident } from '../../lambdas/core/incident.ts';
import { initial, type Record as VerdictRecord } from '../../lambdas/core/lane.ts';
import { parseRoute, routesOf } from '../../lambdas/core/monitor.ts';
import type { Settled } from '../../lambdas/core/settle.ts';
import { type Handover, type Ms, verdicts } from '../../lambdas/core/words.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { findingsOf } from './findings.ts';
import { type Row, rowOf } from './row.ts';

export type { Row } from './row.ts';

import type { Pass } from './pass.ts';

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

/** A condition as one line: what, what proves it, what to do. */
const wordsOf = (condition: Condition): string => {
  const { name, cause, evidence } = condition;
  const seen = evidence === undefined ? '' : ` (${evidence})`;
  return `${name}: ${causes[cause].meaning}${seen}: ${remedyOf(condition)}`;
};

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
    warnings: [...warnings, ...findingsOf(rows, settings), ...pass.conditions.map(wordsOf), ...problems],
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
