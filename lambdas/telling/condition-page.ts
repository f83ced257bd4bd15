/** The page of an incident that is about no route: what holds, since when, what proves it, what to do. */
import { causes } from '../core/causes.ts';
import type { Incident } from '../core/incident.ts';
import { cut, duration, fitted, plain, timeIn, widest } from './wording.ts';

const words = { page: 'TROUBLE', ticket: 'TICKET', note: 'NEWS' } as const satisfies Record<
  Incident['severity'],
  string
>;

/** Title and lines, in the measures of every page (TELLING). */
export const conditionPage = (
  { name, cause, severity, evidence, remedy, openedAt, closedAt }: Incident,
  { timezone, runbook }: { readonly timezone: string; readonly runbook?: string | undefined },
): { readonly title: string; readonly body: readonly string[] } => {
  const { meaning } = causes[cause];
  const isOver = closedAt !== undefined;
  const over = isOver
    ? `Over since ${timeIn(closedAt, timezone)}. It lasted ${duration(closedAt - openedAt)}.`
    : undefined;
  return {
    title: cut(`${isOver ? 'OVER: ' : ''}${words[severity]}: ${plain(name)}: ${meaning}`, widest.title),
    body: fitted([
      { text: `${plain(name)}: ${meaning}, since ${timeIn(openedAt, timezone)}.`, keep: 9, most: 2 },
      { text: over, keep: 9 },
      { text: evidence === undefined ? undefined : `Seen: ${plain(evidence, 300)}`, keep: 8, most: 2 },
      { text: isOver ? undefined : `First step: ${plain(remedy, 300)}`, keep: 9, most: 3 },
      { text: severity === 'page' ? undefined : `This is a ${severity}, not a page.`, keep: 4 },
      { text: runbook === undefined ? undefined : { own: runbook }, keep: 9 },
    ]),
  };
};
