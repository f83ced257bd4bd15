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

/** Addresses that lead back to the machine itself, or to the metadata service of its cloud. */
const local = new BlockList();
local.addSubnet('127.0.0.0', 8, 'ipv4');
local.addSubnet('169.254.0.0', 16, 'ipv4');
local.addSubnet('0.0.0.0', 8, 'ipv4');
local.addSubnet('224.0.0.0', 4, 'ipv4');
local.addAddress('::1', 'ipv6');
local.addAddress('::', 'ipv6');
local.addSubnet('fe80::', 10, 'ipv6');
local.addSubnet('ff00::', 8, 'ipv6');
local.addAddress('fd00:ec2::254', 'ipv6');

/** True for loopback, link-local, metadata, multicast and unspecified addresses, in whatever notation Node reads. */
export const isLocal = (address: string): boolean => {
  const bare = address.replace(/^\[|\]$/g, '').toLowerCase();
  const family = isIP(bare);
  // "127.1", "0x7f000001" and "2130706433" are loopback to a resolver.
  if (family === 0)
    return (
      /^(localhost|.*\.localhost|metadata|metadata\.google\.internal|instance-data)\.?$/.test(bare) ||
      /^(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*\.?$/.test(bare)
    );
  return local.check(bare, family === 6 ? 'ipv6' : 'ipv4');
};

const factOf = (name: string, host: HostFacts): string | undefined => {
  if (name === 'host.id') return host.id;
  if (name === 'host.address') return host.address;
  return host.labels[name.slice('host.labels.'.length)];
};

/** An IP address or a name of letters, digits, dots, hyphens and underscores: nothing that could change a URL's meaning. */
const safe = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+)$/;

/**
 * Fills a template with the facts of a host. IPv6 addresses are put in brackets inside a URL.
 * Throws UnusableAddress when a fact is missing or malformed, or (unless `allowLocal`) leads back to ourselves.
 */
export const fill = (template: string, host: HostFacts, { allowLocal }: { readonly allowLocal: boolean }): string =>
  template.replace(placeholder, (whole, name: string) => {
    const value = factOf(name, host);
    if (value === undefined || !isPlaceholder(name)) throw new UnusableAddress(`${host.id} has no value for ${whole}`);
    if (!safe.test(value))
      throw new UnusableAddress(
        `${whole} of ${host.id} is neither an IP address nor a host name: ${JSON.stringify(value.slice(0, 80))}`,
      );
    if (!allowLocal && isLocal(value))
      throw new UnusableAddress(
        `${whole} of ${host.id} is ${value}, which leads back to the sender itself or its metadata service`,
      );
    return template.includes('://') && isIP(value) === 6 ? `[${value}]` : value;
  });
