/** A pass as a person reads it: a table, what is wrong and what to do, and one closing line. */
import { styleText } from 'node:util';
import { type Cause, causes } from '../../lambdas/core/causes.ts';
import { verdicts } from '../../lambdas/core/words.ts';
import { columns } from './columns.ts';
import { hasArrived, type Report, type Row } from './report.ts';
import { storiesOf } from './verbose.ts';

export type Look = {
  readonly colour: boolean;
  readonly width: number;
  /** Everything that is known of each canary below its table. @default false */
  readonly verbose?: boolean;
};

type Colour = 'green' | 'yellow' | 'red' | 'magenta' | 'dim' | 'bold';

const painter =
  ({ colour }: Look) =>
  (style: Colour, text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text;

const colourOf = ({ verdict }: Row): Colour => {
  if (verdict === 'pending') return 'yellow';
  const { says } = verdicts[verdict];
  if (says === 'bad') return 'red';
  if (says === 'unknown') return 'magenta';
  return verdict === 'delivered' ? 'green' : 'yellow';
};

/** Word and mark: colour alone says nothing to many people. */
const mark = ({ verdict }: Row): string => {
  if (verdict === 'pending') return '… pending';
  const { says, people } = verdicts[verdict];
  return `${says === 'good' ? '✓' : says === 'bad' ? '✗' : '?'} ${people}`;
};

const meaning = (cause: string | null): string => (cause === null ? '' : (causes[cause as Cause]?.meaning ?? cause));

/** What is known of a canary besides its verdict, in one line. */
export const detail = (row: Row): string => {
  if (row.verdict === 'pending')
    return `not arrived yet${row.answeredBy === null ? '' : `, accepted by ${row.answeredBy}`}${row.queueId === null ? '' : ` as ${row.queueId}`}`;
  if (row.verdict === 'denied') return row.evidence ?? '';
  if (row.cause === null) return row.folder === null || row.folder === 'INBOX' ? '' : `in folder ${row.folder}`;
  // Of a dark mailbox the words are the mailbox's; the relay that took the mail has nothing to do with them.
  const by = row.answeredBy === null || row.verdict === 'blind' ? '' : ` by ${row.answeredBy}`;
  return `${row.cause}${by}${row.evidence === null ? '' : `: ${row.evidence}`}`;
};

const rowsTable = (rows: readonly Row[], look: Look): string => {
  const paint = painter(look);
  const narrow = look.width < 100;
  const head = narrow ? ['route', 'verdict', 'took'] : ['host', 'path', 'mailbox', 'verdict', 'took', 'detail'];
  const fixed =
    2 +
    rows.reduce((most, { host, path, mailbox }) => Math.max(most, host.length + path.length + mailbox.length), 20) +
    14 +
    10 +
    18;
  const cells = rows.map((row) => {
    const took = row.seconds === null ? '' : `${row.seconds.toFixed(1)} s`;
    const verdict = paint(colourOf(row), mark(row));
    return narrow ? [row.route, verdict, took] : [row.host, row.path, row.mailbox, verdict, took, detail(row)];
  });
  return columns(head, cells, narrow ? undefined : Math.max(24, look.width - fixed));
};

/** Lines under the table: what is wrong, its proof and the next step, once for each incident and each dark mailbox. */
const advice = ({ verdicts: rows, incidents }: Report, look: Look): string[] => {
  const paint = painter(look);
  const block = (title: string, row: Row | undefined) => [
    '',
    paint('bold', title),
    ...(row?.evidence ? [`  server said: ${row.evidence}`] : []),
    ...(row?.cause ? [`  that means:  ${meaning(row.cause)}`] : []),
    ...(row?.remedy ? [`  next step:   ${row.remedy}`] : []),
  ];
  const blind = new Map(rows.filter(({ verdict }) => verdict === 'blind').map((row) => [row.mailbox, row]));
  return [
    ...incidents.flatMap(({ summary, routes }) =>
      block(
        summary,
        rows.find(({ route }) => route === routes[0]),
      ),
    ),
    ...[...blind].flatMap(([mailbox, row]) =>
      block(`mailbox ${mailbox} could not be read: whether its canaries arrived is not known`, row),
    ),
  ];
};

const closing = ({ verdicts: rows, ok }: Report): string => {
  const count = (match: (row: Row) => boolean) => rows.filter(match).length;
  const parts = [
    `${count(hasArrived)} of ${rows.length} canaries arrived`,
    ...(
      [
        [verdicts.denied.people, count(({ verdict }) => verdict === 'denied')],
        ['failed', count(({ verdict }) => verdict !== 'pending' && verdicts[verdict].says === 'bad')],
        ['not sent', count(({ verdict }) => verdict === 'unsent')],
        ['not arrived yet', count(({ verdict }) => verdict === 'pending')],
        ['not known', count(({ verdict }) => verdict === 'blind')],
      ] as const
    )
      .filter(([, number]) => number > 0)
      .map(([word, number]) => `${number} ${word}`),
  ];
  return `${ok ? '✓' : '✗'} ${parts.join(', ')}`;
};

/** The whole text for a terminal. */
export const textOf = (report: Report, look: Look): string => {
  const paint = painter(look);
  return [
    rowsTable(report.verdicts, look),
    ...advice(report, look),
    ...(look.verbose ? storiesOf(report, (title) => paint('bold', title)) : []),
    ...(report.warnings.length === 0
      ? []
      : ['', ...report.warnings.map((warning) => `${paint('yellow', 'warning')} ${warning}`)]),
    '',
    paint(report.ok ? 'green' : 'red', closing(report)),
    '',
  ].join('\n');
};
