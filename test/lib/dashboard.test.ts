/** The dashboard shows what is published, and explains each graph. */
import { expect, test } from 'vitest';
import { metrics, namespace } from '../../lambdas/core/metrics.ts';
import { ofType, properties, synthesise } from './stack.ts';

type Options = {
  readonly id?: string;
  readonly stat?: string;
  readonly visible?: boolean;
  readonly expression?: string;
};
type Widget = {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly properties: {
    readonly markdown?: string;
    readonly alarms?: readonly string[];
    readonly metrics?: readonly (readonly (string | Options)[])[];
  };
};

const synthesised = synthesise();
const { widgets } = JSON.parse(`${properties(synthesised, 'Dashboard').DashboardBody}`) as {
  readonly widgets: readonly Widget[];
};
const graphs = widgets.filter(({ type }) => type === 'metric');
const lines = graphs.flatMap(({ properties: { metrics: queries = [] } }) => queries);

/** `IncidentsOpen Monitor=production Severity=page` */
const series = lines.flatMap(([first, metric, ...rest]) => {
  if (first !== namespace) return [];
  const words = rest.filter((part) => typeof part === 'string');
  const pairs = words.flatMap((word, index) => (index % 2 === 0 ? `${word}=${words[index + 1]}` : []));
  return { metric: `${metric}`, pairs, options: rest.find((part) => typeof part === 'object') };
});

test('its name says what it is', () => {
  expect(properties(synthesised, 'Dashboard').DashboardName).toBe('MailCanary-production');
});

test('it shows the status of every alarm', () => {
  const shown = widgets.flatMap(({ properties: { alarms = [] } }) => alarms);
  const all = ofType(synthesised.resources, 'AWS::CloudWatch::Alarm').map(([name]) => `{${name}.Arn}`);
  expect(shown.toSorted()).toEqual(all.toSorted());
});

test('every series of a graph is one that is published', () => {
  expect(series.length).toBeGreaterThan(10);
  for (const { metric, pairs } of series) {
    const [monitor, ...others] = pairs.map((pair) => pair.split('=')[0]);
    expect(monitor).toBe('Monitor');
    const published: Readonly<Record<string, { readonly dimensions: readonly (readonly string[])[] }>> = metrics;
    expect(published[metric]?.dimensions, metric).toContainEqual(others);
  }
});

test('the share of canaries that arrived counts neither unsent nor blind ones', () => {
  const expressions = lines.flatMap(([first]) => (typeof first === 'object' ? (first.expression ?? []) : []));
  const sum = (...names: readonly string[]) => `SUM([${names.map((name) => `FILL(${name}, 0)`).join(', ')}])`;
  const good = ['delivered', 'late', 'junked'];
  expect(expressions).toEqual([
    `100 * ${sum(...good)} / ${sum(...good, 'refused', 'bounced', 'lost', 'unauthenticated')}`,
  ]);
});

test.each([
  'IncidentsOpen Monitor=production Severity=page',
  'IncidentsOpen Monitor=production Severity=ticket',
  'MailboxesDark Monitor=production',
  'RoutesUnwatched Monitor=production',
  'CanariesSkipped Monitor=production',
])('it shows %s', (wanted) => {
  expect(series.map(({ metric, pairs }) => [metric, ...pairs].join(' '))).toContain(wanted);
});

test('it shows the usual, the slow and the slowest delivery', () => {
  const statistics = series.flatMap(({ metric, options }) => (metric === 'DeliverySeconds' ? options?.stat : []));
  expect(statistics).toEqual(['p50', 'p95', 'p99']);
});

test('each graph stands under a text that explains it and says when its metric is emitted', () => {
  expect(graphs.length).toBeGreaterThan(0);
  for (const graph of graphs) {
    const above = widgets.filter(({ type, x, y }) => type === 'text' && x === graph.x && y < graph.y).at(-1);
    const metric = /`(\w+)`: (.+)\.$/.exec(above?.properties.markdown ?? '');
    expect(metrics).toHaveProperty(`${metric?.[1]}.emitted`, metric?.[2]);
  }
});
