/** `Received` lines as servers really write them. */
import { describe, expect, test } from 'vitest';
import { marksOf, parseFields } from '../../lambdas/mailbox/header.ts';
import { parseHops } from '../../lambdas/mailbox/hops.ts';

const at = (second: number, hour = 10) => Date.UTC(2025, 10, 6, hour, 0, second);

const rows: readonly (readonly [string, string, object])[] = [
  [
    'Postfix',
    'from web-03.example.com (web-03.example.com [198.51.100.7]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519) (No client certificate requested) by mail-gw-2.example.com (Postfix) with ESMTPS id 4d2Hk31Xyz for <canary@elsewhere.example>; Thu,  6 Nov 2025 10:00:01 +0000 (UTC)',
    { from: 'web-03.example.com [198.51.100.7]', by: 'mail-gw-2.example.com', address: '198.51.100.7', at: at(1) },
  ],
  [
    'Postfix, a client without PTR',
    'from web-03 (unknown [10.0.1.17]) by mail-gw-2.example.com (Postfix) with ESMTP id 4d2H; Thu, 6 Nov 2025 11:00:01 +0100 (CET)',
    { from: 'web-03 [10.0.1.17]', by: 'mail-gw-2.example.com', address: '10.0.1.17', at: at(1) },
  ],
  [
    'Postfix, submitted on the host',
    'by web-03.example.com (Postfix, from userid 33) id 7C1A2; Thu, 6 Nov 2025 10:00:00 +0000 (UTC)',
    { from: undefined, by: 'web-03.example.com', at: at(0) },
  ],
  [
    'Postfix, IPv6',
    'from mail.example.com (mail.example.com [IPv6:2001:db8::25]) by mx.example.net (Postfix) with ESMTPS id 1; Thu, 6 Nov 2025 10:00:02 +0000',
    { from: 'mail.example.com [2001:db8::25]', by: 'mx.example.net', address: '2001:db8::25', at: at(2) },
  ],
  [
    'Exchange on-premises',
    'from web-03.corp.example.com (10.0.1.17) by EX01.corp.example.com (10.0.0.5) with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.2.1544.4 via Frontend Transport; Thu, 6 Nov 2025 10:00:03 +0000',
    { from: 'web-03.corp.example.com [10.0.1.17]', by: 'EX01.corp.example.com', address: '10.0.1.17', at: at(3) },
  ],
  [
    'Microsoft 365',
    'from AM0PR01MB1234.eurprd01.prod.exchangelabs.com (2603:10a6:208:1c9::15) by DB9PR01MB5678.eurprd01.prod.exchangelabs.com (2603:10a6:10:2e0::8) with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.9298.10; Thu, 6 Nov 2025 10:00:04 +0000',
    {
      from: 'AM0PR01MB1234.eurprd01.prod.exchangelabs.com [2603:10a6:208:1c9::15]',
      by: 'DB9PR01MB5678.eurprd01.prod.exchangelabs.com',
      address: '2603:10a6:208:1c9::15',
      at: at(4),
    },
  ],
  [
    'Gmail, edge',
    'from mail-gw-2.example.com (mail-gw-2.example.com. [203.0.113.2]) by mx.google.com with ESMTPS id ffacd0b85a97d-429eb4sor1234567f8f.1.2025.11.06.02.00.05 for <canary@gmail.com> (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256); Thu, 06 Nov 2025 02:00:05 -0800 (PST)',
    { from: 'mail-gw-2.example.com [203.0.113.2]', by: 'mx.google.com', address: '203.0.113.2', at: at(5) },
  ],
  [
    'Gmail, inside',
    'by 2002:a05:6512:3b0a:b0:594:2d2a:1b3c with SMTP id f10csp123456lfv; Thu, 6 Nov 2025 02:00:06 -0800 (PST)',
    { from: undefined, by: '2002:a05:6512:3b0a:b0:594:2d2a:1b3c', at: at(6) },
  ],
  [
    'Exim',
    'from [198.51.100.7] (helo=web-03) by mx.example.net with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.98) (envelope-from <orders@example.com>) id 1vGwXy-00000001abc-2DeF for canary@example.net; Thu, 06 Nov 2025 10:00:07 +0000',
    { from: '[198.51.100.7]', by: 'mx.example.net', address: '198.51.100.7', at: at(7) },
  ],
  [
    'Exim, with a name',
    'from web-03.example.com ([198.51.100.7]:41234 helo=web-03) by mx.example.net with esmtp (Exim 4.96) id 1v; Thu, 06 Nov 2025 10:00:07 +0000',
    { from: 'web-03.example.com [198.51.100.7]', by: 'mx.example.net', address: '198.51.100.7', at: at(7) },
  ],
  [
    'qmail, from the network',
    'from unknown (HELO web-03.example.com) (198.51.100.7) by mx.example.org with SMTP; 6 Nov 2025 10:00:08 -0000',
    { from: 'unknown [198.51.100.7]', by: 'mx.example.org', address: '198.51.100.7', at: at(8) },
  ],
  [
    'qmail, inside',
    '(qmail 4711 invoked from network); 6 Nov 2025 10:00:08 -0000',
    { from: undefined, by: 'qmail', at: at(8) },
  ],
  [
    'sendmail',
    'from web-03.example.com (web-03.example.com [198.51.100.7]) by smtp.example.org (8.18.1/8.18.1) with ESMTP id 5A6A01Xy012345 (version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO); Thu, 6 Nov 2025 05:00:09 -0500 (EST)',
    { from: 'web-03.example.com [198.51.100.7]', by: 'smtp.example.org', address: '198.51.100.7', at: at(9) },
  ],
  [
    'Amazon SES',
    'from a7-30.smtp-out.eu-west-1.amazonses.com (a7-30.smtp-out.eu-west-1.amazonses.com. [54.240.7.30]) by mx.example.org with ESMTPS id x for <c@example.org>; Thu, 6 Nov 2025 10:00:10 GMT',
    {
      from: 'a7-30.smtp-out.eu-west-1.amazonses.com [54.240.7.30]',
      by: 'mx.example.org',
      address: '54.240.7.30',
      at: at(10),
    },
  ],
  [
    'Dovecot LMTP',
    'from mx.example.org by imap.example.org with LMTP id aBcD+EfGhAAA (envelope-from <orders@example.com>) for <canary@example.org>; Thu, 06 Nov 2025 10:00:11 +0000',
    { from: 'mx.example.org', by: 'imap.example.org', at: at(11) },
  ],
  [
    'a keyword inside a comment, and a host that is called like one',
    'from by (from with [192.0.2.1]) by via with SMTP; Thu, 6 Nov 2025 10:00:12 +0000',
    { from: 'by [192.0.2.1]', by: 'via', address: '192.0.2.1', at: at(12) },
  ],
  ['an old zone name', 'from a by b; Thu, 6 Nov 2025 05:00:13 EST', { from: 'a', by: 'b', at: at(13) }],
  ['a year of two digits', 'from a by b; 6 Nov 25 10:00:14 +0000', { from: 'a', by: 'b', at: at(14) }],
  ['no date', 'from a.example by b.example with SMTP', { from: 'a.example', by: 'b.example', at: undefined }],
  ['a date that is none', 'from a by b; yesterday', { from: 'a', by: 'b', at: undefined }],
  ['no semicolon before the date', 'from a by b Thu, 6 Nov 2025 10:00:15 +0000', { from: 'a', by: 'b', at: at(15) }],
  ['nothing at all', '', { from: undefined, by: 'unknown', at: undefined }],
  ['a comment that never ends', 'from a (b [192.0.2.9', { from: 'a', by: 'unknown', at: undefined }],
];

