/** The tables of causes, metrics, alarms and findings: each row says what it is for. */
import { describe, expect, test } from 'vitest';
import { type Alarm, alarms } from '../../lambdas/core/alarms.ts';
import { type Cause, causes, isGentle, type Known, remedyFor } from '../../lambdas/core/causes.ts';
import { findings } from '../../lambdas/core/findings.ts';
import { metrics } from '../../lambdas/core/metrics.ts';

const known: Known = {
  host: 'web-03',
  address: '10.0.1.17',
  seenAs: '198.51.100.7',
  answeredBy: 'mail-gw-2',
  path: 'app',
  mailbox: 'outside',
};
const little: Known = { host: 'web-03', path: 'app', mailbox: 'outside' };

describe.each(Object.keys(causes) as Cause[])('the cause %s', (cause) => {
  test('has a meaning in plain words', () => {
    expect(causes[cause].meaning).toMatch(/^[^A-Z\n][^\n]{10,}[^.]$|^[A-Z]{2,}[^\n]+[^.]$/);
  });

  test('has a remedy, with all that is known and with little', () => {
    for (const what of [known, little]) {
      expect(remedyFor(cause, what)).toMatch(/^[^\n]{20,}[^.]$/);
      expect(remedyFor(cause, what)).not.toMatch(/undefined|null|NaN|\[object|\(\)/);
    }
  });
});

describe('remedies', () => {
  test('relay-denied names the address as the server saw it, the host\u2019s own address and the server', () => {
    expect(remedyFor('relay-denied', known)).toMatch(
      /^trust 198\.51\.100\.7 \(web-03's own address is 10\.0\.1\.17\) on mail-gw-2:/,
    );
  });

  test('relay-denied names the host\u2019s own address where the server did not say what it saw', () => {
    expect(remedyFor('relay-denied', { ...known, seenAs: undefined })).toMatch(
      /^trust 10\.0\.1\.17 \(web-03\) on mail-gw-2/,
    );
    expect(remedyFor('relay-denied', { ...known, seenAs: '10.0.1.17' })).toMatch(/^trust 10\.0\.1\.17 \(web-03\) on/);
  });

  test('relay-denied guesses nothing where no address is known', () => {
    expect(remedyFor('relay-denied', little)).toMatch(
      /^trust the address from which web-03 reaches it on the mail server/,
    );
  });

  test('never tell to trust a whole network', () => {
    expect(remedyFor('relay-denied', known)).toContain('never a whole network');
  });

  test('what locks accounts or lengthens a listing is tried gently', () => {
    const gentle = (Object.keys(causes) as Cause[]).filter(isGentle).sort();
    expect(gentle).toEqual(
      [
        'auth-failed',
        'auth-method-disabled',
        'blocklisted',
        'imap-login-refused',
        'throttled',
        'trigger-unauthorised',
      ].sort(),
    );
    expect(isGentle(undefined)).toBe(false);
  });
});

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
