/** What SPF, DKIM and DMARC come to: what stands for a sender, what speaks against it, and what says nothing. */
import { describe, expect, test } from 'vitest';
import { failedWords, standing } from '../../lambdas/core/authentication.ts';
import type { Authentication, AuthResult } from '../../lambdas/core/words.ts';

const of = (spf?: AuthResult, dkim?: AuthResult, dmarc?: AuthResult): Authentication => ({
  spf,
  dkim,
  dmarc,
  words: '',
});

describe('standing', () => {
  test.each([
    // DMARC decides where it decides.
    ['pass', of('fail', 'fail', 'pass')],
    ['fail', of('pass', 'pass', 'fail')],
    ['fail', of('temperror', undefined, 'fail')],
    // Else one pass is enough.
    ['pass', of('pass', 'fail', 'none')],
    ['pass', of('softfail', 'pass', undefined)],
    ['pass', of('pass', 'temperror', 'permerror')],
    ['pass', of(undefined, 'pass', 'unknown')],
    // Else one failure, when no other check was kept from its answer.
    ['fail', of('fail')],
    ['fail', of('softfail', 'none', 'none')],
    ['fail', of('permerror')],
    ['fail', of(undefined, 'fail', 'none')],
    ['fail', of('none', 'policy')],
    ['fail', of('none', 'permerror', 'unknown')],
    ['fail', of('none', 'none', 'permerror')],
    ['fail', of('neutral', 'fail')],
    ['unknown', of('fail', 'temperror')],
    ['unknown', of('temperror', 'fail', 'none')],
    ['unknown', of('fail', 'none', 'temperror')],
    // Else nothing is known, and that is no bad news.
    ['unknown', of()],
    ['unknown', undefined],
    ['unknown', of('none', 'none', 'none')],
    ['unknown', of('neutral', 'neutral')],
    ['unknown', of('temperror', 'temperror', 'temperror')],
    ['unknown', of('unknown', 'unknown', 'unknown')],
  ] as const)('%s: %o', (expected, authentication) => {
    expect(standing(authentication)).toBe(expected);
  });
});

test('words: what was found, and nothing of what was not looked at', () => {
  expect(failedWords(of('fail', 'none', 'fail'))).toBe('SPF fail, DKIM none, DMARC fail');
  expect(failedWords(of(undefined, 'permerror'))).toBe('DKIM permerror');
  expect(failedWords(of())).toBe('no result');
});
