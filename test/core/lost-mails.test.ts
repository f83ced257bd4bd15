/** Which mails did we lose: the queries are run with `sh` and `awk` over samples of each product's log. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import type { Known } from '../../lambdas/core/causes.ts';
import { lostMails } from '../../lambdas/core/lost-mails.ts';
import type { Product } from '../../lambdas/core/products.ts';

const folder = mkdtempSync(join(tmpdir(), 'mail-canary-logs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const known: Known = {
  host: 'web-07',
  seenAs: '198.51.100.7',
  answeredBy: 'mail-gw',
  path: 'app',
  mailbox: 'outside',
  at: Date.UTC(2026, 10, 17, 10, 5, 0),
};
const planted = join(folder, 'planted');

/** Runs the first query for a product over these files; gives the lines that it printed, sorted. */
const run = (
  product: Product,
  files: Readonly<Record<string, string | Buffer>>,
  more: Partial<Known> = {},
  zone = 'UTC',
) => {
  const root = mkdtempSync(join(folder, 'root-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  const [query = ''] = lostMails({ ...known, ...more, product });
  expect(query).toContain('/var/log/');
  const said = execFileSync('sh', ['-c', query.replaceAll('/var/log/', `${root}/`)], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TZ: zone, LC_ALL: 'C' },
  });
  return said.split('\n').filter((line) => line !== '');
};

/** A value that would be run, were it anywhere but in data. */
const evil = `"$(touch ${planted})'\`touch ${planted}\`;touch ${planted};{print}"`;

describe('Postfix', () => {
  const line = (time: string, client: string, from: string, to: string, words = 'Relay access denied') =>
    `${time} mail-gw postfix/smtpd[812]: NOQUEUE: reject: RCPT from ${client}: 554 5.7.1 <${to}>: ${words}; from=<${from}> to=<${to}> proto=ESMTP helo=<web-07>`;
  const ours = 'unknown[198.51.100.7]';
  const log = (time: (clock: string) => string) =>
    [
      line(time('10:04:59'), ours, 'orders@example.com', 'too-early@supplier.example'),
      line(time('10:05:00'), ours, 'orders@example.com', 'a@supplier.example'),
      line(time('10:06:00'), 'web-01[198.51.100.70]', 'orders@example.com', 'other-host@supplier.example'),
      line(time('10:06:01'), 'web-01[98.51.100.7]', 'orders@example.com', 'other-host@supplier.example'),
      line(
        time('10:07:00'),
        'nat.example.com[198.51.100.7]',
        'returns@example.com',
        'b@supplier.example',
        'Client host rejected: Access denied',
      ),
      line(time('10:07:30'), 'evil[203.0.113.9]', 'x@evil.example', 'unknown[198.51.100.7]:@evil.example'),
      `${time('10:08:00')} mail-gw postfix/smtpd[812]: 4F2B1: client=${ours}`,
      `${time('10:08:30')} mail-gw postfix/postscreen[9]: NOQUEUE: reject: RCPT from [198.51.100.7]:51234: 450 4.3.2 Service currently unavailable; from=<orders@example.com>, to=<c@supplier.example>, proto=ESMTP, helo=<web-07>`,
      line(time('10:09:00'), ours, evil, 'd@supplier.example'),
      '',
    ].join('\n');
  const expected = (time: (clock: string) => string) => [
    `${time('10:05:00')} from=<orders@example.com> to=<a@supplier.example>`,
    `${time('10:07:00')} from=<returns@example.com> to=<b@supplier.example>`,
    `${time('10:08:30')} from=<orders@example.com>, to=<c@supplier.example>,`,
    `${time('10:09:00')} from=<${evil}> to=<d@supplier.example>`,
  ];

  test('traditional times', () => {
    const time = (clock: string) => `Nov 17 ${clock}`;
    expect(run('postfix', { 'mail.log': log(time) })).toEqual(expected(time));
    expect(existsSync(planted)).toBe(false);
  });

  test('times of RFC 5424', () => {
    const time = (clock: string) => `2026-11-17T${clock}.123456+00:00`;
    const short = (clock: string) => `2026-11-17T${clock}`;
    expect(run('postfix', { maillog: log(time) })).toEqual(expected(short));
  });

  test('in the zone of the server', () => {
    const time = (clock: string) => `Nov 17 ${clock.replace('10:', '11:')}`;
    expect(run('postfix', { 'mail.log': log(time) }, {}, 'CET-1')).toEqual(expected(time));
  });

  test('over older and packed logs as well', () => {
    const time = (clock: string) => `Nov 17 ${clock}`;
    const older = line('Nov 17 10:05:30', ours, 'orders@example.com', 'older@supplier.example');
    const oldest = line('Nov 17 10:05:20', ours, 'orders@example.com', 'packed@supplier.example');
    const files = { 'mail.log': log(time), 'mail.log.1': `${older}\n`, 'mail.log.2.gz': gzipSync(`${oldest}\n`) };
    const found = run('postfix', files);
    expect(found).toHaveLength(6);
    expect(found.join()).toContain('to=<packed@supplier.example>');
    expect(found.join()).toContain('to=<older@supplier.example>');
  });

  test('over the turn of a year, in both directions', () => {
    const at = Date.UTC(2026, 11, 31, 23, 50, 0);
    const text = ['Dec 31 23:40:00', 'Dec 31 23:55:00', 'Jan  1 00:05:00', 'Nov  3 08:00:00']
      .map((time, index) => line(time, ours, 'orders@example.com', `${index}@supplier.example`))
      .join('\n');
    expect(run('postfix', { 'mail.log': text }, { at }).join()).toMatch(/^Dec 31.*<1@[^,]*,Jan {2}1.*<2@[^,]*$/);
    const january = run('postfix', { 'mail.log': text }, { at: Date.UTC(2027, 0, 1, 0, 1, 0) });
    expect(january).toEqual(['Jan  1 00:05:00 from=<orders@example.com> to=<2@supplier.example>']);
  });

  test('IPv6', () => {
    const text = line('Nov 17 10:06:00', 'unknown[2001:db8::7]', 'orders@example.com', 'a@supplier.example');
    expect(run('postfix', { 'mail.log': text }, { seenAs: '2001:db8::7' })).toEqual([
      'Nov 17 10:06:00 from=<orders@example.com> to=<a@supplier.example>',
    ]);
  });

  test('no log, no lines, no error', () => {
    expect(run('postfix', {})).toEqual([]);
  });
});

