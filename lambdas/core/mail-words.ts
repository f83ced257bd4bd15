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
  /** The protocol by which `by` took it, as it says (RFC 3848: ESMTPS, ESMTPSA, LMTP, HTTP, ...). */
  readonly with?: string | undefined;
  /** The TLS version of that connection, where `by` says it: "TLSv1.3". */
  readonly tls?: string | undefined;
  readonly at?: Ms | undefined;
};

/** A result of RFC 8601 2.7; whatever else a server writes is `unknown`. */
export type AuthResult =
  | 'pass'
  | 'fail'
  | 'softfail'
  | 'neutral'
  | 'none'
  | 'policy'
  | 'temperror'
  | 'permerror'
  | 'unknown';

/** What the mailbox's own server found of the sender: the topmost `Authentication-Results` of the trusted authserv-id. */
export type Authentication = {
  readonly spf?: AuthResult | undefined;
  readonly dkim?: AuthResult | undefined;
  readonly dmarc?: AuthResult | undefined;
  /** The header's own words, on one line, at most 300 characters. */
  readonly words: string;
};

/** How full a mailbox is (RFC 9208): the fullest of its resources. */
export type Quota = {
  readonly resource: 'STORAGE' | 'MESSAGE';
  /** KiB for STORAGE, a count for MESSAGE. */
  readonly used: number;
  readonly limit: number;
};

/** A server's certificate, as it was shown in a TLS handshake that we trusted. */
export type Certificate = {
  /** The server as the settings name it, `host:port`. */
  readonly server: string;
  /** The name by which it was checked, which breaks when it ends. */
  readonly name: string;
  /** The names that the certificate is for, at most five. */
  readonly names: readonly string[];
  /** From when and until when it is valid: it, or the one of its signers that ends first. */
  readonly from: Ms;
  readonly until: Ms;
  /** That signer, where it is not the certificate itself that ends first. */
  readonly signer?: string | undefined;
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
  /** Undefined where no server that is trusted has judged it. */
  readonly authentication?: Authentication | undefined;
  /** What a spam filter wrote into its headers, on one line, at most 300 characters. Only for mail in Junk. */
  readonly spam?: string | undefined;
  /** It lies in a folder that is not on the list of those that are read: something moved it. */
  readonly moved?: true | undefined;
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

/** A mail whose subject names an expected canary and that carries none of our marks: a gateway stripped them, or a person replied. */
export type Unmarked = { readonly id: string; readonly folder: string };

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
      /** Messages in INBOX when it was opened, whoever they belong to; undefined when it was not asked for. */
      readonly messages?: number | undefined;
      /** Undefined when it was not asked for, or the server does not tell. */
      readonly quota?: Quota | undefined;
      /** What the IMAP server showed; undefined without TLS. */
      readonly certificate?: Certificate | undefined;
      /** Ids of the last call that were not searched for everywhere: for them alone the look is not complete. */
      readonly unsearched?: readonly string[] | undefined;
      /** Hints, which prove nothing; only for ids of a last call. */
      readonly unmarked?: readonly Unmarked[] | undefined;
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
      readonly authentication?: Authentication | undefined;
      readonly spam?: string | undefined;
      /** It was found in `folder`, which is not read: a rule moved it there. */
      readonly moved?: true | undefined;
      /** The attachment is not the one that was sent. */
      readonly altered?: boolean | undefined;
    }
  | { readonly state: 'bounced'; readonly words: string; readonly reportedBy?: string | undefined }
  | {
      readonly state: 'absent';
      readonly lookedAt: Ms;
      /** The folder of a mail that names it in its subject and proves nothing. */
      readonly unmarked?: string | undefined;
    }
  | { readonly state: 'dark'; readonly cause: Cause; readonly detail: string };
