/** `check --verbose`, and verdicts that no relay of the tests brings about: how a pass is told. */
import { describe, expect, test } from 'vitest';
import type { Pass } from '../../bin/check/pass.ts';
import { exitStatus, reportOf } from '../../bin/check/report.ts';
import { textOf } from '../../bin/check/table.ts';
import type { Settled } from '../../lambdas/core/settle.ts';
import type { Handover } from '../../lambdas/core/words.ts';
import { parseSettings } from '../../lambdas/settings/load.ts';
import { monitorOf } from '../../lambdas/settings/monitor.ts';
import { appYaml, hostYaml, smtpYaml, startCompany } from './company.ts';
import { checkReport } from './report.ts';

const { settings } = parseSettings(
  `mailboxes:
  outside:
    address: canary@supplier.test
    imap: { host: imap.supplier.test }
    auth: { kind: password, user: canary, secret: env:OUTSIDE }
paths:
${appYaml()}${smtpYaml('stranger', 25)}hosts:
${['web-01', 'web-02', 'web-03'].map((id) => hostYaml(id, 80)).join('')}`,
  'x.yaml',
  'local',
);
const monitor = monitorOf(settings);
const sentAt = Date.UTC(2026, 10, 17, 9, 5);
const now = sentAt + 60_000;

const story = (route: string, over: Partial<Settled>): Settled => ({
  route,
  slot: 1,
  handover: undefined,
  sighting: { state: 'absent', lookedAt: now },
  judgement: { verdict: 'pending' },
  ...over,
});

const refusal = (over: Partial<Handover> = {}): Handover =>
  Object.assign(
    {
      state: 'refused' as const,
      cause: 'relay-denied' as const,
      temporary: false,
      sentAt,
      evidence: '554 5.7.1 Relay access denied',
      answeredBy: 'mail-gw',
    },
    over,
  );

const passOf = (stories: readonly Settled[], over: Partial<Pass> = {}): Pass => ({
  monitor,
  stories,
  problems: [],
  conditions: [],
  ...over,
});
const reported = (pass: Pass) => {
  const report = reportOf(pass, settings, [], now);
  return { report: checkReport(JSON.stringify(report)), status: exitStatus(report) };
};
const look = { colour: false, width: 160, verbose: true };

describe('--verbose', () => {
  const stories = [
    story('web-01/app/outside', {
      handover: refusal({
        product: 'postfix',
        seenAs: '198.51.100.7',
        conversation: ['S: 220 mail-gw ESMTP', 'C: EHLO \u001b[31mred'],
      }),
      judgement: {
        verdict: 'refused',
        cause: 'relay-denied',
        evidence: '554 5.7.1 Relay access denied',
        answeredBy: 'mail-gw',
      },
    }),
    story('web-02/app/outside', {
      handover: { state: 'accepted', sentAt, answeredBy: 'mail-gw', queueId: '4F2B1' },
      judgement: { verdict: 'delivered', took: 5000 },
      sighting: {
        state: 'seen',
        arrivedAt: sentAt + 5000,
        sentAt,
        junk: false,
        folder: 'INBOX',
        hops: [
          { by: 'mail-gw', from: 'web-02', at: sentAt, with: 'ESMTPS', tls: 'TLSv1.3' },
          { by: 'mx.supplier.test', from: 'mail-gw', at: sentAt + 4500 },
          { by: 'store.supplier.test', at: sentAt + 3500 },
        ],
      },
    }),
  ];

  test('shows proof, conversation and next step of what failed, and the way of what arrived', () => {
    const { report } = reported(passOf(stories));
    const text = textOf(report, look);
    const [, failed = '', arrived = ''] =
      /\nweb-01\/app\/outside\n([\s\S]*?)\n\nweb-02\/app\/outside\n([\s\S]*?)\n\n/.exec(text) ?? [];
    expect(failed.split('\n')).toEqual([
      '  verdict:     refused',
      '  cause:       relay-denied (the server does not relay for this address)',
      '  sent at:     2026-11-17T09:05:00.000Z',
      '  evidence:    554 5.7.1 Relay access denied',
      '  answered by: mail-gw',
      '  seen as:     198.51.100.7',
      expect.stringMatching(/^ {2}next step: {3}trust 198\.51\.100\.7/),
      '  conversation:',
      '    S: 220 mail-gw ESMTP',
      '    C: EHLO [31mred',
      '  where to look:',
      ...(report.verdicts[0]?.whereToLook ?? []).map((command) => `    ${command}`),
      '  which mails did we lose:',
      ...(report.verdicts[0]?.lostMails ?? []).map((command) => `    ${command}`),
    ]);
    expect(report.verdicts[0]?.whereToLook.join('\n')).toContain('198.51.100.7');
    // Of the day before the canary.
    expect(report.verdicts[0]?.lostMails.join('\n')).toContain(String(sentAt / 1000 - 24 * 3600));
    expect(report.verdicts[1]).toMatchObject({ whereToLook: [], lostMails: [] });
    expect(arrived.split('\n')).toEqual([
      '  hops:',
      '    web-02 to mail-gw (ESMTPS, TLSv1.3), 4.5 s until the next',
      '    mail-gw to mx.supplier.test, -1.0 s until the next: the clocks differ',
      '    store.supplier.test, 1.5 s until it was in the mailbox',
    ]);
  });

  test('is not said when nobody asked', () => {
    const { report } = reported(passOf(stories));
    expect(textOf(report, { ...look, verbose: false })).not.toContain('conversation:');
    expect(report.verdicts[0]?.conversation).toEqual(['S: 220 mail-gw ESMTP', 'C: EHLO \u001b[31mred']);
  });

  test('of the real tool: where mail arrived, the way it took', { timeout: 60_000 }, async (context) => {
    const company = await startCompany(context, { relay: { trusted: ['mta.example.test'] } });
    const file = company.file(
      'company.yaml',
      `mailboxes:\n${company.mailboxYaml('outside')}paths:\n${smtpYaml('mta', company.relay.port)}`,
    );
    const { status, stdout } = await company.check(file, ['--verbose']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\nmonitor\/mta\/outside\n {2}hops:\n {4}mta\.example\.test \[127\.0\.0\.1\] to mail-gw/);
  });
});

