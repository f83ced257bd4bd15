/** What every path is opened with. */
import type { AwsClients, Hello, PathContext } from '../paths/kind.ts';
import { fill } from '../settings/template.ts';

export type Shared = {
  readonly monitor: string;
  readonly secret: (reference: string) => Promise<string>;
  /** Whether hosts may be at loopback and link-local addresses: on a machine, never in a function. */
  readonly allowLocal: boolean;
  readonly aws: AwsClients;
  readonly hello: (hello: Hello) => Promise<void>;
};

/** The context of one path. */
export const contextOf = (name: string, { allowLocal, ...shared }: Shared): PathContext => ({
  ...shared,
  name,
  fill: (template, host) => fill(template, host, { allowLocal }),
});
