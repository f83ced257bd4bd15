/** What is remembered of a mailbox between rounds. */
import type { Cause } from './causes.ts';
import type { Cursor, Ms, Quota } from './words.ts';

/** Our own mail stays in a mailbox. */
export type Stuck = {
  readonly since: Ms;
  readonly readOnly: boolean;
  readonly detail: string;
  readonly rounds: number;
  readonly nextTry: Ms;
};

export type QuotaSample = { readonly at: Ms } & Quota;

export type MailboxState = {
  readonly cursor?: Cursor | undefined;
  /** When the first canary was seen in it; until then it is unproven. */
  readonly provenAt?: Ms | undefined;
  /** Canaries lost in it while it was unproven. */
  readonly unseen: number;
  /** Rounds in a row in which our own mail could not be removed. */
  readonly unremoved?: number | undefined;
  /** The server lets us in and does not delete our mail. */
  readonly stuck?: Stuck | undefined;
  /** When its state was last asked for, and what is left behind last looked for. */
  readonly askedAt?: Ms | undefined;
  /** How full it was, oldest first. */
  readonly quota?: readonly QuotaSample[] | undefined;
  /** Messages of somebody else in INBOX, when last counted. */
  readonly foreign?: number | undefined;
  /** Since when its dates could not be used. */
  readonly clockOff?: Ms | undefined;
  /** Since when canaries arrive without a verdict of the trusted server on their sender. */
  readonly unjudged?: Ms | undefined;
  readonly dark?:
    | {
        readonly since: Ms;
        readonly cause: Cause;
        readonly detail: string;
        readonly tries: number;
        readonly nextTry: Ms;
      }
    | undefined;
};
