/** What known providers take, as far as they publish it: presets for paths, and limits that settings must fit into (DESIGN 8). */
import type { Mistake } from './checks.ts';
import type { PathSettings, Settings } from './schema.ts';

const hour = 3_600_000;

/** Submission servers: mails a day of one account. */
const submission = [
  { host: 'smtp.office365.com', who: 'Microsoft 365', perDay: 10_000 },
  { host: 'smtp.gmail.com', who: 'Gmail', perDay: 2_000 },
  { host: 'smtp-relay.gmail.com', who: "Google's relay service", perDay: 10_000 },
] as const;

/** Mailboxes: mails an hour from one sender. */
const receiving = [{ host: 'outlook.office365.com', who: 'Microsoft 365', perHour: 1_200 }] as const;

const serverOf = (path: PathSettings): string | undefined =>
  'host' in path && typeof path.host === 'string' ? path.host.toLowerCase() : undefined;

/** The canaries that a path may send in a day: what the settings say, else what its known provider takes. */
export const perDayOf = (path: PathSettings): number | undefined =>
  path.perDay ?? submission.find(({ host }) => host === serverOf(path))?.perDay;

const every = (path: PathSettings, settings: Settings) => path.every ?? settings.every;

const minutes = (milliseconds: number) => `${Math.ceil(milliseconds / 60_000)} minutes`;

/** Settings that would send or receive more than a known provider takes, with what would fit. */
export const tooMany = (settings: Settings): Mistake[] => {
  const routes = settings.hosts.flatMap(({ paths, mailboxes }) =>
    paths.flatMap((name) => {
      const path = settings.paths[name];
      return path === undefined ? [] : mailboxes.map((mailbox) => ({ name, path, mailbox }));
    }),
  );
  const sending = Object.entries(settings.paths).flatMap(([name, path]): Mistake[] => {
    const provider = submission.find(({ host }) => host === serverOf(path));
    const mine = routes.filter((route) => route.name === name).length;
    const perDay = (mine * 24 * hour) / every(path, settings);
    if (provider === undefined || perDay <= provider.perDay) return [];
    const fits = (mine * 24 * hour) / provider.perDay;
    return [
      {
        at: ['paths', name],
        message: `would send ${Math.ceil(perDay)} canaries a day, and ${provider.who} takes ${provider.perDay} from one account: "every: ${minutes(fits)}" would fit`,
      },
    ];
  });
  const arriving = Object.entries(settings.mailboxes).flatMap(([name, { imap }]): Mistake[] => {
    const provider = receiving.find(({ host }) => host === imap.host.toLowerCase());
    if (provider === undefined) return [];
    const senders = new Map<string, number>();
    for (const { path } of routes.filter(({ mailbox }) => mailbox === name))
      senders.set(path.from, (senders.get(path.from) ?? 0) + hour / every(path, settings));
    return [...senders].flatMap(([from, perHour]): Mistake[] => {
      if (perHour <= provider.perHour) return [];
      const mailboxes = Math.ceil(perHour / provider.perHour);
      return [
        {
          at: ['mailboxes', name],
          message: `would get ${Math.ceil(perHour)} canaries an hour from ${from}, and ${provider.who} takes ${provider.perHour} from one sender: ${mailboxes} mailboxes or a cadence ${mailboxes} times slower would fit`,
        },
      ];
    });
  });
  return [...sending, ...arriving];
};
