/** No secret stays in words that come from outside, in whatever form it comes back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maskOf } from '../../lambdas/oauth/mask.ts';

const secret = 'Tr0ub4dor&3-correct-horse';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a secret in the words of a server', () => {
  const mask = maskOf([secret], [`\0orders\0${secret}`]);

  test.each([
    ['as it is', `535 ${secret} is wrong`, '535 *** is wrong'],
    ['in base64', `535 ${base64(secret)} is wrong`, '535 *** is wrong'],
    ['in the base64 of a login', `500 AUTH PLAIN ${base64(`\0orders\0${secret}`)}?`, '500 AUTH PLAIN ***?'],
    ['in a URL', `400 p=${encodeURIComponent(secret)}&x=1`, '400 p=***&x=1'],
    ['cut off', `500 ${secret.slice(0, 14)}...`, '500 ***...'],
    ['in other letters', `500 ${secret.toUpperCase()}`, '500 ***'],
    [
      'in base64 for URLs',
      `500 ${Buffer.from(`a?>${secret}`).toString('base64url').slice(4)}`,
      /^500 .{0,3}\*{3}.{0,2}$/,
    ],
    ['twice', `${secret}${secret}`, '******'],
  ])('%s', (_how, words, expected) => {
    if (typeof expected === 'string') expect(mask(words)).toBe(expected);
    else expect(mask(words)).toMatch(expected);
  });

  test('words without it stay as they are, the user name too', () => {
    const words = '535 5.7.8 orders@example.test: authentication failed: AHNvbWVib2R5';
    expect(mask(words)).toBe(words);
    expect(maskOf([])(words)).toBe(words);
    expect(maskOf([''])(words)).toBe(words);
  });

  test('no more than 20,000 characters are looked at', () => {
    expect(mask('x'.repeat(50_000))).toHaveLength(20_000);
  });
});

test('wherever it stands, and however much of it: nothing of 12 characters or more stays', () => {
  const character = fc.constantFrom(...'abcXYZ019+/=-_&%?!'.split(''));
  const anySecret = fc.string({ unit: character, minLength: 12, maxLength: 60 });
  fc.assert(
    fc.property(anySecret, fc.string(), fc.string(), fc.nat(2), fc.nat(40), (one, before, after, offset, from) => {
      const encoded = base64('-'.repeat(offset) + one);
      const part = one.slice(Math.min(from, one.length - 12));
      const mask = maskOf([one]);
      for (const form of [one, part, encodeURIComponent(one)]) expect(mask(before + form + after)).not.toContain(form);
      const inside = encoded.replace(/=+$/, '').slice(offset === 0 ? 0 : offset + 1, -1);
      expect(mask(before + encoded + after)).not.toContain(inside);
    }),
    { numRuns: 500 },
  );
});

test('a token of 16 kB in words of 20,000 characters takes no time to speak of', () => {
  const mask = maskOf(['tokenAB12.'.repeat(1600)], [`user=x\x01auth=Bearer ${'tokenAB12.'.repeat(1600)}\x01\x01`]);
  const began = performance.now();
  expect(mask('tokenAB12.'.repeat(2000))).toMatch(/^\*+$/);
  expect(performance.now() - began).toBeLessThan(2000);
});
