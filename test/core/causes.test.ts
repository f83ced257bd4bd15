/** The table of causes: each has a meaning and a next step that says no more than is known. */
import { describe, expect, test } from 'vitest';
import { type Cause, causes, isGentle, type Known, remedyFor } from '../../lambdas/core/causes.ts';
import { type Product, products } from '../../lambdas/core/products.ts';

const known: Known = {
  host: 'web-03',
  address: '10.0.1.17',
  seenAs: '198.51.100.7',
  leftFrom: '10.0.1.17',
  answeredBy: 'mail-gw-2',
  path: 'app',
  mailbox: 'outside',
  evidence: '554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.spamhaus.org',
  queueId: '4F2B1',
  at: 1_763_719_200_000,
};
const little: Known = { host: 'web-03', path: 'app', mailbox: 'outside' };
const half: Known = { ...little, address: '10.0.1.17', answeredBy: 'mail-gw-2' };
const all = Object.keys(causes) as Cause[];
const everyProduct = [undefined, ...(Object.keys(products) as Product[])];

describe.each(all)('the cause %s', (cause) => {
  test('has a meaning in plain words: one clause, no period', () => {
    const { meaning } = causes[cause];
    expect(meaning).toMatch(/^[^A-Z\n][^\n]{10,}[^.]$|^(SPF|SSM|IMAP|INBOX|Microsoft)\b[^\n]+[^.]$/);
    expect(meaning).not.toMatch(/\. /);
    expect(meaning.length).toBeLessThan(120);
  });

  test('says whether it usually passes by itself', () => {
    expect(typeof causes[cause].temporary).toBe('boolean');
  });

  test('has a remedy for every product, with all, half and little that is known', () => {
    for (const what of [known, half, little])
      for (const product of everyProduct)
        for (const isMailbox of [false, true]) {
          const remedy = remedyFor(cause, { ...what, product, isMailbox });
          expect(remedy).toMatch(/^[^\n]{20,300}[^.\s]$/);
          expect(remedy).not.toMatch(/undefined|null|NaN|\[object|\(\)| {2}|;;| [,;]/);
        }
  });

  test('speaks of the mailbox and not of the path where the mailbox is in trouble', () => {
    const about =
      /^(dns-|connect-|unreach|tls-|connection|timeout|protocol|auth-failed|auth-method|throttled|too-many)/;
    const remedy = remedyFor(cause, { ...known, isMailbox: true });
    if (!about.test(cause)) return;
    expect(remedy).toContain('mailbox outside');
    expect(remedy).not.toMatch(/path app|web-03|mail-gw-2|198\.51/);
  });
});

describe('the causes of the issue', () => {
  test('are all there', () => {
    const asked =
      'relay-denied sender-not-allowed sender-rejected recipient-unknown connector-mismatch direct-send-blocked ' +
      'auth-failed auth-method-disabled greylisted throttled too-many-connections quota-exceeded server-full ' +
      'mailbox-full too-large policy-blocked blocklisted unauthenticated client-name dns-failed connect-refused ' +
      'connect-timeout unreachable host-blocked firewall-altered tls-untrusted tls-expired tls-name tls-required ' +
      'protocol-error timeout-at-stage agent-offline not-in-rotation no-mailer queued-on-host trigger-failed ' +
      'trigger-unauthorised claimed-but-lost sandbox suppressed account-paused unknown';
    expect(all).toEqual(expect.arrayContaining(asked.split(' ')));
  });
});

describe('whom to trust', () => {
  const trusting: readonly Cause[] = ['relay-denied', 'connector-mismatch', 'direct-send-blocked', 'auth-required'];

  test.each(trusting)('%s never tells to trust a whole network', (cause) => {
    for (const product of everyProduct)
      expect(remedyFor(cause, { ...known, product })).toContain('never a whole network');
  });

  test('names the address as the server saw it, the host\u2019s own address and the server', () => {
    expect(remedyFor('relay-denied', known)).toMatch(
      /^trust 198\.51\.100\.7 \(web-03's own address is 10\.0\.1\.17\) on mail-gw-2: /,
    );
  });

  test.each<[string, Partial<Known>, RegExp]>([
    ['one address, seen', { seenAs: '10.0.1.17' }, /^trust 10\.0\.1\.17 \(web-03\) on/],
    [
      'own address is seen, and the host has none on record',
      { seenAs: '198.51.100.7', address: undefined },
      /^trust 198\.51\.100\.7 \(web-03\) on/,
    ],
    [
      'a private address may be rewritten on the way',
      { seenAs: undefined, leftFrom: undefined },
      /^trust the address from which web-03 reaches it \(its own is 10\.0\.1\.17\) on mail-gw-2:/,
    ],
    [
      'and so may the private end of the connection',
      { seenAs: undefined, address: '203.0.113.9' },
      /^trust the address from which web-03 reaches it \(its own is 10\.0\.1\.17\) on/,
    ],
    [
      'a public address is what the server sees',
      { seenAs: undefined, leftFrom: undefined, address: '203.0.113.9' },
      /^trust 203\.0\.113\.9 \(web-03\) on/,
    ],
    [
      'the end of the connection beats what a source reported',
      { seenAs: undefined, leftFrom: '203.0.113.5', address: '203.0.113.9' },
      /^trust 203\.0\.113\.5 \(web-03's own address is 203\.0\.113\.9\) on/,
    ],
    [
      'a connection that stays on the machine',
      { seenAs: undefined, leftFrom: '127.0.0.13', address: '127.0.0.13' },
      /^trust 127\.0\.0\.13 \(web-03\) on/,
    ],
    ['IPv6', { seenAs: undefined, leftFrom: '2001:db8::7', address: undefined }, /^trust 2001:db8::7 \(web-03\) on/],
    [
      'a unique local address',
      { seenAs: undefined, leftFrom: 'fd00::7' },
      /^trust the address from which web-03 reaches it \(its own is fd00::7\) on/,
    ],
    [
      'a name is no address',
      { seenAs: undefined, leftFrom: undefined, address: 'web-03.example.com' },
      /^trust the address from which web-03 reaches it \(its own is web-03\.example\.com\) on/,
    ],
    ['carrier-grade NAT', { seenAs: undefined, leftFrom: '100.64.0.9' }, /^trust the address from which/],
    ['just beyond it', { seenAs: undefined, leftFrom: '100.128.0.9' }, /^trust 100\.128\.0\.9/],
    ['172.32 is public', { seenAs: undefined, leftFrom: '172.32.0.9' }, /^trust 172\.32\.0\.9/],
    ['172.31 is not', { seenAs: undefined, leftFrom: '172.31.0.9' }, /^trust the address from which/],
  ])('%s', (_, more, expected) => {
    expect(remedyFor('relay-denied', { ...known, ...more })).toMatch(expected);
  });

  test('nothing is guessed where no address is known', () => {
    expect(remedyFor('relay-denied', little)).toMatch(
      /^trust the address from which web-03 reaches it on the mail server:/,
    );
  });

  test.each<[Product | undefined, string]>([
    [
      undefined,
      "Postfix mynetworks, Exchange the Receive connector's RemoteIPRanges on every server, Exim relay_from_hosts",
    ],
    ['postfix', 'Postfix keeps its list in mynetworks'],
    ['exchange', "the Receive connector's RemoteIPRanges, on every server"],
    ['microsoft365', 'inbound connector'],
    ['exim', 'relay_from_hosts'],
    ['sendmail', 'access map'],
    ['qmail', 'RELAYCLIENT'],
    ['opensmtpd', 'match from src'],
    ['hmailserver', 'IP ranges'],
    ['gmail', 'SMTP relay service'],
    ['ses', 'identity policy'],
  ])('%s: %s', (product, list) => {
    expect(remedyFor('relay-denied', { ...known, product })).toContain(list);
  });
});

describe('a remedy', () => {
  test('names the list that a refusal names', () => {
    expect(remedyFor('blocklisted', known)).toContain('removed from the list zen.spamhaus.org');
    expect(remedyFor('blocklisted', little)).toContain('removed from the list that the reply names');
  });

  test('of OpenSMTPD says both things that its "Invalid recipient" may mean', () => {
    expect(remedyFor('recipient-unknown', { ...known, product: 'opensmtpd' })).toMatch(
      /exists.*says the same when it does not relay: then trust 198\.51\.100\.7.*never a whole network$/,
    );
    expect(remedyFor('recipient-unknown', known)).not.toContain('relay');
  });

  test('of SES says both things that "not verified" may mean', () => {
    expect(remedyFor('sender-rejected', { ...known, product: 'ses' })).toMatch(/verify in SES.*sandbox$/);
  });

  test('of a refused login says what may have happened to it', () => {
    expect(remedyFor('auth-failed', known)).toContain('expired, locked or changed');
  });

  test('names the queue id to search for', () => {
    expect(remedyFor('accepted-but-lost', known)).toBe('search the log of mail-gw-2 for the queue id 4F2B1');
    expect(remedyFor('accepted-but-lost', little)).toContain('the canary id in the subject');
  });
});

test('what locks accounts, lengthens a listing or uses up what is left is tried gently', () => {
  expect(all.filter(isGentle).sort()).toEqual([
    'account-paused',
    'auth-failed',
    'auth-method-disabled',
    'blocklisted',
    'imap-consent-missing',
    'imap-disabled',
    'imap-login-refused',
    'imap-password-disabled',
    'open-relay',
    'quota-exceeded',
    'throttled',
    'token-client-refused',
    'token-consent-missing',
    'token-refused',
    'token-tenant-unknown',
    'trigger-unauthorised',
  ]);
  expect(isGentle(undefined)).toBe(false);
});
