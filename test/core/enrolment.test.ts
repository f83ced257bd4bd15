/** Keys of hosts: one for each, none of which says anything of another, and what they sign. */
import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { keyOf, mint, recognise } from '../../lambdas/core/canary.ts';
import {
  fleetId,
  fleetKey,
  generationOf,
  hostKey,
  hostKeys,
  isSignedBy,
  signTelling,
} from '../../lambdas/core/enrolment.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { minute, slot0 } from './fleet.ts';

const master = 'the master secret';
const current = keyOf('the monitor’s own key');
const sentAt = slot0 * minute;
const options = { from: 'orders@example.com', to: 'canary@elsewhere.example', autoSubmitted: true };

const seen = (route: string, key: ReturnType<typeof hostKey>, keys: ReturnType<typeof hostKeys>) => {
  const { headers, messageId } = mint(route, slot0, sentAt, key, options);
  const look = (mail: object) => recognise(mail, { current, hosts: keys }, sentAt + minute, 60 * minute);
  return [look({ canary: headers['X-Mail-Canary'] }), look({ messageId })];
};

describe('keys', () => {
  test('are the same each time, differ by host, generation, fleet and master, and are one block of SHA-256', () => {
    expect(hostKey(master, 'web-01', 1)).toEqual(hostKey(master, 'web-01', 1));
    const all = [
      hostKey(master, 'web-01', 1),
      hostKey(master, 'web-02', 1),
      hostKey(master, 'web-01', 2),
      hostKey('another', 'web-01', 1),
      fleetKey(master, 1),
      fleetKey(master, 2),
      // A name that looks like the parts of another key.
      hostKey(master, 'web-01\n1', 1),
    ];
    expect(new Set(all.map(({ secret }) => secret)).size).toBe(all.length);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const { secret } of all) expect(secret).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a host mints for itself, known as that host by header and by Message-ID', () => {
    const keys = hostKeys(master, ['web-01', 'web-02'], []);
    for (const one of seen('web-01/cron/outside', hostKey(master, 'web-01', 1), keys))
      expect(one).toMatchObject({ kind: 'own', by: 'web-01' });
  });

  test('with its key a host can name another one, and deceives nobody', () => {
    const keys = hostKeys(master, ['web-01', 'web-02'], []);
    const [byHeader, byMessageId] = seen('web-02/cron/outside', hostKey(master, 'web-01', 1), keys);
    expect(byHeader).toMatchObject({ kind: 'forged', by: 'web-01' });
    // The Message-ID carries no route: what a canary of web-02 needs is that web-02 minted it.
    expect(byMessageId).toMatchObject({ kind: 'own', by: 'web-01' });
  });

  test('the fleet mints for every host', () => {
    const [byHeader] = seen('new-77/cron/outside', fleetKey(master, 1), hostKeys(master, [], []));
    expect(byHeader).toMatchObject({ kind: 'own', by: 'every', route: 'new-77/cron/outside' });
  });

  test('after a revocation the old key is nobody’s, and the new one is known', () => {
    const enrolments = [
      { id: 'web-01', generation: 2, changedAt: 0 },
      { id: fleetId, generation: 3, changedAt: 0 },
    ];
    const keys = hostKeys(master, ['web-01', 'web-02'], enrolments);
    for (const old of [hostKey(master, 'web-01', 1), fleetKey(master, 2)])
      for (const one of seen('web-01/cron/outside', old, keys)) expect(one).toEqual({ kind: 'foreign' });
    for (const now of [hostKey(master, 'web-01', 2), hostKey(master, 'web-02', 1), fleetKey(master, 3)])
      expect(keys.get(now.id)).toEqual(now);
    expect(keys.size).toBe(3);
    expect([generationOf('web-01', enrolments), generationOf('web-02', enrolments)]).toEqual([2, 1]);
  });

  test('the name of the fleet is one that the ledger takes and no host can have', async () => {
    const items = itemsOf(memoryLedger());
    await items.putEnrolment({ id: fleetId, generation: 2, changedAt: 1 });
    expect(await items.enrolment(fleetId)).toEqual({ id: fleetId, generation: 2, changedAt: 1 });
    expect(fleetId).not.toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
  });
});

describe('signatures of tellings', () => {
  const key = hostKey(master, 'web-01', 1);
  const telling = { path: '/?a=b', timestamp: 1_800_000_000, body: '{"v":1}' };

  test('are over method, path, time and the digest of the body', () => {
    const digest = createHash('sha256').update('{"v":1}').digest('hex');
    const text = `v1\nPOST\n/?a=b\n1800000000\n${digest}`;
    const expected = createHmac('sha256', key.secret).update(text).digest('hex');
    expect(signTelling(key.secret, telling)).toBe(`v1=${expected}`);
    expect(signTelling(key.secret, { ...telling, body: Buffer.from('{"v":1}') })).toBe(`v1=${expected}`);
  });

  test.each([
    ['another path', { path: '/' }],
    ['another time', { timestamp: 1_800_000_001 }],
    ['another body', { body: '{"v":2}' }],
  ])('fit nothing else: %s', (_, change) => {
    const signature = signTelling(key.secret, telling);
    expect(isSignedBy(key.secret, telling, signature)).toBe(true);
    expect(isSignedBy(key.secret, { ...telling, ...change }, signature)).toBe(false);
    expect(isSignedBy(hostKey(master, 'web-02', 1).secret, telling, signature)).toBe(false);
  });

  test.each(['', 'v1=', 'v1=é', `v1=${'é'.repeat(64)}`, `v2=${'0'.repeat(64)}`])('%j is none', (signature) => {
    expect(isSignedBy(key.secret, telling, signature)).toBe(false);
  });
});
