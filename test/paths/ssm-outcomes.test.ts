/** What became of commanded canaries: every status of Systems Manager, every line of a step, pages, refusals and lies. */
import { describe, expect, test } from 'vitest';
import { canaryId } from '../../lambdas/core/canary.ts';
import type { Commanded } from '../../lambdas/core/ports.ts';
import type { Handover } from '../../lambdas/core/words.ts';
import { ssmOutcomes } from '../../lambdas/paths/ssm/outcome.ts';
import type { SsmPath } from '../../lambdas/paths/ssm/settings.ts';
import { type Call, hostOf, instanceAt, sentAt, settingsOf, slot, systemsManager } from './ssm-harness.ts';

const overdue = (n: number, command = 'command-1', mailbox = 'outside'): Commanded => ({
  route: `web-${n}/machine/${mailbox}`,
  slot,
  host: hostOf({ id: `web-${n}`, labels: { instance: instanceAt(n) } }),
  handover: { state: 'commanded', sentAt, command },
});

type Invocation = { readonly n: number; readonly status?: string; readonly output?: string; readonly more?: object };
const invocation = ({ n, status = 'Success', output = '', more = {} }: Invocation) => ({
  InstanceId: instanceAt(n),
  Status: 'Failed',
  StatusDetails: status,
  CommandPlugins: [
    { Name: 'sendFromLinux', Output: output },
    {
      Name: 'sendFromWindows',
      Output: 'Step execution skipped due to unsatisfied preconditions: \'"StringEquals": [platformType, Windows]\'',
    },
  ],
  ...more,
});

/** A line as the Linux step prints it. */
const lineFor = (
  n: number,
  {
    id = canaryId(`web-${n}/machine/outside`, slot),
    state = 'sent',
    stage = '',
    code = '',
    own = '',
    banner = '',
    ehlo = '',
    words = '',
  } = {},
): string => `${['mc1', id, state, stage, code, own, banner, ehlo, words].join('\t')}\n`;

const outcomesOf = async (
  invocations: readonly Invocation[],
  { settings = settingsOf(), asked = [overdue(1)] }: { settings?: SsmPath; asked?: readonly Commanded[] } = {},
) => {
  const { calls, context } = await systemsManager(() => ({
    body: { CommandInvocations: invocations.map(invocation) },
  }));
  const outcomes = await ssmOutcomes(settings, context)(asked);
  return { outcomes, calls };
};
const outcomeOf = async (one: Omit<Invocation, 'n'>, settings?: SsmPath): Promise<Handover | undefined> =>
  (await outcomesOf([{ n: 1, ...one }], settings === undefined ? {} : { settings })).outcomes.get(
    'web-1/machine/outside',
  );

const said = { sentAt, command: 'command-1' };
const sendmail = settingsOf({ via: 'sendmail', relay: undefined });
const ses = settingsOf({ via: 'ses', relay: undefined });

