/** The kinds that command hosts, and can be asked what became of it. A list of its own: who asks must not load what sends. */
import type { Outcomes } from '../core/ports.ts';
import type { PathContext } from './kind.ts';
import { ssmOutcomes } from './ssm/outcome.ts';

type Asks = (settings: unknown, context: PathContext) => Outcomes;

export const outcomesByKind: Readonly<Record<string, Asks>> = {
  ssm: ssmOutcomes as Asks,
};
