/** Which mail is ours, and which is somebody's. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canaryId, keyOf, type MailOptions, mint, recognise } from '../../lambdas/core/canary.ts';
import { minute, slot0 } from './fleet.ts';

const key = keyOf('a secret');
const keys = { current: key };
const route = 'web-03/app/outside';
const sentAt = slot0 * minute + 4321;
const now = sentAt + minute;
const replay = 14 * 24 * 60 * minute;
const options: MailOptions = { from: 'orders@example.com', to: 'canary@elsewhere.example', autoSubmitted: true };

const minted = (ofRoute = route, slot = slot0, at = sentAt, by = key) => {
  const mail = mint(ofRoute, slot, at, by, options);
  return { ...mail, canary: mail.headers['X-Mail-Canary'] ?? '' };
};
const mail = minted();
const own = { kind: 'own', id: mail.id, slot: slot0, sentAt };
const look = (seen: { canary?: string; messageId?: string }, by: Parameters<typeof recognise>[1] = keys, at = now) =>
  recognise(seen, by, at, replay);
/** Replaces the MAC at the end of a header by another text. */
const withMac = (mac: string) => mail.canary.replace(/m=.*/, `m=${mac}`);
const macOf = (text: string) => /([0-9a-f]{40})(@|$)/.exec(text)?.[1] ?? '';

describe('minting', () => {
  test('gives an id of 20 consonants, the same for the same route and slot however often it is sent', () => {
    expect(mail.id).toMatch(/^[bcdfghjklmnpqrstvwxz]{20}$/);
    expect(minted(route, slot0, sentAt + 30_000).id).toBe(mail.id);
    expect(minted(route, slot0, sentAt, keyOf('another secret')).id).toBe(mail.id);
    expect(canaryId(route, slot0 + 1)).not.toBe(mail.id);
    expect(canaryId('web-04/app/outside', slot0)).not.toBe(mail.id);
  });

  test('gives the same bytes for the same input, and one sender on every canary', () => {
    expect(minted()).toEqual(mail);
    expect(minted(route, slot0 + 1)).toMatchObject({ from: 'orders@example.com' });
  });

  test('writes 7-bit text without links, and the id into the subject for people', () => {
    expect(mail.text).toMatch(/^[\n\x20-\x7e]*$/);
    expect(mail.text).not.toContain('://');
    expect(mail.subject).toBe(`Mail canary web-03 ${mail.id}`);
  });

  test('writes what version 1 always wrote: canaries under way must outlive a deployment', () => {
    const { id, messageId, canary } = minted(route, 29_915_080, 1_794_904_804_321);
    expect(id).toBe('fbsxglqplkhxzczptzmc');
    expect(messageId).toBe(
      '<fbsxglqplkhxzczptzmc.smscjsvh.ht6mg.mwkfz6qp.a3c54a8b45b86dd5e8e60c87d77c1ea6705350fc@example.com>',
    );
    expect(canary).toBe(
      'v=1; k=smscjsvh; r=web-03/app/outside; s=29915080; t=1794904804321; m=8ba548077f2d915cac841c6e2c114d44178f6a0f',
    );
  });

  test('leaves Auto-Submitted away where the path says so', () => {
    expect(mail.headers['Auto-Submitted']).toBe('auto-generated');
    expect(mint(route, slot0, sentAt, key, { ...options, autoSubmitted: false }).headers).not.toHaveProperty(
      'Auto-Submitted',
    );
  });
});