describe('one Received line', () => {
  test.each(rows)('%s', (_, line, hop) => {
    expect(parseHops([line])).toMatchObject([hop]);
  });
});

/** The client says one address of itself (10.0.0.9), the server sees another one. */
const claims: readonly (readonly [string, string, string | undefined])[] = [
  ['Postfix', 'from [10.0.0.9] (unknown [198.51.100.7]) by mx.example.net (Postfix) with ESMTP id 1', '198.51.100.7'],
  [
    'Postfix, with a login',
    'from web-03 (gw.example.com [198.51.100.7]) (using TLSv1.3 with cipher X (256/256 bits)) (Authenticated sender: orders@[10.0.0.9]) by mx.example.net (Postfix) with ESMTPSA id 1',
    '198.51.100.7',
  ],
  [
    'Postfix, IPv6 literal in HELO',
    'from [IPv6:2001:db8::9] (unknown [IPv6:2001:db8::25]) by mx.example.net (Postfix) with ESMTP id 1',
    '2001:db8::25',
  ],
  [
    'Sendmail',
    'from [10.0.0.9] (web-03.example.com [198.51.100.7] (may be forged)) by smtp.example.org (8.18.1/8.18.1) with ESMTP id 5A6',
    '198.51.100.7',
  ],
  [
    'Sendmail, with ident',
    'from web-03 (IDENT:root@web-03.example.com [198.51.100.7]) by smtp.example.org (8.12.8/8.12.8) with ESMTP id 5A6',
    '198.51.100.7',
  ],
  [
    'Sendmail, submitted on the host',
    '(from www-data@localhost) by web-03.example.com (8.18.1/8.18.1/Submit) id 5A6A01Xy012345',
    undefined,
  ],
  [
    'Exim, literal in HELO',
    'from [198.51.100.7] (helo=[10.0.0.9]) by mx.example.net with esmtp (Exim 4.98) id 1v',
    '198.51.100.7',
  ],
  ['Exim, the same in HELO', 'from [198.51.100.7] by mx.example.net with esmtp (Exim 4.98) id 1v', '198.51.100.7'],
  [
    'Exim, with PTR, port and HELO',
    'from web-03.example.com ([198.51.100.7]:41234 helo=[10.0.0.9]) by mx.example.net with esmtps (TLS1.3) (Exim 4.96) id 1v',
    '198.51.100.7',
  ],
  [
    'Exim, IPv6',
    'from [2001:db8::25] (port=41234 helo=web-03) by mx.example.net with esmtp (Exim 4.98) id 1v',
    '2001:db8::25',
  ],
  [
    'Exim, submitted on the host',
    'from root by web-03 with local (Exim 4.98) (envelope-from <o@example.com>) id 1v',
    undefined,
  ],
  ['qmail', 'from unknown (HELO [10.0.0.9]) (198.51.100.7) by mx.example.org with SMTP', '198.51.100.7'],
  [
    'qmail, with a user',
    'from unknown (HELO 10.0.0.9) (orders@example.com@198.51.100.7) by mx.example.org with ESMTPA',
    '198.51.100.7',
  ],
  ['qmail, on the host', '(qmail 4711 invoked by uid 33)', undefined],
  ['nullmailer', '(nullmailer pid 4711 invoked by uid 33)', undefined],
  ['Postfix, on the host', 'by web-03.example.com (Postfix, from userid 0) id 7C1A2', undefined],
  ['by uid', 'by web-03.example.com by uid 0 with SMTP', undefined],
  [
    'Exchange',
    'from [10.0.0.9] (198.51.100.7) by EX01.corp.example.com (10.0.0.5) with Microsoft SMTP Server id 15.2',
    '198.51.100.7',
  ],
  [
    'Exchange, inside one server',
    'from EX01.corp.example.com ([fe80::9d3b:1c2d%14]) by EX01.corp.example.com ([fe80::9d3b:1c2d%14]) with mapi id 15.02',
    'fe80::9d3b:1c2d',
  ],
  [
    'Microsoft 365, edge',
    'from mail-gw-2.example.com (203.0.113.2) by DB5EUR01FT012.mail.protection.outlook.com (2a01:111:f400:7e02::123) with Microsoft SMTP Server (version=TLS1_2) id 15.20 via Frontend Transport',
    '203.0.113.2',
  ],
  [
    'Gmail, relay',
    'from web-03 (gw.example.com. [198.51.100.7]) by smtp-relay.gmail.com with ESMTPS id abc',
    '198.51.100.7',
  ],
  ['Gmail, submission', 'from [10.0.0.9] ([198.51.100.7]) by smtp.gmail.com with ESMTPSA id abc', '198.51.100.7'],
  [
    'Amazon SES, inbound',
    'from mail-gw-2.example.com (mail-gw-2.example.com [203.0.113.2]) by inbound-smtp.eu-west-1.amazonaws.com with SMTP id abc',
    '203.0.113.2',
  ],
  [
    'OpenSMTPD',
    'from web-03 (web-03.example.com [198.51.100.7]) by mail.example.org (OpenSMTPD) with ESMTPS id 1a2b (TLSv1.3:X:256:NO)',
    '198.51.100.7',
  ],
  [
    'OpenSMTPD, on the host',
    'from localhost (mail.example.org [local]) by mail.example.org (OpenSMTPD) with ESMTPA id 1a2b',
    undefined,
  ],
  [
    'hMailServer',
    'from [10.0.0.9] (web-03.example.com [198.51.100.7]) by mail.example.org with ESMTPS (version=TLSv1.3 cipher=X bits=256) ',
    '198.51.100.7',
  ],
  [
    'Courier',
    'from web-03 (web-03.example.com [::ffff:198.51.100.7]) by mx.example.net with ESMTP id 00000000000A',
    '198.51.100.7',
  ],
  [
    'Domino',
    'from web-03 ([198.51.100.7]) by domino.example.com (Lotus Domino Release 9.0.1) with ESMTP id 2025110610000100-1',
    '198.51.100.7',
  ],
  ['Yahoo', 'from 203.0.113.2 (EHLO mail-gw-2.example.com) by 10.197.32.1 with SMTPs', '203.0.113.2'],
  [
    'a literal, and no word of the server',
    'from [10.0.0.9] by mail.example.org (MDaemon PRO v20) with ESMTP id md5',
    undefined,
  ],
  ['an address that is none', 'from web-03 (unknown [999.1.2.3]) by mx.example.net', undefined],
];

