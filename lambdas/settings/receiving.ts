/** Mailboxes of known providers that would receive too much, with what would fit (DESIGN 8). */
import * as z from 'zod';
import { expandMailboxes, groupsOf } from '../core/groups.ts';
import { limitsFor } from '../core/limits.ts';
import { pathKinds } from '../paths/index.ts';
import type { PathKind } from '../paths/kind.ts';
import type { Mistake } from './checks.ts';
import { accountOf, type MailboxProvider, providerOf } from './mailbox-providers.ts';
import type { PathSettings, Settings } from './schema.ts';

const minute = 60_000;
const hour = 60 * minute;

/** Canaries of one path on their way to one account. */
type Stream = {
  readonly path: string;
  readonly from: string;
  readonly every: number;
  /** Hosts that send by their own clock are not tried again. */
  readonly isTriedAgain: boolean;
  readonly routes: number;
  /** A kind may take some cadences only. */
  readonly canBe: (minutes: number) => boolean;
};

/** The cadence of a path where it says none: strangers' mail goes once a day. */
export const everyOf = (path: PathSettings, settings: Pick<Settings, 'every'>): number =>
  path.every ?? ('mustRefuse' in path && path.mustRefuse !== undefined ? 24 * hour : settings.every);

/** At the end of an outage each route gets these beyond its cadence: the try beside a suspect, and three good ones. */
const secondTries = 1 + limitsFor({ lostAfter: 0 }).healthy;
/** The canaries that `plan` tries again in an hour at most, for each path. */
const mostAgain = 60 * limitsFor({ lostAfter: 0 }).again;

const perHour = (streams: readonly Stream[]): number =>
  streams.reduce(
    (sum, { routes, every, isTriedAgain }) =>
      sum + (routes * hour) / every + (isTriedAgain ? Math.min(routes * secondTries, mostAgain) : 0),
    0,
  );

type Excess = { readonly gets: string; readonly takes: string };

/** The first limit that these canaries would break. */
const excessOf = (streams: readonly Stream[], provider: MailboxProvider): Excess | undefined => {
  const atMost = (limit: number | undefined, canaries: number) => limit === undefined || Math.ceil(canaries) <= limit;
  // Lanes may meet, and what failed together is tried again together: in the worst minute every route has a canary.
  const worst = streams.reduce((sum, { routes }) => sum + routes, 0);
  if (!atMost(provider.perMinute, worst))
    return { gets: `up to ${worst} canaries in one minute`, takes: `${provider.perMinute}` };
  const all = perHour(streams);
  if (!atMost(provider.perHour, all))
    return { gets: `up to ${Math.ceil(all)} canaries in one hour`, takes: `${provider.perHour}` };
  for (const [from, its] of Map.groupBy(streams, (stream) => stream.from)) {
    const canaries = perHour(its);
    if (!atMost(provider.perHourFromOne, canaries))
      return {
        gets: `up to ${Math.ceil(canaries)} canaries in one hour from ${from}`,
        takes: `${provider.perHourFromOne} from one sender`,
      };
  }
  return undefined;
};

/** Hosts are spread by a hash, so one mailbox gets more than its share: four standard deviations are room enough. */
const share = (routes: number, mailboxes: number): number => {
  const part = 1 / mailboxes;
  return Math.min(routes, Math.ceil(routes * part + 4 * Math.sqrt(routes * part * (1 - part))));
};

/** The smallest group of mailboxes, larger than the one there is, that takes these canaries. */
const groupThatFits = (streams: readonly Stream[], provider: MailboxProvider, from: number): number | undefined => {
  const most = streams.reduce((sum, { routes }) => sum + routes, 0) + from;
  for (let mailboxes = from; mailboxes <= most; mailboxes += 1) {
    const part = streams.map((stream) => ({ ...stream, routes: share(stream.routes, mailboxes) }));
    if (excessOf(part, provider) === undefined) return mailboxes;
  }
  return undefined;
};

/** What one account gets, and from whom it is. */
type Account = {
  /** Its entries under "mailboxes". */
  readonly names: readonly string[];
  readonly provider: MailboxProvider;
  readonly streams: readonly Stream[];
};

/** The fastest cadence with which all of these fit, in whole minutes, and the paths that are faster than that. */
const cadenceThatFits = (
  accounts: readonly Account[],
): { readonly minutes: number; readonly paths: readonly string[] } | undefined => {
  for (let minutes = 1; minutes <= 24 * 60; minutes += 1) {
    const every = minutes * minute;
    const faster = accounts.flatMap(({ streams }) => streams.filter((stream) => stream.every < every));
    const slowed = (streams: readonly Stream[]) =>
      streams.map((stream) => ({ ...stream, every: Math.max(stream.every, every) }));
    if (
      faster.every(({ canBe }) => canBe(minutes)) &&
      accounts.every(({ streams, provider }) => excessOf(slowed(streams), provider) === undefined)
    )
      return { minutes, paths: [...new Set(faster.map(({ path }) => path))] };
  }
  return undefined;
};

