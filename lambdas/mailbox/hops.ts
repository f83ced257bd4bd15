/** The way of a mail through its servers, read from `Received` (RFC 5321 4.4, and what servers really write). */
import { isIP } from 'node:net';
import type { Hop, Ms } from '../core/words.ts';

/** Longer values and longer chains are cut: whoever writes them is not telling us where a canary went. */
const longest = 2000;
const most = 50;

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Zone names that RFC 5322 4.3 still allows; every other name means "not known", which is UTC. */
const zones: Readonly<Record<string, number>> = {
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
};

const date =
  /\b(\d{1,2}) ([A-Za-z]{3})[a-z]{0,6} (\d{4}|\d{2}) (\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d{1,9})?(?: ([+-]\d{4}|[A-Z]{1,4}))?/;

const dateOf = (text: string): Ms | undefined => {
  const match = date.exec(text);
  if (match === null) return undefined;
  const [, day, name = '', years = '', hour, minute, second = '0', zone = '+0000'] = match;
  const month = months.indexOf(name.toLowerCase());
  if (month < 0) return undefined;
  const year = years.length === 2 ? 2000 + Number(years) : Number(years);
  const offset = /^[+-]/.test(zone)
    ? (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3)))
    : (zones[zone] ?? 0) * 60;
  const at = Date.UTC(year, month, Number(day), Number(hour), Number(minute), Number(second)) - offset * 60_000;
  return Number.isNaN(at) ? undefined : at;
};

/** Comments (RFC 5322 3.2.2, they nest) and the text around them, kept apart and in order. */
type Piece = { readonly comment: boolean; readonly text: string };

const split = (value: string): Piece[] => {
  const pieces: Piece[] = [];
  let depth = 0;
  let start = 0;
  const cut = (end: number, comment: boolean) => {
    const text = value.slice(start, end).trim();
    if (text !== '') pieces.push({ comment, text });
    start = end + 1;
  };
  const special = /[()\\]/g;
  for (let match = special.exec(value); match !== null; match = special.exec(value)) {
    const [char] = match;
    if (char === '\\') special.lastIndex += 1;
    else if (char === '(') {
      if (depth === 0) cut(match.index, false);
      depth += 1;
    } else if (depth > 0) {
      depth -= 1;
      if (depth === 0) cut(match.index, true);
    }
  }
  cut(value.length, depth > 0);
  return pieces;
};

/** The words of a header value, in order, each knowing whether it stands in a comment. */
type Word = { readonly comment: boolean; readonly text: string };

/** No host name is longer (RFC 1035 2.3.4). */
const longestWord = 255;

const wordsOf = (pieces: readonly Piece[]): Word[] =>
  pieces.flatMap(({ comment, text }) =>
    (text.match(/[^\s;,]+/g) ?? []).map((word) => ({ comment, text: word.slice(0, longestWord) })),
  );

/** What else could an address be in? Most words are names, and are passed over at once. */
const mayHoldAddress = /[[@]|^(?:IPv6:)?[0-9a-f:.]+(?:%|$)/i;

/** An IP address as servers write it: bare, in brackets, with `IPv6:`, with a port or a user before or behind it. */
const addressIn = (word: string): string | undefined => {
  if (!mayHoldAddress.test(word)) return undefined;
  const inner = /\[([^\]]*)\]/.exec(word)?.[1] ?? /@([0-9a-f.:]{7,45})$/i.exec(word)?.[1] ?? word;
  const bare = inner
    .replace(/^IPv6:/i, '')
    // Courier writes IPv4 addresses as IPv6 ones; a zone (fe80::1%4) means something on that machine only.
    .replace(/^::ffff:(?=\d{1,3}\.)/i, '')
    .replace(/%.*$/, '');
  return isIP(bare) !== 0 ? bare : undefined;
};

const keywords = ['from', 'by', 'via', 'with', 'id', 'for'];
const isKeyword = ({ comment, text }: Word) => !comment && text.length <= 4 && keywords.includes(text.toLowerCase());

/** The words of each clause behind its keyword. The word right behind it is its value, even if it reads like a keyword. */
const clausesOf = (words: readonly Word[]): Map<string, Word[]> => {
  const clauses = new Map<string, Word[]>();
  let current: Word[] | undefined;
  for (const word of words) {
    if (!isKeyword(word) || current?.length === 0) {
      current?.push(word);
      continue;
    }
    current = [];
    const keyword = word.text.toLowerCase();
    if (!clauses.has(keyword)) clauses.set(keyword, current);
  }
  return clauses;
};

/** What the client said of itself in HELO stands in a comment of qmail, Yahoo (`HELO x`) and Exim (`helo=x`). */
const isGreeting = (word: Word) => word.comment && /^(?:helo|ehlo)(?:=|$)/i.test(word.text);

/**
 * The client's address as the server saw it: in a comment, behind the name that the client gave and beside no HELO. Outside
 * of one only where the server keeps HELO in the comment, or is Exim: elsewhere an address there is what the client says.
 */
