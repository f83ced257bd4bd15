/** Filling `{host.…}`: what a host says of itself may come from a directory that somebody else writes. */
import { describe, expect, test } from 'vitest';
import type { HostFacts } from '../../lambdas/core/words.ts';
import { fill, isLocal, placeholdersOf } from '../../lambdas/settings/template.ts';

const host = (address: string | undefined, labels: Record<string, string> = {}): HostFacts => ({
  id: 'web-03',
  address,
  paths: [],
  mailboxes: [],
  services: [],
  customers: [],
  labels,
});
const url = 'https://{host.address}/mail-canary';
const filled = (address: string, template = url, allowLocal = false) => fill(template, host(address), { allowLocal });

/** Lead back to the sender itself, or to the metadata service of its cloud, in every notation that a resolver may read. */
const local = [
  '127.0.0.1',
  '127.0.0.2',
  '127.255.255.254',
  '127.1',
  '127.0.1',
  '0x7f000001',
  '0x7f.0.0.1',
  '0X7F.1',
  '0177.0.0.1',
  '2130706433',
  '0',
  '0.0.0.0',
  'localhost',
  'LOCALHOST',
  'web.localhost',
  'localhost.localdomain',
  'ip6-localhost',
  '::1',
  '::',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '0:0:0:0:0:ffff:7f00:0001',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b::a9fe:a9fe',
  '2002:7f00:1::',
  '169.254.169.254',
  '169.254.170.2',
  '169.254.0.1',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '0xa9fea9fe',
  '2852039166',
  '169.254.43518',
  'fd00:ec2::254',
  'fd00:0ec2:0:0:0:0:0:254',
  'fe80::1',
  'ff02::1',
  '224.0.0.1',
  '255.255.255.255',
  'metadata',
  'metadata.google.internal',
  'METADATA.google.internal',
  'instance-data',
  'instance-data.ec2.internal',
] as const;

/** Would change what the URL, the header or the command line means. */
const malformed = [
  '',
  ' ',
  '10.0.1.11 ',
  ' 10.0.1.11',
  '10.0.1.11\r\nHost: evil.example',
  '10.0.1.11\nX: y',
  '10.0.1.11\u0000',
  'user@10.0.1.11',
  '10.0.1.11@evil.example',
  '10.0.1.11/../admin',
  '10.0.1.11/',
  '10.0.1.11#',
  '10.0.1.11?x=',
  '10.0.1.11:25',
  '127.0.0.1.',
  'localhost.',
  'METADATA.google.internal.',
  'evil.example:443',
  '10.0.1.11\\evil.example',
  '[::1]',
  '[2001:db8::1]:25',
  'fe80::1%eth0',
  'web-03.example.com,evil.example',
  'web-03;reboot',
  '$(reboot)',
  '{host.id}',
  'wéb.example',
  '127。0。0。1',
  '１27.0.0.1',
  '%31%30.0.1.11',
  '-oProxyCommand=x',
  '10.0.1.0/24',
  'a'.repeat(5000).concat('!'),
] as const;

const good = ['10.0.1.11', '192.168.0.1', '203.0.113.7', 'web-03', 'web-03.example.com', 'web_03.corp', '2001:db8::7'];

test('the corpus is large enough to mean something', () => {
  expect(new Set([...local, ...malformed]).size).toBeGreaterThanOrEqual(70);
});

describe('an address that leads back to us is refused from a Lambda, and taken on a machine', () => {
  test.each(local)('%s', (address) => {
    for (const template of [url, '{host.address}', 'http://{host.address}:8080/'])
      expect(() => filled(address, template)).toThrow(/leads back to the sender itself/);
    expect(isLocal(address)).toBe(true);
    expect(filled(address, '{host.address}', true)).toBe(address);
  });
});

describe('an address that is none is refused everywhere', () => {
  test.each(malformed)('%j', (address) => {
    for (const allowLocal of [true, false])
      expect(() => filled(address, url, allowLocal)).toThrow(/is neither an IP address nor a host name/);
  });

  test('and only its beginning is repeated, on one line', () => {
    const refused = () => filled(`${'x'.repeat(5000)}\r\n`);
    expect(refused).toThrow(/^\{host\.address\} of web-03 is neither an IP address nor a host name: "x{80}"$/);
  });
});

describe('a good one is filled in', () => {
  test.each(good)('%s', (address) => {
    expect(isLocal(address)).toBe(false);
    expect(new URL(filled(address)).hostname).toBe(address.includes(':') ? `[${address}]` : address);
    expect(filled(address, '{host.address}')).toBe(address);
  });

  test('an IPv6 address stands in brackets inside a URL, and nowhere else', () => {
    expect(filled('2001:db8::7', 'https://{host.address}:8443/x')).toBe('https://[2001:db8::7]:8443/x');
    expect(filled('2001:db8::7', '{host.address}')).toBe('2001:db8::7');
  });

  test('id and labels as well, as often as they stand there', () => {
    const facts = host('10.0.1.11', { site: 'lon', 'port.http': '8080' });
    const template = 'https://{host.id}.{host.labels.site}.example.com:{host.labels.port.http}/{host.id}';
    expect(fill(template, facts, { allowLocal: false })).toBe('https://web-03.lon.example.com:8080/web-03');
    expect(placeholdersOf(template)).toEqual(['host.id', 'host.labels.site', 'host.labels.port.http', 'host.id']);
  });
});

describe('what the parts come to is what counts', () => {
  const parts = (template: string, labels: Record<string, string>) => () =>
    fill(template, host('10.0.1.11', labels), { allowLocal: false });

  test.each([
    ['https://127.{host.labels.x}/', { x: '1' }],
    ['127.0.0.{host.labels.x}', { x: '1' }],
    ['https://{host.labels.x}.254.169.254/', { x: '169' }],
    ['https://{host.labels.x}/', { x: '017700000001' }],
    ['http://meta{host.labels.x}/', { x: 'data' }],
  ])('%s with %j is refused', (template, labels) => {
    expect(parts(template, labels)).toThrow(/leads back/);
  });

  test('a number that is a port or a part of the path is none of it', () => {
    expect(parts('https://{host.address}:{host.labels.x}/{host.labels.y}', { x: '8080', y: '127' })()).toBe(
      'https://10.0.1.11:8080/127',
    );
  });

  test('a URL that is none any more is refused', () => {
    expect(parts('https://{host.address}:{host.labels.x}/', { x: 'http' })).toThrow(
      'https://{host.address}:{host.labels.x}/ of web-03 is no URL: "https://10.0.1.11:http/"',
    );
  });
});

describe('what has no value is refused', () => {
  test.each([
    ['{host.address}', host(undefined)],
    ['{host.labels.rack}', host('10.0.1.11')],
    ['{host.labels.constructor}', host('10.0.1.11')],
    ['{host.labels.__proto__}', host('10.0.1.11')],
    ['{host.paths}', host('10.0.1.11')],
    ['{address}', host('10.0.1.11')],
    ['{}', host('10.0.1.11')],
  ])('%s', (template, facts) => {
    expect(() => fill(template, facts, { allowLocal: true })).toThrow(`web-03 has no value for ${template}`);
  });

  test('a hostile label is refused like a hostile address', () => {
    const facts = host('10.0.1.11', { site: '169.254.169.254' });
    expect(() => fill('https://{host.labels.site}/', facts, { allowLocal: false })).toThrow(/leads back/);
    expect(() => fill('https://{host.labels.site}/', host('10.0.1.11', { site: 'a@b' }), { allowLocal: true })).toThrow(
      /neither/,
    );
  });
});
