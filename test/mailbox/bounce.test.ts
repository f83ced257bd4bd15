/** Delivery status notifications: what counts as one, and what is read from it. */
import { describe, expect, test } from 'vitest';
import { longestReport, readReport } from '../../lambdas/mailbox/bounce.ts';
import { parseFields } from '../../lambdas/mailbox/header.ts';
import { mayBeBounce } from '../../lambdas/mailbox/suspects.ts';
import { bounceMail, canaryMail, foreignMails, idOf, messageIdOf, tokenOf } from './mails.ts';

const read = (raw: string) => readReport(Buffer.from(raw, 'latin1'));

const exchange = (id: string) =>
  [
    'From: postmaster@example.com',
    'Content-Type: multipart/report; report-type="delivery-status"; boundary=b1_x',
    '',
    '--b1_x',
    'Content-Type: multipart/alternative; boundary=inner',
    '',
    '--inner',
    'Content-Type: text/plain',
    '',
    "Your message couldn't be delivered.",
    '--inner--',
    '--b1_x',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns;EX01.corp.example.com',
    'Received-From-MTA: dns;web-03.corp.example.com',
    '',
    'Original-Recipient: rfc822;someone@else.example',
    'Action: relayed',
    '',
    'Final-Recipient: rfc822;canary@elsewhere.example',
    'Action: failed',
    'Status: 5.7.64',
    'Diagnostic-Code: smtp;550 5.7.64 TenantAttribution; Relay Access Denied',
    '',
    '--b1_x',
    'Content-Type: message/rfc822',
    '',
    canaryMail(id),
    '--b1_x--',
    '',
  ].join('\r\n');

