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
  for (let at = 0; at < value.length; at += 1) {
    const char = value[at];
    if (char === '\\') at += 1;
    else if (char === '(') {
      if (depth === 0) cut(at, false);
      depth += 1;
    } else if (char === ')' && depth > 0) {
      depth -= 1;
      if (depth === 0) cut(at, true);
    }
  }
  cut(value.length, depth > 0);
  return pieces;
};

/** The words of a header value, in order, each knowing whether it stands in a comment. */
type Word = { readonly comment: boolean; readonly text: string };

const wordsOf = (value: string): Word[] =>
  split(value).flatMap(({ comment, text }) =>
    text
      .split(/[\s;,]+/)
      .filter((word) => word !== '')
      .map((word) => ({ comment, text: word })),
  );

/** An IP address as servers write it: bare, in brackets, with `IPv6:`, with a port or a user before or behind it. */
const addressIn = (word: string): string | undefined => {
  const inner = /\[([^\]]*)\]/.exec(word)?.[1] ?? /@([0-9a-f.:]{7,45})$/i.exec(word)?.[1] ?? word;
  const bare = inner
    .replace(/^IPv6:/i, '')
    // Courier writes IPv4 addresses as IPv6 ones; a zone (fe80::1%4) means something on that machine only.
    .replace(/^::ffff:(?=\d{1,3}\.)/i, '')
    .replace(/%.*$/, '');
  return isIP(bare) !== 0 ? bare : undefined;
};

const keywords = ['from', 'by', 'via', 'with', 'id', 'for'];
const isKeyword = (word: Word) => !word.comment && keywords.includes(word.text.toLowerCase());

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

const hopOf = (value: string): Hop => {
  const text = value.slice(0, longest);
  const semicolon = text.lastIndexOf(';');
  const at = dateOf((semicolon < 0 ? text : text.slice(semicolon + 1)).replace(/\s+/g, ' '));
  const words = wordsOf(semicolon < 0 ? text : text.slice(0, semicolon));
  const clauses = clausesOf(words);
  const from = clauses.get('from');
  const address = from === undefined ? undefined : addressOf(from, words);
  const by = clauses.get('by')?.find((word) => !word.comment)?.text;
  return {
    // qmail names itself in a comment only: "(qmail 4711 invoked from network)".
    by: by ?? (words[0]?.comment === true ? words[0].text.toLowerCase() : 'unknown'),
    from: from === undefined ? undefined : fromOf(from, address),
    address,
    at,
  };
};

/**
 * Parses raw `Received` values, topmost first as in the message, into hops, oldest first.
 * `from` is "name [address]", either part missing when it was not said; `address` is the client's, as the server saw it, and
 * never what the client said of itself. Never throws; linear in the input.
 */
export const parseHops = (received: readonly string[]): Hop[] =>
  // The topmost ones are kept when there are too many: they are those that servers near us wrote.
  received.slice(0, most).map(hopOf).reverse();
