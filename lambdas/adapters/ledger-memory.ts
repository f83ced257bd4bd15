/** The ledger in memory: a map of maps, with the rules of every ledger. */
import type { Ledger } from '../core/ports.ts';
import { checkBelow, checkKey, checkRange, readItem, type StoredItem, storeItem } from './ledger-item.ts';

/** For tests, `check` and the simulation: nothing is shared with the caller, nothing survives the process, nothing expires. */
export function memoryLedger(): Ledger {
  const partitions = new Map<string, Map<string, { readonly key: Buffer; readonly stored: StoredItem }>>();
  return {
    get: async (pk, sk) => {
      checkKey(pk, sk);
      const found = partitions.get(pk)?.get(sk);
      return found && readItem(found.stored);
    },
    list: async (pk, range) => {
      const bounds = checkRange(pk, range);
      if (bounds === 'nothing') return [];
      const from = Buffer.from(bounds.from ?? '');
      const to = bounds.to === undefined ? undefined : Buffer.from(bounds.to);
      return [...(partitions.get(pk)?.values() ?? [])]
        .filter(({ key }) => key.compare(from) >= 0 && (to === undefined || key.compare(to) <= 0))
        .sort((a, b) => a.key.compare(b.key))
        .map(({ stored }) => readItem(stored));
    },
    put: async (item, condition) => {
      const stored = storeItem(item);
      const below = condition && checkBelow(item, condition);
      const partition = partitions.get(item.pk) ?? new Map();
      const old = partition.get(item.sk)?.stored;
      // An item without an order is not below anything: whoever wrote it does not take part in that rule.
      if (condition && old && !(below !== undefined && old.order !== undefined && old.order < below)) return false;
      partitions.set(item.pk, partition.set(item.sk, { key: Buffer.from(item.sk), stored }));
      return true;
    },
    remove: async (pk, sk) => {
      checkKey(pk, sk);
      const partition = partitions.get(pk);
      partition?.delete(sk);
      if (partition?.size === 0) partitions.delete(pk);
    },
  };
}