describe('the status of an invocation', () => {
  test.each(['Pending', 'InProgress', 'In Progress', 'Delayed', 'Cancelling'])(
    '%s: nothing is known yet',
    async (status) => {
      const { outcomes } = await outcomesOf([{ n: 1, status }]);
      expect(outcomes.size).toBe(0);
    },
  );

  test.each([
    ['DeliveryTimedOut', 'agent-offline'],
    ['Delivery Timed Out', 'agent-offline'],
    ['Undeliverable', 'agent-offline'],
    ['Terminated', 'agent-offline'],
    ['Cancelled', 'agent-offline'],
    ['InvalidPlatform', 'sender-failed'],
    ['AccessDenied', 'trigger-unauthorised'],
    ['RateExceeded', 'sender-failed'],
  ])('%s is unsent: %s', async (status, cause) => {
    const outcome = await outcomeOf({ status });
    expect(outcome).toMatchObject({ state: 'unsent', cause, ...said });
    expect(outcome?.evidence).not.toBe('');
  });

  test('Execution Timed Out without a line: it may have sent the mail', async () => {
    expect(await outcomeOf({ status: 'ExecutionTimedOut' })).toMatchObject({ state: 'unanswered', ...said });
  });

  test('a canary that spoke before somebody cancelled the command is believed', async () => {
    const output = lineFor(1, { words: '250 2.0.0 Ok: queued as 4F2B1', stage: 'body' });
    expect(await outcomeOf({ status: 'Cancelled', output })).toMatchObject({ state: 'claimed' });
  });

  test('a step that failed without a line of ours is our own fault', async () => {
    const outcome = await outcomeOf({
      status: 'Failed',
      output: '_script.sh: line 1: mktemp: not found',
      more: { CommandPlugins: [{ Output: '_script.sh: line 1: mktemp: not found' }] },
    });
    expect(outcome).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: expect.stringContaining('mktemp: not found'),
    });
  });

  test('a platform without a step is unsent', async () => {
    const skipped = { Output: 'Step execution skipped due to unsatisfied preconditions: platformType' };
    expect(await outcomeOf({ more: { CommandPlugins: [skipped, skipped] } })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: 'the document has no step for this platform',
    });
  });

  test('output that was cut off before the line of the canary leaves it unanswered', async () => {
    const output = `${lineFor(2)}---Output truncated---`;
    expect(await outcomeOf({ output, more: { CommandPlugins: [{ Output: output }] } })).toMatchObject({
      state: 'unanswered',
    });
  });
});

