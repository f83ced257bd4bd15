/** Opens each path of the settings once, as a function that makes one attempt. */
import type { Sender } from '../core/ports.ts';
import type { AwsClients, Hello } from '../paths/kind.ts';
import { kindOf } from '../settings/checks.ts';
import type { PathSettings } from '../settings/schema.ts';
import { fill } from '../settings/template.ts';

/** The senders by path name. Loopback and link-local addresses are refused unless `allowLocal`. */
export const sendersOf = (
  paths: Readonly<Record<string, PathSettings>>,
  context: {
    readonly monitor: string;
    readonly secret: (reference: string) => Promise<string>;
    readonly allowLocal: boolean;
    readonly aws: AwsClients;
    readonly hello: (hello: Hello) => Promise<void>;
  },
): ((path: string) => Sender | undefined) => {
  const { allowLocal, ...shared } = context;
  const senders = new Map(
    Object.entries(paths).map(([name, path]) => [
      name,
      kindOf(path.kind).open(path, {
        ...shared,
        name,
        fill: (template, host) => fill(template, host, { allowLocal }),
      }),
    ]),
  );
  return (path) => senders.get(path);
};
