/** Writes down hosts that spoke for themselves, and lists them as a source of hosts. */
import { helloAfter, helloHosts } from '../core/hello.ts';
import { itemsOf } from '../core/items.ts';
import type { Monitor } from '../core/monitor.ts';
import type { HostSource, Ledger } from '../core/ports.ts';
import type { Hello } from '../paths/kind.ts';

/** Never rejects: that a host was announced must not keep a canary from being sent. */
export const helloInto = (ledger: Ledger, onProblem: (what: string, error: unknown) => void) => {
  const items = itemsOf(ledger);
  return async (said: Hello): Promise<void> => {
    try {
      const next = helloAfter(await items.hello(said.id, said.path), said, Date.now());
      if (next !== undefined) await items.putHello(next);
    } catch (error) {
      onProblem(`writing down that ${said.id} spoke for itself`, error);
    }
  };
};

export const helloSource = (ledger: Ledger, monitor: Monitor): HostSource => ({
  name: 'self-registered',
  list: async () => helloHosts(await itemsOf(ledger).hellos(), monitor, Date.now()),
});