describe('a line of the step', () => {
  const of = (line: Parameters<typeof lineFor>[1], settings?: SsmPath) =>
    outcomeOf({ output: lineFor(1, line) }, settings);
  const banner = '220 mail-gw.example.com ESMTP Postfix';

  test('sent over SMTP is claimed, with what the relay said', async () => {
    const words = '250 2.0.0 Ok: queued as 4F2B1C';
    expect(
      await of({
        state: 'sent',
        stage: 'body',
        code: '0',
        own: '10.0.1.17',
        banner,
        ehlo: '250-mail-gw.example.com',
        words,
      }),
    ).toEqual({
      state: 'claimed',
      ...said,
      stage: 'body',
      answeredBy: 'mail-gw.example.com',
      ownServer: false,
      leftFrom: '10.0.1.17',
      product: 'postfix',
      queueId: '4F2B1C',
      evidence: words,
    });
  });

  test('a refusal has cause, stage, server, and our address as the server saw it', async () => {
    const words = '554 5.7.1 <canary@elsewhere.example>: Relay access denied';
    const ehlo = '250-mail-gw.example.com Hello [198.51.100.7]';
    expect(
      await of({ state: 'refused', stage: 'rcpt', code: '55', own: '10.0.1.17', banner, ehlo, words }),
    ).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      stage: 'rcpt',
      answeredBy: 'mail-gw.example.com',
      seenAs: '198.51.100.7',
      leftFrom: '10.0.1.17',
      evidence: words,
      ...said,
    });
  });

  test('a refusal of several lines is read as one', async () => {
    const words =
      '550-5.7.1 Invalid credentials for relay 550-5.7.1 [203.0.113.9]. The IP address you have 550 5.7.1 registered does not match';
    expect(await of({ state: 'refused', stage: 'mail', banner, words })).toMatchObject({
      cause: 'relay-denied',
      seenAs: '203.0.113.9',
    });
  });

  test.each([
    ['curl: (6) Could not resolve host: mail-gw', '6', 'connect', 'dns-failed', 'dns'],
    ['gaierror [Errno -2] Name or service not known', '0', 'connect', 'dns-failed', 'dns'],
    [
      'bash: mail-gw: Temporary failure in name resolution; bash: line 1: /dev/tcp/mail-gw/25: Invalid argument',
      '1',
      'connect',
      'dns-failed',
      'dns',
    ],
    ['NameResolutionFailure: The remote name could not be resolved', '1', 'dns', 'dns-failed', 'dns'],
    [
      ' connect to 10.0.0.5 port 25 failed: Connection refused; curl: (7) Failed to connect',
      '7',
      'connect',
      'connect-refused',
      'connect',
    ],
    [
      'ConnectionRefused: No connection could be made because the target machine actively refused it',
      '1',
      'connect',
      'connect-refused',
      'connect',
    ],
    ['OSError [Errno 113] No route to host', '0', 'connect', 'unreachable', 'connect'],
    ['curl: (28) Connection timed out after 30001 milliseconds', '28', 'connect', 'connect-timeout', 'connect'],
    ['', '124', 'connect', 'connect-timeout', 'connect'],
    ['', '124', 'rcpt', 'timeout-at-stage', 'rcpt'],
    ['timeout timed out', '0', 'ehlo', 'timeout-at-stage', 'ehlo'],
    ['ConnectionResetError [Errno 104] Connection reset by peer', '0', 'banner', 'connection-lost', 'banner'],
    ['OSError the relay ended the connection', '0', 'mail', 'connection-lost', 'mail'],
    [
      'SSLCertVerificationError certificate verify failed: certificate has expired (_ssl.c:1006)',
      '0',
      'tls',
      'tls-expired',
      'tls',
    ],
    [
      "SSLCertVerificationError certificate verify failed: Hostname mismatch, certificate is not valid for 'mail-gw'",
      '0',
      'tls',
      'tls-name',
      'tls',
    ],
    [
      'curl: (60) SSL certificate problem: self-signed certificate in certificate chain',
      '60',
      'tls',
      'tls-untrusted',
      'tls',
    ],
    ['curl: (64) Requested SSL level failed', '64', 'ehlo', 'tls-required', 'ehlo'],
    ['curl: (35) OpenSSL/3.0: error:0A00010B:SSL routines::wrong version number', '35', 'tls', 'tls-failed', 'tls'],
  ])('failed: %j (%s) at %s is %s', async (words, code, stage, cause, at) => {
    expect(await of({ state: 'failed', stage, code, words })).toMatchObject({
      state: 'refused',
      temporary: false,
      cause,
      stage: at,
    });
  });

  test('a client that fails for a reason of its own does not blame the host', async () => {
    expect(
      await of({ state: 'failed', stage: 'connect', code: '1', words: 'ImportError No module named socket' }),
    ).toMatchObject({ state: 'unsent', cause: 'sender-failed' });
  });

  test('a name of the relay that nobody answered under is its own address', async () => {
    expect(await of({ state: 'failed', stage: 'connect', code: '7', words: 'Connection refused' })).toMatchObject({
      answeredBy: 'mail-gw:25',
      ownServer: false,
    });
    const local = settingsOf({ relay: { host: 'localhost', port: 25, tls: 'none' } });
    expect(
      await of({ state: 'failed', stage: 'connect', code: '7', words: 'Connection refused' }, local),
    ).toMatchObject({ ownServer: true });
  });

  test('unanswered stays unanswered', async () => {
    expect(await of({ state: 'unanswered', stage: 'body', words: 'the relay ended the connection' })).toMatchObject({
      state: 'unanswered',
      stage: 'body',
      answeredBy: 'mail-gw:25',
    });
  });

  test.each([
    [
      'Postfix, sent',
      ': to=<a@b.example>, relay=mail-gw.example.com[10.0.0.5]:25, delay=0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9A8B7C)',
      {
        state: 'claimed',
        answeredBy: 'mail-gw.example.com',
        queueId: '9A8B7C',
        evidence: '250 2.0.0 Ok: queued as 9A8B7C',
      },
    ],
    [
      'Postfix, bounced',
      ': to=<a@b.example>, relay=mail-gw.example.com[10.0.0.5]:25, delay=0.2, dsn=5.7.1, status=bounced (host mail-gw.example.com[10.0.0.5] said: 554 5.7.1 <a@b.example>: Relay access denied (in reply to RCPT TO command))',
      {
        state: 'refused',
        temporary: false,
        cause: 'relay-denied',
        stage: 'rcpt',
        answeredBy: 'mail-gw.example.com',
        ownServer: false,
        evidence: '554 5.7.1 <a@b.example>: Relay access denied',
      },
    ],
    [
      'Postfix, deferred by a reply',
      ': to=<a@b.example>, relay=mail-gw[10.0.0.5]:25, dsn=4.2.0, status=deferred (host mail-gw[10.0.0.5] said: 450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted (in reply to RCPT TO command))',
      { state: 'refused', temporary: true, cause: 'greylisted', stage: 'rcpt' },
    ],
    [
      'Postfix, deferred without one',
      ': to=<a@b.example>, relay=none, dsn=4.4.1, status=deferred (connect to mail-gw[10.0.0.5]:25: Connection refused)',
      { state: 'refused', temporary: true, cause: 'connect-refused', answeredBy: 'mail-gw' },
    ],
    [
      'Postfix, a name that is not found',
      ': to=<a@b.example>, relay=none, dsn=5.4.4, status=bounced (Host or domain name not found. Name service error for name=mail-gw type=A: Host not found)',
      { state: 'refused', temporary: false, cause: 'dns-failed', ownServer: true },
    ],
    [
      'Exim, refused',
      ' ** a@b.example R=smarthost T=remote_smtp_smarthost H=mail-gw.example.com [10.0.0.5]: SMTP error from remote mail server after RCPT TO:<a@b.example>: 550 relay not permitted',
      { state: 'refused', temporary: false, cause: 'relay-denied', answeredBy: 'mail-gw.example.com' },
    ],
    [
      'Exim, sent',
      ' => a@b.example R=smarthost T=remote_smtp H=mail-gw.example.com [10.0.0.5] C="250 OK id=1abCDe-0001"',
      { state: 'claimed', answeredBy: 'mail-gw.example.com' },
    ],
    [
      'Exim, deferred',
      ' == a@b.example R=smarthost T=remote_smtp defer (111): Connection refused',
      { state: 'refused', temporary: true, cause: 'connect-refused' },
    ],
    [
      'Sendmail, refused',
      ': to=<a@b.example>, delay=00:00:00, mailer=relay, relay=mail-gw.example.com. [10.0.0.5], dsn=5.7.1, stat=Service unavailable: 550 5.7.1 Relaying denied',
      { state: 'refused', temporary: false, cause: 'relay-denied', answeredBy: 'mail-gw.example.com.' },
    ],
  ])("the host's own MTA, %s", async (_, words, expected) => {
    expect(await of({ state: 'logged', code: '4F2B1C', words }, sendmail)).toMatchObject({ ...said, ...expected });
  });

  test('what waits in the queue is temporary; the reply in its reason is the cause', async () => {
    const words =
      '4F2B1C 512 Sat Nov 21 23:09:01 orders@example.com (host mail-gw[10.0.0.5] said: 454 4.7.1 <a@b.example>: Relay access denied (in reply to RCPT TO command)) a@b.example';
    expect(await of({ state: 'queued', code: '4F2B1C', words }, sendmail)).toMatchObject({
      state: 'refused',
      temporary: true,
      cause: 'relay-denied',
      queueId: '4F2B1C',
      answeredBy: 'mail-gw',
      evidence: expect.stringMatching(
        /^it waits in the queue of web-1 itself: 454 4\.7\.1 <a@b\.example>: Relay access denied/,
      ),
    });
  });

  test.each([
    '4F2B1C! 512 Sat Nov 21 23:09:01 orders@example.com a@b.example',
    '4F2B1C 512 Sat Nov 21 23:09:01 orders@example.com (deferred transport) a@b.example',
    'postqueue: fatal: Queue report unavailable - mail system is down',
  ])('without a reply it is queued-on-host: %s', async (words) => {
    const outcome = await of({ state: 'queued', code: '4F2B1C', words }, sendmail);
    expect(outcome).toMatchObject({ state: 'refused', temporary: true, cause: 'queued-on-host', ownServer: true });
    expect(outcome?.evidence).toContain(words.slice(0, 80));
  });

  test('a mailer that fails', async () => {
    expect(
      await of(
        { state: 'failed', code: '69', words: 'msmtp: server message: 535 5.7.8 Authentication failed' },
        sendmail,
      ),
    ).toMatchObject({ state: 'refused', cause: 'auth-failed', ownServer: true });
    expect(await of({ state: 'failed', code: '75', words: 'odd' }, sendmail)).toMatchObject({
      state: 'refused',
      cause: 'unknown',
      temporary: true,
      evidence: 'odd',
    });
    expect(await of({ state: 'failed', code: '1', words: 'odd' }, sendmail)).toMatchObject({
      state: 'refused',
      cause: 'unknown',
      temporary: false,
    });
  });

  test('over SES', async () => {
    expect(await of({ state: 'sent', code: '0', words: '0102018f-abc-000000 ' }, ses)).toMatchObject({
      state: 'claimed',
      queueId: '0102018f-abc-000000',
      answeredBy: 'ses',
      product: 'ses',
    });
    const throttled =
      'An error occurred (Throttling) when calling the SendRawEmail operation: Maximum sending rate exceeded.';
    expect(await of({ state: 'failed', code: '254', words: throttled }, ses)).toMatchObject({
      state: 'refused',
      cause: 'throttled',
      temporary: true,
    });
    const offline =
      'Could not connect to the endpoint URL: "https://email.eu-west-1.amazonaws.com/": Connection refused';
    expect(await of({ state: 'failed', code: '255', words: offline }, ses)).toMatchObject({
      state: 'refused',
      cause: 'connect-refused',
      temporary: false,
    });
    expect(await of({ state: 'failed', code: '253', words: 'Unable to locate credentials' }, ses)).toMatchObject({
      state: 'refused',
      cause: 'unknown',
      evidence: 'Unable to locate credentials',
    });
  });

  test.each([
    ['no-mailer', 'refused', 'no-mailer'],
    ['too-old', 'unsent', 'agent-too-old'],
    ['no-user', 'unsent', 'sender-failed'],
    ['invalid', 'unsent', 'sender-failed'],
    ['something-new', 'unsent', 'sender-failed'],
  ])('%s, said for the whole host, is %s (%s)', async (state, is, cause) => {
    expect(await of({ id: '-', state, words: 'in words' })).toMatchObject({
      state: is,
      cause,
      ...said,
      evidence: expect.stringContaining('in words'),
    });
  });
});

