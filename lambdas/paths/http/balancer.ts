/** Through a load balancer: asks again on new connections until the named host answers; the names of the others are announced. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Handover, Ms } from '../../core/words.ts';
import { type Asked, handoverOf, nameIn, unsentBy } from './causes.ts';
import { type Answer, ask, type Question } from './exchange.ts';
import { verifyAnswer } from './sign.ts';

export type Balanced = {
  readonly question: Question;
  readonly asked: Asked;
  readonly secret: string;
  /** The signature of the request: a signed answer names it. */
  readonly requestSignature: string;
  /** How long one connection may take: a host that hangs must not use up the time of the one that is asked for. */
  readonly each: Ms;
  /** Announces another host that answered with a signed name. Never rejects. */
  readonly announce: (name: string) => Promise<void>;
};

/**
 * Enough to meet every host with near certainty: where a balancer chooses at random among n hosts, one of them is missed
 * in 8 n tries with a chance of 3 in 10,000. A balancer takes turns more often than it throws dice.
 */
const mostTries = (names: number): number => Math.min(200, Math.max(24, 8 * (names + 1)));

/** So many answers in a row that name nobody say that asking on is of no use: a wrong secret, a broken site. */
const mostNameless = 8;

/** Between two tries. Uneven, so that canaries side by side do not keep step with a balancer that takes turns. */
const pause = (): Ms => 10 + Math.random() * 40;

type Met =
  /** The named host, or somebody who speaks for it: what it said decides. */
  | { readonly who: 'asked' }
  | { readonly who: 'other'; readonly name: string; readonly signed: boolean }
  | { readonly who: 'nobody'; readonly label: string };

const meet = (answer: Answer, { asked, secret, requestSignature }: Balanced): Met => {
  if (answer.state === 'none') return { who: 'nobody', label: 'no answer' };
  const { status, body, signature } = answer;
  if (status === 421) {
    const name = nameIn(body);
    if (name === undefined || name === asked.host) return { who: 'nobody', label: 'HTTP 421' };
    return { who: 'other', name, signed: verifyAnswer(secret, { status, requestSignature, body }, signature) };
  }
  // Whatever is said of the mail is said by the host that is named; what says nothing of it may come from any host.
  const handover = handoverOf(asked, answer);
  if (handover.state !== 'unsent' || [400, 403, 413, 429].includes(status)) return { who: 'asked' };
  return { who: 'nobody', label: `HTTP ${status}` };
};

/** Never rejects. Ends at the deadline of the canary, or when it is plain that the host is not behind the balancer. */
export const askThroughBalancer = async (balanced: Balanced): Promise<Handover> => {
  const { question, asked, each, announce } = balanced;
  const counts = new Map<string, number>();
  const others = new Set<string>();
  const announced: Promise<void>[] = [];
  let answers = 0;
  let nameless = 0;
  let inARow = 0;
  let last: Answer | undefined;
  while (answers < mostTries(others.size) && inARow < mostNameless && !asked.deadline.aborted) {
    if (answers > 0) await sleep(pause(), undefined, { signal: asked.deadline }).catch(() => {});
    if (asked.deadline.aborted) break;
    // No agent and no cookie jar: nothing of one try is known to the next.
    last = await ask(question, AbortSignal.any([asked.deadline, AbortSignal.timeout(each)]));
    const met = meet(last, balanced);
    if (met.who === 'asked') {
      await Promise.all(announced);
      return handoverOf(asked, last);
    }
    answers += 1;
    const label = met.who === 'nobody' ? met.label : met.signed ? met.name : `${met.name} (not signed)`;
    counts.set(label, (counts.get(label) ?? 0) + 1);
    nameless += met.who === 'nobody' ? 1 : 0;
    inARow = met.who === 'nobody' ? inARow + 1 : 0;
    // Only who knows the secret may add a host to the registry.
    if (met.who === 'other' && met.signed && !others.has(met.name)) announced.push(announce(met.name));
    if (met.who === 'other') others.add(met.name);
  }
  await Promise.all(announced);
  const shares = [...counts].sort(([, a], [, b]) => b - a).map(([label, count]) => `${label} ${count}`);
  const inWords = `${answers} answers: ${shares.join(', ')}${asked.deadline.aborted ? ', then the deadline' : ''}`;
  const base = last === undefined ? undefined : handoverOf(asked, last);
  // Nobody told a name: what the last one said is all that is known, a connection that is refused as well as a page.
  if (base?.state === 'unsent' && others.size === 0)
    return unsentBy(asked, base.cause, `${base.evidence} (${inWords})`, base.stage);
  return unsentBy(asked, nameless === 0 && others.size > 0 ? 'not-in-rotation' : 'trigger-failed', inWords);
};
