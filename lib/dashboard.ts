/** The dashboard: does mail arrive, how fast, and does the monitor itself see; a sentence explains each graph. */
import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  Column,
  Dashboard,
  GraphWidget,
  type GraphWidgetProps,
  MathExpression,
  Metric,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { Ringing } from '../lambdas/core/incident.ts';
import { type MetricName, metrics, namespace } from '../lambdas/core/metrics.ts';
import { type Verdict, verdicts } from '../lambdas/core/words.ts';

export type DashboardProps = { readonly name: string; readonly alarms: readonly Alarm[] };

const severities = ['page', 'ticket'] as const satisfies readonly Ringing[];
const allVerdicts = Object.keys(verdicts) as readonly Verdict[];
const fromZero = { min: 0, showUnits: false } as const;

/** Half of the 24 columns of a dashboard. */
const half = 12;

/** The name is what people look for in the console, so it is explicit. */
export function addDashboard(scope: Construct, id: string, { name, alarms }: DashboardProps): Dashboard {
  const dashboard = new Dashboard(scope, id, {
    dashboardName: `MailCanary-${name}`,
    defaultInterval: Duration.days(1),
  });
  const title = `Mail Canary ${name}`;
  dashboard.addWidgets(new AlarmStatusWidget({ title, alarms: [...alarms], width: 2 * half, height: 3 }));
  dashboard.addWidgets(...graphs(name).map(explained));
  return dashboard;
}

type Explained = {
  readonly title: string;
  readonly text: string;
  readonly metric: MetricName;
  readonly graph: GraphWidgetProps;
};

const graphs = (name: string): readonly Explained[] => [
  {
    title: 'Does mail arrive?',
    text: 'Canaries that arrived, late and in Junk included (but not those whose sender had to be proven and was not), in percent of those whose end is known. Unsent and blind ones say nothing of the hosts and are left out: a gap means that nothing is known.',
    metric: 'Canaries',
    graph: { left: [deliveredShare(name)], leftYAxis: { ...fromZero, max: 100 } },
  },
  {
    title: 'What became of the canaries?',
    text: 'Every canary with its verdict.',
    metric: 'Canaries',
    graph: { left: allVerdicts.map((verdict) => canaries(name, verdict)), stacked: true, leftYAxis: fromZero },
  },
  {
    title: 'How fast is mail?',
    text: 'Seconds from sending to arrival: the usual, the slow and the slowest canaries.',
    metric: 'DeliverySeconds',
    graph: { left: ['p50', 'p95', 'p99'].map((statistic) => delivery(name, statistic)), leftYAxis: fromZero },
  },
  {
    title: 'What is open?',
    text: 'Incidents: `page` means that hosts cannot send mail, `ticket` can wait for working hours.',
    metric: 'IncidentsOpen',
    graph: {
      left: severities.map((severity) => gauge(name, 'IncidentsOpen', severity, { Severity: severity })),
      leftYAxis: fromZero,
    },
  },
  {
    title: 'Can the monitor see?',
    text: 'Mailboxes that could not be read, and routes without a fresh verdict. Above zero, green says less than it seems.',
    metric: 'MailboxesDark',
    graph: {
      left: [gauge(name, 'MailboxesDark', 'dark mailboxes'), gauge(name, 'RoutesUnwatched', 'unwatched routes')],
      leftYAxis: fromZero,
    },
  },
  {
    title: 'What did the monitor hold back?',
    text: 'Canaries that a limit on ourselves kept from being sent, so that watching does no harm.',
    metric: 'CanariesSkipped',
    graph: { left: [gauge(name, 'CanariesSkipped', 'skipped')], leftYAxis: fromZero },
  },
];

/** A graph under the sentence that explains it, and the one that says when its metric is emitted. */
const explained = ({ title, text, metric, graph }: Explained): Column =>
  new Column(
    new TextWidget({
      markdown: `### ${title}\n${text}\n\n\`${metric}\`: ${metrics[metric].emitted}.`,
      width: half,
      height: 4,
    }),
    new GraphWidget({ width: half, height: 6, ...graph }),
  );

type Series = {
  readonly label: string;
  readonly statistic: string;
  readonly period: Duration;
  readonly dimensions?: Readonly<Record<string, string>>;
};

const series = (name: string, metricName: MetricName, { label, dimensions, statistic, period }: Series): Metric =>
  new Metric({ namespace, metricName, dimensionsMap: { Monitor: name, ...dimensions }, label, statistic, period });

const gauge = (
  name: string,
  metricName: MetricName,
  label: string,
  dimensions: Readonly<Record<string, string>> = {},
): Metric => series(name, metricName, { label, dimensions, statistic: 'Maximum', period: Duration.minutes(1) });

const delivery = (name: string, statistic: string): Metric =>
  series(name, 'DeliverySeconds', { label: statistic, statistic, period: Duration.minutes(15) });

const canaries = (name: string, verdict: Verdict): Metric =>
  series(name, 'Canaries', {
    label: verdicts[verdict].people,
    dimensions: { Verdict: verdict },
    statistic: 'Sum',
    period: Duration.minutes(15),
  });

/** Good of good and bad. Verdicts that say nothing of the host, or of mail that must not arrive, count on neither side. */
function deliveredShare(name: string): MathExpression {
  const known = allVerdicts.filter(
    (verdict) => verdicts[verdict].says !== 'unknown' && !('stranger' in verdicts[verdict]),
  );
  const sum = (some: readonly Verdict[]) => `SUM([${some.map((verdict) => `FILL(${verdict}, 0)`).join(', ')}])`;
  return new MathExpression({
    expression: `100 * ${sum(known.filter((verdict) => verdicts[verdict].says === 'good'))} / ${sum(known)}`,
    usingMetrics: Object.fromEntries(known.map((verdict) => [verdict, canaries(name, verdict)])),
    label: 'arrived, %',
    period: Duration.minutes(15),
  });
}
