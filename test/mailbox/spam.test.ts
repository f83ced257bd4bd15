/** What spam filters write, each in its own form, as one line of evidence. */
import { expect, test } from 'vitest';
import { fieldNames, parseFields } from '../../lambdas/mailbox/header.ts';
import { spamFields, spamOf } from '../../lambdas/mailbox/spam.ts';
import { allHeaders, fieldsOf } from './headers.ts';

const rows: Readonly<Record<string, string>> = {
  'microsoft-365-junk':
    'X-Forefront-Antispam-Report: CAT:SPOOF SCL:5 SFV:SPM; X-Microsoft-Antispam-Mailbox-Delivery: dest:J OFR:SpamFilterAuthJ jmr:0',
  'exchange-on-premises': 'X-MS-Exchange-Organization-SCL: 6; X-Mimecast-Spam-Score: 7; X-Mimecast-Spam-Signature: yes',
  amavis:
    'X-Spam-Status: Yes, score=9.1 tagged_above=2 required=6.2 tests=[BAYES_99=3.5, RCVD_IN_XBL=0.4, URIBL_BLACK=1.7] autolearn=no',
  rspamd:
    'X-Spam: Yes; X-Spamd-Result: default: True [16.10 / 15.00]; BAYES_SPAM(5.10)[99.99%]; R_SPF_SOFTFAIL(0.00)[~all]; DMARC_POLICY_SOFTFAIL(0.10)[example.com : SPF not aligned (relaxed), No valid DKIM,none]; ARC_NA(0.',
  fastmail:
    'X-Spam-Score: 5.6; X-Spam-Hits: DKIM_INVALID 0.1, RCVD_IN_ZEN 3.5, SPF_SOFTFAIL 2, LANGUAGES en, BAYES_USED none, SA_VERSION 4.0.1',
  proofpoint: 'X-Proofpoint-Spam-Details: rule=spam policy=default score=100 reason=mlx',
  barracuda:
    'X-Barracuda-Spam-Status: Yes, SCORE=4.10 using global scores of TAG_LEVEL=1000.0 QUARANTINE_LEVEL=4.0 KILL_LEVEL=5.0 tests=BSF_SC0_MV1001, FROM_EXCESS_BASE64, MISSING_DATE',
  'yahoo-old': 'X-YahooFilteredBulk: 203.0.113.2',
};

test.each(allHeaders())('%s', (file) => {
  expect(spamOf(fieldsOf(file))).toBe(rows[file]);
});

test('every row has its file, and every field is asked for', () => {
  for (const file of Object.keys(rows)) expect(allHeaders()).toContain(file);
  expect(spamFields.length).toBeGreaterThan(15);
  for (const field of [...spamFields, 'Authentication-Results']) expect(fieldNames).toContain(field);
  expect(new Set(fieldNames).size).toBe(fieldNames.length);
});

const read = (...lines: string[]) => spamOf(parseFields(lines.join('\r\n')));

test.each([
  ['a flag alone', 'X-Spam-Flag: YES', 'X-Spam-Flag: YES'],
  ['a score alone, in any case', 'x-spam-score: 7', 'X-Spam-Score: 7'],
  [
    'Microsoft, of a mail that is none',
    'X-Forefront-Antispam-Report: CIP:1.2.3.4;SFV:NSPM;CAT:NONE;',
    'X-Forefront-Antispam-Report: CAT:NONE SFV:NSPM',
  ],
  ['entries that nobody knows', 'X-Proofpoint-Spam-Details: tag=notspam', 'X-Proofpoint-Spam-Details: tag=notspam'],
  ['an empty field', 'X-Spam-Status:', undefined],
  ['no filter', 'Subject: ***SPAM*** X-Spam-Flag: YES', undefined],
])('%s', (_, line, expected) => {
  expect(read(line)).toBe(expected);
});

test('of several fields of one name the topmost speaks; one line, bounded, without control characters', () => {
  expect(read('X-Spam-Flag: YES', 'X-Spam-Flag: NO')).toBe('X-Spam-Flag: YES');
  const line = read(...spamFields.map((field) => `${field}: ${'\u001b[31mx\u202e '.repeat(400)}`)) ?? '';
  expect(line.length).toBe(300);
  expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
});
