/** `check` when mail arrives: all is well, a relay trusts some hosts only, and what gateways and rules make of a canary. */
import { describe, expect, test } from 'vitest';
import { addresses, appYaml, smtpYaml, startCompany, type Test } from './company.ts';

const hasEscape = (text: string) => text.includes('\u001b');

describe.concurrent('check', { timeout: 60_000 }, () => {
  test('all delivered: 0, with the evidence of each', async (context) => {
    const company = await startCompany(context, { relay: { trusted: ['mta.example.test'] } });
    company.trust('web-01');
    const settings = company.file(
      'good.yaml',
      `mailboxes:
${company.mailboxYaml('inside')}${company.mailboxYaml('outside')}ourDomains: [example.test]
paths:
${appYaml()}${smtpYaml('mta', company.relay.port)}hosts:
${await company.addHost('web-01')}`,
    );
    const { status, stderr, report, row } = await company.report(settings);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(report).toMatchObject({ ok: true, incidents: [], warnings: [] });
    expect(report.verdicts.map(({ route, verdict }) => [route, verdict])).toEqual([
      ['web-01/app/inside', 'delivered'],
      ['web-01/app/outside', 'delivered'],
      ['monitor/mta/inside', 'delivered'],
      ['monitor/mta/outside', 'delivered'],
    ]);
    expect(row('monitor/mta/outside')).toMatchObject({
      cause: null,
      remedy: null,
      answeredBy: company.relay.name,
      folder: 'INBOX',
      queueId: expect.stringMatching(/^[0-9A-F]{10}$/),
      seconds: expect.any(Number),
      hops: [{ by: company.relay.name, from: 'mta.example.test [127.0.0.1]', address: '127.0.0.1', skew: false }],
    });
    for (const user of Object.values(addresses)) expect(company.imap.store.messages(user, 'INBOX')).toEqual([]);
  });

  const distrusting = async (context: Test) => {
    const company = await startCompany(context);
    company.trust('web-01');
    company.trust('web-02');
    const hosts = await Promise.all(['web-01', 'web-02', 'web-03'].map(company.addHost));
    const settings = company.file(
      'untrusted.yaml',
      `mailboxes:
${company.mailboxYaml('inside')}${company.mailboxYaml('outside')}paths:
${appYaml()}hosts:
${hosts.join('')}`,
    );
    return { company, settings };
  };

  test('a relay that does not trust one host: 1, with the trap in plain sight', async (context) => {
    const { company, settings } = await distrusting(context);
    const { status, report, row } = await company.report(settings);
    expect(status).toBe(1);
    expect(row('web-03/app/inside')).toMatchObject({ verdict: 'delivered' });
    expect(row('web-03/app/outside')).toMatchObject({
      verdict: 'refused',
      cause: 'relay-denied',
      evidence: `554 5.7.1 <${addresses.outside}>: Relay access denied`,
      answeredBy: company.relay.name,
      remedy: expect.stringContaining(company.relay.name),
      folder: null,
    });
    expect(report.verdicts.filter(({ verdict }) => verdict === 'delivered')).toHaveLength(5);
    expect(report.incidents).toEqual([
      {
        id: expect.any(String),
        name: 'web-03',
        cause: 'relay-denied',
        answeredBy: company.relay.name,
        routes: ['web-03/app/outside'],
        inCommon: [expect.stringMatching(/^port \d+$/)],
        summary: expect.stringMatching(/^relay-denied by mail-gw\.example\.test: web-03/),
      },
    ]);
  });

  test('the same for people: proof and next step, no colour since this is no terminal', async (context) => {
    const { company, settings } = await distrusting(context);
    const text = await company.check(settings, [], { FORCE_COLOR: '1' });
    expect(text.status).toBe(1);
    expect(hasEscape(text.stdout + text.stderr)).toBe(false);
    expect(text.stdout).toContain('server said: 554 5.7.1');
    expect(text.stdout).toContain('next step: ');
    expect(text.stdout).toContain('✗ 5 of 6 canaries arrived, 1 failed\n');
  });

  test('only inside mailboxes: a warning, and the same exit status', async (context) => {
    const company = await startCompany(context);
    const settings = company.file(
      'inside.yaml',
      `mailboxes:
${company.mailboxYaml('inside')}paths:
${smtpYaml('mta', company.relay.port)}`,
    );
    const { status, stdout, stderr } = await company.check(settings, [], { NO_COLOR: '1' });
    expect(status).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain('warning not proven: mail to customers');
    expect(stdout).toContain('✓ 1 of 1 canaries arrived\n');
    expect(hasEscape(stdout)).toBe(false);
  });

  test('greylisting: 1 at first, 0 the second time', async (context) => {
    const company = await startCompany(context, {
      relay: { trusted: ['mta.example.test'], behaviour: { greylist: true } },
    });
    const settings = company.file(
      'grey.yaml',
      `mailboxes:
${company.mailboxYaml('outside')}paths:
${smtpYaml('mta', company.relay.port)}`,
    );
    const first = await company.report(settings);
    expect(first.row('monitor/mta/outside')).toMatchObject({
      verdict: 'refused',
      cause: 'greylisted',
      evidence: expect.stringMatching(/^451 4\.7\.1 /),
    });
    expect(first.status).toBe(1);
    const second = await company.report(settings);
    expect(second.row('monitor/mta/outside')?.verdict).toBe('delivered');
    expect(second.status).toBe(0);
  });

  test('--wait is over before the mail is there: pending, 1', async (context) => {
    const company = await startCompany(context, {
      relay: { trusted: ['mta.example.test'], behaviour: { delay: 60_000 } },
    });
    const settings = company.file(
      'slow.yaml',
      `mailboxes:
${company.mailboxYaml('outside')}paths:
${smtpYaml('mta', company.relay.port)}`,
    );
    const begun = performance.now();
    const { status, report } = await company.report(settings, ['--wait', '1s']);
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect(report.verdicts).toMatchObject([{ verdict: 'pending', cause: null, answeredBy: company.relay.name }]);
    expect(report).toMatchObject({ ok: false, incidents: [] });
    expect(status).toBe(1);
  });
});
