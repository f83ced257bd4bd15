/** The matcher of phrases: what fits, what does not, and that its time grows with the text and nothing else. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matcher } from '../../lambdas/core/phrases.ts';
import { said } from '../../lambdas/core/reply-words.ts';

const match = matcher([
  ['first', '^554 .. early'],
  ['gap', 'one .. two three .. four'],
  ['either', 'relay|relaying is? denied|refused, greylisted'],
  ['label', '.spamhaus'],
  ['code', '5.7.1'],
  ['word', 'blocked'],
]);

describe('a phrase', () => {
  test.each([
    ['relay denied', 'either'],
    ['Relaying IS refused.', 'either'],
    ['<x>: relay\tis   denied; go away', 'either'],
    ['relay was denied', undefined],
    ['relaydenied', undefined],
    ['relay', undefined],
    ['denied relay', undefined],
    ['(greylisted)', 'either'],
    ['greylisted4', undefined],
    ['554 too early', 'first'],
    ['x 554 too early', undefined],
    ['one two three four', 'gap'],
    ['one a b two three c four d', 'gap'],
    ['two three one four', undefined],
    ['one two x three four', undefined],
    ['one four two three', undefined],
    ['zen.spamhaus.org', 'label'],
    ['spamhaus.org', 'label'],
    ['spamhaus', undefined],
    ['myspamhaus.org', undefined],
    ['550 5.7.1 no', 'code'],
    ['550-5.7.1 no', 'code'],
    ['(#5.7.1)', 'code'],
    ['5.7.1.', 'code'],
    ['5.7.12', undefined],
    ['5.7.1.2', undefined],
    ['blocked greylisted', 'either'],
    ['blocked 554 early one two three four', 'gap'],
    ['un blocked', 'word'],
    ['unblocked', undefined],
    ['\u00e9blocked', 'word'],
    ['', undefined],
    [' ', undefined],
  ])('%s: %s', (text, row) => {
    expect(match(text)).toBe(row);
  });

  test.each([
    'no <blocked@greylisted.example> here',
    'no <blocked> here',
    'no blocked@greylisted.example here',
    'no un-blocked@x.example here',
    'no a.spamhaus-b@x.example here',
    'no x@spamhaus.example here',
    'no "blocked"@x here',
  ])('names that somebody chose are not read: %s', (text) => {
    expect(match(text)).toBeUndefined();
  });

  test('a bracket that nobody closes hides nothing', () => {
    expect(match('a < b blocked')).toBe('word');
    expect(match('relay <x> denied')).toBe('either');
  });
});

describe('any text', () => {
  test('fits a phrase that was put between other words, unless an earlier row fits as well', () => {
    const names = ['first', 'gap', 'either', 'label', 'code', 'word'];
    const filler = fc.array(fc.constantFrom('the', 'x9', '250', '(a)', 'mail-gw.example', '...'), { maxLength: 6 });
    const phrase = fc.constantFrom(
      ['one two three four', 'gap'] as const,
      ['relaying is denied', 'either'] as const,
      ['x.spamhaus.net', 'label'] as const,
      ['5.7.1', 'code'] as const,
      ['blocked', 'word'] as const,
    );
    fc.assert(
      fc.property(filler, phrase, filler, phrase, (before, [a, rowA], between, [b, rowB]) => {
        const expected = names[Math.min(names.indexOf(rowA), names.indexOf(rowB))];
        expect(match([...before, a, ...between, b].join(' '))).toBe(expected);
      }),
    );
  });

  test('is read without an error, whatever it holds, and twice the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), fc.string({ unit: 'binary' }), (text, other) => {
        const found = match(text);
        match(other);
        expect(match(text)).toBe(found);
      }),
    );
  });
});

/**
 * The time for four times the text, by the time for it, in the same run: linear is 4, quadratic 16. The least of several
 * turns counts, since a busy machine only adds.
 */
const growth = (run: (text: string) => unknown, make: (length: number) => string): number => {
  const [short, long] = [make(100_000), make(400_000)];
  const least = [short, long].map((text) => {
    const turns = Array.from({ length: 5 }, () => {
      const begun = process.cpuUsage();
      run(text);
      const { user, system } = process.cpuUsage(begun);
      return user + system;
    });
    return Math.max(500, Math.min(...turns));
  });
  return (least[1] ?? 0) / (least[0] ?? 1);
};

describe('time', () => {
  const all = matcher(said);
  const beginnings = [...new Set(said.flatMap(([, phrases]) => phrases.split(/[,\n]/).map((one) => one.trim())))]
    .map((phrase) => phrase.replace(/[?^]/g, '').split(' ').slice(0, -1))
    .map((words) =>
      words
        .map((word) => word.split('|')[0])
        .join(' ')
        .replaceAll(' ..', ''),
    )
    .filter((phrase) => phrase !== '');
  const repeated = (text: string) => (length: number) => text.repeat(Math.ceil(length / text.length)).slice(0, length);

  test.each([
    ...['<', '@', '.', 'a.', 'a@', '<x', 'sending user relay ', 'one ', '5.7.1 ', 'x'].map((one) => [one] as const),
    [`${beginnings.join(' ')} `] as const,
  ])('grows with the text: %s', (one) => {
    expect(growth(all, repeated(one))).toBeLessThan(10);
  });

  test('every beginning of a phrase of the table, again and again, costs what its length costs', () => {
    expect(beginnings.length).toBeGreaterThan(100);
    const begun = process.cpuUsage();
    for (const beginning of beginnings) all(repeated(`${beginning} `)(100_000));
    const { user, system } = process.cpuUsage(begun);
    // 100 KB each: a millisecond or two on a quiet machine. A backtracking pattern would take minutes for one of them.
    expect((user + system) / 1000 / beginnings.length).toBeLessThan(100);
  });
});
