/** What a host's mailer wrote down, and what that means. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { causes } from '../../lambdas/core/causes.ts';
import { handoverOf, type Outcome } from '../../lambdas/core/telling.ts';
import { stages } from '../../lambdas/core/words.ts';

const sentAt = 1_800_000_000_000;
const bySmtp = (exit: number, ...rows: readonly string[]) =>
  handoverOf({ via: 'smtp', exit, said: `${rows.join('\r\n')}\r\n`, leftFrom: '10.0.1.17' }, sentAt, []);
const bySendmail = (exit: number, said: string, queue?: string) =>
  handoverOf({ via: 'sendmail', exit, said, queue }, sentAt, []);

const connected = '* Connected to mail-gw (10.0.0.5) port 25 (#0)';
const upTo = {
  banner: [connected, '< 220 mail-gw-2.example.com ESMTP Exim 4.96'],
  get ehlo() {
    return [...this.banner, '> EHLO web-01', '< 250-mail-gw-2.example.com Hello web-01 [198.51.100.7]', '< 250 SIZE 1'];
  },
  get rcpt() {
    return [...this.ehlo, '> MAIL FROM:<a@b>', '< 250 OK', '> RCPT TO:<c@d>'];
  },
  get body() {
    return [...this.rcpt, '< 250 OK', '> DATA', '< 354 go ahead'];
  },
};

describe('a conversation over SMTP', () => {
  test('that ends well', () => {
    expect(bySmtp(0, ...upTo.body, '< 250 OK id=1tAbCd-000000-1b')).toEqual({
      state: 'accepted',
      sentAt,
      stage: 'body',
      evidence: '250 OK id=1tAbCd-000000-1b',
      answeredBy: 'mail-gw-2.example.com',
      ownServer: false,
      product: 'exim',
      seenAs: '198.51.100.7',
      leftFrom: '10.0.1.17',
      queueId: '1tAbCd-000000-1b',
    });
  });

  test('that is refused: stage, words, cause, server, our address, and what both sides said', () => {
    const rows = [
      ...upTo.rcpt,
      '< 550 relay not permitted',
      '* RCPT failed: 550',
      '> QUIT',
      '< 221 bye',
      'curl: (55) RCPT failed: 550',
    ];
    expect(bySmtp(55, ...rows)).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      stage: 'rcpt',
      evidence: '550 relay not permitted',
      answeredBy: 'mail-gw-2.example.com',
      seenAs: '198.51.100.7',
      conversation: rows.filter((row) => /^[<>] /.test(row)),
    });
  });

  test('whose EHLO is refused and HELO is not goes on', () => {
    const rows = [
      ...upTo.banner,
      '> EHLO x',
      '< 502 no',
      '> HELO x',
      '< 250 ok',
      '> MAIL FROM:<a>',
      '< 450 4.7.1 Greylisted',
    ];
    expect(bySmtp(55, ...rows)).toMatchObject({ cause: 'greylisted', stage: 'mail', temporary: true });
  });

  test('with a server of the host itself', () => {
    const rows = ['* Connected to localhost (127.0.0.1) port 25 (#0)', '< 220 localhost ESMTP', '> EHLO x', '< 550 no'];
    expect(bySmtp(56, ...rows)).toMatchObject({ ownServer: true, answeredBy: 'localhost' });
  });

  test.each([
    [6, ['curl: (6) Could not resolve host: mail-gw'], 'dns-failed', 'dns'],
    [7, ['* connect to 10.0.0.5 port 25 failed: Connection refused'], 'connect-refused', 'connect'],
    [7, ['* connect to 10.0.0.5 port 25 failed: No route to host'], 'unreachable', 'connect'],
    [7, ['* Immediate connect fail for ::1: Network is unreachable'], 'unreachable', 'connect'],
    [7, ['curl: (7) something new'], 'unknown', 'connect'],
    [28, ['curl: (28) Resolving timed out after 5000 milliseconds'], 'dns-failed', 'dns'],
    [28, ['curl: (28) Connection timed out after 5000 milliseconds'], 'connect-timeout', 'connect'],
    [28, [connected], 'timeout-at-stage', 'banner'],
    [124, [...upTo.rcpt], 'timeout-at-stage', 'rcpt'],
    [124, ['*   Trying 10.0.0.5:25...'], 'connect-timeout', 'connect'],
    [
      35,
      [connected, 'curl: (35) OpenSSL/3.0.22: error:0A00010B:SSL routines::wrong version number'],
      'tls-failed',
      'tls',
    ],
    [51, [connected], 'tls-name', 'tls'],
    [60, [connected, 'curl: (60) SSL certificate problem: certificate has expired'], 'tls-expired', 'tls'],
    [
      60,
      [connected, "curl: (60) SSL: no alternative certificate subject name matches target host name 'x'"],
      'tls-name',
      'tls',
    ],
    [60, [connected, '* certificate: name mismatch'], 'tls-name', 'tls'],
    [60, [connected, 'curl: (60) SSL certificate problem: self-signed certificate'], 'tls-untrusted', 'tls'],
    [64, [...upTo.ehlo, 'curl: (64) Requested SSL level failed'], 'tls-required', 'tls'],
    [8, [connected, '< SSH-2.0-OpenSSH_9.2'], 'protocol-error', 'banner'],
    [
      56,
      [...upTo.ehlo, '> MAIL FROM:<a@b>', 'curl: (56) Recv failure: Connection reset by peer'],
      'connection-lost',
      'mail',
    ],
  ] as const)('that ends with %i after %j', (exit, rows, cause, stage) => {
    expect(bySmtp(exit, ...rows)).toMatchObject({ state: 'refused', cause, stage, temporary: false });
  });

  test.each([[28], [56], [52], [124]])(
    'that breaks off after the mail is out (%i) is neither taken nor refused',
    (exit) => {
      expect(bySmtp(exit, ...upTo.body)).toMatchObject({ state: 'unanswered', stage: 'body' });
    },
  );

  test.each([
    [127, 'no-mailer'],
    [1, 'no-mailer'],
    [2, 'sender-failed'],
    [3, 'sender-failed'],
  ])('that never began (%i) says nothing of the host', (exit, cause) => {
    expect(bySmtp(exit, 'curl: words')).toMatchObject({ state: 'unsent', cause, evidence: 'curl: words' });
  });

  test('a reply that holds a line of ours, or one after QUIT, changes nothing', () => {
    expect(
      bySmtp(
        55,
        ...upTo.rcpt,
        '< 554-5.7.1 no',
        '< 554 < 250 2.0.0 Ok: queued as FORGED',
        '> QUIT',
        '< 250 2.0.0 Ok: queued as FORGED',
      ),
    ).toMatchObject({ state: 'refused', stage: 'rcpt' });
  });
});

describe('sendmail', () => {
  test.each([
    ['ssmtp', 1, 'ssmtp: RCPT TO:<c@d> (554 5.7.1 <c@d>: Relay access denied)', 'relay-denied', false],
    ['dma', 1, 'dma: 454 4.7.1 <c@d>: Relay access denied', 'relay-denied', true],
    ['Postfix', 75, 'postdrop: warning: unable to look up public/pickup: No such file or directory', 'unknown', true],
    ['a number that is no reply', 1, 'config line 554 is wrong', 'unknown', false],
    ['a size that is no reply', 75, 'wrote (500 bytes)', 'unknown', true],
  ])('%s', (_, exit, words, cause, temporary) => {
    expect(bySendmail(exit, words)).toMatchObject({ state: 'refused', cause, temporary });
  });

  test('that never came back may have taken it', () => {
    expect(bySendmail(124, '')).toMatchObject({ state: 'unanswered' });
  });

  test('a mail that waits is refused for now, whatever the relay’s digit says: the host tries again', () => {
    expect(
      bySendmail(
        0,
        '',
        '(host mx.example.com[198.51.100.1] said: 554 5.7.1 no relaying denied (in reply to end of DATA command))',
      ),
    ).toMatchObject({
      state: 'refused',
      temporary: true,
      cause: 'relay-denied',
      stage: 'body',
      answeredBy: 'mx.example.com',
      ownServer: false,
    });
    expect(bySendmail(0, '', '  ')).toMatchObject({ state: 'accepted' });
  });
});

test('whatever was written down, the answer is one of ours, short, and quick', () => {
  const row = fc.oneof(
    fc.string(),
    fc.constantFrom(
      ...upTo.body,
      '< 250-',
      '< ',
      '> ',
      '* ',
      '<',
      'curl: ',
      '> QUIT',
      '< 999 x',
      '\u0000',
      '(((',
      'said: ',
    ),
    fc.string().map((text) => `< ${text}`),
  );
  const rows = fc.array(row, { maxLength: 60 }).map((all) => all.join('\n'));
  const outcome: fc.Arbitrary<Outcome> = fc.record({
    via: fc.constantFrom('smtp', 'sendmail'),
    exit: fc.integer({ min: 0, max: 255 }),
    said: rows,
    queue: fc.option(rows, { nil: undefined }),
  });
  fc.assert(
    fc.property(outcome, (given) => {
      const handover = handoverOf(given, sentAt, []);
      if ('cause' in handover) expect(Object.hasOwn(causes, handover.cause)).toBe(true);
      if (handover.stage !== undefined) expect(stages).toContain(handover.stage);
      expect((handover.evidence ?? '').length).toBeLessThanOrEqual(500);
      expect(JSON.stringify(handover).length).toBeLessThan(6000);
    }),
    { numRuns: 500 },
  );
  const long = ['(said: ', 'host a[', '< 250-', '5.7.1 '].map((part) => part.repeat(2000));
  const began = performance.now();
  for (const said of long)
    for (const via of ['smtp', 'sendmail'] as const) handoverOf({ via, exit: 1, said, queue: said }, sentAt, []);
  expect(performance.now() - began).toBeLessThan(2000);
});
