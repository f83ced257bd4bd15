/** The vocabulary of Mail Canary: every type that crosses a module boundary, and the tables that give words their meaning. */
import type { Cause } from './causes.ts';
import type { Product } from './products.ts';

/** Milliseconds: a point in time since 1970 (UTC), or a span. */
export type Ms = number;

/** The index of a tick since 1970: a UTC minute, or what the demo's faster pace calls one. */
export type Slot = number;

/** `host/path/mailbox`. None of the three names contains a slash. */
export type RouteId = string;

/** What is scheduled, judged and shown. */
export type Route = { readonly id: RouteId; readonly host: string; readonly path: string; readonly mailbox: string };

/** What a host source says of a machine that must be able to send mail. */
export type HostFacts = {
  readonly id: string;
  /** IP address or host name; fills `{host.address}`. */
  readonly address?: string | undefined;
  readonly paths: readonly string[];
  readonly mailboxes: readonly string[];
  readonly services: readonly string[];
  readonly customers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Addresses or CIDRs from which its mail may leave besides its own address: NAT, a proxy. */
  readonly egress?: readonly string[] | undefined;
};

/** A host of the registry. Its seat is the lowest integer that was free when it was first seen. */
export type Host = HostFacts & { readonly seat: number; readonly since: Ms; readonly missing: number };

/**
 * What each verdict says of the host, and the word that people read (TELLING).
 * `good` and `bad` count for and against a host; `unknown` never does.
 */
export const verdicts = {
  delivered: { says: 'good', people: 'arrived' },
  late: { says: 'good', people: 'late' },
  junked: { says: 'good', people: 'arrived in Junk' },
  refused: { says: 'bad', people: 'refused' },
  bounced: { says: 'bad', people: 'returned' },
  lost: { says: 'bad', people: 'lost' },
  denied: { says: 'good', people: 'refused, as it must be' },
  relayed: { says: 'bad', people: 'relayed for a stranger' },
  unsent: { says: 'unknown', people: 'not watched' },
  blind: { says: 'unknown', people: 'not known' },
} as const satisfies Record<string, { says: 'good' | 'bad' | 'unknown'; people: string }>;

/** The end of a canary's story. While none holds it is `pending`, which is no verdict. */
export type Verdict = keyof typeof verdicts;

/** The stage of an SMTP conversation (RFC 5321) or of an HTTP call at which something ended. */
export const stages = [
  'dns',
  'connect',
  'tls',
  'banner',
  'ehlo',
  'auth',
  'mail',
  'rcpt',
  'data',
  'body',
  'http',
] as const;
export type Stage = (typeof stages)[number];

/** What the sending side saw and said. Words of servers are kept as they came, at most 500 characters. */
export type Said = {
  /** When the attempt began: the time that the canary's token carries. */
  readonly sentAt: Ms;
  /** The server's own words (or our system's, for a connection that failed). */
  readonly evidence?: string | undefined;
  /** The server that answered, by the name in its banner, else as `address:port`. */
  readonly answeredBy?: string | undefined;
  /** True when the host itself (its web application, its own MTA) answered, not a relay that hosts share. */
  readonly ownServer?: boolean | undefined;
  /** Our address as the server saw it, when it said so. */
  readonly seenAs?: string | undefined;
  /** Our own end of the connection: what the server sees unless something in between rewrites it. */
  readonly leftFrom?: string | undefined;
  readonly queueId?: string | undefined;
  readonly stage?: Stage | undefined;
  /** The mail server product that answered, as its own words show it. */
  readonly product?: Product | undefined;
  /** What both sides said, a line each, secrets masked. Kept for one canary of each kind of failure in a batch. */
  readonly conversation?: readonly string[] | undefined;
  /** The command that the host was given (`ssm`); its outcome can be asked for. */
  readonly command?: string | undefined;
  /** The application's own mails that failed since it was last asked (`http`). */
  readonly appFailures?: number | undefined;
};

/** What the sending side said of one canary. A refusal is a fact about the host; `unsent` is not. */
export type Handover =
  | ({ readonly state: 'accepted' | 'claimed' | 'commanded' } & Said)
  | ({ readonly state: 'refused'; readonly cause: Cause; readonly temporary: boolean } & Said)
  /** The connection was lost, or the deadline passed, after the final dot: neither accepted nor refused. */
  | ({ readonly state: 'unanswered' } & Said)
  | ({ readonly state: 'unsent'; readonly cause: Cause } & Said);

/**
 * What was said of a canary after it left: by SES, by the host itself, by Systems Manager, in a bounce. It explains a
 * canary that does not arrive; arrival beats it.
 */
export type Note = {
  /** The same telling has the same id, so that a repetition changes nothing. */
  readonly id: string;
  readonly route: RouteId;
  readonly slot: Slot;
  /** When it was said, by our clock. */
  readonly at: Ms;
  readonly says:
    | { readonly state: 'handed'; readonly handover: Handover }
    | { readonly state: 'bounced' | 'delayed'; readonly words: string; readonly reportedBy?: string | undefined };
};

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

/** What `plan` expects: the routes of one lane (or of a path's `again` batch) at one slot. */
export type Batch = {
  readonly slot: Slot;
  readonly name: string;
  readonly path: string;
  readonly routes: readonly RouteId[];
};

/** One batch on its way to `send`, with the facts of its hosts. */
export type BatchMessage = Batch & { readonly hosts: readonly HostFacts[] };

/** The mail that goes out: everything a path needs to know, and nothing it has to decide. */
export type CanaryMail = {
  readonly id: string;
  /** The id of the signing key: with it, the id is one monitor's own. */
  readonly key: string;
  readonly route: RouteId;
  readonly slot: Slot;
  readonly sentAt: Ms;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly messageId: string;
  /** `X-Mail-Canary`, and `Auto-Submitted` unless the path switched it off. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Bytes of the attachment (`attachmentOf`), on paths with a `size`. */
  readonly size?: number | undefined;
};
