/** What known providers take from a path, as far as they publish it: presets, and limits that settings must fit into (DESIGN 8). */
import { expandMailboxes } from '../core/groups.ts';
import type { Mistake } from './checks.ts';
import { tooManyConnections } from './connections.ts';
import { everyOf, tooMuchMail } from './receiving.ts';
import type { PathSettings, Settings } from './schema.ts';

const hour = 3_600_000;

/** Submission servers: mails a day of one account. */
const submission = [
  { host: 'smtp.office365.com', who: 'Microsoft 365', perDay: 10_000 },
  { host: 'smtp.gmail.com', who: 'Gmail', perDay: 2_000 },
  { host: 'smtp-relay.gmail.com', who: "Google's relay service", perDay: 10_000 },
] as const;

const serverOf = (path: PathSettings): string | undefined =>
  'host' in path && typeof path.host === 'string' ? path.host.toLowerCase() : undefined;

/** The canaries that a path may send in a day: what the settings say, else what its known provider takes. */
export const perDayOf = (path: PathSettings): number | undefined =>
  path.perDay ?? submission.find(({ host }) => host === serverOf(path))?.perDay;

const minutes = (milliseconds: number) => `${Math.ceil(milliseconds / 60_000)} minutes`;

/** Accounts from which a path would send more in a day than their provider takes, with the cadence that would fit. */
const tooManySent = (settings: Settings): Mistake[] => {
  const routes = new Map<string, number>();
  for (const { paths, mailboxes } of settings.hosts)
    for (const name of paths) routes.set(name, (routes.get(name) ?? 0) + mailboxes.length);
  return Object.entries(settings.paths).flatMap(([name, path]): Mistake[] => {
    const provider = submission.find(({ host }) => host === serverOf(path));
    const mine = routes.get(name) ?? 0;
    const perDay = (mine * 24 * hour) / everyOf(path, settings);
    if (provider === undefined || perDay <= provider.perDay) return [];
    const fits = (mine * 24 * hour) / provider.perDay;
    return [
      {
        at: ['paths', name],
        message: `would send ${Math.ceil(perDay)} canaries a day, and ${provider.who} takes ${provider.perDay} from one account: "every: ${minutes(fits)}" would fit`,
      },
    ];
  });
};

/** Settings that would send or receive more than a known provider takes, with what would fit. Hosts may name groups. */
export const tooMany = (settings: Settings): Mistake[] => {
  const hosts = settings.hosts.map((host) => ({
    ...host,
    mailboxes: expandMailboxes(host.id, host.mailboxes, settings.mailboxes),
  }));
  const spread = { ...settings, hosts };
  return [...tooManySent(spread), ...tooMuchMail(spread), ...tooManyConnections(spread)];
};