/** Routes by mailbox and path. The spreading of a large fleet takes its time: it is done once. */
type Routes = ReadonlyMap<string, ReadonlyMap<string, number>>;

const routesOf = ({ hosts, mailboxes }: Settings): Routes => {
  const routes = new Map<string, Map<string, number>>();
  for (const host of hosts)
    for (const mailbox of expandMailboxes(host.id, host.mailboxes, mailboxes)) {
      const its = routes.get(mailbox) ?? new Map<string, number>();
      routes.set(mailbox, its);
      for (const path of host.paths) its.set(path, (its.get(path) ?? 0) + 1);
    }
  return routes;
};

/** The canaries on their way to these mailboxes, by path. */
const streamsTo = (settings: Settings, all: Routes, mailboxes: readonly string[]): readonly Stream[] => {
  const counts = new Map<string, number>();
  for (const mailbox of mailboxes)
    for (const [path, routes] of all.get(mailbox) ?? []) counts.set(path, (counts.get(path) ?? 0) + routes);
  return [...counts].flatMap(([name, routes]): Stream[] => {
    const path = settings.paths[name];
    if (path === undefined) return [];
    const kind: PathKind<string, never> | undefined = pathKinds.find((one) => one.kind === path.kind);
    const own = kind?.settings.every;
    const canBe = (minutes: number) => own === undefined || z.safeParse(own, `${minutes} minutes`).success;
    const isTriedAgain = kind?.byHost !== true;
    return [{ path: name, from: path.from, every: everyOf(path, settings), isTriedAgain, routes, canBe }];
  });
};

const listed = (names: readonly string[]) => `${names.length > 1 ? 'paths' : 'path'} ${names.join(', ')}`;

/** One account that gets too much, with the group or the cadence that would fit. */
const tooMuchFor = (
  account: Account,
  excess: Excess,
  { settings, routes, accounts }: { settings: Settings; routes: Routes; accounts: readonly Account[] },
): Mistake => {
  const [name = '', ...others] = account.names;
  const group = settings.mailboxes[name]?.group;
  const members = group === undefined ? [] : (groupsOf(settings.mailboxes).get(group) ?? []);
  const beside = accounts.filter(({ names }) => names.some((each) => members.includes(each)));
  const together = streamsTo(settings, routes, [...new Set([...account.names, ...members])]);
  const larger = groupThatFits(together, account.provider, Math.max(2, members.length + 1));
  const slower = cadenceThatFits([account, ...beside]);
  const ways = [
    ...(larger === undefined
      ? []
      : [`${larger} mailboxes in ${group === undefined ? 'a group' : `group ${group}`}, each an account of its own,`]),
    ...(slower === undefined ? [] : [`"every: ${slower.minutes} minutes" for ${listed(slower.paths)}`]),
  ];
  const also = others.length === 0 ? '' : ` together with ${others.join(', ')}, which is the same account`;
  return {
    at: ['mailboxes', name],
    message: `would get ${excess.gets} when an outage ends and failing routes are tried again${also}, and ${account.provider.who} takes ${excess.takes}: ${ways.length === 0 ? 'fewer hosts or paths' : ways.join(' or ')} would fit`,
  };
};

/** Accounts that would get more than their provider lets them receive. A group is answered once: its mailboxes are too few together. */
export const tooMuchMail = (settings: Settings): Mistake[] => {
  const routes = routesOf(settings);
  const byAccount = Map.groupBy(Object.entries(settings.mailboxes), ([, mailbox]) => accountOf(mailbox));
  const accounts = [...byAccount.values()].flatMap((entries): Account[] => {
    const provider = providerOf(entries[0]?.[1].imap.host ?? '');
    const names = entries.map(([name]) => name);
    return provider === undefined ? [] : [{ names, provider, streams: streamsTo(settings, routes, names) }];
  });
  const answered = new Set<string>();
  return accounts.flatMap((account): Mistake[] => {
    const excess = excessOf(account.streams, account.provider);
    const group = settings.mailboxes[account.names[0] ?? '']?.group;
    if (excess === undefined || (group !== undefined && answered.has(group))) return [];
    if (group !== undefined) answered.add(group);
    return [tooMuchFor(account, excess, { settings, routes, accounts })];
  });
};

/** From here on somebody should look at what a mailbox of a provider without published figures makes of it: one a minute. */
const worthAWord = 60;

/** Mailboxes of which nobody knows what they take, as far as they get much. */
export const receivingWarnings = (settings: Settings): string[] => {
  const routes = routesOf(settings);
  return Object.entries(settings.mailboxes).flatMap(([name, { imap }]) => {
    const provider = providerOf(imap.host);
    if (provider === undefined || provider.perMinute !== undefined || provider.perHour !== undefined) return [];
    const canaries = Math.ceil(perHour(streamsTo(settings, routes, [name])));
    return canaries <= worthAWord
      ? []
      : [
          `mailbox ${name} would get up to ${canaries} canaries in one hour when an outage ends, and ${provider.who} publishes no figure of what a mailbox may receive: spread the hosts over a group if it begins to refuse`,
        ];
  });
};
