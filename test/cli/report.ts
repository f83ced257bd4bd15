/** The documented shape of `check --json`: exactly these keys, whatever came of the pass. */
import type { Report } from '../../bin/check/report.ts';
import { verdicts } from '../../lambdas/core/words.ts';

const keys = {
  report: ['ok', 'verdicts', 'incidents', 'warnings'],
  row: [
    'route',
    'host',
    'path',
    'mailbox',
    'verdict',
    'cause',
    'evidence',
    'remedy',
    'answeredBy',
    'seenAs',
    'queueId',
    'sentAt',
    'seconds',
    'folder',
    'altered',
    'moved',
    'authentication',
    'unauthenticated',
    'slowest',
    'spam',
    'origin',
    'conversation',
    'whereToLook',
    'lostMails',
    'hops',
  ],
  hop: ['by', 'from', 'address', 'protocol', 'tls', 'seconds', 'skew'],
  incident: ['id', 'name', 'cause', 'answeredBy', 'routes', 'inCommon', 'summary'],
} as const;

const same = (what: keyof typeof keys, value: object): void => {
  const [found, expected] = [Object.keys(value).sort().join(), [...keys[what]].sort().join()];
  if (found !== expected) throw new Error(`${what} has the keys ${found}, documented are ${expected}`);
};

/** Parses the one document; throws when it is not as documented. */
export const checkReport = (stdout: string): Report => {
  const report = JSON.parse(stdout) as Report;
  same('report', report);
  for (const row of report.verdicts) {
    same('row', row);
    row.hops.forEach((hop) => void same('hop', hop));
    if (row.route !== `${row.host}/${row.path}/${row.mailbox}`) throw new Error(`${row.route} is not its own parts`);
    if (row.verdict !== 'pending' && !(row.verdict in verdicts)) throw new Error(`${row.verdict} is no verdict`);
    const isBad = row.verdict !== 'pending' && verdicts[row.verdict].says !== 'good';
    if (isBad && (row.cause === null || row.remedy === null)) throw new Error(`${row.route} has no cause or remedy`);
    if (row.sentAt !== null && new Date(row.sentAt).toISOString() !== row.sentAt)
      throw new Error(`${row.sentAt} is not ISO 8601`);
  }
  report.incidents.forEach((incident) => void same('incident', incident));
  return report;
};
