/** Trouble that is on its way: mailboxes that fill up, certificates and credentials that end. Each is told before it breaks anything. */

import type { Shown } from './certificates.ts';
import type { Condition } from './conditions.ts';
import { fullOn, quotaSeverity, usedPercent } from './filling.ts';
import type { Ringing, Severity } from './incident.ts';
import type { MailboxState } from './items.ts';
import type { Monitor } from './monitor.ts';
import { listed } from './naming.ts';
import { asEvidence } from './replies.ts';
import type { Certificate, Ms, Quota } from './words.ts';

export { usedPercent, withSample } from './filling.ts';

const hour: Ms = 60 * 60_000;
const day: Ms = 24 * hour;

export type BrewingInput = {
  readonly monitor: Pick<Monitor, 'mailboxes'>;
  /** The mailboxes after this round. */
  readonly states: ReadonlyMap<string, Pick<MailboxState, 'quota'>>;
  readonly certificates: readonly Shown[];
  readonly now: Ms;
  /** The severities of the conditions that held in the last round, by key. @default none */
  readonly held?: ReadonlyMap<string, Severity> | undefined;
};

/** Days until then, rounded down to a tenth; negative once it has passed. */
export const daysLeft = (until: Ms, now: Ms): number => Math.floor(((until - now) / day) * 10) / 10;

/** From when on an end rings: at most so long before, and for a certificate at most this part of its life. */
const ends = {
  certificate: { ticket: 21 * day, page: 3 * day, ofLife: { ticket: 1 / 5, page: 1 / 20 } },
  secret: { ticket: 30 * day, page: 7 * day, ofLife: { ticket: 1, page: 1 } },
} as const;

/**
 * How bad it is that something ends at `at`: a certificate is a ticket in its last 21 days and a page in its last 3, a credential
 * in its last 30 and 7. A certificate that began at `from` is a ticket only in the last fifth of its life and a page in the last
 * twentieth: clients of ACME (RFC 8555) renew with a third of the life left, one of 6 days with half of it, and would ring always.
 */
export const endSeverity = (
  at: Ms,
  now: Ms,
  kind: keyof typeof ends,
  from = Number.NEGATIVE_INFINITY,
): Ringing | undefined => {
  const { ofLife, ...before } = ends[kind];
  const within = (severity: Ringing) =>
    at - now <= Math.min(before[severity], Math.max(0, at - from) * ofLife[severity]);
  return within('page') ? 'page' : within('ticket') ? 'ticket' : undefined;
};

/** Two machines behind one name show their certificates in turns; what was not shown for so long has been replaced. */
const replaced: Ms = 2 * hour;

/** Of each server the certificate that ends first among those that it shows now: what `CertificateDaysLeft` tells. */
export const endingFirst = (shown: readonly Shown[]): Shown[] =>
  [...Map.groupBy(shown, ({ server }) => server).values()].flatMap((ofServer) => {
    const newest = Math.max(...ofServer.map(({ seenAt }) => seenAt));
    const now = ofServer.filter(({ seenAt }) => newest - seenAt <= replaced);
    return now.sort((a, b) => a.until - b.until).slice(0, 1);
  });

const dateOf = (at: Ms): string => new Date(at).toISOString().slice(0, 10);

/** "expires on 2026-12-01, in 9.3 days" */
const ending = (at: Ms, now: Ms, verb = 'expires'): string =>
  at > now
    ? `${verb} on ${dateOf(at)}, in ${daysLeft(at, now)} days`
    : `expired on ${dateOf(at)}, ${daysLeft(now, at)} days ago`;

/** "Thu 26 Nov (UTC)", and the time for what comes within two days. */
const fullDay = (at: Ms, now: Ms): string => {
  const [weekday = '', date = '', month = '', , time = ''] = new Date(at).toUTCString().split(' ');
  const exact = at - now < 2 * day ? ` ${time.slice(0, 5)}` : '';
  return `${weekday.replace(',', '')} ${Number(date)} ${month}${exact} (UTC)`;
};

