/** Records and the state of a route: a fold over slot → verdict, in slot order, so that repetition changes nothing. */
import { type Cause, isGentle } from './causes.ts';
import type { Limits } from './limits.ts';
import type { Product } from './products.ts';
import { type Ms, type RouteId, type Slot, type Verdict, verdicts } from './words.ts';

/** A verdict at a slot, with what the diagnosis needs of it. */
export type Record = {
  readonly slot: Slot;
  readonly verdict: Verdict;
  /** The round that settled or corrected it; kept until that round is tallied. */
  readonly round?: number | undefined;
  readonly took?: Ms | undefined;
  /** When the mail that arrived was sent, unless the handover says the same: a batch may be sent twice. */
  readonly sentAt?: Ms | undefined;
  readonly cause?: Cause | undefined;
  readonly evidence?: string | undefined;
  readonly answeredBy?: string | undefined;
  readonly seenAs?: string | undefined;
  readonly ownServer?: boolean | undefined;
  readonly product?: Product | undefined;
  /** The address it really left from, where that is none of the host's. */
  readonly leftFrom?: string | undefined;
  /** The folder into which a rule moved it, where that folder is not read. */
  readonly moved?: string | undefined;
  /** What does not stand for its sender: "SPF fail, DKIM none, DMARC fail". */
  readonly unauthenticated?: string | undefined;
  /** How it arrived: the words of the spam filter, or the slowest hop. Kept for the newest record of a route. */
  readonly shown?: string | undefined;
  /** Its attachment was not the one that was sent. */
  readonly altered?: boolean | undefined;
  /** The application's own mails that failed, as it said with this canary. */
  readonly appFailures?: number | undefined;
  /** The verdict that this one replaced when the mail arrived after all. */
  readonly was?: Verdict | undefined;
};

export type Health = 'new' | 'healthy' | 'suspected' | 'failing';

/** What the fold knows of a route. */
export type State = {
  readonly health: Health;
  /** The judged verdicts, newest last: `g` or `b`, at most ten. */
  readonly recent: string;
  /** The first bad slot of the present trouble. */
  readonly since?: Slot | undefined;
  /** The slot at which it became failing. */
  readonly failedAt?: Slot | undefined;
};

export const initial: State = { health: 'new', recent: '' };

export type Says = 'good' | 'bad' | 'unknown';

/**
 * What a record says of the host. Mail that arrived after it was called lost, refused or returned still counts as bad:
 * an incident never closes by a correction. Mail that was merely not known about counts as what it is.
 */
export const hostSays = ({ verdict, was }: Record): Says =>
  was !== undefined && verdicts[was].says === 'bad' ? 'bad' : verdicts[verdict].says;

const trailing = (recent: string, letter: string): number =>
  recent.length - recent.replace(new RegExp(`${letter}+$`), '').length;

/** One step of the fold. `unknown` changes nothing. */
export const step = (
  state: State,
  record: Record,
  limits: Limits,
  says: (record: Record) => Says = hostSays,
): State => {
  const word = says(record);
  if (word === 'unknown') return state;
  const [bad, last] = limits.failing.of;
  if (word === 'good') {
    const recent = `${state.recent}g`.slice(-last);
    const stays = state.health === 'failing' && trailing(recent, 'g') < limits.healthy;
    return stays ? { ...state, recent } : { health: 'healthy', recent };
  }
  const recent = `${state.recent}b`.slice(-last);
  const since = state.since ?? record.slot;
  if (state.health === 'failing') return { ...state, recent };
  // What must not be tried again for an hour (a refused login may lock the account) is believed at once.
  const definite = (record.verdict === 'refused' || record.verdict === 'relayed') && isGentle(record.cause);
  const failing = definite || trailing(recent, 'b') >= limits.failing.inRow || recent.replaceAll('g', '').length >= bad;
  return failing ? { health: 'failing', recent, since, failedAt: record.slot } : { health: 'suspected', recent, since };
};

/** The fold over records in slot order. */
export const fold = (base: State, records: readonly Record[], limits: Limits, says?: (record: Record) => Says): State =>
  records.reduce((state, record) => step(state, record, limits, says), base);

/** A route's memory: the fold of what was forgotten, and the records since. */
export type RouteMemory = {
  readonly base: State;
  readonly forgotten?: Slot | undefined;
  readonly records: readonly Record[];
};

/** One item of the ledger: the memory of the routes of up to 50 hosts on one path. */
export type Lane = { readonly routes: Readonly<{ [route: RouteId]: RouteMemory }> };

export const nothing: RouteMemory = { base: initial, records: [] };

/** Records always kept per route, however old. */
export const kept = 12;

/**
 * Sets the record of a slot: repetition and order change nothing. Records older than `open` are folded away once there
 * are more than enough; a slot that was already folded away is left as it was.
 */
export const setRecord = (memory: RouteMemory, record: Record, open: Slot, limits: Limits): RouteMemory => {
  if (memory.forgotten !== undefined && record.slot <= memory.forgotten) return memory;
  const records = [...memory.records.filter(({ slot }) => slot !== record.slot), record].sort(
    (a, b) => a.slot - b.slot,
  );
  const surplus = records.slice(0, Math.max(0, records.length - kept)).filter(({ slot }) => slot < open);
  return {
    base: fold(memory.base, surplus, limits),
    forgotten: surplus.at(-1)?.slot ?? memory.forgotten,
    records: records.slice(surplus.length),
  };
};

export const stateOf = (memory: RouteMemory, limits: Limits): State => fold(memory.base, memory.records, limits);

/** The newest record that says something about the host. */
export const lastJudged = (memory: RouteMemory): Record | undefined =>
  memory.records.findLast((record) => hostSays(record) !== 'unknown');