describe('recognising', () => {
  const { canary, messageId } = mail;
  const shortened = canary.replace(/; /g, ';');
  const cases: readonly (readonly [what: string, seen: { canary?: string; messageId?: string }, expected: object])[] = [
    ['header and Message-ID', { canary, messageId }, { ...own, route }],
    ['the header alone', { canary }, { ...own, route }],
    ['the Message-ID alone (header stripped)', { messageId }, own],
    ['a rewritten Message-ID', { canary, messageId: '<0100@eu-west-1.amazonses.com>' }, { ...own, route }],
    ['a folded header', { canary: canary.replace(/; /g, ';\r\n\t') }, { ...own, route }],
    ['a header folded inside the MAC', { canary: canary.replace(/.{9}$/, '\r\n $&') }, { ...own, route }],
    ['a header without blanks', { canary: shortened }, { ...own, route }],
    ['a header with trailing blanks', { canary: `  ${canary}  ` }, { ...own, route }],
    ['a Message-ID without brackets', { messageId: messageId.replace(/[<>]/g, '') }, own],
    ['no token at all: a reply, a forward, an out-of-office', {}, { kind: 'foreign' }],
    ['somebody else\u2019s Message-ID', { messageId: '<CAJ+1@mail.example>' }, { kind: 'foreign' }],
    ['our Message-ID quoted behind another', { messageId: `<x@y> ${messageId}` }, { kind: 'foreign' }],
    ['a forged MAC in the header', { canary: withMac('0'.repeat(40)) }, { kind: 'forged' }],
    ['no MAC in the header', { canary: withMac('') }, { kind: 'forged' }],
    ['a MAC that is not ASCII', { canary: withMac('é'.repeat(40)) }, { kind: 'forged' }],
    [
      'a forged MAC in the Message-ID',
      { messageId: messageId.replace(macOf(messageId), '0'.repeat(40)) },
      { kind: 'forged' },
    ],
    ['the Message-ID\u2019s MAC in the header', { canary: withMac(macOf(messageId)) }, { kind: 'forged' }],
    [
      'the header\u2019s MAC in the Message-ID',
      { messageId: messageId.replace(macOf(messageId), macOf(canary)) },
      { kind: 'forged' },
    ],
    ['a forged header beside a valid Message-ID', { canary: withMac('0'.repeat(40)), messageId }, own],
    ['another version', { canary: canary.replace('v=1', 'v=2') }, { kind: 'forged' }],
    ['a malformed escape in the route', { canary: canary.replace('r=web', 'r=%E0%A4%A') }, { kind: 'forged' }],
    ['tags without values', { canary: `k=${key.id}; ; =; s; t; m` }, { kind: 'forged' }],
  ];

  test.each(cases)('%s', (_, seen, expected) => {
    expect(look(seen)).toEqual(expected);
  });

  test('a header block that a gateway wrote in lower case: by the header, or (capitals in the route) by the Message-ID', () => {
    const lower = (one: typeof mail) => ({ canary: one.canary.toLowerCase(), messageId: one.messageId.toLowerCase() });
    expect(look(lower(mail))).toEqual({ ...own, route });
    const capital = minted('Web-03/App/Outside');
    expect(look(lower(capital))).toEqual({ ...own, id: capital.id });
  });

  test('a key that we do not know is another stack\u2019s canary, whatever its MAC', () => {
    const other = minted(route, slot0, sentAt, keyOf('another secret'));
    expect(look(other)).toEqual({ kind: 'foreign' });
    expect(look({ canary: other.canary, messageId: mail.messageId })).toEqual(own);
  });

  test('the previous key is still verified while it is given', () => {
    const next = keyOf('the next secret');
    expect(look(mail, { current: next, previous: key })).toMatchObject(own);
    expect(look(mail, { current: next })).toEqual({ kind: 'foreign' });
  });

  test.each([
    ['at the end of the replay window', sentAt + replay, 'own'],
    ['after the replay window', sentAt + replay + 1, 'stale'],
    ['sent by a clock that is ten minutes ahead', sentAt - 10 * minute, 'own'],
    ['sent in the future', sentAt - 10 * minute - 1, 'stale'],
  ])('%s', (_, at, kind) => {
    expect(look(mail, keys, at)).toMatchObject({ kind, id: mail.id });
  });
});

describe('properties', () => {
  const unit = fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }), fc.constantFrom(...';=%&#?+,'));
  const name = fc.string({ unit, minLength: 1, maxLength: 20 }).filter((text) => !text.includes('/'));
  const routes = fc.tuple(name, name, name).map((parts) => parts.join('/'));
  const times = fc.integer({ min: 0, max: 4_102_444_800_000 });

  test('every canary is recognised by its header alone, and by its Message-ID alone', () => {
    fc.assert(
      fc.property(routes, times, (anyRoute, at) => {
        const slot = Math.floor(at / minute);
        const one = minted(anyRoute, slot, at);
        const expected = { kind: 'own', id: canaryId(anyRoute, slot), slot, sentAt: at };
        expect(recognise({ canary: one.canary }, keys, at, replay)).toEqual({ ...expected, route: anyRoute });
        expect(recognise({ messageId: one.messageId }, keys, at, replay)).toEqual(expected);
      }),
    );
  });

  test('a token with one character changed is never ours with other content', () => {
    const anyChange = fc.record({
      at: fc.nat(),
      by: fc.oneof(fc.string({ unit: 'binary', minLength: 0, maxLength: 1 }), fc.constantFrom('0', 'z', ';', '=', ' ')),
      header: fc.boolean(),
      insert: fc.boolean(),
    });
    fc.assert(
      fc.property(anyChange, ({ at, by, header, insert }) => {
        const text = header ? mail.canary : mail.messageId;
        const place = at % text.length;
        const changed = text.slice(0, place) + by + text.slice(place + (insert ? 0 : 1));
        const what = look(header ? { canary: changed } : { messageId: changed });
        if (what.kind === 'own' || what.kind === 'stale') expect(what).toEqual(header ? { ...own, route } : own);
      }),
      { numRuns: 700 },
    );
  });

  test('anything at all is answered, and never ours', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map((tail) => `v=1; k=${key.id}; ${tail}`),
      fc.string({ unit: 'binary', minLength: 40, maxLength: 40 }).map(withMac),
    );
    fc.assert(
      fc.property(text, text, (canary, messageId) => {
        fc.pre(canary !== mail.canary);
        expect(['foreign', 'forged']).toContain(look({ canary, messageId }).kind);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['blanks', ' '.repeat(1_000_000)],
    ['tags', `k=${key.id};`.repeat(80_000)],
    ['equal signs', `m${'='.repeat(1_000_000)}`],
    ['brackets', '<'.repeat(1_000_000)],
    ['letters', 'b'.repeat(1_000_000)],
    ['blanks inside a tag', `k=${key.id}; m=${' a'.repeat(900)}`],
  ])('a flood of %s takes no longer than its length', (_, hostile) => {
    for (let again = 0; again < 20; again += 1)
      expect(look({ canary: hostile, messageId: hostile }).kind).not.toBe('own');
  });
});
