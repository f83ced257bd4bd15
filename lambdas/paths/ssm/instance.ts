/** Names that sending and asking share: the document, and the instance that a host is. */
import type { HostFacts } from '../../core/words.ts';
import type { SsmSettings } from './settings.ts';

/** The document that hosts are told to run. */
export const documentName = (monitor: string): string => `mail-canary-${monitor}`;

const instanceId = /^m?i-[0-9a-f]{8,17}$/;

/** The instance that a host is; in words what is missing, where there is none. */
export const instanceOf = (
  settings: SsmSettings,
  path: string,
  host: HostFacts,
  fill: (template: string, host: HostFacts) => string,
): { readonly instance: string } | { readonly missing: string } => {
  const labelled = Object.hasOwn(host.labels, 'instance');
  let found: string;
  try {
    if (settings.instance !== undefined) found = fill(settings.instance, host);
    else found = labelled ? fill('{host.labels.instance}', host) : host.id;
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
  if (instanceId.test(found)) return { instance: found };
  return {
    missing: `${host.id} has no instance id (got ${JSON.stringify(found.slice(0, 80))}): give it the label "instance" with an id such as i-0123456789abcdef0, or set "instance" of path ${path}`,
  };
};
