/** `Authentication-Results` as servers write it, in every form that RFC 8601 allows and some that it does not, and as a forger would. */
import { describe, expect, test } from 'vitest';
import { authenticationOf } from '../../lambdas/mailbox/authentication.ts';
import { parseFields } from '../../lambdas/mailbox/header.ts';
import { allHeaders, fieldsOf, headerOf } from './headers.ts';

const pass = { spf: 'pass', dkim: 'pass', dmarc: 'pass' };

/** File, whom the settings trust, what must be read, and a part of the words. */
const rows: readonly (readonly [string, string, object | undefined, string?])[] = [
  ['gmail', 'mx.google.com', pass, 'dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.com'],
  ['gmail-unauthenticated', 'mx.google.com', { spf: 'softfail', dkim: 'neutral', dmarc: 'fail' }, 'spf=softfail (goo'],
  ['microsoft-365', 'protection.outlook.com', pass, 'dkim=pass (signature was verified) header.d=example.com'],
  ['microsoft-365-junk', 'protection.outlook.com', { spf: 'fail', dkim: 'none', dmarc: 'fail' }, 'action=quarantine'],
  ['outlook.com', '*.protection.outlook.com', { spf: 'none', dkim: 'none', dmarc: 'none' }],
  // What the sender wrote below the trace of the edge, with a trace of its own below that.
  ['microsoft-365-forged', 'protection.outlook.com', undefined],
  // The sender's Microsoft 365 says what it found when the mail was handed in: nobody's business here.
  ['microsoft-365-sender', 'protection.outlook.com', undefined],
  ['microsoft-365-sender', 'mx.elsewhere.example', { dkim: 'pass' }, 'header.b="aBcD1234"'],
  ['postfix-opendkim-opendmarc', 'mx.elsewhere.example', pass, 'dmarc=pass (p=reject dis=none)'],
  [
    'postfix-above',
    'elsewhere.example',
    { spf: 'fail', dkim: 'fail', dmarc: 'fail' },
    'reason="signature verification f',
  ],
  [
    'fastmail',
    '*.messagingengine.com',
    { spf: 'softfail', dkim: 'fail', dmarc: 'fail' },
    'phl-mx-03.messagingengine.com;',
  ],
  ['fastmail', 'phl-mx-03.messagingengine.com', { spf: 'softfail', dkim: 'fail', dmarc: 'fail' }],
  ['yahoo', '*.yahoo.com', pass, 'dmarc=pass(p=REJECT)'],
  ['yahoo-old', '*.mail.bf1.yahoo.com', { dkim: 'permerror' }, 'dkim=permerror (no key)'],
  ['icloud', '*.icloud.com', pass, 'dkim=pass (2048-bit key)'],
  ['rspamd', 'mx.elsewhere.example', { spf: 'softfail', dkim: 'none', dmarc: 'fail' }, 'reason="SPF not aligned'],
  ['amavis', 'mx.elsewhere.example', { dkim: 'pass' }],
  ['proofpoint', 'ppops.net', pass],
  // Exchange Server writes none of its own; the gateway before it does.
  ['exchange-on-premises', 'EX01.corp.elsewhere.example', undefined],
  ['exchange-on-premises', 'relay.mimecast.com', pass, 'dmarc=pass (policy=reject)'],
  ['barracuda', 'mx.elsewhere.example', undefined],
];

describe('a header as a server really writes it', () => {
  const objects = rows.map(([file, trusted, expected, words = '']) => ({ file, trusted, expected, words }));
  test.each(objects)('$file, trusting $trusted', ({ file, trusted, expected, words }) => {
    const found = authenticationOf(fieldsOf(file), trusted);
    if (expected === undefined) expect(found).toBeUndefined();
    else {
      const { words: said = '', ...results } = found ?? {};
      expect(results).toEqual(expected);
      expect(said).toContain(words);
      expect(said.length).toBeLessThanOrEqual(300);
      expect(said).not.toMatch(/[\r\n\t]/);
    }
    expect(authenticationOf(fieldsOf(file), trusted.toUpperCase())).toEqual(found);
    expect(authenticationOf(fieldsOf(file), 'mx.somebody.example')).toBeUndefined();
  });

  test('every file is read by a row', () => {
    expect([...new Set(rows.map(([file]) => file))].sort()).toEqual(allHeaders());
  });
});

const read = (lines: readonly string[], trusted = 'mx.example.net') =>
  authenticationOf(parseFields(lines.join('\r\n')), trusted);
const results = (value: string, trusted?: string) => {
  const { words: _, ...rest } = read([`Authentication-Results: ${value}`], trusted) ?? { words: '' };
  return rest;
};