describe('a host that lies', () => {
  test('its lines count for its own canaries alone', async () => {
    const asked = [overdue(1), overdue(2)];
    const output =
      lineFor(1, { words: '250 ok' }) +
      lineFor(2, { state: 'refused', stage: 'rcpt', words: '554 5.7.1 Relay access denied' });
    const { outcomes } = await outcomesOf(
      [
        { n: 1, output },
        { n: 2, status: 'InProgress' },
      ],
      { asked },
    );
    expect([...outcomes.keys()]).toEqual(['web-1/machine/outside']);
    expect(outcomes.get('web-1/machine/outside')).toMatchObject({ state: 'claimed' });
  });

  test.each([
    ['no line', 'hello'],
    ['another mark', lineFor(1).replace('mc1', 'mc2')],
    ['no id', lineFor(1, { id: '__proto__' })],
    ['megabytes', `${'x'.repeat(3_000_000)}\n`],
    ['many tabs', `mc1${'\t'.repeat(500_000)}\n`],
  ])('%s says nothing of the canary', async (_, output) => {
    expect(await outcomeOf({ output, more: { CommandPlugins: [{ Output: output }] } })).toMatchObject({
      state: 'unanswered',
    });
  });

  test('its words are bounded, on one line and without control characters', async () => {
    const words = `554 5.7.1 \u001b[31m\u202e${'('.repeat(100_000)}said: ${'5'.repeat(100_000)}`;
    for (const state of ['refused', 'logged', 'queued', 'failed', 'unanswered', 'sent'])
      for (const settings of [settingsOf(), sendmail, ses]) {
        const outcome = await outcomeOf(
          {
            output: lineFor(1, { state, stage: '\u001b', banner: `220 ${'a'.repeat(10_000)}`, own: '<script>', words }),
          },
          settings,
        );
        expect(outcome?.evidence?.length ?? 0).toBeLessThanOrEqual(500);
        expect(JSON.stringify(outcome)).not.toMatch(/\\u001b|\u202e|script/);
        expect(JSON.stringify(outcome).length).toBeLessThan(2000);
      }
  });
});

