/** Opens each path of the settings once, as a function that makes one attempt. */
import type { Send } from '../core/ports.ts';
import { kindOf } from '../settings/checks.ts';
import type { PathSettings } from '../settings/schema.ts';
import { fill } from '../settings/template.ts';

/** The senders by path name. Loopback and link-local addresses are refused unless `allowLocal`. */
export const sendersOf = (
  paths: Readonly<Record<string, PathSettings>>,
  { secret, allowLocal }: { readonly secret: (reference: string) => Promise<string>; readonly allowLocal: boolean },
): ((path: string) => Send | undefined) => {
  const senders = new Map(
    Object.entries(paths).map(([name, path]) => [
      name,
      kindOf(path.kind).open(path, { name, secret, fill: (template, host) => fill(template, host, { allowLocal }) }),
    ]),
  );
  return (path) => senders.get(path);
};