describe('the address of the client, as the server saw it', () => {
  test.each(claims)('%s', (_, line, address) => {
    const [hop] = parseHops([`${line}; Thu, 6 Nov 2025 10:00:01 +0000`]);
    expect(hop?.address).toBe(address);
    if (address !== undefined) expect(hop?.from).toContain(`[${address}]`);
  });
});

test('hops come oldest first, from headers that fold', () => {
  const header = [
    'Received: from gw.example.com (gw.example.com [203.0.113.2])',
    '\tby mx.example.net (Postfix) with ESMTPS id 2',
    '\tfor <c@example.net>; Thu, 6 Nov 2025 10:00:02 +0000 (UTC)',
    'X-Mail-Canary: token',
    'Received: from web-03 (unknown [198.51.100.7])',
    '        by gw.example.com (Postfix) with ESMTP id 1;',
    '        Thu, 6 Nov 2025 10:00:05 +0000 (UTC)',
  ].join('\r\n');
  expect(marksOf(parseFields(header))?.hops).toEqual([
    { from: 'web-03 [198.51.100.7]', by: 'gw.example.com', address: '198.51.100.7', with: 'ESMTP', at: at(5) },
    { from: 'gw.example.com [203.0.113.2]', by: 'mx.example.net', address: '203.0.113.2', with: 'ESMTPS', at: at(2) },
  ]);
});