describe('Exim', () => {
  const line = (time: string, client: string, from: string, to: string) =>
    `2026-11-17 ${time} H=${client} F=<${from}> rejected RCPT <${to}>: relay not permitted`;
  const text = [
    line('10:04:59', '(web-07) [198.51.100.7]', 'orders@example.com', 'too-early@supplier.example'),
    line('10:05:00', '(web-07) [198.51.100.7]', 'orders@example.com', 'a@supplier.example'),
    line(
      '10:06:00',
      'nat.example.com (web-07) [198.51.100.7]:51234 X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no',
      'returns@example.com',
      'b@supplier.example',
    ),
    line('10:06:30', '([198.51.100.7]) [203.0.113.9]', 'x@evil.example', 'c@supplier.example'),
    line('10:06:40', '(web-01) [198.51.100.70]', 'orders@example.com', 'd@supplier.example'),
    '2026-11-17 10:07:00 1rK3Xn-0001Ab-2C <= orders@example.com H=(web-07) [198.51.100.7] P=esmtp S=512',
    line('10:08:00', '[198.51.100.7]', evil, 'e@supplier.example'),
    '',
  ].join('\n');
  const expected = [
    '2026-11-17 10:05:00 from=<orders@example.com> to=<a@supplier.example>',
    '2026-11-17 10:06:00 from=<returns@example.com> to=<b@supplier.example>',
    `2026-11-17 10:08:00 from=<${evil}> to=<e@supplier.example>`,
  ];

  test.each(['exim4/mainlog', 'exim/main.log'])('%s', (file) => {
    expect(run('exim', { [file]: text })).toEqual(expected);
    expect(existsSync(planted)).toBe(false);
  });

  test('a line that stands in two logs is one mail', () => {
    expect(run('exim', { 'exim4/mainlog': text, 'exim4/mainlog.1': text })).toEqual(expected);
  });
});

describe('Sendmail', () => {
  const reject = (time: string, id: string, to: string, relay: string) =>
    `Nov 17 ${time} mail-gw sm-mta[123]: ${id}: ruleset=check_rcpt, arg1=<${to}>, relay=${relay}, reject=550 5.7.1 <${to}>... Relaying denied`;
  const from = (time: string, id: string, sender: string) =>
    `Nov 17 ${time} mail-gw sm-mta[123]: ${id}: from=<${sender}>, size=0, class=0, nrcpts=0, proto=ESMTP, daemon=MTA, relay=web-07 [198.51.100.7]`;

  test('sender and recipients are in different lines', () => {
    const text = [
      reject('10:04:00', '4AH9x0A1', 'too-early@supplier.example', 'web-07 [198.51.100.7]'),
      reject('10:05:00', '4AHA50A2', 'a@supplier.example', 'web-07 [198.51.100.7]'),
      reject('10:05:01', '4AHA50A2', 'b@supplier.example', 'web-07 [198.51.100.7]'),
      from('10:05:02', '4AHA50A2', 'orders@example.com'),
      reject('10:06:00', '4AHA60A3', 'c@supplier.example', '[198.51.100.7] (may be forged)'),
      reject('10:07:00', '4AHA70A4', 'd@supplier.example', 'web-01 [198.51.100.70]'),
      from('10:07:01', '4AHA70A4', 'other@example.com'),
      reject('10:08:00', '4AHA80A5', evil, 'web-07 [198.51.100.7]'),
      '',
    ].join('\n');
    expect(run('sendmail', { 'mail.log': text })).toEqual([
      'Nov 17 10:05:00 from=<orders@example.com> to=<a@supplier.example>',
      'Nov 17 10:05:01 from=<orders@example.com> to=<b@supplier.example>',
      'Nov 17 10:06:00 from=not-logged to=<c@supplier.example>',
      `Nov 17 10:08:00 from=not-logged to=<${evil}>`,
    ]);
    expect(existsSync(planted)).toBe(false);
  });
});

