/** The vocabulary of Mail Canary: every type that crosses a module boundary, and the tables that give words their meaning. */
import type { Cause } from './causes.ts';
import type { Certificate } from './mail-words.ts';
import type { Product } from './products.ts';

export type * from './mail-words.ts';

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
 * `good` and `bad` count for and against a host; `unknown` never does. A stranger's mail is not meant to arrive.
 */
export const verdicts = {
  delivered: { says: 'good', people: 'arrived' },
  late: { says: 'good', people: 'late' },
  junked: { says: 'good', people: 'arrived in Junk' },
  refused: { says: 'bad', people: 'refused' },
  bounced: { says: 'bad', people: 'returned' },
  lost: { says: 'bad', people: 'lost' },
  unauthenticated: { says: 'bad', people: 'arrived, and nothing proves its sender' },
  denied: { says: 'good', people: 'refused, as it must be', stranger: true },
  relayed: { says: 'bad', people: 'relayed for a stranger', stranger: true },
  unsent: { says: 'unknown', people: 'not watched' },
  blind: { says: 'unknown', people: 'not known' },
} as const satisfies Record<string, { says: 'good' | 'bad' | 'unknown'; people: string; stranger?: true }>;

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
  /** What the server showed of itself under TLS. Kept for one canary of each server in a batch. */
  readonly certificate?: Certificate | undefined;
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
    | {
        readonly state: 'bounced' | 'delayed';
        readonly words: string;
        readonly reportedBy?: string | undefined;
        /** Known by its envelope or queue id alone, which anybody could write. */
        readonly unsigned?: boolean | undefined;
      };
};

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
