/** The ledger of the simulation: DynamoDB's rules over plain maps, frozen bodies, counted calls, and somebody who watches every write. */
import type { Item, Ledger, PutCondition } from '../../lambdas/core/ports.ts';
import { type Kind, type Machine, Refused } from './machine.ts';

export type StoreWork = { reads: number; writes: number; readBytes: number; writtenBytes: number };

export type Store = {
  /** The ledger as one machine sees it. */
  readonly ledgerFor: (machine: Machine) => Ledger;
  /** The ledger as it is, for whoever checks it. */
  readonly ledger: Ledger;
  readonly work: StoreWork;
};

type Kept = { readonly item: Item; readonly bytes: number };

const freeze = (value: unknown): unknown => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
};

export const storeOf = (
  isRefusing: () => boolean,
  watch: (item: Item | undefined, pk: string, sk: string) => void,
  onWrite?: (kind: Kind, key: { readonly pk: string; readonly sk: string }) => void,
): Store => {
  const partitions = new Map<string, Map<string, Kept>>();
  const work: StoreWork = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 };
  const read = (kept: Kept): Item => {
    work.readBytes += kept.bytes;
    return kept.item;
  };
  const get = (pk: string, sk: string) => {
    work.reads += 1;
    const kept = partitions.get(pk)?.get(sk);
    return kept === undefined ? undefined : read(kept);
  };
  const list = (pk: string, range: { readonly from?: string; readonly to?: string } = {}) => {
    work.reads += 1;
    // Keys of the simulation are ASCII, where the order of UTF-16 units is that of bytes.
    return [...(partitions.get(pk) ?? [])]
      .filter(([sk]) => sk >= (range.from ?? '') && (range.to === undefined || sk <= range.to))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, kept]) => read(kept));
  };
  const put = (item: Item, condition?: PutCondition) => {
    work.writes += 1;
    const partition = partitions.get(item.pk) ?? new Map<string, Kept>();
    const old = partition.get(item.sk)?.item;
    if (condition !== undefined && old !== undefined) {
      const isBelow = 'below' in condition && old.order !== undefined && old.order < condition.below;
      if (!isBelow) return false;
    }
    const text = JSON.stringify(item.body);
    work.writtenBytes += text.length;
    const kept = freeze({ ...item, body: JSON.parse(text) }) as Item;
    partitions.set(item.pk, partition.set(item.sk, { item: kept, bytes: text.length }));
    watch(kept, item.pk, item.sk);
    return true;
  };
  const remove = (pk: string, sk: string) => {
    work.writes += 1;
    partitions.get(pk)?.delete(sk);
    watch(undefined, pk, sk);
  };
  return {
    work,
    ledger: {
      get: async (pk, sk) => get(pk, sk),
      list: async (pk, range) => list(pk, range),
      put: async (item, condition) => put(item, condition),
      remove: async (pk, sk) => remove(pk, sk),
    },
    ledgerFor: (machine) => {
      const call = <T>(what: string, effect: () => T) =>
        machine.call(what, () => {
          if (isRefusing()) throw new Refused(`the ledger refuses: ${what}`);
          return effect();
        });
      return {
        get: (pk, sk) => call(`get ${pk} ${sk}`, () => get(pk, sk)),
        list: (pk, range) => call(`list ${pk}`, () => list(pk, range)),
        put: (item, condition) =>
          call(`put ${item.pk} ${item.sk}`, () => {
            onWrite?.(machine.kind, item);
            return put(item, condition);
          }),
        remove: (pk, sk) =>
          call(`remove ${pk} ${sk}`, () => {
            onWrite?.(machine.kind, { pk, sk });
            return remove(pk, sk);
          }),
      };
    },
  };
};
