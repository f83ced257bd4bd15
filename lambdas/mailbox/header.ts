/** Header fields of a message as they came over IMAP: split, unfolded, and what in them makes a mail look like a canary. */

import { canaryId } from '../core/canary.ts';
import type { Hop } from '../core/words.ts';
import { parseHops } from './hops.ts';
import { spamFields } from './spam.ts';

/** A header field; the name in lower case, the value with its folding collapsed. */
export type Field = { readonly name: string; readonly value: string };

/** The fields that a look asks for. Asking for these costs what full headers cost, and carries less (FACTS). */
export const fieldNames = [
  'X-Mail-Canary',
  'Message-ID',
  'Received',
  'Content-Type',
  // What tells a server's report from somebody's mail.
  'From',
  'Subject',
  'Return-Path',
  'Auto-Submitted',
  'X-Failed-Recipients',
  'X-MS-Exchange-Message-Is-Ndr',
  // What the mailbox's server and its filters found.
  'Authentication-Results',
  ...spamFields,
] as const;

/** Splits a header into fields, topmost first. Lines that are no field are passed over; linear in the input. */
export const parseFields = (header: string): Field[] => {
  const lines: string[][] = [];
  for (const line of header.split('\n')) {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text === '') {
      if (lines.length > 0) break;
    } else if (text.startsWith(' ') || text.startsWith('\t')) lines.at(-1)?.push(text);
    else lines.push([text]);
  }
  return lines.flatMap((parts) => {
    const whole = parts.map((part) => part.trim()).join(' ');
    const colon = whole.indexOf(':');
    if (colon < 1) return [];
    return [{ name: whole.slice(0, colon).trim().toLowerCase(), value: whole.slice(colon + 1).trim() }];
  });
};

/** The topmost field of that name. */
export const first = (fields: readonly Field[], name: string): string | undefined =>
  fields.find((field) => field.name === name.toLowerCase())?.value;

/** What is read from the headers of a canary, in a mail or in a bounce. */
export type Marks = {
  readonly canary?: string | undefined;
  readonly messageId?: string | undefined;
  readonly hops: readonly Hop[];
};

/** The Message-ID of a canary begins with its id: 20 consonants and a dot. */
const ours = /^<[bcdfghjklmnpqrstvwxz]{20}\./;

/** True for a Message-ID of the form that canaries have. */
export const isOurs = (messageId: string | undefined): boolean => ours.test(messageId ?? '');

/** The marks of a canary; undefined for somebody's mail. Whether it is ours is decided by its token, elsewhere. */
export const marksOf = (fields: readonly Field[]): Marks | undefined => {
  const canary = first(fields, 'X-Mail-Canary');
  const messageId = first(fields, 'Message-ID');
  if (canary === undefined && !isOurs(messageId)) return undefined;
  const received = fields.filter(({ name }) => name === 'received').map(({ value }) => value);
  return { canary, messageId, hops: parseHops(received) };
};

/** The id that the header of a canary stands for, signed or not: it names route and slot (see canary.ts). */
const idOfHeader = (canary: string): string | undefined => {
  const tag = (name: string) => new RegExp(`(?:^|;)\\s*${name}=([^;]{1,600})`).exec(canary.slice(0, 2000))?.[1];
  const [route, slot] = [tag('r'), tag('s')].map((value) => value?.replace(/\s+/g, ''));
  if (route === undefined || slot === undefined) return undefined;
  try {
    return canaryId(decodeURIComponent(route), Number(slot));
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
};

/** The canary ids that the marks name. SES rewrites the Message-ID, other gateways strip the header. */
export const idsNamed = ({ messageId = '', canary }: Pick<Marks, 'messageId' | 'canary'>): string[] => {
  const named = isOurs(messageId) ? messageId.slice(1, 21) : undefined;
  return [named, canary === undefined ? undefined : idOfHeader(canary)].filter((id) => id !== undefined);
};

/** The lower-case media type and the parameters of a Content-Type (RFC 2045 5.1). */
export const contentType = (value: string | undefined) => {
  const text = (value ?? '').slice(0, 2000);
  const parameters = new Map<string, string>();
  for (const match of text.matchAll(/;\s*([A-Za-z0-9*-]{1,40})=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/g)) {
    const [, name = '', quoted, plain] = match;
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return { type: (text.split(';')[0] ?? '').trim().toLowerCase(), parameters };
};
