/** How many canaries may be on their way at one time: a few per shared relay, and not too many for this machine. */
import limit from 'p-limit';

type Limit = ReturnType<typeof limit>;

/**
 * Makes the gate of the send round. Beyond 16 at a time a machine of two cores gains nothing; a host that hangs holds
 * one place until its deadline, and the others go on beside it.
 */
export const gateFor = (most: number) => {
  const everybody = limit(most);
  const servers = new Map<string, Limit>();
  return <T>(server: string | undefined, connections: number, task: () => Promise<T>): Promise<T> => {
    if (server === undefined) return everybody(task);
    const own = servers.get(server) ?? limit(connections);
    servers.set(server, own);
    return own(() => everybody(task));
  };
};
