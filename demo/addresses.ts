/** Addresses for the demo's hosts: one loopback address each where the system has them, which only Linux does by itself. */
import { createServer } from 'node:net';

const canBind = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(0, address, () => server.close(() => resolve(true)));
  });

export type Addresses = {
  /** True when every host has an address of its own. */
  readonly own: boolean;
  readonly of: (host: string) => string;
};

/** Finds addresses for the hosts: 127.0.0.11, .12, … or 127.0.0.1 for all, which the relay then tells apart by their names. */
export const addressesFor = async (hosts: readonly string[]): Promise<Addresses> => {
  const wanted = new Map(hosts.map((host, index) => [host, `127.0.0.${11 + index}`]));
  const usable = await Promise.all([...wanted.values()].map(canBind));
  return usable.every(Boolean) && process.env.MAIL_CANARY_DEMO_ONE_ADDRESS === undefined
    ? { own: true, of: (host) => wanted.get(host) ?? '127.0.0.1' }
    : { own: false, of: () => '127.0.0.1' };
};
