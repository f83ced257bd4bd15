/**
 * `check --nagios`: what a pass found as the output of a monitoring plugin, for Nagios, Icinga, Checkmk and their kin
 * (https://www.monitoring-plugins.org/doc/guidelines.html: one line, a pipe, performance data, then further lines).
 */
import { asEvidence } from '../../lambdas/core/replies.ts';
import { type Ms, type Verdict, verdicts } from '../../lambdas/core/words.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { hasArrived, type Report, type Row } from './report.ts';
import { detail } from './table.ts';

/** The states of a plugin; the place is its exit status. */
const states = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
type State = (typeof states)[number];

/** The worst first: a host that fails is told before what could not be looked at, and both before what is only slow. */
const order: readonly State[] = ['CRITICAL', 'UNKNOWN', 'WARNING', 'OK'];

const stateOf = {
  delivered: 'OK',
  late: 'WARNING',
  junked: 'WARNING',
  refused: 'CRITICAL',
  bounced: 'CRITICAL',
  lost: 'CRITICAL',
  unauthenticated: 'CRITICAL',
  denied: 'OK',
  relayed: 'CRITICAL',
  unsent: 'UNKNOWN',
  blind: 'UNKNOWN',
} as const satisfies Record<Verdict, State>;

const mostLines = 20;

/** Words of others, fit for a plugin: one line, and no pipe, which would begin the performance data. */
const plain = (words: string, most = 300): string => asEvidence(words, [], most).replaceAll('|', '/');

/** What a monitoring system runs: its output, and its exit status. */
export type Plugin = { readonly text: string; readonly status: number };

const plugin = (state: State, summary: string, performance: string, lines: readonly string[]): Plugin => ({
  text: `${[`MAIL CANARY ${state} - ${summary}${performance === '' ? '' : ` | ${performance}`}`, ...lines].join('\n')}\n`,
  status: states.indexOf(state),
});

/** A failure of ours or of the caller: nothing is known of any host. */
export const unknownPlugin = (message: string): Plugin => {
  const [summary = 'it failed and said nothing', ...more] = message
    .split('\n')
    .map((line) => plain(line))
    .filter((line) => line !== '');
  return plugin('UNKNOWN', summary, '', more.slice(0, mostLines));
};

/** What became of a canary, in one line. */
const told = (row: Row): string => {
  const known = detail(row);
  if (row.verdict === 'pending') return known;
  const took = row.seconds === null ? '' : ` after ${row.seconds.toFixed(1)} s`;
  return `${verdicts[row.verdict].people}${took}${known === '' ? '' : `: ${known}`}`;
};

export type Waited = {
  readonly settings: Pick<Settings, 'paths' | 'deliverWithin' | 'lostAfter'>;
  /** How long the pass waited for arrivals. */
  readonly wait: Ms;
};

/** A pass as plugin output. */
export const pluginOf = (report: Report, { settings, wait }: Waited): Plugin => {
  const { verdicts: rows, warnings, incidents } = report;
  const within = ({ path }: Row): Ms => settings.paths[path]?.deliverWithin ?? settings.deliverWithin;
  /** What has not arrived is late once that is a fact; before, nobody knows. */
  const state = (row: Row): State =>
    row.verdict === 'pending' ? (wait >= within(row) ? 'WARNING' : 'UNKNOWN') : stateOf[row.verdict];
  const found = new Set<State>([
    ...rows.map(state),
    ...(warnings.length > 0 ? (['WARNING'] as const) : []),
    ...(rows.length === 0 ? (['UNKNOWN'] as const) : []),
  ]);
  const worst = order.find((one) => found.has(one)) ?? 'OK';

  const counts: readonly (readonly [label: string, words: string, count: number])[] = (
    [...(Object.keys(verdicts) as Verdict[]), 'pending'] as const
  ).map((verdict) => [
    verdict,
    verdict === 'pending' ? 'not arrived yet' : verdicts[verdict].people,
    rows.filter((row) => row.verdict === verdict).length,
  ]);
  const arrived = rows.filter(hasArrived);
  const slowest = arrived.reduce<Row | undefined>(
    (most, row) => ((row.seconds ?? 0) > (most?.seconds ?? -1) ? row : most),
    undefined,
  );
  const summary = [
    `${arrived.length} of ${rows.length} canaries arrived`,
    ...counts.filter(([label, , count]) => label !== 'delivered' && count > 0).map(([, words, n]) => `${n} ${words}`),
    ...(slowest?.seconds == null ? [] : [`slowest ${plain(slowest.host)} ${slowest.seconds.toFixed(1)} s`]),
    ...incidents.slice(0, 1).map((incident) => plain(incident.summary, 200)),
  ].join(', ');

  const seconds = (span: Ms) => `${span / 1000}`;
  const limits = `${seconds(slowest === undefined ? settings.deliverWithin : within(slowest))};${seconds(settings.lostAfter)};0`;
  const performance = [
    ['arrived', arrived.length] as const,
    ...counts.map(([label, , count]) => [label, count] as const),
  ].map(([label, count]) => `${label}=${count};;;0;${rows.length}`);
  // "U": the value could not be determined.
  const time = slowest?.seconds == null ? `slowest=U;${limits}` : `slowest=${slowest.seconds.toFixed(1)}s;${limits}`;

  const bad = rows
    .filter((row) => state(row) !== 'OK')
    .sort((a, b) => order.indexOf(state(a)) - order.indexOf(state(b)));
  const more = bad.length - mostLines;
  return plugin(worst, summary, [...performance, time].join(' '), [
    ...bad.slice(0, mostLines).map((row) => plain(`${state(row)} ${row.route} ${told(row)}`)),
    ...(more > 0 ? [`and ${more} more`] : []),
    ...warnings.slice(0, mostLines).map((warning) => plain(`warning ${warning}`)),
  ]);
};