const addressOf = (from: readonly Word[], words: readonly Word[]): string | undefined => {
  const seen = from.find(
    (word, at) =>
      word.comment && !isGreeting(word) && !/^(?:helo|ehlo)$/i.test(from[at - 1]?.text ?? '') && addressIn(word.text),
  );
  if (seen !== undefined) return addressIn(seen.text);
  const isNamed = from.some(isGreeting) || words.some(({ comment, text }) => comment && text === 'Exim');
  const outside = isNamed ? from.find((word) => !word.comment) : undefined;
  return outside === undefined ? undefined : addressIn(outside.text);
};

/** "name [address]": the name as the client gave it, the address as the server saw it, else as the client gave it. */
const fromOf = (words: readonly Word[], address: string | undefined): string | undefined => {
  const said = words.find((word) => !word.comment)?.text;
  const literal = said === undefined ? undefined : addressIn(said);
  const shown = address ?? literal;
  const name = literal === undefined ? said : undefined;
  const parts = [name, shown === undefined ? undefined : `[${shown}]`].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(' ');
};

/** "ESMTPS", "Microsoft SMTP Server": the words behind `with`, without what follows about encryption. */
const protocolOf = (words: readonly Word[] | undefined): string | undefined => {
  const outside = (words ?? []).filter((word) => !word.comment).map(({ text }) => text);
  const end = outside.findIndex((word) => word.toLowerCase() === 'tls');
  const said = (end < 0 ? outside : outside.slice(0, end)).slice(0, 4).join(' ').slice(0, 60);
  return said === '' ? undefined : said;
};

/** Where servers write the version: "using TLSv1.3", "version=TLS1_2", "TLS: TLSv1.3", or first in a comment of its own. */
const version = /(?:^|\busing |\bversion=|\bTLS: ?)(TLS|SSL)v?(\d)(?:[._](\d))?(?![\w./-])/i;
/** Names of cipher suites that exist in TLS 1.3 alone (RFC 8446 B.4): enough where only the cipher is named. */
const suites = /\bTLS_(?:AES_(?:128|256)_(?:GCM|CCM)|CHACHA20_POLY1305)_/;

/** The TLS version that the server says; never what the client could have put there. */
const tlsOf = (pieces: readonly Piece[], words: readonly Word[]): string | undefined => {
  const mentions = (text: string) => text.includes('TLS') || text.includes('SSL');
  if (!pieces.some(({ text }) => mentions(text))) return undefined;
  const comments = pieces.filter(({ comment, text }) => comment && mentions(text) && !/^(?:helo|ehlo)\b/i.test(text));
  const said = comments.map(({ text }) => version.exec(text)).find((match) => match !== null);
  if (said !== undefined) return `${said[1]?.toUpperCase()}v${said[2]}${said[3] === undefined ? '' : `.${said[3]}`}`;
  // "tls TLS_AES_256_GCM_SHA384" (RFC 8314 7.4).
  const clause = words.findIndex(({ comment, text }) => !comment && text.length === 3 && text.toLowerCase() === 'tls');
  const named = clause < 0 ? undefined : words[clause + 1];
  const isNamed = named?.comment === false && suites.test(named.text);
  return isNamed || comments.some(({ text }) => suites.test(text)) ? 'TLSv1.3' : undefined;
};

const hopOf = (value: string): Hop => {
  // Control characters are nobody's name.
  const text = value.slice(0, longest).replace(/[\u0000-\u0008\u000e-\u001f\u007f-\u009f]/g, '');
  const semicolon = text.lastIndexOf(';');
  const at = dateOf((semicolon < 0 ? text : text.slice(semicolon + 1)).replace(/\s+/g, ' '));
  const pieces = split(semicolon < 0 ? text : text.slice(0, semicolon));
  const words = wordsOf(pieces);
  const clauses = clausesOf(words);
  const from = clauses.get('from');
  const address = from === undefined ? undefined : addressOf(from, words);
  const by = clauses.get('by')?.find((word) => !word.comment)?.text;
  return {
    // qmail names itself in a comment only: "(qmail 4711 invoked from network)".
    by: by ?? (words[0]?.comment === true ? words[0].text.toLowerCase() : 'unknown'),
    from: from === undefined ? undefined : fromOf(from, address),
    address,
    with: protocolOf(clauses.get('with')),
    tls: tlsOf(pieces, words),
    at,
  };
};

/** The server that wrote this `Received`. */
export const byOf = (received: string): string => hopOf(received).by;

/**
 * Parses raw `Received` values, topmost first as in the message, into hops, oldest first.
 * `from` is "name [address]", either part missing when it was not said; `address` is the client's, as the server saw it, and
 * never what the client said of itself. Never throws; linear in the input.
 */
export const parseHops = (received: readonly string[]): Hop[] =>
  // The topmost ones are kept when there are too many: they are those that servers near us wrote.
  received.slice(0, most).map(hopOf).reverse();