describe('the grammar of RFC 8601 2.2, and what it does not foresee', () => {
  test.each([
    ['no result', 'mx.example.net; none', {}],
    ['no result, in version 1', 'mx.example.net 1; none', {}],
    ['a version', 'mx.example.net 1; spf=pass smtp.mailfrom=example.com', { spf: 'pass' }],
    ['a version of the method', 'mx.example.net; dkim/1=pass header.d=example.com', { dkim: 'pass' }],
    ['a name in quotes', '"mx.example.net"; spf=pass', { spf: 'pass' }],
    ['another case', 'MX.Example.NET; SPF=Pass; DKIM=PASS', { spf: 'pass', dkim: 'pass' }],
    ['comments everywhere', '(a) mx.example.net (b (c)) 1 (d) ; (e) spf (f) = (g) pass (h)', { spf: 'pass' }],
    ['a comment that holds a result', 'mx.example.net; (; dmarc=pass ;) spf=fail', { spf: 'fail' }],
    ['nested comments with escapes', 'mx.example.net; (a \\) (b \\( ) ; dkim=pass) dkim=fail', { dkim: 'fail' }],
    [
      'a comment glued to the result',
      'mx.example.net; dmarc=pass(p=REJECT) header.from=example.com',
      { dmarc: 'pass' },
    ],
    [
      'a reason that holds a result',
      'mx.example.net; dkim=fail reason="; dkim=pass"; spf=none',
      { dkim: 'fail', spf: 'none' },
    ],
    ['an escaped quote in a reason', 'mx.example.net; dkim=fail reason="\\"; dkim=pass"', { dkim: 'fail' }],
    ['a bracket in a quoted string', 'mx.example.net; dkim=fail reason="("; spf=pass', { dkim: 'fail', spf: 'pass' }],
    ['a semicolon at the end', 'mx.example.net; spf=pass;', { spf: 'pass' }],
    ['no room around', 'mx.example.net;spf=pass;dkim=none;dmarc=none', { spf: 'pass', dkim: 'none', dmarc: 'none' }],
    ['several signatures, one of which passes', 'mx.example.net; dkim=fail; dkim=none; dkim=pass', { dkim: 'pass' }],
    ['several signatures, one not examined', 'mx.example.net; dkim=fail; dkim=temperror', { dkim: 'temperror' }],
    [
      'SPF of HELO and of the envelope',
      'mx.example.net; spf=pass smtp.helo=a; spf=fail smtp.mailfrom=b',
      { spf: 'fail' },
    ],
    ['unknown methods', 'mx.example.net; arc=pass; iprev=fail; x-ptr=pass; bimi=skipped', {}],
    ['a method that only begins so', 'mx.example.net; dkim-adsp=fail; spf-helo=fail; xdmarc=fail', {}],
    ['a result that nobody knows', 'mx.example.net; dmarc=bestguesspass action=none', { dmarc: 'unknown' }],
    [
      'a result that only begins so',
      'mx.example.net; spf=passed; dkim=pass-through',
      { spf: 'unknown', dkim: 'unknown' },
    ],
    ['the old word for fail', 'mx.example.net; spf=hardfail', { spf: 'fail' }],
    ['a property like a method', 'mx.example.net; spf=none smtp.mailfrom=dmarc=pass', { spf: 'none' }],
    ['a comment that never ends', 'mx.example.net; spf=pass (; dmarc=fail', { spf: 'pass' }],
    ['a string that never ends', 'mx.example.net; spf=pass reason="; dmarc=fail', { spf: 'pass' }],
    ['nothing behind the equals sign', 'mx.example.net; spf=; dkim=pass', { dkim: 'pass' }],
  ] as const)('%s', (_, value, expected) => {
    expect(results(value)).toEqual(expected);
  });

  test.each([
    ['somebody else', 'mx.example.org; spf=pass'],
    ['a host below the trusted one', 'a.mx.example.net; spf=pass'],
    ['a name that ends so', 'evilmx.example.net; spf=pass'],
    ['a comment in front', '(mx.example.net;) mx.example.org; spf=pass'],
    ['a string with more in it', '"mx.example.net x"; spf=pass'],
    ['nothing', ''],
    ['a semicolon', ';'],
    ['no id', 'spf=pass smtp.mailfrom=example.com'],
  ])('is not believed: %s', (_, value) => {
    expect(read([`Authentication-Results: ${value}`])).toBeUndefined();
  });

  test('folding, wherever it is allowed', () => {
    expect(read(['Authentication-Results:', ' mx.example.net', '\t;', ' spf', ' =', '\tpass', ' (a', '\tb)'])).toEqual({
      spf: 'pass',
      words: 'mx.example.net; spf = pass (a b)',
    });
  });

  test('a star stands for the servers of a domain, and for nothing else', () => {
    for (const id of ['a.example.net', 'b.a.example.net'])
      expect(results(`${id}; spf=pass`, '*.example.net')).toEqual({ spf: 'pass' });
    for (const id of ['example.net', 'evilexample.net', 'a.example.net.evil.example', '*.example.org'])
      expect(read([`Authentication-Results: ${id}; spf=pass`], '*.example.net')).toBeUndefined();
  });
});

