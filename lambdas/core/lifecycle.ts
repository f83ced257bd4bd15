/** The life of an incident: opened, stepped by its routes, reopened, closed. Never closed by silence or by a correction. */
import { createHash } from 'node:crypto';
import type { Cause } from './causes.ts';
import { findings, type Trouble } from './findings.ts';
import type { Affected, Incident } from './incident.ts';
import { slotStart } from './judge.ts';
import { hostSays, type RouteMemory } from './lane.ts';
import type { Monitor } from './monitor.ts';
import type { Handover, Host, Ms, Route, RouteId, Slot } from './words.ts';

export type DiagnoseInput = {
  readonly monitor: Monitor;
  readonly hosts: readonly Host[];
  readonly routes: readonly Route[];
  readonly memory: (route: RouteId) => RouteMemory;
  /** What was said of a canary that this round settled. */
  readonly handover?: ((route: RouteId, slot: Slot) => Handover | undefined) | undefined;
  /** Open incidents, and those closed within the last day. */
  readonly incidents: readonly Incident[];
  readonly now: Ms;
};

const letters = 'bcdfghjklmnpqrstvwxz';

/** Fixed when it opens: the same key and first slot always give the same id, so that a repeated round opens nothing twice. */
const incidentId = (key: string, firstSlot: Slot, at: Ms): string => {
  const name = [...createHash('sha256').update(`${key}\n${firstSlot}`).digest().subarray(0, 5)].map(
    (byte) => letters[byte % letters.length],
  );
  return `${new Date(at).toISOString().slice(0, 10)}-${name.join('')}`;
};

export const affected = ({ state, record, cause, evidence }: Trouble): Affected => ({
  since: state.since ?? record.slot,
  verdict: record.was ?? record.verdict,
  cause: cause ?? causeOf(record),
  evidence: evidence ?? record.evidence,
  answeredBy: record.answeredBy,
  seenAs: record.seenAs,
  ...(record.product === undefined ? {} : { product: record.product }),
});

const causeOf = (record: Trouble['record']): Cause =>
  record.was === 'lost' ? 'queued-not-lost' : (record.cause ?? 'unknown');

/** What makes a new version: everything that tellers would tell again. */
export const substance = ({ name, cause, severity, closedAt, unstable, openings, routes }: Incident) =>
  JSON.stringify([
    name,
    cause,
    severity,
    closedAt !== undefined,
    unstable,
    openings.length,
    Object.entries(routes)
      .map(([id, { over, cause: why }]) => [id, over, why])
      .sort(),
  ]);

/** Steps an incident's routes: recovered by fresh good canaries, or gone with their host; corrections change the cause. */
export const stepRoutes = (
  incident: Incident,
  troubles: ReadonlyMap<RouteId, Trouble>,
  input: DiagnoseInput,
): Incident['routes'] => {
  const known = new Set(input.routes.map(({ id }) => id));
  const finding = findings.find(({ name }) => name === incident.finding);
  return Object.fromEntries(
    Object.entries(incident.routes).map(([id, was]): [RouteId, Affected] => {
      const trouble = troubles.get(id);
      const memory = input.memory(id);
      const corrected =
        was.cause !== 'queued-not-lost' &&
        memory.records.some(
          ({ slot, was: before }) => slot >= was.since && slot <= (was.until ?? slot) && before === 'lost',
        );
      const now: Affected = corrected ? { ...was, cause: 'queued-not-lost' } : was;
      if (!known.has(id)) return [id, { ...now, over: now.over ?? 'host gone' }];
      if (trouble !== undefined) return [id, { ...now, over: undefined, until: undefined }];
      const { limits } = input.monitor;
      const state = finding?.state(memory, limits, input.now);
      // A verdict that came late may show that it never was failing; it still leaves only by as many good ones in a row.
      const healthy = state?.health === 'healthy' && state.recent.endsWith('g'.repeat(limits.healthy));
      if (!healthy || now.over !== undefined) return [id, now];
      const until = memory.records.findLast((record) => finding?.shows(record))?.slot;
      return [id, { ...now, over: 'recovered', until }];
    }),
  );
};

/** Closes an incident whose routes are all over; an unstable one only after a day without a bad verdict. */
export const close = (incident: Incident, input: DiagnoseInput): Incident => {
  const routes = Object.entries(incident.routes);
  if (incident.closedAt !== undefined || routes.some(([, { over }]) => over === undefined)) return incident;
  const { limits } = input.monitor;
  const isOld = (slot: Slot) => input.now - slotStart(slot, limits) > limits.unstable.within;
  const quiet = routes.every(
    ([id, { until }]) =>
      (until === undefined || isOld(until)) &&
      input.memory(id).records.every((record) => hostSays(record) !== 'bad' || isOld(record.slot)),
  );
  if (incident.unstable && !quiet) return incident;
  const recovered = routes.some(([, { over }]) => over === 'recovered');
  const ending = recovered ? 'recovered' : 'host gone, never delivered';
  return {
    ...incident,
    closedAt: input.now,
    ending,
    timeline: [...incident.timeline, { at: input.now, text: `closed: ${ending}` }],
  };
};

export const open = (
  key: string,
  finding: string,
  severity: Incident['severity'],
  troubles: ReadonlyMap<RouteId, Trouble>,
  firstSlot: Slot,
  now: Ms,
): Incident => {
  const routes = Object.fromEntries([...troubles].map(([id, trouble]) => [id, affected(trouble)]));
  const [first] = Object.values(routes);
  const [, by = ''] = /^(?!lost)[^|]+\|(?!path )([^|]+)$/.exec(key) ?? [];
  return {
    id: incidentId(key, firstSlot, now),
    key,
    finding,
    severity,
    cause: first?.cause ?? 'unknown',
    answeredBy: finding === 'failing' && by !== '' ? by : undefined,
    openedAt: now,
    firstSlot,
    name: '',
    summary: '',
    inCommon: [],
    facts: [],
    evidence: first?.evidence,
    remedy: '',
    services: [],
    customers: [],
    routes,
    openings: [now],
    unstable: false,
    timeline: [{ at: now, text: `opened with ${troubles.size} ${troubles.size === 1 ? 'route' : 'routes'}` }],
    version: 0,
    told: 0,
  };
};

/** The incident reopens: the same one within an hour; the third opening of a day makes it unstable. */
export const reopen = (incident: Incident, input: DiagnoseInput): Incident => {
  const { unstable } = input.monitor.limits;
  const openings = [...incident.openings.filter((at) => input.now - at <= unstable.within), input.now];
  return {
    ...incident,
    closedAt: undefined,
    ending: undefined,
    openings,
    unstable: incident.unstable || openings.length >= unstable.openings,
    timeline: [...incident.timeline, { at: input.now, text: 'reopened' }].slice(-50),
  };
};

/** Closed less than an hour ago, or often enough within a day to be one and the same. */
export const isSameAgain = (incident: Incident, { monitor: { limits }, now }: DiagnoseInput): boolean => {
  if (incident.closedAt === undefined) return false;
  const recentOpenings = incident.openings.filter((at) => now - at <= limits.unstable.within).length;
  return now - incident.closedAt <= limits.reopen || recentOpenings >= limits.unstable.openings - 1;
};

/** Incidents that still matter: open, closed within the span in which they may come back, or not told to the end. */
export const relevant = (incidents: readonly Incident[], limits: Monitor['limits'], now: Ms): Incident[] =>
  incidents.filter(
    ({ closedAt, told, version }) =>
      closedAt === undefined || told < version || now - closedAt <= limits.unstable.within,
  );
