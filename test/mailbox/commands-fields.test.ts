/** The fields that a look reads are those that the whole header holds, whatever it looks like. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fieldNames, parseFields } from '../../lambdas/mailbox/header.ts';
import { wantedFields } from '../../lambdas/mailbox/wanted.ts';
import { bounceMail, canaryMail, foreignMails, idOf, otherMail } from './mails.ts';

const names = new Set(fieldNames.map((name) => name.toLowerCase()));
const expected = (header: string) => parseFields(header).filter(({ name }) => names.has(name));
const found = (header: string) => wantedFields(Buffer.from(header, 'latin1'));

test('of mails', () => {
  const mails = [canaryMail(idOf(1)), bounceMail(idOf(2)), otherMail(3), ...Object.values(foreignMails(idOf(4)))];
  for (const mail of mails) expect(found(mail)).toEqual(expected(mail));
  expect(found(canaryMail(idOf(1))).map(({ name }) => name)).toContain('x-mail-canary');
});

test('of anything', () => {
  const piece = fc.constantFrom(
    '\r\n',
    '\n',
    '\r',
    ' ',
    '\t',
    ':',
    'X-Mail-Canary',
    'x-mail-canary:',
    'Message-ID: <a@b>',
    'Received',
    'Subject : re: x',
    'X-Other: 1',
    'a'.repeat(300),
    '\u00a0',
    '\u000b',
    '\u0000',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const header = pieces.join('');
      expect(found(header)).toEqual(expected(header));
    }),
    { numRuns: 20_000 },
  );
});

test('in linear time, and not behind 256 KiB', () => {
  const canary = `X-Mail-Canary: 1\r\n`;
  for (const hostile of ['\r\n', ':', 'a\n', 'a\n ', 'a:\n', ' a', 'Received', 'Subject: x\r\n '.repeat(3)]) {
    const header = hostile.repeat(3_000_000 / hostile.length);
    const begun = performance.now();
    found(`${canary}${header}`);
    expect(performance.now() - begun).toBeLessThan(5000);
  }
  expect(found(`X-Other: ${'x'.repeat(300_000)}\r\n${canary}\r\n`)).toEqual([]);
  expect(found(`X-Other: ${'x'.repeat(200_000)}\r\n${canary}\r\n`)).toEqual([{ name: 'x-mail-canary', value: '1' }]);
});
