/** Groups of mailboxes: which one of them a host sends to, so that a fleet fits into what one mailbox may receive. */
import { hash } from 'node:crypto';

/** What is known of a mailbox here: the group that it belongs to. */
export type Grouped = Readonly<Record<string, { readonly group?: string | undefined }>>;

/** The mailboxes of each group, in the order of the settings. */
export const groupsOf = (mailboxes: Grouped): ReadonlyMap<string, readonly string[]> => {
  const groups = new Map<string, string[]>();
  for (const [name, { group }] of Object.entries(mailboxes)) {
    if (group === undefined) continue;
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [name]);
    else members.push(name);
  }
  return groups;
};

/** Neither a host's name nor a mailbox's holds a line break. */
const weight = (host: string, mailbox: string): string => hash('sha256', `${host}\n${mailbox}`);

/**
 * Rendezvous hashing (Thaler and Ravishankar 1998): the mailbox whose hash with the host is the greatest. A mailbox that
 * is added takes its share from all others and moves no other host; one that is taken out moves its own hosts only.
 */
const memberFor = (host: string, members: readonly string[]): readonly string[] => {
  const [first, ...others] = members;
  if (first === undefined || others.length === 0) return members;
  let chosen = first;
  let greatest = weight(host, first);
  for (const name of others) {
    const mine = weight(host, name);
    if (mine > greatest) [chosen, greatest] = [name, mine];
  }
  return [chosen];
};

/**
 * The mailboxes that a host sends to: a name that is a mailbox stays, a name that is a group becomes one of its mailboxes
 * (for a host always the same one), unknown names are dropped. In the order of the names, each once.
 */
export const expandMailboxes = (host: string, names: readonly string[], mailboxes: Grouped): readonly string[] => {
  // What nearly everybody has, and this runs for every host of every round: mailboxes by their own names.
  if (names.every((name) => Object.hasOwn(mailboxes, name)) && new Set(names).size === names.length) return names;
  const groups = groupsOf(mailboxes);
  const expanded = names.flatMap((name) =>
    Object.hasOwn(mailboxes, name) ? [name] : memberFor(host, groups.get(name) ?? []),
  );
  return [...new Set(expanded)];
};

/** What a host that names no mailbox sends to: every mailbox without a group, and one of each group. */
export const defaultMailboxes = (mailboxes: Grouped): string[] => [
  ...Object.entries(mailboxes).flatMap(([name, { group }]) => (group === undefined ? [name] : [])),
  ...groupsOf(mailboxes).keys(),
];
