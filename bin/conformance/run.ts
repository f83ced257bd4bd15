/** Runs the checks against a live endpoint, one request at a time, each on a connection of its own. */
import { asEvidence } from '../../lambdas/core/replies.ts';
import { type Answer, ask } from '../../lambdas/paths/http/exchange.ts';
import { type Check, checks } from './checks.ts';
import { type Exchange, type Facts, headersOf, type Probe } from './requests.ts';

export type Row = Pick<Check, 'id' | 'rule' | 'expected' | 'change'> & {
  readonly outcome: 'pass' | 'fail' | 'not run';
  /** What came, or why it was not run. */
  readonly came: string;
};

export type Connection = { readonly serverName?: string | undefined; readonly ca?: string | undefined };

/** For one request; a mailer may take as long as its server. */
const limit = { request: 20_000, mail: 90_000 } as const;

const inWords = (answer: Answer, { secret }: Facts): string => {
  const words =
    answer.state === 'none' ? `no answer: ${answer.error.message}` : `${answer.status} ${answer.body.slice(0, 300)}`;
  return asEvidence(words, [secret], 200);
};

/** Resolves with one row for each check; rejects only for bugs. */
export const runChecks = async (facts: Facts, connection: Connection = {}): Promise<readonly Row[]> => {
  const seen: Exchange[] = [];
  const exchange = async (probe: Probe, most: number): Promise<Exchange> => {
    const { headers, signature } = headersOf(probe, facts);
    const question = { method: probe.method, url: facts.url, headers, body: probe.body, ...connection };
    return { probe, signature, answer: await ask(question, AbortSignal.timeout(most)) };
  };
  const rows: Row[] = [];
  let unreachable: string | undefined;
  for (const check of checks) {
    const { id, rule, expected, change } = check;
    const row = (outcome: Row['outcome'], came: string) => rows.push({ id, rule, expected, change, outcome, came });
    if (unreachable !== undefined) {
      row('not run', unreachable);
      continue;
    }
    if (check.sends && facts.mail === undefined) {
      row('not run', 'it would send a mail: name the mailbox with --send');
      continue;
    }
    const own: Exchange[] = [];
    let failed: string | undefined;
    let judged = false;
    for (const probe of check.probes(facts)) {
      const one = await exchange(probe, check.sends ? limit.mail : limit.request);
      const judgement = check.judge(one, facts, check.sends ? seen : own);
      own.push(one);
      judged ||= judgement !== undefined;
      if (judgement === false) failed ??= `${probe.what}: ${inWords(one.answer, facts)}`;
      if (one.answer.state === 'none' && !one.answer.sent && seen.length === 0)
        unreachable = `the endpoint cannot be reached: ${inWords(one.answer, facts)}`;
      if (unreachable !== undefined) break;
    }
    seen.push(...own);
    const last = own.at(-1);
    const came = failed ?? (last === undefined ? '' : inWords(last.answer, facts));
    row(failed !== undefined ? 'fail' : judged ? 'pass' : 'not run', came);
  }
  return rows;
};

/** 0: every check that was run passed. 1: some failed. */
export const statusOf = (rows: readonly Row[]): number => (rows.some(({ outcome }) => outcome === 'fail') ? 1 : 0);