describe('OpenSMTPD', () => {
  test('the address stands where the session begins', () => {
    const at = (time: string, words: string) => `Nov 17 ${time} gw smtpd[77]: ${words}`;
    const text = [
      at('09:00:00', '8f7f3a5f8d0d4ae8 smtp connected address=198.51.100.7 host=web-07'),
      at(
        '09:00:01',
        '8f7f3a5f8d0d4ae8 smtp failed-command command="RCPT TO:<early@supplier.example>" result="550 Invalid recipient: <early@supplier.example>"',
      ),
      at(
        '10:05:01',
        '8f7f3a5f8d0d4ae8 smtp failed-command command="RCPT TO:<a@supplier.example>" result="550 Invalid recipient: <a@supplier.example>"',
      ),
      at('10:06:00', '1111111111111111 smtp connected address=198.51.100.70 host=web-01'),
      at(
        '10:06:01',
        '1111111111111111 smtp failed-command command="RCPT TO:<b@supplier.example>" result="550 Invalid recipient"',
      ),
      at('10:07:01', '8f7f3a5f8d0d4ae8 smtp failed-command command="HELO" result="501 no"'),
      '',
    ].join('\n');
    expect(run('opensmtpd', { maillog: text })).toEqual(['Nov 17 10:05:01 from=not-logged to=<a@supplier.example>']);
  });
});

describe('products without such a log, or without sh', () => {
  test.each<[Product, RegExp]>([
    ['qmail', /^qmail does not log refused recipients: only the log of the application/],
    ['gmail', /^Google does not list mail that it refused/],
    ['ses', /^SES does not list mail that it refused/],
  ])('%s says so', (product, sentence) => {
    expect(lostMails({ ...known, product })).toEqual([expect.stringMatching(sentence)]);
  });

  test.each<[Product, string]>([
    [
      'exchange',
      `Get-ChildItem "$env:ExchangeInstallPath\\TransportRoles\\Logs\\FrontEnd\\ProtocolLog\\SmtpReceive" -Filter *.log | Select-String -SimpleMatch ',198.51.100.7:' | ForEach-Object Line | Where-Object { $_ -ge '2026-11-17T10:05:00' -and $_ -match ',[<>],(MAIL FROM:|RCPT TO:|[45]\\d\\d )' }  # on mail-gw`,
    ],
    [
      'microsoft365',
      "Get-MessageTraceV2 -FromIP '198.51.100.7' -StartDate '2026-11-17T10:05:00Z' -EndDate (Get-Date) -Status Failed | Format-Table Received,SenderAddress,RecipientAddress",
    ],
    [
      'hmailserver',
      `Get-ChildItem 'C:\\Program Files (x86)\\hMailServer\\Logs' -Filter hmailserver_*.log | Where-Object LastWriteTime -ge ([datetime]'2026-11-17T10:05:00Z') | Select-String -SimpleMatch '"198.51.100.7"' | ForEach-Object Line | Where-Object { $_ -match 'RECEIVED: (MAIL FROM|RCPT TO):|SENT: [45]\\d\\d ' }  # on mail-gw`,
    ],
  ])('%s: PowerShell', (product, query) => {
    expect(lostMails({ ...known, product })[0]).toBe(query);
  });

  test('Exchange and Microsoft 365 add what they do not log', () => {
    expect(lostMails({ ...known, product: 'exchange' })[1]).toMatch(/ProtocolLoggingLevel.*Verbose$/);
    expect(lostMails({ ...known, product: 'microsoft365' })[1]).toMatch(/does not trace mail that it refused/);
  });

  test('IPv6 in Exchange stands in brackets', () => {
    expect(lostMails({ ...known, product: 'exchange', seenAs: '2001:db8::7' })[0]).toContain("',[2001:db8::7]:'");
  });
});

describe('nothing is asked that is not known', () => {
  test.each<[string, Partial<Known>]>([
    ['no product', { product: undefined }],
    ['no address', { seenAs: undefined }],
    ['an address that may have been rewritten', { seenAs: undefined, leftFrom: '10.0.1.17' }],
    ['no time', { at: undefined }],
    ['no address but a word', { seenAs: 'unknown' }],
    ['a mailbox', { isMailbox: true }],
  ])('%s', (_, more) => {
    expect(lostMails({ ...known, product: 'postfix', ...more })).toEqual([]);
  });

  test('the journal is the second place', () => {
    expect(lostMails({ ...known, product: 'postfix' })[1]).toBe(
      "journalctl -q -t postfix/smtpd --since '@1794909900' | grep -F 'reject: RCPT from' | grep -F -e '[198.51.100.7]:'  # on mail-gw",
    );
  });
});
