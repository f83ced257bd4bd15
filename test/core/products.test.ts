/** The product behind a conversation: real banners, EHLO replies and refusals, and words that are somebody else's. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Product, productOf, products } from '../../lambdas/core/products.ts';

const said: Readonly<Record<Product, readonly string[]>> = {
  postfix: [
    '220 mx.example.com ESMTP Postfix',
    '220 mx.example.com ESMTP Postfix (Debian/GNU)\n250-mx.example.com\n250 SMTPUTF8',
    '554 5.7.1 <canary@supplier.example>: Relay access denied',
    '250 2.0.0 Ok: queued as 4F2B1',
    '554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied',
    '554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.spamhaus.org',
    '220 mx.example.com ESMTP Postfix\n450 4.1.1 <x@gmail.example>: Recipient address rejected: unverified address: host mx.google.com said: 550 no - gsmtp',
  ],
  exim: [
    '220 mx.example.com ESMTP Exim 4.96 Ubuntu Sat, 21 Nov 2026 10:00:00 +0000',
    '220-cp.example.net ESMTP Exim 4.98.1 #2 Sat, 21 Nov 2026 10:00:00 +0000\n220-We do not authorize the use of this system',
    '250 OK id=1rK3Xn-0001Ab-2C',
    '250 OK id=1tHy6D-00000001kAb-1XyZ',
    '550 relay not permitted',
    '550-web-03 [198.51.100.7] is currently not permitted to relay through\n550 this server',
  ],
  sendmail: [
    '220 mx.example.com ESMTP Sendmail 8.17.1/8.17.1; Sat, 21 Nov 2026 10:00:00 GMT',
    '550 5.7.1 <x@supplier.example>... Relaying denied. IP name lookup failed [198.51.100.7]',
    '550 5.1.1 <x@example.com>... User unknown',
  ],
  qmail: [
    "220 mx.example.com ESMTP\n553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    '250 ok 1763719200 qp 12345',
    '552 sorry, that message size exceeds my databytes limit (#5.3.4)',
  ],
  exchange: [
    '220 EX01.corp.example Microsoft ESMTP MAIL Service ready at Sat, 21 Nov 2026 10:00:00 +0000',
    '220 mail\n250-EX01.corp.example Hello [198.51.100.7]\n250-X-ANONYMOUSTLS\n250 XSHADOW',
    '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain',
    '550 5.7.1 Unable to relay',
  ],
  microsoft365: [
    '220 DB5EUR01FT021.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at Sat, 21 Nov 2026 10:00:00 +0000',
    '220 AM0PR04CA0012.outlook.office365.com Microsoft ESMTP MAIL Service ready at Sat, 21 Nov 2026 10:00:00 +0000',
    '550 5.7.64 TenantAttribution; Relay Access Denied SMTP [DB5EUR01FT021.eop-EUR01.prod.protection.outlook.com]',
    '550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources',
    '550 5.4.1 Recipient address rejected: Access denied. AS(201806281)',
    '530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM [CO1PR15CA0064.namprd15.prod.outlook.com]',
  ],
  gmail: [
    '220 smtp.gmail.com ESMTP a640c23a62f3a-aa0b1c2d3e4sm12345 - gsmtp',
    '220 smtp-relay.gmail.com ESMTP 5b1f17b1804b1-4 - gsmtp',
    '220 mx.google.com ESMTP 4fb4d7f45d1cf-5 - gsmtp',
    '421-4.7.28 unusual rate of unsolicited mail - gsmtp',
  ],
  ses: [
    '220 email-smtp.amazonaws.com ESMTP SimpleEmailService-d-ABCDEFGHI abcdefghijklmnopqrst',
    '220 email-smtp.eu-west-1.amazonaws.com ESMTP',
    '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: x',
    '454 Throttling failure: Daily message quota exceeded.',
  ],
  opensmtpd: [
    '220 mx.example.com ESMTP OpenSMTPD',
    '220 mx ESMTP OpenSMTPD\n550 Invalid recipient: <x@supplier.example>',
  ],
  hmailserver: [
    '220 mail.example.com ESMTP\n550 Delivery is not allowed to this address.',
    '220 mail.example.com ESMTP hMailServer 4.4.1',
    '250 Queued (0.123 seconds)',
    '530 SMTP authentication is required.',
  ],
};

describe.each(Object.entries(said))('%s', (product, all) => {
  test.each(all)('%s', (words) => {
    expect(productOf(words)).toBe(product);
  });

  test('has its places for people', () => {
    const { name, trust, sendAs, size } = products[product as Product];
    expect(name.length).toBeGreaterThan(2);
    for (const text of [trust, sendAs, size]) expect(text).toMatch(/^[^\n]{3,140}[^.]$/);
  });
});

describe('a product is not guessed', () => {
  test.each([
    '220 mail-gw.example.com ESMTP',
    '220 mail-gw.example.com Microsoft ESMTP MAIL Service, Version: 10.0.14393.0 ready at Sat, 21 Nov 2026 10:00:00 +0000',
    '550 5.7.1 Unable to relay for x@supplier.example',
    '550 5.1.1 <x@corp.outlook.com>: no such user',
    '550 5.1.1 no, host mx.google.com [203.0.113.1] said: 550 5.1.1 no such user - gsmtp',
    '250 2.0.0 4fa3a1a0 Message accepted for delivery',
    '599 the moon is in the wrong house',
    '',
  ])('%s', (words) => {
    expect(productOf(words)).toBeUndefined();
  });

  test('the banner is believed before what stands in a refusal', () => {
    expect(productOf('220 mx ESMTP Exim 4.96 x\n554 5.7.1 x: Relay access denied')).toBe('exim');
    expect(productOf('220 mx ESMTP Postfix\n550 see https://support.google.com/mail/?p=x')).toBe('postfix');
  });

  test('a megabyte of any beginning costs what four thousand characters cost', () => {
    const begun = process.cpuUsage();
    const beginnings = [
      '220 ',
      '<',
      '550 sorry, ',
      '[',
      'email-smtp.',
      '450 4.1.1 ',
      '\n',
      'a.',
      'said: ',
      '250 OK id=',
    ];
    for (const one of beginnings) expect(productOf(one.repeat(1_000_000 / one.length))).toBeUndefined();
    const { user, system } = process.cpuUsage(begun);
    expect((user + system) / 1000).toBeLessThan(5000);
  });

  test('any words give a product of the table or none', () => {
    const words = fc.array(fc.constantFrom(...Object.values(said).flat(), '\n', '<', 'said: '), { maxLength: 8 });
    fc.assert(
      fc.property(words, (all) => {
        const found = productOf(all.join(''));
        expect(found === undefined || Object.hasOwn(products, found)).toBe(true);
      }),
    );
  });
});