describe('a returned canary', () => {
  test('Postfix', () => {
    expect(read(bounceMail(idOf(1)))).toMatchObject({
      canary: tokenOf(idOf(1)),
      messageId: messageIdOf(idOf(1)),
      bounce: { words: expect.stringMatching(/^550 5\.1\.1 <canary@.*table$/), reportedBy: 'mail-gw-2.example.com' },
    });
  });

  test('Exchange: quoted type, nested text, of several recipients the one that failed', () => {
    expect(read(exchange(idOf(2)))).toMatchObject({
      messageId: messageIdOf(idOf(2)),
      bounce: { words: '550 5.7.64 TenantAttribution; Relay Access Denied', reportedBy: 'ex01.corp.example.com' },
    });
  });

  test('without a diagnostic the text speaks, and where that says nothing the status', () => {
    const raw = bounceMail(idOf(1)).replace(/Diagnostic-Code:.*\r\n .*\r\n/, '');
    expect(read(raw)?.bounce).toEqual({ words: '550 5.1.1 User unknown', reportedBy: 'mail-gw-2.example.com' });
    const silent = raw.replace(/<canary.*User unknown/, 'Sorry');
    expect(read(silent)?.bounce).toEqual({ words: '5.1.1', reportedBy: 'mail-gw-2.example.com' });
    expect(read(silent.replace(/Status:.*\r\n/, ''))?.bounce.words).toBe('returned without a reason');
  });

  test('a report without its status part, where the text says who refused', () => {
    const raw = bounceMail(idOf(1), { statusType: 'text/plain' });
    expect(read(raw)).toMatchObject({ messageId: messageIdOf(idOf(1)), bounce: { words: '550 5.1.1 User unknown' } });
    expect(read(raw.replaceAll('550 5.1.1', 'OK'))).toBeUndefined();
  });

  test('words are one line of bounded length, without control characters', () => {
    const raw = bounceMail(idOf(1)).replace('550 5.1.1 <', `550 5.1.1 \x1b[31m\x07${'x'.repeat(3000)}<`);
    expect(read(raw)?.bounce.words).toMatch(/^550 5\.1\.1 \[31mx{400,500}$/);
  });

  test('what is named as the reporter is a host, or nobody', () => {
    const raw = bounceMail(idOf(1)).replace(/Reporting-MTA: .*/, 'Reporting-MTA: dns; <script>alert(1)</script>');
    expect(read(raw)?.bounce.reportedBy).toBeUndefined();
  });

  test('an envelope id that is not exactly ours is none', () => {
    const raw = (id: string) =>
      bounceMail(idOf(1), { returnedType: 'text/plain' }).replace(
        'Arrival-Date',
        `Original-Envelope-Id: ${id}\r\nArrival-Date`,
      );
    expect(read(raw(idOf(1)))).toEqual({ hops: [], bounce: expect.objectContaining({ envelopeId: idOf(1) }) });
    for (const id of [`${idOf(1)}b`, idOf(1).slice(1), idOf(1).toUpperCase(), `x ${idOf(1)}`, ''])
      expect(read(raw(id))).toBeUndefined();
  });

  test('a report that is cut behind the headers still counts', () => {
    const raw = bounceMail(idOf(1), { returnedType: 'message/rfc822' }).replace(
      /\r\n--[^\r]*--\r\n$/,
      `\r\n\r\n${'x'.repeat(longestReport)}`,
    );
    expect(read(raw)?.messageId).toBe(messageIdOf(idOf(1)));
  });
});

describe('no returned canary', () => {
  test.each(Object.entries(foreignMails(idOf(1))))('%s', (_, raw) => {
    expect(read(raw)).toBeUndefined();
  });

  test.each<[string, string]>([
    ['a report of success', bounceMail(idOf(1), { action: 'delivered' })],
    ['a report that returns no headers', bounceMail(idOf(1), { returnedType: 'text/plain' })],
    ['a canary', canaryMail(idOf(1))],
    ['no boundary', 'Content-Type: multipart/report; report-type=delivery-status\r\n\r\nx\r\n'],
    ['nothing', ''],
  ])('%s', (_, raw) => {
    expect(read(raw)).toBeUndefined();
  });

  test.each<[string, boolean, readonly string[]]>([
    ['a report', true, ['Content-Type: multipart/report; boundary="a;b"; Report-Type=Delivery-Status']],
    ['a report of no type', true, ['Content-Type: multipart/report; boundary=a']],
    ['a boundary that reads like a type', true, ['Content-Type: multipart/report; boundary="; report-type=x"']],
    [
      'another report',
      false,
      ['Content-Type: multipart/report; report-type=disposition-notification', 'From: MAILER-DAEMON@x'],
    ],
    ['the mark of Exim', true, ['X-Failed-Recipients: canary@elsewhere.example']],
    ['the mark of Exchange', true, ['X-MS-Exchange-Message-Is-Ndr:']],
    ['a daemon', true, ['From: Mailer-Daemon@mx.example.net (Mail Delivery System)']],
    ['a postmaster', false, ['From: postmaster@example.com', 'Subject: hello']],
    ['a postmaster who sends from nobody', true, ['From: postmaster@example.com', 'Return-Path: <>']],
    ['a subject alone', false, ['From: kim@example.com', 'Subject: Undeliverable: x']],
    ['a subject from nobody', true, ['From: kim@example.com', 'Subject: Undeliverable: x', 'Return-Path: <>']],
    [
      'an out-of-office',
      false,
      ['From: kim@example.com', 'Return-Path: <>', 'Auto-Submitted: auto-replied', 'Subject: Away'],
    ],
    ['anything else', false, ['Content-Type: text/plain; report-type=delivery-status', 'From: kim@example.com']],
    ['nothing', false, []],
  ])('%s is opened: %s', (_, opened, lines) => {
    expect(mayBeBounce(parseFields(lines.join('\r\n')))).toBe(opened);
  });

  test('hostile reports take linear time', () => {
    const start = 'Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n';
    const before = performance.now();
    for (const filler of [
      '--b\r\n',
      '\n',
      ' ',
      '\t\n',
      '=\n',
      '--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n  =',
    ])
      read(start + filler.repeat(longestReport / filler.length));
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
