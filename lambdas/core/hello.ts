/** Hosts that spoke for themselves: which of them are hosts of this monitor, and for how long. */
import { fleetId } from './enrolment.ts';
import { defaultMailboxes, expandMailboxes } from './groups.ts';
import type { HelloItem } from './items.ts';
import type { Monitor } from './monitor.ts';
import type { HostFacts, Ms } from './words.ts';

/** The hosts among those that spoke: on paths that the settings still have, and not silent for longer than `forgets`. */
export const helloHosts = (hellos: readonly HelloItem[], monitor: Monitor, now: Ms): HostFacts[] => {
  const present = hellos.filter(
    ({ path, last }) => monitor.paths[path] !== undefined && now - last <= monitor.limits.forgets,
  );
  return [...Map.groupBy(present, ({ id }) => id)].map(([id, mine]) => {
    const byFleet = mine.some(({ path }) => monitor.paths[path]?.byHost);
    const address = mine.find((one) => one.address !== undefined)?.address;
    return {
      id,
      ...(address === undefined ? {} : { address }),
      paths: mine.map(({ path }) => path).sort(),
      // The one script of a fleet cannot know which mailbox of a group is its host's: they all take the same.
      mailboxes: expandMailboxes(byFleet ? fleetId : id, defaultMailboxes(monitor.mailboxes), monitor.mailboxes),
      services: [],
      customers: [],
      labels: {},
    };
  });
};

/** A host that speaks every minute is written down once an hour. */
const writtenEvery: Ms = 60 * 60_000;

/** What to write when a host speaks; undefined when nothing new was said. `known` is the item of now. */
export const helloAfter = (
  known: HelloItem | undefined,
  said: Pick<HelloItem, 'id' | 'path' | 'address'>,
  now: Ms,
): HelloItem | undefined =>
  known !== undefined && now - known.last < writtenEvery && known.address === said.address
    ? undefined
    : { ...said, first: known?.first ?? now, last: now };