describe('a server that must refuse', () => {
  const strange = {
    ...monitor,
    paths: { ...monitor.paths, stranger: Object.assign({}, monitor.paths.stranger, { mustRefuse: true }) },
  };
  const of = (over: Partial<Settled>) =>
    reported(passOf([story('monitor/stranger/outside', over)], { monitor: strange }));

  test('refused, as it must be: good, and nothing arrived', () => {
    const { report, status } = of({
      handover: refusal(),
      judgement: { verdict: 'denied', evidence: '554 5.7.1 Relay access denied' },
    });
    expect({ status, ok: report.ok, incidents: report.incidents }).toEqual({ status: 0, ok: true, incidents: [] });
    const text = textOf(report, { ...look, verbose: false });
    expect(text).toMatch(/✓ refused, as it must be .*554 5\.7\.1 Relay access denied/);
    expect(text).toContain('✓ 0 of 1 canaries arrived, 1 refused, as it must be\n');
  });

  test('relayed for a stranger: bad', () => {
    const { report, status } = of({
      handover: { state: 'accepted', sentAt, answeredBy: 'mail-gw' },
      judgement: { verdict: 'relayed', cause: 'open-relay', answeredBy: 'mail-gw' },
    });
    expect({ status, ok: report.ok }).toEqual({ status: 1, ok: false });
    const text = textOf(report, look);
    expect(text).toContain('✗ relayed for a stranger');
    expect(text).toContain('✗ 0 of 1 canaries arrived, 1 failed\n');
  });

  test('refused for now says nothing of whom it relays for: not sent, not refused', () => {
    const { report, status } = of({
      handover: refusal({ temporary: true, cause: 'greylisted', evidence: '451 later' }),
    });
    expect(report.verdicts).toMatchObject([{ verdict: 'unsent', cause: 'greylisted', evidence: '451 later' }]);
    expect(status).toBe(1);
  });
});

test('refused for now on any other path: refused, since nobody tries again', () => {
  const { report, status } = reported(
    passOf([
      story('web-01/app/outside', {
        handover: refusal({ temporary: true, cause: 'greylisted', evidence: '451 later' }),
        judgement: { verdict: 'pending', cause: 'greylisted' },
      }),
    ]),
  );
  expect(report.verdicts).toMatchObject([{ verdict: 'refused', cause: 'greylisted', evidence: '451 later' }]);
  expect(status).toBe(1);
});
