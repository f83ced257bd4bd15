/** `check --verbose`: below the table, all that is known of each canary. */
import { type Cause, causes } from '../../lambdas/core/causes.ts';
import { asEvidence } from '../../lambdas/core/replies.ts';
import { isGood, type Report, type Row } from './report.ts';

const spent = ({ seconds, skew }: Row['hops'][number], isLast: boolean): string => {
  const until =
    seconds === null ? '' : `${seconds.toFixed(1)} s until ${isLast ? 'it was in the mailbox' : 'the next'}`;
  if (skew) return `, ${until === '' ? '' : `${until}: `}the clocks differ`;
  return until === '' ? '' : `, ${until}`;
};

const over = ({ protocol, tls }: Row['hops'][number]): string =>
  protocol === null && tls === null ? '' : ` (${[protocol, tls].filter((one) => one !== null).join(', ')})`;

const results = ({ authentication, spam, moved, folder }: Row): string[] => [
  ...(authentication === null
    ? []
    : [
        `  sender: SPF ${authentication.spf ?? 'not judged'}, DKIM ${authentication.dkim ?? 'not judged'}, DMARC ${authentication.dmarc ?? 'not judged'}`,
      ]),
  ...(spam === null ? [] : [`  spam filter: ${asEvidence(spam)}`]),
  ...(moved ? [`  moved to: ${asEvidence(folder ?? '')}`] : []),
];

const facts = (row: Row): string[] => {
  const meaning = row.cause === null ? '' : ` (${causes[row.cause as Cause]?.meaning ?? ''})`;
  const told: readonly (readonly [string, string | null])[] = [
    ['verdict', row.verdict],
    ['cause', row.cause === null ? null : `${row.cause}${meaning}`],
    ['sent at', row.sentAt],
    ['evidence', row.evidence],
    ['answered by', row.answeredBy],
    ['seen as', row.seenAs],
    ['queue id', row.queueId],
    ['next step', row.remedy],
  ];
  return told.flatMap(([what, words]) => (words === null ? [] : [`  ${`${what}:`.padEnd(13)}${words}`]));
};

const listed = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`  ${title}:`, ...lines.map((line) => `    ${line}`)];

const way = ({ hops }: Row): string[] =>
  hops.length === 0
    ? []
    : [
        '  hops:',
        ...hops.map(
          (hop, index) =>
            `    ${hop.from === null ? '' : `${hop.from} to `}${hop.by}${over(hop)}${spent(hop, index === hops.length - 1)}`,
        ),
      ];

/** The canary of every route that did not arrive as it must, and the way of those that arrived. */
export const storiesOf = ({ verdicts: rows }: Report, title: (text: string) => string): string[] =>
  rows.flatMap((row) => {
    const lines = isGood(row)
      ? [...results(row), ...way(row)]
      : [
          ...facts(row),
          // Lines of a server: whoever prints them must not let them paint the terminal.
          ...listed(
            'conversation',
            row.conversation.map((line) => asEvidence(line)),
          ),
          ...listed('where to look', row.whereToLook),
          ...listed('which mails did we lose', row.lostMails),
          ...way(row),
        ];
    return lines.length === 0 ? [] : ['', title(row.route), ...lines];
  });
