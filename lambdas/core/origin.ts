/** From which address a canary really left: the `Received` chain beside what is known of the host (DESIGN 5). */
import { BlockList, isIP } from 'node:net';
import type { Hop, HostFacts, Origin } from './words.ts';

const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Addresses that are no way out: loopback, and link-local, as Exchange shows for what it hands from one service to another. */
const inside = new BlockList();
inside.addSubnet('127.0.0.0', 8, 'ipv4');
inside.addSubnet('169.254.0.0', 16, 'ipv4');
inside.addAddress('::1', 'ipv6');
inside.addSubnet('fe80::', 10, 'ipv6');

/** An IP address, or a CIDR such as `198.51.100.0/28`, as the settings may declare it. */
export const isRange = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/');
  const most = isIP(address) === 6 ? 128 : isIP(address) === 4 ? 32 : -1;
  if (most < 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
};

/** A test for these addresses and ranges. Most hosts have one address, and a list is dear to make. */
const rangesOf = (ranges: readonly string[]): Pick<BlockList, 'check'> => {
  const [only, ...others] = ranges;
  if (only !== undefined && others.length === 0 && isIP(only) === 4) return { check: (address) => address === only };
  const list = new BlockList();
  for (const range of ranges.filter(isRange)) {
    const [address = '', bits] = range.split('/');
    if (bits === undefined) list.addAddress(address, family(address));
    else list.addSubnet(address, Number(bits), family(address));
  }
  return list;
};

/**
 * Compares the address from which a canary left with the host's own and declared ones. Hops come oldest first; those over
 * loopback are still on the host. `submitted`: the first hop is our own submission to the host, so its way out is the next.
 */
export const originOf = (hops: readonly Hop[], host: HostFacts, submitted: boolean): Origin => {
  const known = [...(host.address === undefined ? [] : [host.address]), ...(host.egress ?? [])].filter(isRange);
  if (known.length === 0) return { state: 'unknown' };
  const own = rangesOf(known);
  const [first] = hops;
  // A mail server that hides submissions shows its own way out first.
  const isHidden =
    first?.address !== undefined && isIP(first.address) !== 0 && own.check(first.address, family(first.address));
  const out = hops
    .slice(submitted && !isHidden ? 1 : 0)
    .flatMap(({ address }) => (address === undefined || isIP(address) === 0 ? [] : [address]))
    .find((address) => !inside.check(address, family(address)));
  if (out === undefined) return { state: 'unknown' };
  return { state: own.check(out, family(out)) ? 'confirmed' : 'mismatched', address: out };
};
