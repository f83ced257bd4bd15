/** What is known when a cause is explained, and how a sentence names server, host and address without guessing. */
import type { Product } from './products.ts';
import type { Ms } from './words.ts';

/** What is known of one bad canary; whatever is missing is left out of the sentence, never guessed. */
export type Known = {
  readonly host: string;
  /** The host's own address, as its source reported it. */
  readonly address?: string | undefined;
  /** Its address as the answering server saw it. */
  readonly seenAs?: string | undefined;
  /** The sender's end of the connection, where the sender knows it. */
  readonly leftFrom?: string | undefined;
  readonly answeredBy?: string | undefined;
  readonly path: string;
  readonly mailbox: string;
  /** The trouble is with reading the mailbox: server and settings are the mailbox's, not the path's. */
  readonly isMailbox?: boolean | undefined;
  readonly product?: Product | undefined;
  /** The words of the server, as they were kept. */
  readonly evidence?: string | undefined;
  readonly queueId?: string | undefined;
  /** With its angle brackets. */
  readonly messageId?: string | undefined;
  readonly subject?: string | undefined;
  /** The id of the canary, which its subject ends with. */
  readonly canary?: string | undefined;
  /** The addresses that the canary was from and to. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** When the canary was sent; for lost mails: since when. */
  readonly at?: Ms | undefined;
};

const octet = '(25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const v4 = new RegExp(`^${octet}(\\.${octet}){3}$`);

/** True for an IP address, written as servers write it; nothing else is taken for one. */
export const isAddress = (text: string): boolean =>
  v4.test(text) ||
  (text.length < 46 &&
    /^[0-9A-Fa-f:]+(\d{1,3}(\.\d{1,3}){3})?$/.test(text) &&
    text.split(':').length > 2 &&
    text.split(':').length < 10);

/**
 * Addresses of a network's inside (RFC 1918, 6598, 3927, 4193): a server beyond a NAT sees another one. Loopback is not
 * among them: such a connection never leaves the machine.
 */
const isInside = (address: string): boolean =>
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(address) ||
  /^(f[cd]|fe[89ab])[0-9a-f]{2}:/i.test(address);

const own = ({ leftFrom, address }: Known): string | undefined => leftFrom ?? address;

/** The address that the server saw, where that is certain: it said so, or nothing can have rewritten it on the way. */
export const seenAddress = (known: Known): string | undefined => {
  if (known.seenAs !== undefined) return known.seenAs;
  const address = own(known);
  return address !== undefined && isAddress(address) && !isInside(address) ? address : undefined;
};

/** The address to trust, as a noun of a sentence. */
export const seen = (known: Known): string => {
  const { host, address } = known;
  const certain = seenAddress(known);
  if (certain !== undefined)
    return address === undefined || address === certain
      ? `${certain} (${host})`
      : `${certain} (${host}'s own address is ${address})`;
  const inside = own(known);
  return `the address from which ${host} reaches it${inside === undefined ? '' : ` (its own is ${inside})`}`;
};

/** The server that answered, as a noun of a sentence. */
export const server = (known: Known): string =>
  known.isMailbox ? `the IMAP server of mailbox ${known.mailbox}` : (known.answeredBy ?? 'the mail server');

/** Whose settings say how to reach the server. */
export const settings = ({ isMailbox, mailbox, path }: Known): string =>
  isMailbox ? `mailbox ${mailbox}` : `path ${path}`;

/** Who calls the server. */
export const caller = ({ isMailbox, host }: Known): string => (isMailbox ? 'the monitor' : host);
