/** Opens each path of the settings once, as what sends its canaries. */
import type { Sender } from '../core/ports.ts';
import { kindOf } from '../settings/checks.ts';
import type { PathSettings } from '../settings/schema.ts';
import { contextOf, type Shared } from './context.ts';

/** The senders by path name. Loopback and link-local addresses are refused unless `allowLocal`. */
export const sendersOf = (
  paths: Readonly<Record<string, PathSettings>>,
  shared: Shared,
): ((path: string) => Sender | undefined) => {
  const senders = new Map(
    Object.entries(paths).map(([name, path]) => [name, kindOf(path.kind).open(path, contextOf(name, shared))]),
  );
  return (path) => senders.get(path);
};
