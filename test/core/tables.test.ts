/** The tables of metrics, alarms and findings: each row says what it is for. */
import { describe, expect, test } from 'vitest';
import { type Alarm, alarms } from '../../lambdas/core/alarms.ts';
import { findings } from '../../lambdas/core/findings.ts';
import { metrics } from '../../lambdas/core/metrics.ts';

describe.each(Object.entries(metrics))('the metric %s', (_, row) => {
  test('says when it is emitted and when not', () => {
    expect(row.emitted).toMatch(/\bnot\b|\bmissing\b/);
  });

  test('has distinct sets of dimensions, and leaves Monitor to the rest', () => {
    const sets = row.dimensions.map((set) => [...set].sort().join());
    expect(new Set(sets).size).toBe(sets.length);
    expect(sets.join()).not.toContain('Monitor');
  });
});

describe.each(Object.entries<Alarm>(alarms))('the alarm %s', (_, alarm) => {
  test('has its three sentences', () => {
    for (const sentence of [alarm.means, alarm.lookAt, alarm.whatToDo]) expect(sentence).toMatch(/^[^\n]{15,}[^.]$/);
  });

  test('refers to a metric that is published under its dimensions', () => {
    if (alarm.metric === 'function faults') return;
    const sets: readonly (readonly string[])[] = metrics[alarm.metric].dimensions;
    expect(sets.map((set) => set.join())).toContain(Object.keys(alarm.dimensions).join());
  });

  test('looks at a gauge or at the watcher, never at a sum that doubles could raise', () => {
    if (alarm.statistic === 'Sum')
      expect([alarm.metric === 'function faults', alarm.comparison === 'less than']).toContain(true);
  });

  test('asks for no more data points than it looks at', () => {
    const [needed, of] = alarm.datapoints;
    expect(needed).toBeLessThanOrEqual(of);
  });
});

describe('the findings', () => {
  test('have one name each', () => {
    expect(new Set(findings.map(({ name }) => name)).size).toBe(findings.length);
  });

  test('only mail that does not leave pages', () => {
    expect(findings.filter(({ severity }) => severity === 'page').map(({ name }) => name)).toEqual(['failing']);
  });
});
