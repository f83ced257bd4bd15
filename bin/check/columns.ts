/** Tables for a terminal: columns without borders, whose last one wraps. */
import Table from 'cli-table3';

const none = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((place) => [place, '']),
);

/** Lines of text; `last` is the width of the last column, undefined where it is not to wrap. */
export const columns = (
  head: readonly string[],
  rows: readonly (readonly string[])[],
  last: number | undefined,
): string => {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
    ...(last === undefined ? {} : { colWidths: [...head.slice(1).map(() => null), last] }),
    chars: { ...none, middle: '  ' },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
};
