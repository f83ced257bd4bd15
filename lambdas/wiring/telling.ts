/** What a round leaves in the log: what did not arrive, what is dark, what of ours failed; never a line per good canary. */
import type { Confirmed } from '../core/confirm.ts';
import { verdicts } from '../core/words.ts';
import { log } from './environment.ts';

/** Logs one round as lines of JSON. */
export const logRound = ({ round, settled, pending, incidents, dark, problems }: Confirmed): void => {
  for (const { route, slot, judgement, was } of settled) {
    const { verdict, cause, evidence, answeredBy } = judgement;
    if (verdict === 'pending' || (verdicts[verdict].says === 'good' && was === undefined)) continue;
    log('verdict', { round, route, slot, verdict, was, cause, evidence, answeredBy });
  }
  for (const [mailbox, { cause, detail }] of dark) log('dark', { round, mailbox, cause, detail });
  for (const { what, error } of problems)
    log('problem', { round, doing: what, error: error instanceof Error ? error.message : 'unknown' });
  const open = incidents.filter(({ closedAt }) => closedAt === undefined).map(({ id, summary }) => ({ id, summary }));
  log('confirmed', { round, settled: settled.length, pending: pending.length, open });
};
