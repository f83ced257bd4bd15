/** Servers' real words, and what the table makes of them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { causes } from '../../lambdas/core/causes.ts';
import {
  asEvidence,
  classify,
  classifyCode,
  listNameIn,
  seenAsInGreeting,
  seenAsInRefusal,
  zoneIn,
} from '../../lambdas/core/replies.ts';
import { replies } from './replies-table.ts';

describe('a reply', () => {
  test('the table of real words is not small', () => {
    expect(replies.length).toBeGreaterThanOrEqual(230);
  });

  test.each(replies)('%s: %s is %s', (_server, reply, cause) => {
    expect(classify(reply)).toEqual({ cause, temporary: reply.startsWith('4') });
  });

  test('temporary is what the first digit says, not the words', () => {
    expect(classify('554 5.7.1 try again later, greylisted').temporary).toBe(false);
    expect(classify('451 4.7.1 permanently refused').temporary).toBe(true);
    expect(classify('250 Ok')).toEqual({ cause: 'unknown', temporary: false });
  });

  test('a megabyte costs what two thousand characters cost: nothing after them is read', () => {
    const hostile = `550 ${'sending user relay '.repeat(55_000)}`;
    expect(hostile.length).toBeGreaterThan(1_000_000);
    expect(classify(`${hostile} relay access denied`)).toEqual({ cause: 'unknown', temporary: false });
    expect(seenAsInRefusal(`${hostile} blocked using x [198.51.100.7]`)).toBeUndefined();
  });
});

describe('SES and its sandbox', () => {
  const reply =
    '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: orders@example.com, Canary@supplier.example';

  test('a recipient that is not verified is the sandbox', () => {
    expect(classify(reply, 'canary@supplier.example').cause).toBe('sandbox');
  });

  test.each([undefined, 'other@supplier.example', 'anary@supplier.example'])('otherwise it is the sender: %s', (to) => {
    expect(classify(reply, to).cause).toBe('sender-rejected');
  });

  test('an address in other words is not', () => {
    expect(classify('550 Sender rejected: canary@supplier.example', 'canary@supplier.example').cause).toBe(
      'sender-rejected',
    );
  });
});

describe('any reply', () => {
  const pieces = fc.constantFrom(
    ...replies.flatMap(([, reply]) => reply.split(' ')),
    '<',
    '>',
    '@',
    '.',
    '\n',
    '\r\n550-',
    '\u0000',
    '\u{1f4e7}',
    '5.7.',
  );

  test('has a cause of the table, and is temporary by its first digit', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 200 }), fc.constantFrom(' ', ''), (words, between) => {
        const reply = words.join(between);
        const { cause, temporary } = classify(reply);
        expect(causes).toHaveProperty(cause);
        expect(temporary).toBe(/^4\d\d/.test(reply));
        expect(seenAsInRefusal(reply)).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });

  test('keeps its cause in capitals, with its lines folded, and whoever it is about', () => {
    for (const [, reply, cause] of replies) {
      expect(classify(reply.toUpperCase()).cause, reply).toBe(cause);
      expect(classify(reply.replaceAll('\n', '\r\n')).cause, reply).toBe(cause);
      expect(classify(reply.replaceAll('x@', 'relay.spam.blocked@')).cause, reply).toBe(cause);
    }
  });
});

describe('the list that a refusal names', () => {
  test.each([
    [
      '554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.spamhaus.org; https://www.spamhaus.org/',
      'the list zen.spamhaus.org',
      'zen.spamhaus.org',
    ],
    [
      '550 rejected because 198.51.100.7 is in a black list at bl.example.net',
      'the list bl.example.net',
      'bl.example.net',
    ],
    ['550 5.7.1 listed at BL.Example.NET.', 'the list bl.example.net', 'bl.example.net'],
    [
      '553 5.7.1 [BL21] Connections not accepted from IP addresses on Spamhaus PBL',
      'the list of Spamhaus (check.spamhaus.org)',
      undefined,
    ],
    [
      '550 5.7.606 Access denied, banned sending IP [198.51.100.7].',
      'the list of Microsoft (sender.office.com)',
      undefined,
    ],
    [
      '554 Blocked - see https://ipcheck.proofpoint.com/?ip=198.51.100.7',
      'the list of Proofpoint (ipcheck.proofpoint.com)',
      undefined,
    ],
    ['554 5.7.1 poor reputation', undefined, undefined],
    ['550 JunkMail rejected - web-03 [198.51.100.7] is in an RBL', undefined, undefined],
    [`550 using ${'a.'.repeat(50_000)}`, undefined, undefined],
  ])('%.80s', (reply, name, zone) => {
    expect(listNameIn(reply)).toBe(name);
    expect(zoneIn(reply)).toBe(zone);
  });
});

describe('a code', () => {
  test.each([
    ['ENOTFOUND', 'dns-failed'],
    ['EAI_AGAIN', 'dns-failed'],
    ['ETIMEOUT', 'dns-failed'],
    ['ECONNREFUSED', 'connect-refused'],
    ['ETIMEDOUT', 'connect-timeout'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ECONNRESET', 'connection-lost'],
    ['CERT_HAS_EXPIRED', 'tls-expired'],
    ['CERT_NOT_YET_VALID', 'tls-expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls-name'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls-untrusted'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls-untrusted'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls-untrusted'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls-failed'],
    ['EPROTO', 'tls-failed'],
    ['EAUTH', 'auth-failed'],
    ['ENOENT', undefined],
    [undefined, undefined],
  ] as const)('%s is %s', (code, cause) => {
    expect(classifyCode(code)).toBe(cause);
  });
});

describe('our address as the server saw it', () => {
  test.each([
    ['250-EX01.corp.example Hello [198.51.100.7]\n250-SIZE 37748736', '198.51.100.7'],
    ['250-mx.example.com Hello web-03 [198.51.100.7]', '198.51.100.7'],
    ['250-mx.example.com Hello nat.example.com [198.51.100.7], pleased to meet you', '198.51.100.7'],
    ['250-smtp.gmail.com at your service, [198.51.100.7]', '198.51.100.7'],
    ['250-mx.example.com Hello web-03 [IPv6:2001:db8::7], pleased to meet you', '2001:db8::7'],
    ['250-mx.example.com Hello [10.0.1.17] [198.51.100.7]', '198.51.100.7'],
    ['250-mx.example.com Hello [10.0.1.17]', undefined],
    ['250-mx.example.com\n250-XFOO [203.0.113.1]', undefined],
    ['250 mail-gw.example.test', undefined],
    ['250-mx.example.com Hello [999.1.1.1]', undefined],
  ])('%s', (reply, address) => {
    expect(seenAsInGreeting(reply, '[10.0.1.17]')).toBe(address);
  });

  test.each([
    ['554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied', '198.51.100.7'],
    ['550-5.7.1 Invalid credentials for relay [198.51.100.7]. The IP address', '198.51.100.7'],
    ['550 rejected because 198.51.100.7 is in a black list at zen.spamhaus.org', '198.51.100.7'],
    ['550-5.7.1 [198.51.100.7      12] likely unsolicited mail', '198.51.100.7'],
    ['450 4.7.1 Error: too much mail from 198.51.100.7', '198.51.100.7'],
    ['550 5.1.1 <x@[203.0.113.9]>: User unknown', undefined],
    ['554 5.7.1 <x@supplier.example>: Relay access denied', undefined],
  ])('%s', (reply, address) => {
    expect(seenAsInRefusal(reply)).toBe(address);
  });
});

describe('evidence', () => {
  test('is one line, without control and direction characters, at most 500 characters', () => {
    expect(asEvidence('250-a\r\n250 b\u0000\u001b[31m\u202e!')).toBe('250-a 250 b[31m!');
    expect(asEvidence('x'.repeat(2000))).toHaveLength(500);
    expect(asEvidence('😀'.repeat(400), [], 5).isWellFormed()).toBe(true);
  });

  test('holds no secret, wherever it stands and also where the text is cut', () => {
    expect(asEvidence('535 no hunter2 for you', ['hunter2', ''])).toBe('535 no *** for you');
    expect(asEvidence(`${'x'.repeat(497)}hunter2`, ['hunter2'])).not.toContain('hun');
  });
});
