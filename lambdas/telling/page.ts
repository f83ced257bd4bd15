/** The text of a page: what a person reads at night, short enough for SMS, and safe wherever it is shown. */
import { conditionFinding } from '../core/conditions.ts';
import type { Incident, IncidentEvent } from '../core/incident.ts';
import { parseRoute } from '../core/monitor.ts';
import type { Ms } from '../core/words.ts';
import { conditionPage } from './condition-page.ts';
import { type Scene, wordingOf, wordings } from './page-wordings.ts';
import { cut, duration, fitted, listed, plain, timeIn, widest } from './wording.ts';

export type PageContext = {
  /** The hosts of each path in the registry: the whole of "n of m hosts". Without a path's list, no whole is told. */
  readonly hostsOf: Readonly<Record<string, readonly string[]>>;
  /** An IANA name. */
  readonly timezone: string;
  /** When the first bad canary was sent; the opening of the incident if it is not given. */
  readonly since?: Ms | undefined;
  /** At most 80 characters; a longer one is left out, since a cut address leads nowhere. */
  readonly runbook?: string | undefined;
};

export type Page = { readonly title: string; readonly body: readonly string[] };

const sceneOf = (incident: Incident, ids: readonly string[], { hostsOf }: PageContext): Scene => {
  const routes = ids.map(parseRoute);
  const distinct = (names: readonly string[]) => [...new Set(names)].sort();
  const paths = distinct(routes.map(({ path }) => path));
  const hosts = distinct(routes.map(({ host }) => host));
  const lists = paths.map((path) => (Object.hasOwn(hostsOf, path) ? hostsOf[path] : undefined));
  const path = listed(paths, 2);
  return {
    hosts,
    whole: lists.includes(undefined) ? undefined : new Set([...lists.flatMap((list) => list ?? []), ...hosts]).size,
    server: incident.answeredBy === undefined ? `path ${path}` : plain(incident.answeredBy, 60),
    path,
    mailbox: listed(distinct(routes.map(({ mailbox }) => mailbox)), 2),
    many: hosts.length > 1,
  };
};

/** The richest title that fits: first fewer hosts are named, then the server is left out, then names are cut. */
const titleOf = (head: string, { hosts, whole }: Scene, middle: string, tail: string): string => {
  const names =
    hosts.length === whole && hosts.length > 2 ? ['all hosts'] : [3, 2, 1].map((most) => listed(hosts, most));
  const [shortest = ''] = names.slice(-1);
  const candidates = [middle, ''].flatMap((where) =>
    names.map((name) => [head, name, where, tail].filter(Boolean).join(' ')),
  );
  const fixed = head.length + tail.length + 2;
  return (
    candidates.find((title) => title.length <= widest.title) ?? `${head} ${cut(shortest, widest.title - fixed)} ${tail}`
  );
};

/** How the other hosts are: the incident has it only inside its summary, between its name and what is in common. */
const othersOf = ({ summary, name, inCommon }: Incident): string | undefined => {
  const from = summary.indexOf(`: ${name}; `);
  const tail = inCommon.length === 0 ? '' : `. In common: ${inCommon.join(', ')}`;
  if (from < 0 || !summary.endsWith(tail)) return undefined;
  return summary.slice(from + name.length + 4, summary.length - tail.length);
};

const othersLine = (incident: Incident, { hosts, whole }: Scene): string => {
  if (whole === 1) return 'Still working: no other host uses this path.';
  if (hosts.length === whole) return `Not one host: ${plain(incident.name)}. Suspect what they share.`;
  const others = othersOf(incident);
  return others === undefined || others.startsWith('of the others nothing')
    ? 'Still working: not known.'
    : `Still working: ${plain(others)}.`;
};

const riskLine = ({ services, customers }: Incident, label: string): string => {
  const whom = customers.length === 0 ? '' : ` for ${listed(customers, 3)}`;
  return services.length === 0 && whom === ''
    ? `${label}: not known, no services are listed.`
    : `${label}: ${services.length === 0 ? 'mail' : listed(services, 3)}${whom}.`;
};

