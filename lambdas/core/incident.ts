/** An incident: a group of routes failing for one cause, from its first bad canary to its recovery, or to `host gone`. */
import type { Cause } from './causes.ts';
import type { Product } from './products.ts';
import type { Ms, RouteId, Slot, Verdict } from './words.ts';

/** `page` and `ticket` ring; a `note` is told and rings nothing. */
export type Severity = 'page' | 'ticket' | 'note';

/** Severities that have an alarm. */
export type Ringing = Exclude<Severity, 'note'>;

/** Why a route is in an incident; `over` says how it left. */
export type Affected = {
  readonly since: Slot;
  readonly verdict: Verdict;
  readonly cause: Cause;
  readonly evidence?: string | undefined;
  readonly answeredBy?: string | undefined;
  readonly seenAs?: string | undefined;
  readonly product?: Product | undefined;
  readonly over?: 'recovered' | 'host gone' | undefined;
  /** Its last bad slot, once it recovered: the records that show it are forgotten after a while. */
  readonly until?: Slot | undefined;
};

export type Incident = {
  /** Fixed when it opens: the day and five letters made from key and first slot. */
  readonly id: string;
  /** What groups routes: finding, cause and who said it. */
  readonly key: string;
  readonly finding: string;
  readonly severity: Severity;
  readonly cause: Cause;
  readonly answeredBy?: string | undefined;
  readonly openedAt: Ms;
  readonly firstSlot: Slot;
  readonly closedAt?: Ms | undefined;
  readonly ending?: 'recovered' | 'host gone, never delivered' | undefined;
  /** Which hosts, path or mailbox: may change while it is open; that is an update, never a new page. */
  readonly name: string;
  /** One line: cause, server, name, and how the others are. */
  readonly summary: string;
  /** Labels that all failing hosts have and no healthy one has; a hint, never a cause. */
  readonly inCommon: readonly string[];
  /** Further facts, one sentence each ("mail-gw takes web-03's mail for example.com but does not relay it"). */
  readonly facts: readonly string[];
  readonly evidence?: string | undefined;
  readonly remedy: string;
  /** Commands for the administrator, filled in: where the words of the cause are to be found. */
  readonly look?: readonly string[] | undefined;
  /** Commands that list the mails that were lost besides the canaries, by the log of the server that refused them. */
  readonly lostMails?: readonly string[] | undefined;
  readonly services: readonly string[];
  readonly customers: readonly string[];
  readonly routes: Readonly<Record<RouteId, Affected>>;
  /** When it opened, once per opening of the last day; three make it unstable. */
  readonly openings: readonly Ms[];
  readonly unstable: boolean;
  readonly timeline: readonly { readonly at: Ms; readonly text: string }[];
  /** Counts every change; `told` is the version that the tellers last took. */
  readonly version: number;
  readonly told: number;
};

/** What leaves the monitor: at least once for each version, with a key that receivers can drop repetitions by. */
export type IncidentEvent = {
  readonly kind: 'opened' | 'changed' | 'closed';
  /** `id/version`. */
  readonly key: string;
  readonly incident: Incident;
};
