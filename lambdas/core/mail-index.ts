/** Which of our own mails belong to which canary: those in its mailbox, and those that were returned to any mailbox. */
import { type Monitor, parseRoute } from './monitor.ts';
import type { OwnMail, Sorted } from './sighting.ts';
import type { RouteId } from './words.ts';

export type MailIndex = {
  /** Per mailbox, by canary id. */
  readonly byId: ReadonlyMap<string, ReadonlyMap<string, readonly OwnMail[]>>;
  /** What a host minted counts for its own canaries alone. */
  readonly mailsOf: (route: RouteId, id: string) => readonly OwnMail[];
};

/** Indexes what one round's looks brought; mail outside the replay window is no canary's. */
export const mailIndex = (sorted: ReadonlyMap<string, Sorted>, monitor: Monitor): MailIndex => {
  const byId = new Map<string, Map<string, OwnMail[]>>();
  const returned = new Map<string, OwnMail[]>();
  const add = (to: Map<string, OwnMail[]>, mail: OwnMail) => to.set(mail.id, [...(to.get(mail.id) ?? []), mail]);
  for (const [mailbox, { own }] of sorted) {
    const ids = new Map<string, OwnMail[]>();
    for (const mail of own.filter(({ stale }) => !stale)) {
      add(ids, mail);
      if (mail.mail.bounce !== undefined) add(returned, mail);
    }
    byId.set(mailbox, ids);
  }
  return {
    byId,
    mailsOf: (route, id) => {
      const { host, path, mailbox } = parseRoute(route);
      const here = byId.get(mailbox)?.get(id);
      const back = returned.get(id);
      if (here === undefined && back === undefined) return [];
      const mine = ({ by }: OwnMail) =>
        by === undefined || (monitor.paths[path]?.byHost === true && (by === 'every' || by === host));
      return [...new Set([...(here ?? []), ...(back ?? [])])].filter(mine);
    },
  };
};
