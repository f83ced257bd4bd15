/** What the rounds find in the records of a route: one row per finding. Adding one is adding a row. */
import type { Cause } from './causes.ts';
import type { Severity } from './incident.ts';
import { slotStart } from './judge.ts';
import { fold, hostSays, initial, type Record, type RouteMemory, type Says, type State, stateOf } from './lane.ts';
import type { Limits } from './limits.ts';
import type { Ms, Route } from './words.ts';

/** A route in trouble: since when, and the newest record that shows it. */
export type Trouble = {
  readonly state: State;
  readonly record: Record;
  /** Why, where the finding itself says it; else the record's own cause. */
  readonly cause?: Cause | undefined;
  /** What proves it, where the finding itself says it. */
  readonly evidence?: string | undefined;
};

type Finding = {
  readonly name: string;
  readonly severity: Severity;
  /** The cause of mail that arrives, and not as it should. */
  readonly cause?: Cause | undefined;
  /** The state of the route as to this finding; failing means that it is found. */
  readonly state: (memory: RouteMemory, limits: Limits, now: Ms) => State;
  readonly shows: (record: Record) => boolean;
  /** What proves it, where that is not what the sending side said. */
  readonly evidence?: (record: Record) => string | undefined;
  /** What groups routes into one incident. */
  readonly key: (route: Route, record: Record) => string;
};

const about =
  (bad: (record: Record) => boolean, good: (record: Record) => boolean) =>
  (record: Record): Says =>
    bad(record) ? 'bad' : good(record) ? 'good' : 'unknown';
const arrived = ({ verdict, was }: Record) =>
  was === undefined && (verdict === 'delivered' || verdict === 'late' || verdict === 'junked');

const isLate = (record: Record) => arrived(record) && record.verdict === 'late';
const isJunked = (record: Record) => arrived(record) && record.verdict === 'junked';
const isAltered = (record: Record) => arrived(record) && record.altered === true;
const isUnauthenticated = (record: Record) => arrived(record) && record.unauthenticated !== undefined;
const isMoved = (record: Record) => arrived(record) && record.moved !== undefined;
/** It left from an address that is none of its host's: the host is not proven by it. */
const isElsewhere = (record: Record) => arrived(record) && record.leftFrom !== undefined;
const isUnsent = (record: Record) => record.verdict === 'unsent';

/** The state of a route whose mail arrives, as to how it arrives; mail that did not arrive says nothing of that. */
const arriving =
  (wrong: (record: Record) => boolean) =>
  ({ records }: RouteMemory, limits: Limits): State =>
    fold(
      initial,
      records,
      limits,
      about(wrong, (record) => arrived(record) && !wrong(record)),
    );

/** Who said it: a relay that hosts share, or (where the host's own server answered) the path on whichever host. */
const saidBy = (route: Route, record: Record): string =>
  record.ownServer || record.answeredBy === undefined ? `path ${route.path}` : record.answeredBy;

export const findings = [
  {
    name: 'failing',
    severity: 'page',
    state: stateOf,
    shows: (record) => hostSays(record) === 'bad',
    key: (route, record) =>
      ['lost', 'unauthenticated'].includes(record.was ?? record.verdict)
        ? `${record.was ?? record.verdict}|${route.mailbox}`
        : `${record.cause ?? record.verdict}|${saidBy(route, record)}`,
  },
  {
    name: 'unsent',
    severity: 'ticket',
    state: (memory, limits, now) => {
      const state = fold(
        initial,
        memory.records,
        limits,
        about(isUnsent, ({ verdict }) => verdict !== 'blind'),
      );
      // At a cadence of a minute the memory is shorter than the wait: unsent as far as it reaches is long enough.
      const throughout = memory.forgotten !== undefined && state.since === memory.records[0]?.slot;
      const old =
        state.since !== undefined && (throughout || now - slotStart(state.since, limits) >= limits.unsentTicket);
      return state.health === 'failing' && !old ? { ...state, health: 'suspected' } : state;
    },
    shows: isUnsent,
    key: (route, record) => `unsent|${record.cause ?? 'never-sent'}|path ${route.path}`,
  },
  {
    name: 'late',
    severity: 'ticket',
    cause: 'arrives-late',
    state: arriving(isLate),
    shows: isLate,
    evidence: ({ shown }) => shown,
    key: (route) => `late|${route.path}|${route.mailbox}`,
  },
  {
    name: 'junked',
    severity: 'ticket',
    cause: 'arrives-in-junk',
    state: arriving(isJunked),
    shows: isJunked,
    evidence: ({ shown }) => shown,
    key: (route) => `junked|${route.mailbox}`,
  },
  {
    name: 'altered',
    severity: 'ticket',
    cause: 'altered',
    state: arriving(isAltered),
    shows: isAltered,
    key: (route) => `altered|${route.path}|${route.mailbox}`,
  },
  {
    name: 'elsewhere',
    severity: 'ticket',
    cause: 'left-from-elsewhere',
    state: arriving(isElsewhere),
    shows: isElsewhere,
    evidence: ({ leftFrom }) => `it left from ${leftFrom}`,
    key: (route, record) => `elsewhere|${route.path}|${record.leftFrom}`,
  },
  {
    name: 'unauthenticated',
    severity: 'ticket',
    cause: 'unauthenticated',
    state: arriving(isUnauthenticated),
    shows: isUnauthenticated,
    evidence: ({ unauthenticated }) => unauthenticated,
    key: (route) => `unauthenticated|${route.path}|${route.mailbox}`,
  },
  {
    name: 'moved',
    severity: 'ticket',
    cause: 'moved-by-rule',
    state: arriving(isMoved),
    shows: isMoved,
    evidence: ({ moved }) => `it was moved to ${moved}`,
    key: (route, record) => `moved|${route.mailbox}|${record.moved}`,
  },
] as const satisfies readonly Finding[];

export type FindingName = (typeof findings)[number]['name'];

/** The trouble of a route as to one finding; undefined while there is none. */
export const troubleOf = (finding: Finding, memory: RouteMemory, limits: Limits, now: Ms): Trouble | undefined => {
  // Most routes show nothing: their states need not be folded, once for each finding and route and round.
  const record = memory.records.findLast((one) => finding.shows(one));
  if (record === undefined) return undefined;
  const state = finding.state(memory, limits, now);
  return state.health === 'failing'
    ? { state, record, cause: finding.cause, evidence: finding.evidence?.(record) }
    : undefined;
};