/** The protocol, and the version of TLS, in the words of each server. */
const transports: readonly (readonly [string, string, string | undefined, string | undefined])[] = [
  [
    'Postfix',
    'from a (a [192.0.2.1]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519) (No client certificate requested) by b (Postfix) with ESMTPS id 1',
    'ESMTPS',
    'TLSv1.3',
  ],
  ['Postfix, plain', 'from a (a [192.0.2.1]) by b (Postfix) with ESMTP id 1', 'ESMTP', undefined],
  ['Postfix, on the host', 'by b (Postfix, from userid 33) id 1', undefined, undefined],
  ['Postfix, internationalised', 'from a by b (Postfix) with UTF8SMTPSA id 1', 'UTF8SMTPSA', undefined],
  ['Exim', 'from a by b with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.98) id 1', 'esmtps', 'TLSv1.3'],
  [
    'Exim 4.92',
    'from a by b with esmtps (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256) (Exim 4.92) id 1',
    'esmtps',
    'TLSv1.2',
  ],
  [
    'Exim with GnuTLS',
    'from a by b with esmtpsa (TLS1.2:ECDHE_X25519__RSA_SHA512__AES_256_GCM:256) (Exim 4.94) id 1',
    'esmtpsa',
    'TLSv1.2',
  ],
  ['Exim, on the host', 'from root by b with local (Exim 4.98) id 1', 'local', undefined],
  [
    'Exchange',
    'from a (192.0.2.1) by b (10.0.0.5) with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.2 via Frontend Transport',
    'Microsoft SMTP Server',
    'TLSv1.2',
  ],
  [
    'Exchange 2013',
    'from a (192.0.2.1) by b (10.0.0.5) with Microsoft SMTP Server (TLS) id 15.0',
    'Microsoft SMTP Server',
    undefined,
  ],
  ['Exchange, inside', 'from b ([fe80::1%3]) by b ([fe80::1%3]) with mapi id 15.02', 'mapi', undefined],
  ['Microsoft 365, to the mailbox', 'from a (2603:10a6::15) by b with HTTPS', 'HTTPS', undefined],
  [
    'Gmail',
    'from a (a. [192.0.2.1]) by mx.google.com with ESMTPS id 1 for <c@d> (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128)',
    'ESMTPS',
    'TLSv1.3',
  ],
  [
    'Sendmail',
    'from a (a [192.0.2.1]) by b (8.18.1/8.18.1) with ESMTPS id 1 (version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NO)',
    'ESMTPS',
    'TLSv1.2',
  ],
  [
    'Sendmail, old, which names the cipher',
    'from a by b (8.14.4/8.14.4) with ESMTP id 1 (version=TLSv1/SSLv3 cipher=DHE-RSA-AES256-SHA bits=256)',
    'ESMTP',
    undefined,
  ],
  [
    'Haraka',
    'from a (a [192.0.2.1]) by b (Haraka/3.0.5) with ESMTPS id X.1 envelope-from <o@example.com> tls TLS_AES_256_GCM_SHA384',
    'ESMTPS',
    'TLSv1.3',
  ],
  [
    'Haraka, TLS 1.2',
    'from a by b (Haraka/3.0.5) with ESMTPS id X.1 tls TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'ESMTPS',
    undefined,
  ],
  [
    'Haraka, old',
    'from a by b (Haraka/2.8.13) with ESMTPSA id X.1 (version=TLSv1/SSLv3 cipher=ECDHE-RSA-AES256-GCM-SHA384 verify=FAIL)',
    'ESMTPSA',
    undefined,
  ],
  ['qmail', 'from unknown (HELO a) (192.0.2.1) by b with SMTP', 'SMTP', undefined],
  ['qmail with TLS', 'from unknown (HELO a) (192.0.2.1) by b with (AES256-SHA encrypted) SMTP', 'SMTP', undefined],
  [
    'qmail with TLS 1.3',
    'from unknown (HELO a) (192.0.2.1) by b with (TLS_AES_256_GCM_SHA384 encrypted) ESMTPS',
    'ESMTPS',
    'TLSv1.3',
  ],
  [
    'OpenSMTPD',
    'from a (a [192.0.2.1]) by b (OpenSMTPD) with ESMTPS id 1 (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO)',
    'ESMTPS',
    'TLSv1.3',
  ],
  [
    'Courier',
    'from a (a [::ffff:192.0.2.1]) (TLS: TLSv1.3,128bits,TLS_AES_128_GCM_SHA256) by b with ESMTPS id 1',
    'ESMTPS',
    'TLSv1.3',
  ],
  [
    'Yahoo',
    'from 192.0.2.1 (EHLO a) by 10.197.32.1 with SMTPs (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256)',
    'SMTPs',
    'TLSv1.3',
  ],
  ['hMailServer', 'from a (a [192.0.2.1]) by b with ESMTPS (version=TLSv1.3 cipher=X bits=256) ', 'ESMTPS', 'TLSv1.3'],
  [
    'Mimecast',
    'from a (a [192.0.2.1]) by relay.mimecast.com with ESMTP with STARTTLS (version=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384) id uk-1',
    'ESMTP',
    'TLSv1.3',
  ],
  [
    'Proofpoint',
    'from a (a [192.0.2.1]) by b (PPS) with ESMTPS id 1 (version=TLSv1.2 cipher=ECDHE bits=256 verify=NOT)',
    'ESMTPS',
    'TLSv1.2',
  ],
  [
    'Cisco',
    'from a ([192.0.2.1]) by b with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384',
    'ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384',
    undefined,
  ],
  [
    'amavis',
    'from b ([127.0.0.1]) by localhost (b [127.0.0.1]) (amavis, port 10024) with ESMTP id x',
    'ESMTP',
    undefined,
  ],
  ['Dovecot', 'from mx by imap with LMTP id aBcD (envelope-from <o@example.com>)', 'LMTP', undefined],
  ['Cyrus', 'from a (a [10.0.0.1]) by b (Cyrus 3.13.0) with LMTPA', 'LMTPA', undefined],
  [
    'Stalwart',
    'from a (a [192.0.2.1]) (using TLSv1.3 with cipher TLS13_AES_256_GCM_SHA384) by b (Stalwart SMTP) with ESMTPS id 1',
    'ESMTPS',
    'TLSv1.3',
  ],
  ['SSL', 'from a by b with ESMTPS (version=SSLv3 cipher=X)', 'ESMTPS', 'SSLv3'],
  ['a client that says it in HELO', 'from TLSv1.3 (unknown [192.0.2.1]) by b with SMTP', 'SMTP', undefined],
  [
    'qmail, a client that says it in HELO',
    'from unknown (HELO using TLSv1.3) (192.0.2.1) by b with SMTP',
    'SMTP',
    undefined,
  ],
  [
    'Exim, a client that says it in HELO',
    'from [192.0.2.1] (helo=version=TLSv1.3) by b with smtp (Exim 4.98)',
    'smtp',
    undefined,
  ],
  ['a host that is called so', 'from a (tls1.example.com [192.0.2.1]) by tls1.3 with SMTP', 'SMTP', undefined],
];

