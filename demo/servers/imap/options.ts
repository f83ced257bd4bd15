/** What the embedded IMAP server can be told: its users, its TLS, and the faults that tests and the demo script. */

/** Faults that can be set and taken back while the server runs; an unset field means health. */
export type Faults = {
  /** Logins are answered with NO and these words; a response code such as `[UNAVAILABLE]` may begin them. */
  refuseLogin?: string | undefined;
  /**
   * The server stops answering at this command ("EXAMINE", "UID FETCH", "LOGOUT", …), or before the greeting ("GREETING"),
   * or instead of the TLS handshake ("TLS", with STARTTLS as well).
   */
  hangAt?: string | undefined;
  /** The connection is cut in the middle of the FETCH answer for the message after so many. */
  dropAfter?: number | undefined;
  /** Commands that are answered with NO, and with which words: `{ 'UID SEARCH': 'index is broken' }`. */
  no?: Readonly<Record<string, string>> | undefined;
  /** Commands that are answered by closing the connection. */
  dropAt?: string | undefined;
  /** UIDs of messages that the server names and does not show: every section of theirs is NIL, as when a file is damaged. */
  hide?: readonly number[] | undefined;
  /** UIDs of messages that a FETCH does not name though they are there: one of a range of UIDs, or any FETCH at all. */
  leaveOut?: { readonly uids: readonly number[]; readonly by: 'range' | 'any' } | undefined;
  /** UID SEARCH does not find the newest so many messages, as where an index is written behind the mail. */
  searchMisses?: number | undefined;
  /** An open folder tells of new mail only after NOOP, CHECK or another SELECT, and fetches and searches without it, as at Gmail. */
  staleView?: boolean | undefined;
  /** Response codes that the server never says: `UIDNEXT`, `CAPABILITY`. */
  silent?: readonly string[] | undefined;
  /** How a FETCH that asks for a numbered part of a message is answered: NIL for the part, or behind its first bytes; NO; or never. */
  parts?: 'nil' | 'short' | 'no' | 'hang' | undefined;
  /** UIDs that EXPUNGE keeps though it answers OK, as under legal hold; `all` keeps every message. */
  keeps?: readonly number[] | 'all' | undefined;
  /** SELECT opens read-only, as for a shared mailbox without rights. */
  readOnly?: boolean | undefined;
  /** Capabilities that are not offered, and not understood. */
  without?: readonly string[] | undefined;
  /** Milliseconds before the greeting. */
  greetAfter?: number | undefined;
  /** Milliseconds between two bytes of everything that the server says. */
  drip?: number | undefined;
};

/** How to start the server. Only loopback hosts are taken. */
export type ImapOptions = {
  /** Minutes east of Greenwich in which INTERNALDATE is said, at that time: zones change twice a year. @default 0 */
  readonly zone?: (at: number) => number;
  readonly host?: string;
  /** 0 picks a free port. */
  readonly port?: number;
  /** PEM texts; without `startTls` the port speaks TLS from the first byte. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Begin in plain text and offer STARTTLS. */
  readonly startTls?: boolean;
  /** Users and their passwords. */
  readonly users: Readonly<Record<string, string>>;
  /** Access tokens and their users, who log in with XOAUTH2 and OAUTHBEARER; what is taken out is refused from then on. */
  readonly tokens?: Readonly<Record<string, string>>;
  /** Keep mail as Gmail does (labels.ts), with its folders and its extension of IMAP. */
  readonly gmail?: boolean;
  readonly faults?: Faults;
  readonly now?: () => number;
  /** Called with each command ("UID FETCH") before it is carried out. */
  readonly onCommand?: (name: string) => void;
};

/** What the server speaks (RFC 3501 and the extensions that mail providers offer), with what this connection can do. */
export const capabilities = (options: ImapOptions, faults: Faults, secure: boolean): string[] =>
  [
    'IMAP4rev1',
    'UIDPLUS',
    'MOVE',
    'IDLE',
    'SPECIAL-USE',
    'NAMESPACE',
    'ENABLE',
    'ID',
    'QUOTA',
    'LITERAL+',
    'SASL-IR',
    'AUTH=PLAIN',
    ...(options.tokens === undefined ? [] : ['AUTH=XOAUTH2', 'AUTH=OAUTHBEARER']),
    ...(options.gmail === true ? ['X-GM-EXT-1'] : []),
    ...(options.startTls === true && options.tls !== undefined && !secure ? ['STARTTLS'] : []),
  ].filter((name) => !(faults.without ?? []).includes(name));
