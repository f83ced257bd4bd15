/** Which mails are hints that a gateway took the marks of a canary: told from subject and header, never from what people answer. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFields } from '../../lambdas/mailbox/header.ts';
import { decodedWords, mostUnmarked, unmarkedIn } from '../../lambdas/mailbox/unmarked.ts';
import { ask, looked } from './bench.ts';
import { user } from './embedded.ts';
import { openAt, start } from './harness.ts';
import { bounceMail, canaryMail, encodedWords, foreignMails, idOf, messageIdOf, strippedMail } from './mails.ts';

const id = idOf(1);
const ids = new Set([id]);
const named = (raw: string) => unmarkedIn(parseFields(raw), ids);
const under = (subject: string, extra: readonly string[] = []) => named(strippedMail(id, { subject, extra }));
const plain = `Mail canary web-03 ${id}`;

describe('subjects', () => {
  test.each([
    plain,
    `[EXTERNAL] ${plain}`,
    `[EXT] [SPAM?] ${plain}`,
    `***SPAM*** ${plain}`,
    `*****SPAM***** ${plain}`,
    `{Spam?} ${plain}`,
    `External: ${plain}`,
    `SPAM: ${plain}`,
    `Caution: ${plain} (checked)`,
    plain.toUpperCase(),
    encodedWords(plain, 60),
    encodedWords(plain, 7),
    encodedWords(`[EXTERN – Prüfen] ${plain}`, 24),
    `=?us-ascii?Q?Mail_canary_web-03_${id}?=`,
    `=?utf-8?q?=5BEXTERN=5D_Mail_canary?= =?utf-8?Q?_web-03_?= ${id}`,
  ])('%j names the canary', (subject) => {
    expect(under(subject)).toEqual([id]);
  });

  test.each([
    `Re: ${plain}`,
    `RE: [EXTERNAL] ${plain}`,
    `[EXTERNAL] Re: ${plain}`,
    `***SPAM*** Fwd: ${plain}`,
    `Fw: ${plain}`,
    `AW: ${plain}`,
    `Antw: ${plain}`,
    `WG: ${plain}`,
    `SV: ${plain}`,
    `R: ${plain}`,
    `Re[2]: ${plain}`,
    `Re (3): ${plain}`,
    `RE : ${plain}`,
    `Out of office: ${plain}`,
    `Automatic reply: ${plain}`,
    `Automatische Antwort: ${plain}`,
    encodedWords(`Re: ${plain}`, 9),
  ])('%j is what people and their programs answer', (subject) => {
    expect(under(subject)).toEqual([]);
  });

  test.each(['Mail canary web-03', `x${plain}x`, `Mail canary web-03 ${idOf(2)}`, '', '=?utf-8?B?', '=?x?Q?=ZZ?='])(
    '%j names none that is missing',
    (subject) => {
      expect(under(subject)).toEqual([]);
    },
  );
});

test.each<[string, readonly string[]]>([
  ['an answer', [`In-Reply-To: ${messageIdOf(id)}`]],
  ['a later one', [`References: <a@example.com>`, `\t${messageIdOf(id)} <b@example.com>`]],
  ['the copy of a list', ['List-Id: <ops.example.com>']],
  ['an out-of-office', ['Auto-Submitted: auto-replied']],
])('%s is not listed, whatever its subject', (_, extra) => {
  expect(under(plain, extra)).toEqual([]);
});

test('a gateway that threads what it wraps is no answer', () => {
  expect(under(plain, ['References: <a@gateway.example>', 'Auto-Submitted: auto-generated'])).toEqual([id]);
});

test('neither canaries nor reports nor what people make of them are listed', () => {
  const mails = [canaryMail(id), canaryMail(id, { header: false }), canaryMail(id, { messageId: '<1@ses>' })];
  // As a server writes it that does not call its report an answer.
  const report = bounceMail(id)
    .replace(/Subject: .*/, `Subject: Undeliverable: ${plain}`)
    .replace('auto-replied', 'auto-generated');
  for (const raw of [...mails, report, ...Object.values(foreignMails(id))]) expect(named(raw)).toEqual([]);
});

test('decoding takes any text, in linear time', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('=?', '?=', 'utf-8', '?B?', '?q?', 'YQ==', '=41', ' ', '_', 'ü', 'x')),
      (parts) => {
        expect(typeof decodedWords(parts.join(''))).toBe('string');
      },
    ),
  );
  for (const piece of ['=?', '=?a?b?', '?= ', ' ', '[', '*', '=?u?q?=41?= '])
    for (const subject of [piece.repeat(50_000)]) {
      const begun = performance.now();
      under(`${subject}${plain}`);
      expect(performance.now() - begun).toBeLessThan(1000);
    }
});

test('at most twenty are told of, and only for ids of the last call', async () => {
  const server = await start();
  for (let number = 0; number < 30; number += 1) server.store.deliver(user, 'INBOX', strippedMail(idOf(number)));
  server.store.deliver(user, 'INBOX', strippedMail(idOf(99)));
  const mailbox = openAt(server.port);
  const first = looked(await mailbox.look(ask({ expected: [idOf(99)] })));
  expect(first.unmarked).toBeUndefined();
  const lastCall = Array.from({ length: 30 }, (_, number) => idOf(number));
  const { unmarked, complete, mails } = looked(await mailbox.look(ask({ cursor: first.cursor, lastCall })));
  expect(complete).toBe(true);
  expect(mails).toEqual([]);
  expect(unmarked).toHaveLength(mostUnmarked);
  expect(unmarked?.map((one) => one.id)).not.toContain(idOf(99));
});

test('somebody who answers a hundred times does not hide the mail', async () => {
  const server = await start();
  server.store.deliver(user, 'INBOX', strippedMail(id));
  for (let number = 0; number < 150; number += 1)
    server.store.deliver(user, 'INBOX', strippedMail(id, { subject: `Re: ${plain}` }));
  const mailbox = openAt(server.port);
  const { unmarked } = looked(await mailbox.look(ask({ lastCall: [id] })));
  expect(unmarked).toEqual([{ id, folder: 'INBOX' }]);
});
