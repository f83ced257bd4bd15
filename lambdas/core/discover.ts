/** The discover round: host sources into the registry. A host gets the lowest free seat and keeps it until it is gone. */
import { itemsOf } from './items.ts';
import type { HostSource, Ledger } from './ports.ts';
import type { Host, HostFacts, Ms } from './words.ts';

/** A host is gone when this many lists in a row did not name it. */
const goneAfter = 2;

export type Discovered = {
  readonly added: readonly string[];
  readonly gone: readonly string[];
  readonly dark: readonly { readonly source: string; readonly error: unknown }[];
};

const facts = ({ id, address, paths, mailboxes, services, customers, labels, egress = [] }: HostFacts) =>
  JSON.stringify([id, address, paths, mailboxes, services, customers, Object.entries(labels).sort(), egress]);

const lowestFree = (taken: ReadonlySet<number>): number => {
  let seat = 0;
  while (taken.has(seat)) seat += 1;
  return seat;
};

/** Lists every source and reconciles the registry. A source that fails is dark: no host goes missing in that round. */
export const discover = async (
  ports: { ledger: Ledger; sources: readonly HostSource[] },
  now: Ms,
): Promise<Discovered> => {
  const items = itemsOf(ports.ledger);
  const lists = await Promise.all(
    ports.sources.map(async (source) => {
      try {
        return { source: source.name, hosts: await source.list() };
      } catch (error) {
        return { source: source.name, hosts: [], error };
      }
    }),
  );
  const dark = lists.flatMap(({ source, error }) => (error === undefined ? [] : [{ source, error }]));
  const known = new Map((await items.hosts()).map((host) => [host.id, host]));
  const listed = new Map(lists.flatMap(({ hosts }) => hosts.map((host) => [host.id, host] as const)));
  const taken = new Set([...known.values()].map(({ seat }) => seat));
  const added: string[] = [];
  for (const host of [...listed.values()].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const old = known.get(host.id);
    if (old !== undefined && old.missing === 0 && facts(old) === facts(host)) continue;
    const seat = old?.seat ?? lowestFree(taken);
    taken.add(seat);
    await items.putHost({ ...host, seat, since: old?.since ?? now, missing: 0 });
    if (old === undefined) added.push(host.id);
  }
  const gone: string[] = [];
  const absent: Host[] = dark.length > 0 ? [] : [...known.values()].filter(({ id }) => !listed.has(id));
  for (const host of absent) {
    if (host.missing + 1 < goneAfter) await items.putHost({ ...host, missing: host.missing + 1 });
    else {
      await items.removeHost(host.id);
      gone.push(host.id);
    }
  }
  return { added, gone, dark };
};
