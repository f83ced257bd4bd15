/** What spam filters write into the headers of what they put into Junk. Gmail writes nothing; a Sieve rule acts on what others wrote. */
import type { Field } from './header.ts';
import { asWords } from './said.ts';

/** A field of a filter, and which of its entries say something to people (`SCL:5;SFV:SPM;...`, `rule=spam score=99 ...`). @default all */
type Source = { readonly field: string; readonly entries?: readonly string[] };

/** The filters, a row each; of a row the first field that is there speaks, since the others repeat it. */
const filters: readonly (readonly Source[])[] = [
  // Microsoft 365 and Exchange: https://learn.microsoft.com/defender-office-365/message-headers-eop-mdo
  [
    { field: 'X-Forefront-Antispam-Report', entries: ['CAT', 'SCL', 'SFV'] },
    { field: 'X-MS-Exchange-Organization-SCL' },
  ],
  // Where the mailbox itself decided: `dest:J`, by which of its rules, with the user's own list of junk senders.
  [{ field: 'X-Microsoft-Antispam-Mailbox-Delivery', entries: ['dest', 'OFR', 'jmr'] }],
  // SpamAssassin and all who write as it does: amavis, Fastmail, MailScanner, Rspamd.
  [{ field: 'X-Spam-Status' }, { field: 'X-Spam-Flag' }, { field: 'X-Spam' }, { field: 'X-Spam-Score' }],
  [{ field: 'X-Spamd-Result' }, { field: 'X-Rspamd-Score' }, { field: 'X-Spamd-Bar' }],
  [{ field: 'X-Spam-Hits' }],
  [{ field: 'X-Barracuda-Spam-Status' }, { field: 'X-Barracuda-Spam-Score' }],
  [{ field: 'X-Proofpoint-Spam-Details', entries: ['rule', 'policy', 'score', 'reason'] }],
  [{ field: 'X-Mimecast-Spam-Score' }],
  [{ field: 'X-Mimecast-Spam-Signature' }],
  [{ field: 'X-MailScanner-SpamCheck' }],
  [{ field: 'X-Bogosity' }],
  [{ field: 'X-DSPAM-Result' }],
  [{ field: 'X-TM-AS-Result' }],
  [{ field: 'X-KLMS-AntiSpam-Status' }, { field: 'X-KSMG-AntiSpam-Status' }],
  [{ field: 'X-GMX-Antispam' }, { field: 'X-UI-Filterresults' }],
  [{ field: 'X-YahooFilteredBulk' }],
];

/** The fields to ask for. */
export const spamFields: readonly string[] = filters.flat().map(({ field }) => field);

const longest = 300;
const longestOne = 200;
const longestValue = 2000;

/** The entries of these names, in their order, as the filter wrote them. */
const entriesIn = (value: string, names: readonly string[]): string => {
  const parts = value.split(/[;\s]+/);
  return names
    .flatMap((name) => parts.find((part) => part.startsWith(`${name}:`) || part.startsWith(`${name}=`)) ?? [])
    .join(' ');
};

/** The headers of spam filters as one line of at most 300 characters; undefined when there are none. Linear in the input. */
export const spamOf = (fields: readonly Field[]): string | undefined => {
  const values = new Map<string, string>();
  for (const { name, value } of fields) if (!values.has(name)) values.set(name, value.slice(0, longestValue));
  const said = filters.flatMap((sources) => {
    for (const { field, entries } of sources) {
      const value = values.get(field.toLowerCase()) ?? '';
      const words = asWords(entries === undefined ? value : entriesIn(value, entries) || value);
      if (words !== '') return [`${field}: ${words}`.slice(0, longestOne)];
    }
    return [];
  });
  return said.length === 0 ? undefined : said.join('; ').slice(0, longest).toWellFormed();
};
