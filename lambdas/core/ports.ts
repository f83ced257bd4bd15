/** The edges of the rounds: what they ask of the world. Each port has a contract suite that fakes and real adapters both pass. */
import type { IncidentEvent } from './incident.ts';
import type { Point } from './metrics.ts';
import type { BatchMessage, CanaryMail, Cursor, Handover, HostFacts, Look, Ms, Place, RouteId, Slot } from './words.ts';

/** One item of the ledger. `body` is JSON; `v` is its format (see items.ts). */
export type Item = {
  readonly pk: string;
  readonly sk: string;
  readonly v: number;
  /** The writer's round, where writes are conditional on it. */
  readonly order?: number | undefined;
  /** Seconds since 1970 after which the store may drop the item. */
  readonly expires?: number | undefined;
  readonly body: unknown;
};

/** `absent`: only if no item has this key. `below`: only if none has, or its `order` is less than this number. */
export type PutCondition = { readonly absent: true } | { readonly below: number };

/** A key-value store with sorted keys inside a partition. Reads see every write that was answered (strong consistency). */
export interface Ledger {
  get(pk: string, sk: string): Promise<Item | undefined>;
  /** All items of a partition in order of `sk` (by UTF-8 bytes), from `from` to `to` inclusive; all pages. */
  list(pk: string, range?: { readonly from?: string; readonly to?: string }): Promise<Item[]>;
  /** True when written, false when the condition did not hold. Every other failure throws. */
  put(item: Item, condition?: PutCondition): Promise<boolean>;
  remove(pk: string, sk: string): Promise<void>;
}

/** What `confirm` asks a mailbox to look for. */
export type Ask = {
  readonly cursor: Cursor | undefined;
  /** Ids that are still expected; a look that reaches a cap looks for these first. */
  readonly expected: readonly string[];
  /** Ids about to be called lost: every selectable folder is searched for them once. */
  readonly lastCall: readonly string[];
  /** Ids among the expected whose attachment must be read and hashed: only then is a body fetched. */
  readonly digests: readonly string[];
  /** Own mail that arrived before this is brought as well, wherever the cursor is: what earlier rounds had to leave. */
  readonly sweep?: Ms | undefined;
  /** How full the mailbox is, and how many messages it holds, is to be found out. */
  readonly state?: boolean | undefined;
  /** A deadline shorter than the mailbox's own, for one that hung before. */
  readonly within?: Ms | undefined;
  /** No canary that matters was sent before this; bounds a first look and a search. */
  readonly since: Ms;
};

/** What became of messages that were to be deleted. */
export type Removal = {
  readonly removed: number;
  /** Why some are still there: the folder may only be read, or the server does not delete (retention, legal hold). */
  readonly refused?: { readonly readOnly: boolean; readonly detail: string } | undefined;
};

/** One mailbox. Never throws from `look`: what keeps it from looking is a dark look. */
export interface Mailbox {
  look(ask: Ask): Promise<Look>;
  /** Deletes exactly these messages, found by the last look. A server that refuses is an answer; whatever else fails throws. */
  remove(places: readonly Place[]): Promise<Removal>;
  /** Ends the session; safe to call at any time, never throws. */
  close(): Promise<void>;
}

/** One attempt, one deadline: resolves with a handover whatever happens; rejects only for bugs. */
export type Send = (mail: CanaryMail, host: HostFacts, deadline: AbortSignal) => Promise<Handover>;

/** A canary and the host that is to send it. */
export type Outgoing = { readonly mail: CanaryMail; readonly host: HostFacts };

/** A path that takes a whole batch at once: resolves with one handover for each canary, in their order. */
export type Wave = {
  readonly wave: (canaries: readonly Outgoing[], deadline: AbortSignal) => Promise<readonly Handover[]>;
};

export type Sender = Send | Wave;

/** A canary that a host was told to send (`commanded`) and that is overdue. */
export type Commanded = {
  readonly route: RouteId;
  readonly slot: Slot;
  readonly handover: Handover;
  readonly host: HostFacts;
};

/**
 * Asks what became of commanded canaries of one path. A route that is left out has no outcome yet. Rejects when nobody
 * could be asked: then nothing is known.
 */
export type Outcomes = (overdue: readonly Commanded[]) => Promise<ReadonlyMap<RouteId, Handover>>;

/** Messages to `send`; delivered at least once, in any order, after at least `delay` milliseconds. */
export interface Queue {
  send(messages: readonly { readonly batch: BatchMessage; readonly delay: Ms }[]): Promise<void>;
}

/** CloudWatch, or a terminal. Throws when the points were not taken. */
export interface Metrics {
  publish(points: readonly Point[]): Promise<void>;
}

/** Where incidents go: EventBridge, a webhook, a terminal. At least once, with the event's key. Throws when not taken. */
export interface Teller {
  tell(events: readonly IncidentEvent[]): Promise<void>;
}

/** A host source. Throws when it cannot list; an empty list is an answer. */
export type HostSource = { readonly name: string; list(): Promise<readonly HostFacts[]> };