describe('the protocol, and the version of TLS', () => {
  test.each(transports)('%s', (_, line, protocol, tls) => {
    const [hop] = parseHops([`${line}; Thu, 6 Nov 2025 10:00:01 +0000`]);
    expect([hop?.with, hop?.tls]).toEqual([protocol, tls]);
  });
});

test('names are bounded and hold no control characters', () => {
  const [hop] = parseHops([`from ${'a'.repeat(900)} by \u0001b\u001b[31m\u0085.example.net with ${'x '.repeat(200)}`]);
  expect(hop?.by).toBe('b[31m.example.net');
  expect(hop?.from).toHaveLength(255);
  expect(hop?.with).toBe('x x x x');
});

test('hostile input takes linear time and a bounded result', () => {
  const hostile = [
    '('.repeat(1e6),
    ' '.repeat(1e6),
    `from ${'a '.repeat(5e5)}`,
    '[('.repeat(5e5),
    ';'.repeat(1e6),
    '\\'.repeat(1e6),
    '1 Nov '.repeat(2e5),
  ];
  const before = performance.now();
  expect(parseHops(Array.from({ length: 1000 }, (_, index) => hostile[index % hostile.length] ?? ''))).toHaveLength(50);
  parseFields(`${hostile.join('\r\n')}\r\n${' \r\n'.repeat(1e5)}`);
  expect(performance.now() - before).toBeLessThan(2000);
});
