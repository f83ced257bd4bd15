/** What a round finds besides failing routes: facts that hold now, each an incident while it holds. Adding one is adding a row to what `conditionsOf` returns. */
import { createHash } from 'node:crypto';
import { brewingOf } from './brewing.ts';
import { type Cause, remedyFor } from './causes.ts';
import type { Shown } from './certificates.ts';
import type { Incident, Severity } from './incident.ts';
import type { HelloItem, MailboxState } from './items.ts';
import { slotAt } from './judge.ts';
import { mailboxConditions } from './mailbox-conditions.ts';
import type { Monitor } from './monitor.ts';
import type { Host, Ms, Route } from './words.ts';

/** The finding of all incidents that are made from conditions. */
export const conditionFinding = 'condition';

export type Condition = {
  /** What tells it from other conditions, and is the same as long as it holds. */
  readonly key: string;
  readonly severity: Severity;
  readonly cause: Cause;
  /** Which host, path or mailbox. */
  readonly name: string;
  readonly since: Ms;
  readonly evidence?: string | undefined;
  readonly path?: string | undefined;
  /** The mailbox that it is about. */
  readonly mailbox?: string | undefined;
  /** The server that it is about, as the remedy names it. */
  readonly server?: string | undefined;
};

/** How long a host that registered itself is news. */
const news: Ms = 24 * 60 * 60_000;

export type ConditionInput = {
  readonly monitor: Monitor;
  readonly hosts: readonly Host[];
  readonly hellos: readonly HelloItem[];
  readonly routes: readonly Route[];
  /** The mailboxes after this round. */
  readonly states: ReadonlyMap<string, MailboxState>;
  readonly certificates: readonly Shown[];
  /** Incidents that matter, among them those of conditions that held in the last round. */
  readonly incidents: readonly Incident[];
  readonly now: Ms;
};

/** How severe each condition is that holds since before. */
const heldIn = (incidents: readonly Incident[]): ReadonlyMap<string, Severity> =>
  new Map(
    incidents
      .filter(({ finding, closedAt }) => finding === conditionFinding && closedAt === undefined)
      .map(({ key, severity }) => [key, severity]),
  );

/** Every condition that holds now. */
export const conditionsOf = ({
  monitor,
  hosts,
  hellos,
  routes,
  states,
  certificates,
  incidents,
  now,
}: ConditionInput): Condition[] => [
  ...hellos
    .filter(({ id, first }) => now - first < news && hosts.some((host) => host.id === id))
    .map(
      ({ id, path, address, first }): Condition => ({
        key: `self-registered|${id}|${path}`,
        severity: 'note',
        cause: 'self-registered',
        name: id,
        since: first,
        path,
        evidence: `${id} spoke for itself over path ${path}${address === undefined ? '' : ` from ${address}`}`,
      }),
    ),
  ...mailboxConditions(monitor, routes, states, now),
  ...brewingOf({ monitor, states, certificates, now, held: heldIn(incidents) }),
];

const letters = 'bcdfghjklmnpqrstvwxz';
const idFor = (key: string, at: Ms): string =>
  `${new Date(at).toISOString().slice(0, 10)}-${[...createHash('sha256').update(`${key}\n${at}`).digest().subarray(0, 5)].map((byte) => letters[byte % letters.length]).join('')}`;

/** What to do about it. */
export const remedyOf = ({ cause, name, path = '', mailbox, server }: Condition): string =>
  remedyFor(cause, {
    host: name,
    path,
    mailbox: mailbox ?? name,
    isMailbox: mailbox === undefined ? undefined : true,
    answeredBy: server,
  });

const described = (incident: Incident, condition: Condition): Incident => {
  const { name, cause, evidence, severity } = condition;
  return {
    ...incident,
    name,
    cause,
    severity,
    evidence,
    summary: `${cause}: ${name}`,
    remedy: remedyOf(condition),
  };
};

/** Opens an incident for each condition that has none, keeps those that hold, closes those that hold no more. */
export const stepConditions = (
  conditions: readonly Condition[],
  incidents: readonly Incident[],
  monitor: Monitor,
  now: Ms,
): Incident[] => {
  const mine = incidents.filter(({ finding }) => finding === conditionFinding);
  const open = new Map(mine.filter(({ closedAt }) => closedAt === undefined).map((one) => [one.key, one]));
  const held = new Map(conditions.map((condition) => [condition.key, condition]));
  const begun = conditions
    .filter(({ key }) => !open.has(key))
    .map((condition): Incident => {
      const blank: Incident = {
        id: idFor(condition.key, now),
        key: condition.key,
        finding: conditionFinding,
        severity: condition.severity,
        cause: condition.cause,
        openedAt: now,
        firstSlot: slotAt(condition.since, monitor.limits),
        name: '',
        summary: '',
        inCommon: [],
        facts: [],
        remedy: '',
        services: [],
        customers: [],
        routes: {},
        openings: [now],
        unstable: false,
        timeline: [{ at: now, text: 'opened' }],
        version: 1,
        told: 0,
      };
      return described(blank, condition);
    });
  const gone = mine.map((incident): Incident => {
    if (incident.closedAt !== undefined) return incident;
    const condition = held.get(incident.key);
    if (condition !== undefined) {
      const next = described(incident, condition);
      const same = next.name === incident.name && next.cause === incident.cause && next.severity === incident.severity;
      return same ? incident : { ...next, version: incident.version + 1 };
    }
    return {
      ...incident,
      closedAt: now,
      ending: 'recovered',
      timeline: [...incident.timeline, { at: now, text: 'closed: it holds no more' }],
      version: incident.version + 1,
    };
  });
  return [...gone, ...begun];
};
