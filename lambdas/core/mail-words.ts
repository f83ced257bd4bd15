/** The vocabulary of what a mailbox holds: words.ts has it all, and everybody imports it from there. */
import type { Cause } from './causes.ts';
import type { Ms } from './words.ts';

/** One step of the `Received` chain, oldest first. Seconds to the next step; negative means clock skew. */
export type Hop = {
  readonly by: string;
  /** The name that the client gave itself. */
  readonly from?: string | undefined;
  /** The client's address as `by` saw it. */
  readonly address?: string | undefined;
  readonly at?: Ms | undefined;
};

/** Where a canary really left, by the `Received` chain: the host's own address, some other one, or nobody says. */
export type Origin =
  | { readonly state: 'confirmed'; readonly address: string }
  | { readonly state: 'mismatched'; readonly address: string }
  | { readonly state: 'unknown' };

/** Where a message lies. UIDs mean nothing without the folder's UIDVALIDITY (RFC 9051). */
export type Place = { readonly folder: string; readonly uidValidity: string; readonly uid: number };

/** A canary as the mailbox holds it, before anybody decided whether it is ours. */
export type MailSeen = {
  readonly place: Place;
  /** The folder carries the `\Junk` flag (RFC 6154). */
  readonly junk: boolean;
  /** INTERNALDATE. */
  readonly internalDate: Ms;
  /** The raw `X-Mail-Canary` and `Message-ID` values, unfolded. */
  readonly canary?: string | undefined;
  readonly messageId?: string | undefined;
  readonly hops: readonly Hop[];
  /** Set for a delivery status notification (RFC 3464): the values above are those of the returned headers. */
  readonly bounce?: Bounce | undefined;
  /** Hex SHA-256 of the attachment, where it was asked for; empty when there is none. */
  readonly digest?: string | undefined;
};

/** What a bounce or a delay notice says of the canary in it. */
export type Bounce = {
  readonly words: string;
  readonly reportedBy?: string | undefined;
  /** A delay notice: the server still tries. */
  readonly delayed?: true | undefined;
  /** What the report names where it returns no headers that carry a token: unsigned, so it explains and proves nothing. */
  readonly envelopeId?: string | undefined;
  readonly queueId?: string | undefined;
};

/** How far each folder was read: the next UID to look at, under that UIDVALIDITY. */
export type Cursor = Readonly<Record<string, { readonly uidValidity: string; readonly uidNext: number }>>;

/** One look into one mailbox. "I could not look" is a value, and so is "I looked at a part". */
export type Look =
  | {
      readonly state: 'looked';
      /** When the look began: mail that arrived before it would have been seen by a complete look. */
      readonly at: Ms;
      /** Every folder on the list was read to its end, no search failed, every last call was searched everywhere. */
      readonly complete: boolean;
      /** Why it is not complete, in words. */
      readonly detail?: string | undefined;
      readonly mails: readonly MailSeen[];
      readonly cursor: Cursor;
    }
  | { readonly state: 'dark'; readonly cause: Cause; readonly detail: string };

/** What the mailbox said of one canary. */
export type Sighting =
  | {
      readonly state: 'seen';
      readonly arrivedAt: Ms;
      readonly sentAt: Ms;
      readonly junk: boolean;
      readonly folder: string;
      readonly hops: readonly Hop[];
      /** The attachment is not the one that was sent. */
      readonly altered?: boolean | undefined;
    }
  | { readonly state: 'bounced'; readonly words: string; readonly reportedBy?: string | undefined }
  | { readonly state: 'absent'; readonly lookedAt: Ms }
  | { readonly state: 'dark'; readonly cause: Cause; readonly detail: string };
