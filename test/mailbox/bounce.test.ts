/** Delivery status notifications: what counts as one, and what is read from it. */
import { describe, expect, test } from 'vitest';
import { isReport, longestReport, readReport } from '../../lambdas/mailbox/bounce.ts';
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
      bounce: { words: '550 5.7.64 TenantAttribution; Relay Access Denied', reportedBy: 'EX01.corp.example.com' },
    });
  });

  test('line ends without CR, and the status where there is no diagnostic', () => {
    const raw = bounceMail(idOf(1))
      .replaceAll('\r\n', '\n')
      .replace(/Diagnostic-Code:.*\n .*\n/, '');
    expect(read(raw)?.bounce).toEqual({ words: '5.1.1', reportedBy: 'mail-gw-2.example.com' });
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
    ['a report without its status part', bounceMail(idOf(1), { statusType: 'text/plain' })],
    ['a report that returns no headers', bounceMail(idOf(1), { returnedType: 'text/plain' })],
    ['a canary', canaryMail(idOf(1))],
    ['no boundary', 'Content-Type: multipart/report; report-type=delivery-status\r\n\r\nx\r\n'],
    ['nothing', ''],
  ])('%s', (_, raw) => {
    expect(read(raw)).toBeUndefined();
  });

  test('only a delivery-status report is opened', () => {
    expect(isReport('multipart/report; boundary="a;b"; Report-Type=Delivery-Status')).toBe(true);
    expect(isReport('multipart/report; boundary="; report-type=delivery-status"')).toBe(false);
    expect(isReport('text/plain; report-type=delivery-status')).toBe(false);
    expect(isReport(undefined)).toBe(false);
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