const units = ['KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** "8.3 of 10 GB" and "8300 of 10000 messages"; STORAGE counts in units of 1024 (RFC 9208 5.1). */
const amount = ({ resource, used, limit }: Quota): string => {
  if (resource === 'MESSAGE') return `${used} of ${limit} messages`;
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, limit)) / 10));
  const short = (kib: number) => Number((kib / 1024 ** power).toFixed(kib / 1024 ** power < 10 ? 2 : 1));
  return `${short(used)} of ${short(limit)} ${units[power]}`;
};

const fillingOf = ({ states, held, now }: BrewingInput): Condition[] =>
  [...states].flatMap(([mailbox, { quota = [] }]): Condition[] => {
    const newest = quota.at(-1);
    if (newest === undefined) return [];
    const key = `quota|${mailbox}`;
    const percent = usedPercent(newest);
    const fullAt = fullOn(quota, now);
    const severity = quotaSeverity(percent, fullAt, now, held?.get(key));
    if (severity === undefined) return [];
    const isAhead = fullAt !== undefined && fullAt > now && percent < 100;
    const pace = isAhead ? `; at today's pace it is full on ${fullDay(fullAt, now)}` : '';
    const evidence = asEvidence(`mailbox ${mailbox} is ${Math.floor(percent)} % full (${amount(newest)})${pace}`);
    return [{ key, severity, cause: 'mailbox-filling', name: `mailbox ${mailbox}`, mailbox, since: now, evidence }];
  });

/** The names that say more than the one by which the server is called. */
const further = ({ name, names }: Certificate): string => {
  const others = names.filter((one) => one !== name);
  return others.length === 0 ? '' : ` (${listed(others)})`;
};

const plural = (word: string, of: readonly unknown[]): string => (of.length === 1 ? word : `${word}s`);

const endingOf = ({ certificates, now }: BrewingInput): Condition[] => {
  const ringing = endingFirst(certificates).flatMap((one) => {
    const severity = endSeverity(one.until, now, 'certificate', one.from);
    return severity === undefined ? [] : [{ ...one, severity }];
  });
  // One certificate on many servers, many of one day, one signer of many: what ends on the same day is one trouble.
  const keyOf = ({ until, signer }: Certificate) =>
    `certificate|${dateOf(until)}${signer === undefined ? '' : `|${signer}`}`;
  return [...Map.groupBy(ringing, keyOf)].flatMap(([key, group]): Condition[] => {
    const [first] = group.sort((a, b) => (a.server < b.server ? -1 : 1));
    if (first === undefined) return [];
    const servers = listed(group.map(({ server }) => server));
    const theirs = `the ${plural('certificate', group)} of ${servers}${group.length === 1 ? further(first) : ''}`;
    const isOne = group.length === 1 || first.signer !== undefined;
    const who = first.signer === undefined ? theirs : `"${first.signer}", which signed ${theirs},`;
    const until = Math.min(...group.map((one) => one.until));
    const names = [...new Set(group.map(({ name }) => name))].sort();
    const breaks = `connections that check it break${until > now ? ' then' : ''} for the ${plural('name', names)}`;
    const evidence = asEvidence(
      `${who} ${ending(until, now, isOne ? 'expires' : 'expire')}: ${breaks} ${listed(names)}`,
    );
    const severity = group.some((one) => one.severity === 'page') ? 'page' : 'ticket';
    return [{ key, severity, cause: 'certificate-ends', name: servers, server: servers, since: now, evidence }];
  });
};

const secretsOf = ({ monitor, now }: BrewingInput): Condition[] =>
  Object.entries(monitor.mailboxes).flatMap(([mailbox, { ends: end }]): Condition[] => {
    const severity = end === undefined ? undefined : endSeverity(end.at, now, 'secret');
    if (end === undefined || severity === undefined) return [];
    const key = `secret-ends|${mailbox}`;
    const then = 'the mailbox cannot be read from then on';
    const evidence = asEvidence(`the ${end.what} of mailbox ${mailbox} ${ending(end.at, now)}: ${then}`);
    return [{ key, severity, cause: 'secret-ends', name: `mailbox ${mailbox}`, mailbox, since: now, evidence }];
  });

/** Every trouble that is on its way, each with a key of its own; time alone makes none of them less severe. */
export const brewingOf = (input: BrewingInput): Condition[] => [
  ...fillingOf(input),
  ...endingOf(input),
  ...secretsOf(input),
];
