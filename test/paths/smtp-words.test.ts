/** What the `smtp` path says to a server, and what it reads from the server's words. */
import { describe, expect, test } from 'vitest';
import { queueIdIn, serverIn } from '../../lambdas/core/reading.ts';
import { faulty, send } from './smtp-harness.ts';

describe('the conversation', () => {
  test('goes to the mailbox only, from the path’s sender; DSN is asked for where it is offered', async () => {
    const offered = await faulty({});
    await send({ port: offered.port, name: 'web-03.example.test' });
    expect(offered.lines).toEqual([
      'EHLO web-03.example.test',
      'MAIL FROM:<orders@example.test> SIZE=636 RET=HDRS ENVID=bcdfghjklmnpqrstvwxz'.replace(/SIZE=\d+ /, ''),
      'RCPT TO:<canary@supplier.example> NOTIFY=FAILURE,DELAY',
      'DATA',
    ]);
    const plain = await faulty({ ehlo: ['faulty.example.test'] });
    await send({ port: plain.port, name: 'web-03.example.test' });
    expect(plain.lines).toEqual([
      'EHLO web-03.example.test',
      'MAIL FROM:<orders@example.test>',
      'RCPT TO:<canary@supplier.example>',
      'DATA',
    ]);
  });

  test('a line break in a value makes no new header line', async () => {
    const { port, mails } = await faulty({});
    await send(
      { port },
      { mail: { subject: 'a\r\nBcc: other@example.test', headers: { 'X-Mail-Canary': 'v1\r\n\r\nbody' } } },
    );
    expect(mails[0]).toContain('Subject: a Bcc: other@example.test\r\n');
    expect(mails[0]).toContain('X-Mail-Canary: v1 body\r\n');
  });

  test('our address is taken from the greeting of servers that show it', async () => {
    const { port } = await faulty({ ehlo: ['EX01.corp.example Hello [198.51.100.7]', 'SIZE 37748736'] });
    expect(await send({ port })).toMatchObject({ state: 'accepted', seenAs: '198.51.100.7' });
  });

  test('our address is taken from a refusal that names it', async () => {
    const say = '554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied';
    const { port } = await faulty({ at: 'rcpt', does: { say } });
    expect(await send({ port })).toMatchObject({
      cause: 'relay-denied',
      seenAs: '198.51.100.7',
      answeredBy: 'faulty.example.test',
    });
  });
});

describe('the words of servers', () => {
  test.each([
    ['250 2.0.0 Ok: queued as 4X1bQk3Zz', '4X1bQk3Zz'],
    ['250 OK id=1pXabc-0004Ab-2c', '1pXabc-0004Ab-2c'],
    ['250 2.0.0 42BDEZ8x012345 Message accepted for delivery', '42BDEZ8x012345'],
    [
      '250 2.6.0 <a@example.com> [InternalId=77309411329, Hostname=EX01.corp.example] 1492 bytes in 0.1 Queued mail for delivery',
      '77309411329',
    ],
    ['250 2.0.0 OK  1700000000 d2e1a72fcca58-6c3cb4d2.12 - gsmtp', 'd2e1a72fcca58-6c3cb4d2.12'],
    [
      '250 2.0.0 OK <AM0PR04MB1234@AM0PR04MB1234.eurprd04.prod.outlook.com> [Hostname=AM0PR04MB1234]',
      '<AM0PR04MB1234@AM0PR04MB1234.eurprd04.prod.outlook.com>',
    ],
    [
      '250 Ok 0100018b5c3c0a4f-6a1b7c2d-1234-5678-9abc-def012345678-000000',
      '0100018b5c3c0a4f-6a1b7c2d-1234-5678-9abc-def012345678-000000',
    ],
    ['250 2.0.0 4d3c2b1a Message accepted for delivery', '4d3c2b1a'],
    ['250 ok 1700000000 qp 12345', '12345'],
    ['250 Queued (0.031 seconds)', undefined],
    ['250 Ok', undefined],
  ])('%s', (reply, id) => {
    expect(queueIdIn(reply)).toBe(id);
  });

  test.each([
    ['220 Mail-GW-2.example.com ESMTP Postfix', 'mail-gw-2.example.com'],
    ['220-mx.example.com ESMTP Exim 4.97\n220 no spam', 'mx.example.com'],
    ['220 mailgw ESMTP', 'mailgw'],
    ['220 AM6P193CA0084.outlook.office365.com Microsoft ESMTP MAIL Service ready', 'outlook.office365.com'],
    ['220 DB5EUR01FT021.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready', 'mail.protection.outlook.com'],
    ['220 ESMTP ready', undefined],
    ['220 ******************', undefined],
  ])('%s', (banner, name) => {
    expect(serverIn(banner)).toBe(name);
  });
});