describe('asking', () => {
  test('once for each command, whatever the number of canaries, and all pages of it', async () => {
    const asked = [1, 2, 3, 4].flatMap((n) => [overdue(n, n < 4 ? 'command-1' : 'command-2')]);
    const answer = ({ body }: Call) => {
      if (body.CommandId === 'command-2')
        return { body: { CommandInvocations: [invocation({ n: 4, output: lineFor(4) })] } };
      const page = Number(body.NextToken ?? '1');
      return {
        body: {
          CommandInvocations: [invocation({ n: page, output: lineFor(page) })],
          ...(page < 3 ? { NextToken: String(page + 1) } : {}),
        },
      };
    };
    const { calls, context } = await systemsManager(answer);
    const outcomes = await ssmOutcomes(settingsOf(), context)(asked);
    expect([...outcomes.values()].map(({ state }) => state)).toEqual(['claimed', 'claimed', 'claimed', 'claimed']);
    expect(
      calls.map(({ operation, body }) => [
        operation,
        body.CommandId,
        body.NextToken,
        'Details' in body && body.Details,
      ]),
    ).toEqual([
      ['ListCommandInvocations', 'command-1', undefined, true],
      ['ListCommandInvocations', 'command-1', '2', true],
      ['ListCommandInvocations', 'command-1', '3', true],
      ['ListCommandInvocations', 'command-2', undefined, true],
    ]);
  });

  test('several mailboxes of one host each have their own line', async () => {
    const asked = [overdue(1), overdue(1, 'command-1', 'inside')];
    const inside = canaryId('web-1/machine/inside', slot);
    const output =
      lineFor(1, { state: 'refused', stage: 'rcpt', words: '554 5.7.1 Relay access denied' }) +
      lineFor(1, { id: inside, words: '250 ok' });
    const { outcomes } = await outcomesOf([{ n: 1, output }], { asked });
    expect([...outcomes].map(([route, { state }]) => [route, state])).toEqual([
      ['web-1/machine/outside', 'refused'],
      ['web-1/machine/inside', 'claimed'],
    ]);
  });

  test('the lines of Windows end in CR LF', async () => {
    const output = lineFor(1, { state: 'no-mailer', words: 'Windows has no sendmail' }).replace('\n', '\r\n');
    expect(await outcomeOf({ output }, sendmail)).toMatchObject({
      cause: 'no-mailer',
      evidence: 'Windows has no sendmail',
    });
  });

  test('an invocation that is not listed yet has no outcome', async () => {
    expect((await outcomesOf([])).outcomes.size).toBe(0);
  });

  test('without anything overdue nobody is asked', async () => {
    expect((await outcomesOf([], { asked: [] })).calls).toHaveLength(0);
  });

  test('an API that refuses rejects: nothing is known then', async () => {
    const { context } = await systemsManager(() => ({
      status: 400,
      error: 'AccessDeniedException',
      message: 'not authorized',
    }));
    await expect(ssmOutcomes(settingsOf(), context)([overdue(1)])).rejects.toThrow('not authorized');
  });

  test('pages without an end reject', async () => {
    const { calls, context } = await systemsManager(() => ({ body: { CommandInvocations: [], NextToken: 'more' } }));
    await expect(ssmOutcomes(settingsOf(), context)([overdue(1)])).rejects.toThrow('more than 10 pages');
    expect(calls).toHaveLength(10);
  });
});
