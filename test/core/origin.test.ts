/** Where a canary really left, by its `Received` chain. */
import { describe, expect, test } from 'vitest';
import { isRange, originOf } from '../../lambdas/core/origin.ts';
import type { Hop } from '../../lambdas/core/words.ts';
import { hostOf } from './fleet.ts';

const host = hostOf('web-03', { address: '10.0.1.17' });
const hop = (address?: string): Hop => ({ by: 'mail-gw.example.com', from: 'web-03', address });

describe('the first way out of the host', () => {
  test.each([
    [
      'its own address',
      [hop('10.0.1.17'), hop('203.0.113.9')],
      host,
      false,
      { state: 'confirmed', address: '10.0.1.17' },
    ],
    ['another one', [hop('10.0.1.99')], host, false, { state: 'mismatched', address: '10.0.1.99' }],
    [
      'a declared NAT address',
      [hop('198.51.100.7')],
      { ...host, egress: ['198.51.100.7'] },
      false,
      { state: 'confirmed', address: '198.51.100.7' },
    ],
    [
      'inside a declared range',
      [hop('198.51.100.7')],
      { ...host, egress: ['198.51.100.0/28'] },
      false,
      { state: 'confirmed', address: '198.51.100.7' },
    ],
    [
      'beside a declared range',
      [hop('198.51.100.17')],
      { ...host, egress: ['198.51.100.0/28'] },
      false,
      { state: 'mismatched', address: '198.51.100.17' },
    ],
    [
      'over loopback first, to its own mail server',
      [hop('127.0.0.1'), hop('::1'), hop('10.0.1.17')],
      host,
      false,
      { state: 'confirmed', address: '10.0.1.17' },
    ],
    [
      'over a link-local address, from one service of Exchange to another',
      [hop('fe80::1c2d:3e4f:5a6b:7c8d'), hop('10.0.1.17')],
      host,
      false,
      { state: 'confirmed', address: '10.0.1.17' },
    ],
    [
      'handed over by a program of the host, which has no address',
      [hop(undefined), hop('10.0.1.17')],
      host,
      false,
      { state: 'confirmed', address: '10.0.1.17' },
    ],
    [
      'submitted by us: the hop after that',
      [hop('192.0.2.1'), hop('10.0.1.17')],
      host,
      true,
      { state: 'confirmed', address: '10.0.1.17' },
    ],
    [
      'submitted by us to a mail server that hides it',
      [hop('10.0.1.17'), hop('203.0.113.9')],
      host,
      true,
      { state: 'confirmed', address: '10.0.1.17' },
    ],
    ['submitted by us, and nothing after that', [hop('192.0.2.1')], host, true, { state: 'unknown' }],
    [
      'an IPv6 address in another notation',
      [hop('2001:db8:0:0::17')],
      { ...host, address: '2001:db8::17' },
      false,
      { state: 'confirmed', address: '2001:db8:0:0::17' },
    ],
    ['no hop with an address', [hop(undefined)], host, false, { state: 'unknown' }],
    ['something that is no address', [hop('10.0.1.17; DROP')], host, false, { state: 'unknown' }],
    [
      'a host with a name only',
      [hop('10.0.1.17')],
      { ...host, address: 'web-03.example.com' },
      false,
      { state: 'unknown' },
    ],
    ['a host without an address', [hop('10.0.1.17')], { ...host, address: undefined }, false, { state: 'unknown' }],
  ] as const)('%s', (_, hops, of, submitted, expected) => {
    expect(originOf(hops, of, submitted)).toEqual(expected);
  });
});

test.each([
  ['198.51.100.7', true],
  ['198.51.100.0/28', true],
  ['2001:db8::/32', true],
  ['198.51.100.0/33', false],
  ['198.51.100.0/', false],
  ['198.51.100.0/8/8', false],
  ['198.51.100', false],
  ['web-03', false],
  ['', false],
])('%s as a range: %s', (text, expected) => {
  expect(isRange(text)).toBe(expected);
});
