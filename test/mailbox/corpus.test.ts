/** The corpus of reports of different systems, and of mails that only look like one. */
import { describe, expect, test } from 'vitest';
import { recognise } from '../../lambdas/core/canary.ts';
import { longestReport, readReport } from '../../lambdas/mailbox/bounce.ts';
import { allFiles, canary, key, lookAlikes, mailOf, reports, sentAt } from './corpus.ts';

const read = (raw: string) => readReport(Buffer.from(raw, 'latin1'));
const keys = { current: key };
const day = 86_400_000;

test('every file has its row, and every row its file', () => {
  expect(reports.length).toBeGreaterThanOrEqual(30);
  expect(lookAlikes().length).toBeGreaterThanOrEqual(10);
  expect([...reports.map(([file]) => file), ...lookAlikes()].sort()).toEqual(allFiles());
});

describe('a report', () => {
  test.each(reports.map(([file, words, reportedBy, how]) => ({ file, words, reportedBy, ...how })))('$file', (row) => {
    const { file, words, reportedBy, delayed, by } = row;
    for (const raw of [mailOf(file), mailOf(file).replaceAll('\r\n', '\n')]) {
      const returned = read(raw);
      expect(returned?.bounce).toMatchObject({ words, reportedBy });
      expect(returned?.bounce.delayed).toBe(delayed);
      const what = recognise(returned ?? {}, keys, sentAt + 3 * day, 7 * day);
      if (by === undefined) {
        expect(what).toMatchObject({ kind: 'own', id: canary.id });
        expect(returned?.hops).toMatchObject([{ address: '198.51.100.7' }]);
      } else {
        expect(what).toEqual({ kind: 'foreign' });
        if (by === 'envelope id') expect(returned?.bounce.envelopeId).toBe(canary.id);
        else
          expect(returned?.bounce).toMatchObject({
            envelopeId: undefined,
            queueId: expect.stringMatching(/^4XyZ0Y1x$|^1vGwXy-/),
          });
      }
    }
  });
});

describe('no report of a canary', () => {
  test.each(lookAlikes())('%s', (file) => {
    expect(read(mailOf(file))).toBeUndefined();
    expect(read(mailOf(file).replaceAll('\r\n', '\n'))).toBeUndefined();
  });
});

test('a report that is cut anywhere, or holds anything, is read in linear time and throws nothing', () => {
  const before = performance.now();
  for (const file of allFiles()) {
    const raw = mailOf(file);
    for (let at = 0; at < raw.length; at += 97) read(raw.slice(0, at));
    const separators = ['\r\n', ' ', '\r\n--b', '\r\n550 5.1.1 ', '<p', '&#', '=\r\n', '(', ': '];
    for (const filler of separators) {
      const text = raw.replace('\r\n\r\n', () => `\r\n\r\n${filler.repeat(longestReport / filler.length)}`);
      read(text);
    }
  }
  expect(performance.now() - before).toBeLessThan(20_000);
});
