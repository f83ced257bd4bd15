/** Whom to ask what became of commanded canaries. Apart from the senders, which the confirm function does not need. */
import type { Outcomes } from '../core/ports.ts';
import { outcomesByKind } from '../paths/outcomes.ts';
import type { PathSettings } from '../settings/schema.ts';
import { contextOf, type Shared } from './context.ts';

/** Per path; undefined for paths that command nobody. */
export const outcomesOf = (
  paths: Readonly<Record<string, PathSettings>>,
  shared: Shared,
): ((path: string) => Outcomes | undefined) => {
  const all = new Map(
    Object.entries(paths).map(([name, path]) => [name, outcomesByKind[path.kind]?.(path, contextOf(name, shared))]),
  );
  return (path) => all.get(path);
};
