/** What a sending path is: one folder that describes itself completely; lambdas/paths/index.ts is the list of them. */
import type { SESClient } from '@aws-sdk/client-ses';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { z } from 'zod';
import type { Sender } from '../core/ports.ts';
import type { HostFacts, Ms } from '../core/words.ts';
import type { Explains } from './explain.ts';

/**
 * A permission that a kind needs, as data; lib/grants.ts turns it into IAM statements. Resources may hold `{partition}`,
 * `{region}`, `{account}` and `{monitor}` (its name), which are known only at synth.
 */
export type Need = {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>> | undefined;
};

/** Clients of AWS, made where all clients are made; the module is loaded with the first call. */
export type AwsClients = {
  readonly ses: () => Promise<SESClient>;
  readonly ssm: () => Promise<SSMClient>;
};

/** What a path may use when it opens; everything else it is given with each mail. */
export type PathContext = {
  /** The path's name in the settings. */
  readonly name: string;
  /** Resolves a secret reference (`env:`, `file:`, `secretsmanager:`, `ssm:`) to its value. Cached by the caller. */
  readonly secret: (reference: string) => Promise<string>;
  /** Fills `{host.…}`; refuses addresses that must not be reached from here. Throws UnusableAddress. */
  readonly fill: (template: string, host: HostFacts) => string;
  /** The name of the monitor. */
  readonly monitor: string;
  readonly aws: AwsClients;
  /** Announces a host that nobody had told us of, or a known one under its name: `discover` merges it. Never rejects. */
  readonly hello: (hello: Hello) => Promise<void>;
};

/**
 * What a kind needs of the stack besides permissions: the document that hosts run (`ssm`), the configuration set and its
 * events (`ses`), the URL that hosts tell (`heartbeat`). `{monitor}` stands for the monitor's name.
 */
export type StackPart = 'ssm-document' | 'note-url' | `ses-events:${string}`;

/** A host that spoke for itself. */
export type Hello = { readonly id: string; readonly path: string; readonly address?: string | undefined };

/** One kind of sending path. `S` is what its settings look like after parsing, without the fields all paths share. */
export type PathKind<K extends string, S, O extends Sender = Sender> = {
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
  /** True when the host sends by its own clock (`heartbeat`): expected by us, never queued. @default false */
  readonly byHost?: boolean | undefined;
  /** True when the first hop of an arrived canary is our own submission to the host, not the way out of it. @default false */
  readonly submitted?: ((settings: S) => boolean) | undefined;
  /** Opens the path: cheap, no connection. The result makes one attempt per mail, within its deadline. */
  readonly open: (settings: S, context: PathContext) => O;
  /** Permissions of whoever asks what became of commanded canaries (paths/outcomes.ts). */
  readonly outcomeNeeds?: ((settings: S) => readonly Need[]) | undefined;
  /** Parts of the stack that a path with these settings needs. @default none */
  readonly parts?: ((settings: S) => readonly StackPart[]) | undefined;
  /** What it needs of the network, for people who open firewalls. */
  readonly explains: Explains<S>;
  /** Settings that parse and cannot work: one sentence each, about the path. Deployed says that it is for a stack. */
  readonly mistakes?: ((settings: S, where: { readonly deployed: boolean }) => readonly PathMistake[]) | undefined;
};

/** A mistake at a key of the path's settings (undefined: at the path itself). */
export type PathMistake = { readonly key?: string | undefined; readonly message: string };

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
export const definePath = <K extends string, S, O extends Sender>(kind: PathKind<K, S, O>): PathKind<K, S, O> => kind;
