/**
 * A fuzz over everything that reads mails: mutated canaries, reports and traces go in, nothing throws, no stranger's mail
 * becomes ours, whatever is kept is bounded, and the work grows as the mail does. `FUZZ_RUNS` says how many.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { recognise } from '../../lambdas/core/canary.ts';
import { hopTimes, slowestHop } from '../../lambdas/core/hop-times.ts';
import { mimeOf } from '../../lambdas/core/mime.ts';
import { authenticationOf } from '../../lambdas/mailbox/authentication.ts';
import { readReport } from '../../lambdas/mailbox/bounce.ts';
import { idsNamed, marksOf, parseFields } from '../../lambdas/mailbox/header.ts';
import { cutHeader, partsOf, textOfHtml } from '../../lambdas/mailbox/mime.ts';
import { spamOf } from '../../lambdas/mailbox/spam.ts';
import { isServersOwn, mayBeBounce } from '../../lambdas/mailbox/suspects.ts';
import { unmarkedIn } from '../../lambdas/mailbox/unmarked.ts';
import { allFiles, canary, key, mailOf, sentAt } from './corpus.ts';
import { foreign, own } from './gateways.ts';
import { allHeaders, headerOf } from './headers.ts';
import { mutated, mutations } from './mutations.ts';

const runs = Number(process.env.FUZZ_RUNS ?? 5000);
const day = 86_400_000;
const bounds = { sentAt, arrivedAt: sentAt + 3_600_000 };
const trusted = ['mx.google.com', 'protection.outlook.com', '*.messagingengine.com', 'mx.elsewhere.example'];

const raw = mimeOf(canary).toString('latin1');
const seeds = [
  raw,
  ...allFiles().map(mailOf),
  ...[...own, ...foreign].map(([, change]) => change(raw)),
  ...allHeaders().map((name) => `${headerOf(name)}X-Mail-Canary: ${canary.headers['X-Mail-Canary']}\r\n\r\nHello\r\n`),
];

/** Reads a mail in every way that the product does, and holds what comes of it to its bounds. */
const readAll = (mail: string): void => {
  const [header, body] = cutHeader(mail);
  const fields = parseFields(header);
  isServersOwn(fields);
  mayBeBounce(fields);
  unmarkedIn(fields, new Set([canary.id]));
  for (const part of partsOf(fields, body)) textOfHtml(part.body);
  const marks = marksOf(fields);
  const report = readReport(Buffer.from(mail, 'latin1'));
  for (const found of [marks, report]) {
    const what = recognise(found ?? {}, { current: key }, sentAt, 7 * day);
    // Nobody makes another canary of ours out of one.
    if ('id' in what) expect(what.id).toBe(canary.id);
    if (found === undefined) continue;
    expect(idsNamed(found).every((id) => id.length === 20)).toBe(true);
    expect(found.hops.length).toBeLessThanOrEqual(50);
    for (const { by, from = '', with: protocol = '', at = 0 } of found.hops) {
      if (by.length > 255 || from.length > 600 || protocol.length > 60 || !Number.isFinite(at))
        throw new Error('a hop without bounds');
    }
    for (const { seconds = 0 } of hopTimes(found.hops, bounds))
      if (!Number.isFinite(seconds)) throw new Error('seconds that are none');
    expect((slowestHop(found.hops, bounds) ?? '').length).toBeLessThan(1000);
  }
  if (report !== undefined) expect(report.bounce.words.length).toBeLessThanOrEqual(500);
  for (const name of trusted) {
    const words = authenticationOf(fields, name)?.words ?? '';
    if (words.length > 300 || /[\u0000-\u001f\u007f-\u009f]/.test(words))
      throw new Error(`words without bounds: ${words}`);
  }
  const spam = spamOf(fields) ?? '';
  if (spam.length > 300 || /[\u0000-\u001f\u007f-\u009f]/.test(spam)) throw new Error(`words without bounds: ${spam}`);
};

test('the seeds are read, and among them are canaries, reports and traces', () => {
  expect(seeds.length).toBeGreaterThan(120);
  for (const seed of seeds) readAll(seed);
  const count = (is: (seed: string) => boolean) => seeds.filter(is).length;
  const fieldsOf = (seed: string) => parseFields(cutHeader(seed)[0]);
  expect(count((seed) => marksOf(fieldsOf(seed)) !== undefined)).toBeGreaterThan(50);
  expect(count((seed) => readReport(Buffer.from(seed, 'latin1')) !== undefined)).toBeGreaterThan(30);
  expect(count((seed) => trusted.some((name) => authenticationOf(fieldsOf(seed), name) !== undefined))).toBeGreaterThan(
    8,
  );
});

test(`${runs} mutated mails: nothing throws, and nothing of them goes beyond its bounds`, { timeout: 600_000 }, () => {
  fc.assert(fc.property(mutated(seeds), readAll), { numRuns: runs, endOnFailure: true });
});

/** Where a hostile text may stand. */
const places: Readonly<Record<string, (text: string) => string>> = {
  'a field name': (text) => `${text}: x\r\n${raw}`,
  ...Object.fromEntries(
    [
      'Received: from a by b',
      'Received: from a (',
      'Authentication-Results: mx.google.com; spf=pass ',
      'Authentication-Results: spf=pass ',
      'X-Spam-Status: Yes, ',
      'X-Forefront-Antispam-Report: ',
      'X-Mail-Canary: v=1; r=',
      'Message-ID: <',
      'Content-Type: multipart/report; boundary=',
      'Content-Type: multipart/report; report-type=delivery-status; boundary="b"; x=',
      'From: ',
      'Subject: ',
      'Auto-Submitted: ',
    ].map((line) => [line, (text: string) => `${line}${text}\r\n${raw}`]),
  ),
  'fields without end': (text) =>
    `${`Received: ${text.slice(0, 40)}\r\nAuthentication-Results: ${text.slice(0, 40)}\r\n`.repeat(text.length / 100)}${raw}`,
  'the text of a report': (text) => mailOf('exim-plain').replace('\r\n\r\n', () => `\r\n\r\n${text}\r\n`),
  'the status of a report': (text) => mailOf('postfix').replace('Diagnostic-Code:', () => `Diagnostic-Code: ${text}`),
  'the parts of a report': (text) => mailOf('postfix').replace('\r\n\r\n', () => `\r\n\r\n${text}`),
  'a report in HTML': (text) => mailOf('exchange-html').replace('<', () => text),
};

/** Hostile texts, by what the mutations insert into an empty mail. */
const texts = Object.entries(mutations)
  .map(([name, mutate]) => [name, (size: number) => mutate('', 0, size)] as const)
  .filter(([, text]) => text(1000).length >= 1000);

/** The least of several: what the work takes when nothing else runs. */
const timeOf = (mail: string, times: number): number => {
  const spent = Array.from({ length: times }, () => {
    const before = performance.now();
    readAll(mail);
    return performance.now() - before;
  });
  return Math.min(...spent);
};

test('the work grows as the mail does', { timeout: 120_000 }, () => {
  expect(texts.length).toBeGreaterThan(15);
  const small = 8000;
  const factor = 8;
  for (const [place, mail] of Object.entries(places))
    for (const [name, text] of texts) {
      const limit = factor * 4;
      // Quadratic work would take 64 times as long. Noise is asked again before it is believed.
      const grows = () => timeOf(mail(text(small * factor)), 2) <= limit * timeOf(mail(text(small)), 2) + 10;
      expect([place, name, grows() || grows() || grows()]).toEqual([place, name, true]);
    }
});