describe('a forger', () => {
  const own = 'Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=example.com; dkim=none';
  const forged = 'Authentication-Results: mx.example.net; spf=pass; dkim=pass; dmarc=pass';
  const taken =
    'Received: from a (a [192.0.2.1]) by mx.example.net (Postfix) with ESMTP id 1; Thu, 6 Nov 2025 10:00:01 +0000';

  test('below the trace of the server, nothing counts', () => {
    expect(read([own, taken, forged])).toMatchObject({ spf: 'fail', dkim: 'none' });
    expect(read([own, taken, forged])?.dmarc).toBeUndefined();
    expect(read([taken, own, 'Received: from b by a', forged, taken, forged])?.dmarc).toBeUndefined();
  });

  test('beside the fields of the server, nothing contradicts them', () => {
    // OpenDKIM and Sendmail write below their own trace, directly on top of what the sender brought.
    expect(read([taken, own, forged])).toMatchObject({ spf: 'fail', dkim: 'none' });
  });

  test("behind somebody else's field, nothing counts", () => {
    expect(read([own, 'Authentication-Results: gw.example.com; dkim=pass', forged])?.dmarc).toBeUndefined();
  });

  test('without an id: only directly above the first trace of the trusted server', () => {
    const without = 'Authentication-Results: spf=pass smtp.mailfrom=example.com; dmarc=pass';
    const edge = taken.replace('mx.example.net', 'fra1.mx.example.net');
    const inside = 'Received: from fra1.mx.example.net by mbox.example.org; Thu, 6 Nov 2025 10:00:02 +0000';
    const elsewhere = taken.replace('mx.example.net', 'evilmx.example.net');
    for (const lines of [
      [without, taken],
      [without, edge],
      [inside, without, edge, 'From: a@example.com'],
    ])
      expect(read(lines)).toMatchObject({ spf: 'pass', dmarc: 'pass' });
    for (const lines of [
      [without],
      [taken, without],
      [edge, without, edge],
      [without, elsewhere],
      [inside, without, inside, edge],
    ])
      expect(read(lines)).toBeUndefined();
    expect(read([without.replaceAll('pass', 'fail'), edge, without, edge])).toMatchObject({ dmarc: 'fail' });
  });
});

test('words are one line of at most 300 characters, without control and direction characters', () => {
  const value = `mx.example.net; spf=fail (${'\u0001\u001b[31m\u0085x'.repeat(400)}); dkim=fail (caf\u00c3\u00a9) header.d=x; dmarc=fail`;
  const { words = '' } = read([`Authentication-Results: ${value}`]) ?? {};
  expect(words.length).toBeLessThanOrEqual(300);
  expect(words).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  expect(words).toContain('dkim=fail (caf\u00e9) header.d=x; dmarc=fail');
  expect(read([`Authentication-Results: mx.example.net; none (${'x'.repeat(5000)})`])?.words).toHaveLength(300);
});

test('hostile fields are read in linear time', () => {
  const many = Array.from({ length: 4000 }, (_, index) =>
    index % 3 === 0 ? `Received: from a by b${index}.example.net; x` : 'Authentication-Results: dkim=pass',
  );
  const hostile = [
    '('.repeat(1e6),
    '"'.repeat(1e6),
    ';'.repeat(1e6),
    '\\'.repeat(1e6),
    'spf '.repeat(2e5),
    ' '.repeat(1e6),
  ];
  for (const text of hostile)
    for (const head of ['', 'mx.example.net; ', 'mx.example.net; dkim', 'mx.example.net; dkim=pass '])
      read([...many, `Authentication-Results: ${head}${text}`, ...many]);
  const { words = '' } = read(['Authentication-Results: mx.example.net;'.padEnd(1e6, ' dkim=pass;')]) ?? {};
  expect(words).toBe('mx.example.net; dkim=pass');
});

test('no header that is cut anywhere makes it throw', () => {
  for (const name of allHeaders()) {
    const header = headerOf(name);
    for (let at = 0; at < header.length; at += 41)
      for (const trusted of ['mx.google.com', 'protection.outlook.com', '*.messagingengine.com', '', '*', '*.'])
        authenticationOf(parseFields(header.slice(0, at)), trusted);
  }
});
