/** The rows of a conformance run as a person reads them: a table, then what to change. */
import Table from 'cli-table3';
import type { Row } from './run.ts';

const marks = { pass: '✓ pass', fail: '✗ fail', 'not run': '– not run' } as const;

/** One line for each check, a paragraph for each that failed, and one closing line. */
export const textOf = (url: string, host: string, rows: readonly Row[], width: number): string => {
  const narrow = width < 100;
  const table = new Table({
    head: narrow ? ['', 'check'] : ['', 'check', 'rule', 'came'],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
    ...(narrow ? {} : { colWidths: [11, 19, 46, Math.max(24, width - 82)] }),
  });
  for (const { outcome, id, rule, came } of rows)
    table.push(narrow ? [marks[outcome], id] : [marks[outcome], id, rule, came]);
  const failed = rows.filter(({ outcome }) => outcome === 'fail');
  const count = (outcome: Row['outcome']) => rows.filter((row) => row.outcome === outcome).length;
  const changes = failed.map(
    ({ id, rule, expected, came, change }) =>
      `${id}: ${rule}\n  expected: ${expected}\n  came:     ${came}\n  change:   ${change}\n`,
  );
  const closing = `${count('pass')} passed, ${count('fail')} failed, ${count('not run')} not run: ${url} as ${host}`;
  return [table.toString(), ...changes, `${closing}\n`].join('\n');
};
