/** What a sending path is: one folder that describes itself completely; lambdas/paths/index.ts is the list of them. */
import type { z } from 'zod';
import type { Send } from '../core/ports.ts';
import type { HostFacts, Ms } from '../core/words.ts';

/** A permission that a kind needs, as data; lib/grants.ts turns it into IAM statements. */
export type Need = { readonly actions: readonly string[]; readonly resources: readonly string[] };

/** What a path may use when it opens; everything else it is given with each mail. */
export type PathContext = {
  /** The path's name in the settings. */
  readonly name: string;
  /** Resolves a secret reference (`env:`, `file:`, `secretsmanager:`, `ssm:`) to its value. Cached by the caller. */
  readonly secret: (reference: string) => Promise<string>;
  /** Fills `{host.…}`; refuses addresses that must not be reached from here. Throws UnusableAddress. */
  readonly fill: (template: string, host: HostFacts) => string;
};

/** One kind of sending path. `S` is what its settings look like after parsing, without the fields all paths share. */
export type PathKind<K extends string, S> = {
  readonly kind: K;
  /** The kind's own fields (a shape); the fields that all paths share are added by the schema. */
  readonly settings: z.ZodRawShape;
  /** True when the mail leaves from the host itself; false when it leaves from the machine that runs the round. */
  readonly leavesFromHost: (settings: S) => boolean;
  /** The relay that routes of this path share, for the limit on connections; undefined when each host has its own. */
  readonly sharedServer: (settings: S) => string | undefined;
  /** Secret references that the settings name; they become grants, and are looked up before a run begins. */
  readonly secrets: (settings: S) => readonly string[];
  readonly needs: (settings: S) => readonly Need[];
  /** Opens the path: cheap, no connection. The result makes one attempt per mail, within its deadline. */
  readonly open: (settings: S, context: PathContext) => Send;
};

/** Fields that every path has, whatever its kind. */
export type SharedPathSettings = {
  readonly from: string;
  readonly every?: Ms | undefined;
  readonly deliverWithin?: Ms | undefined;
  readonly timeout: Ms;
  readonly perDay?: number | undefined;
  readonly connections: number;
  readonly autoSubmitted: boolean;
};

/** The host's address cannot be used from here (loopback or link-local from a Lambda, missing, malformed). */
export class UnusableAddress extends Error {
  override name = 'UnusableAddress';
}

/** Ties a kind's settings shape to what it is given. */
export const definePath = <K extends string, S>(kind: PathKind<K, S>): PathKind<K, S> => kind;
