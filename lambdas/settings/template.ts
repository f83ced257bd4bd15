/** Filling `{host.…}` in the settings of a path, and refusing what must not be reached from where we run. */
import { BlockList, isIP } from 'node:net';
import type { HostFacts } from '../core/words.ts';
import { UnusableAddress } from '../paths/kind.ts';

const placeholder = /\{([^{}]*)\}/g;

/** The placeholders of a template, as written between the braces. */
export const placeholdersOf = (template: string): string[] =>
  [...template.matchAll(placeholder)].map(([, name = '']) => name);

/** What may stand between the braces. */
export const isPlaceholder = (name: string): boolean => /^host\.(id|address|labels\.[A-Za-z0-9_.-]+)$/.test(name);

/** Addresses that lead back to the machine itself, or to the metadata service of its cloud, bare and wrapped into IPv6. */
const local = new BlockList();
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  local.addSubnet(address, prefix, 'ipv4');
for (const [address, prefix] of [
  // Unspecified, loopback, and the deprecated IPv4-compatible form (RFC 4291).
  ['::', 96],
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128],
  // NAT64 (RFC 6052) and 6to4 (RFC 3056) of loopback and link-local addresses.
  ['64:ff9b::7f00:0', 104],
  ['64:ff9b::a9fe:0', 112],
  ['2002:7f00::', 24],
  ['2002:a9fe::', 32],
] as const)
  local.addSubnet(address, prefix, 'ipv6');

const localNames =
  /^(localhost(\..*)?|.*\.localhost|ip6-(localhost|loopback)|metadata|metadata\.google\.internal|instance-data(\..*)?)\.?$/;

/** True for loopback, link-local, metadata, multicast and unspecified addresses, in whatever notation Node reads. */
export const isLocal = (address: string): boolean => {
  const bare = address.replace(/^\[|\]$/g, '').toLowerCase();
  const family = isIP(bare);
  // "127.1", "0x7f000001" and "2130706433" are loopback to a resolver.
  if (family === 0) return localNames.test(bare) || /^(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*\.?$/.test(bare);
  return local.check(bare, family === 6 ? 'ipv6' : 'ipv4');
};

const factOf = (name: string, host: HostFacts): string | undefined => {
  if (name === 'host.id') return host.id;
  if (name === 'host.address') return host.address;
  const label = name.slice('host.labels.'.length);
  return Object.hasOwn(host.labels, label) ? host.labels[label] : undefined;
};

/** An IP address, or a name of letters, digits, dots, hyphens and underscores: nothing that could change a URL's meaning. */
export const isAddress = (text: string): boolean =>
  /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text) || (isIP(text) === 6 && !text.includes('%'));

/** Where a filled template leads: the host of a URL as a browser reads it, else all of it. */
const targetOf = (filled: string): string | undefined =>
  filled.includes('://') ? URL.parse(filled)?.hostname : filled;

/**
 * Fills a template with the facts of a host. IPv6 addresses are put in brackets inside a URL.
 * Throws UnusableAddress when a fact is missing or malformed, or when the whole leads (unless `allowLocal`) back to ourselves.
 */
export const fill = (template: string, host: HostFacts, { allowLocal }: { readonly allowLocal: boolean }): string => {
  const filled = template.replace(placeholder, (whole, name: string) => {
    const value = isPlaceholder(name) ? factOf(name, host) : undefined;
    if (value === undefined) throw new UnusableAddress(`${host.id} has no value for ${whole}`);
    if (!isAddress(value))
      throw new UnusableAddress(
        `${whole} of ${host.id} is neither an IP address nor a host name: ${JSON.stringify(value.slice(0, 80))}`,
      );
    return template.includes('://') && isIP(value) === 6 ? `[${value}]` : value;
  });
  const target = targetOf(filled);
  if (target === undefined)
    throw new UnusableAddress(`${template} of ${host.id} is no URL: ${JSON.stringify(filled.slice(0, 80))}`);
  if (!allowLocal && isLocal(target))
    throw new UnusableAddress(
      `${template} of ${host.id} is ${target}, which leads back to the sender itself or its metadata service`,
    );
  return filled;
};