/** The page of an incident's present version: opened, changed, or closed. Same event and context, same bytes. */
export const pageOf = ({ incident }: IncidentEvent, context: PageContext): Page => {
  if (incident.finding === conditionFinding) return conditionPage(incident, context);
  const all = Object.entries(incident.routes);
  const live = all.filter(([, { over }]) => over === undefined);
  const entries = live.length === 0 || incident.closedAt !== undefined ? all : live;
  const scene = sceneOf(
    incident,
    entries.map(([id]) => id),
    context,
  );
  const wording = wordingOf(
    incident,
    entries.map(([, route]) => route),
    scene,
  );
  const since = context.since ?? incident.openedAt;
  const who =
    scene.hosts.length === scene.whole && scene.hosts.length > 3 ? `all ${scene.whole} hosts` : listed(scene.hosts, 3);
  const said = incident.evidence === undefined ? 'not known' : plain(incident.evidence, 300);
  const quoted =
    incident.evidence === undefined && wording.quoted !== 'Server said' ? undefined : `${wording.quoted}: ${said}`;
  const runbook = context.runbook === undefined ? undefined : { own: context.runbook };

  if (incident.closedAt !== undefined) {
    const lasted = duration(incident.closedAt - since);
    const gone = incident.ending !== 'recovered';
    const title = titleOf(
      'OVER:',
      scene,
      gone ? `${scene.many ? 'are' : 'is'} gone, never delivered` : wording.over(scene),
      `(${lasted})`,
    );
    const lines = [
      { text: `Over since ${timeIn(incident.closedAt, context.timezone)}. It lasted ${lasted}.`, keep: 9 },
      { text: `It was: ${wording.what(scene, who)}, since ${timeIn(since, context.timezone)}.`, keep: 8, most: 2 },
      { text: riskLine(incident, 'Was at risk'), keep: 8 },
      { text: quoted, keep: 7, most: 2 },
      {
        text: gone
          ? 'Not proved: the hosts are gone, and no mail from them was seen again.'
          : 'Proved: test mails in a row arrived on every route whose host is still there.',
        keep: 9,
      },
      { text: wording.consequence, keep: 8 },
      { text: runbook, keep: 8 },
    ];
    return { title, body: fitted(lines) };
  }
  const total = scene.whole ?? scene.hosts.length;
  const count = `(${scene.whole === undefined ? '' : `${scene.hosts.length} of `}${total} ${total === 1 ? 'host' : 'hosts'})`;
  const lines = [
    { text: `${wording.what(scene, who)} since ${timeIn(since, context.timezone)}.`, keep: 9, most: 2 },
    { text: riskLine(incident, 'At risk'), keep: 9 },
    { text: quoted, keep: 9, most: 2 },
    { text: othersLine(incident, scene), keep: 9, most: 2 },
    {
      text: incident.inCommon.length === 0 ? undefined : `Only these share: ${listed(incident.inCommon, 4)}.`,
      keep: 8,
    },
    ...incident.facts
      .slice(0, 2)
      .map((fact, index) => ({ text: `Seen: ${plain(fact)}.`, keep: 7 - 2 * index, most: 2 })),
    {
      text: incident.unstable ? `Unstable: it began ${incident.openings.length} times within a day.` : undefined,
      keep: 6,
    },
    { text: `First step: ${plain(incident.remedy, 300)}`, keep: 9, most: 3 },
    { text: wording.consequence, keep: 8 },
    { text: incident.severity === 'ticket' ? 'This is a ticket, not a page.' : undefined, keep: 4 },
    { text: runbook, keep: 9 },
  ];
  const title =
    wording === wordings.down
      ? titleOf(`${wording.state}: ${cut(scene.server, 20)} answers no one`, { ...scene, hosts: [] }, '', count)
      : titleOf(`${wording.state}:`, scene, wording.where(scene), count);
  return { title, body: fitted(lines) };
};
