/** Reading a stored message: its header fields, and the sections that FETCH asks for (RFC 3501 6.4.5). */
import type { StoredMessage } from './store.ts';
import { numberedPart } from './structure.ts';

type Line = {
  /** The field's name in lower case. */
  readonly name: string;
  /** The whole field, with its folding. */
  readonly text: string;
};
type Parsed = { readonly headerEnd: number; readonly lines: readonly Line[] };

const nameOf = (line: string): string => line.slice(0, line.indexOf(':')).trim().toLowerCase();
const unfolded = (line: string): string => line.slice(line.indexOf(':') + 1).replace(/\r\n(?=[ \t])/g, '');

/** Encoded words (RFC 2047) as their bytes: servers search what people read. */
const decoded = (value: string): string =>
  value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?[^?\s]+\?([bq])\?([^?\s]*)\?=/gi, (_, encoding: string, text: string) =>
      /b/i.test(encoding)
        ? Buffer.from(text, 'base64').toString('latin1')
        : text
            .replaceAll('_', ' ')
            .replace(/=([0-9A-F]{2})/gi, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    );

const cache = new WeakMap<Buffer, Parsed>();

/** Header lines with their folding, and where the header ends (behind the empty line). */
const parse = (raw: Buffer): Parsed => {
  const known = cache.get(raw);
  if (known !== undefined) return known;
  const [crlf, lf] = [raw.indexOf('\r\n\r\n'), raw.indexOf('\n\n')];
  const ends = [crlf < 0 ? raw.length : crlf + 4, lf < 0 ? raw.length : lf + 2];
  const headerEnd = Math.min(...ends);
  const lines: string[] = [];
  for (const line of raw.toString('latin1', 0, headerEnd).split(/\r?\n/)) {
    const last = lines.length - 1;
    if (/^[ \t]/.test(line) && last >= 0) lines[last] += `\r\n${line}`;
    else if (line !== '') lines.push(line);
  }
  const parsed = { headerEnd, lines: lines.map((text) => ({ name: nameOf(text), text })) };
  cache.set(raw, parsed);
  return parsed;
};

const searchable = new WeakMap<Buffer, ReadonlyMap<string, readonly string[]>>();

const none: readonly string[] = [];

/** What a search compares: the values of a header field, unfolded, decoded and in lower case; its name in lower case, too. */
export const searchedValues = ({ raw }: StoredMessage, name: string): readonly string[] => {
  const known = searchable.get(raw);
  if (known !== undefined) return known.get(name) ?? none;
  const values = new Map<string, readonly string[]>();
  for (const { name: field, text } of parse(raw).lines)
    values.set(field, [...(values.get(field) ?? none), decoded(unfolded(text)).toLowerCase()]);
  searchable.set(raw, values);
  return values.get(name) ?? none;
};

const fields = (raw: Buffer, keep: (name: string) => boolean): Buffer => {
  const kept = parse(raw).lines.filter(({ name }) => keep(name));
  return Buffer.from([...kept.map(({ text }) => text), '', ''].join('\r\n'), 'latin1');
};

/** The bytes of a section ("", "HEADER", "TEXT", "HEADER.FIELDS (A B)", "2", "2.MIME"); undefined when there is no such part. */
export const section = (raw: Buffer, spec: string): Buffer | undefined => {
  const some = /^HEADER\.FIELDS(\.NOT)? \(([^)]*)\)$/i.exec(spec);
  if (some !== null) {
    const names = (some[2] ?? '').toLowerCase().replaceAll('"', '').split(' ');
    return fields(raw, (name) => names.includes(name) === (some[1] === undefined));
  }
  const { headerEnd } = parse(raw);
  if (spec === '') return raw;
  if (/^HEADER$/i.test(spec)) return raw.subarray(0, headerEnd);
  if (/^TEXT$/i.test(spec)) return raw.subarray(headerEnd);
  return numberedPart(raw, spec);
};

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** "06-Nov-2025 10:00:00 +0000"; said in a zone so many minutes east of Greenwich. */
export const imapDate = (at: number, east = 0): string => {
  const [date = '', time = ''] = new Date(at + east * 60_000).toISOString().split('T');
  const [year, month, day] = date.split('-');
  const minutes = Math.abs(east);
  const zone = `${Math.floor(minutes / 60)}`.padStart(2, '0') + `${minutes % 60}`.padStart(2, '0');
  return `${day}-${months[Number(month) - 1]}-${year} ${time.slice(0, 8)} ${east < 0 ? '-' : '+'}${zone}`;
};

/** Reads "6-Nov-2025", or a date with time and zone; NaN when it is neither. */
export const parseImapDate = (text: string): number => {
  const match = /^ ?(\d{1,2})-([A-Za-z]{3})-(\d{4})(?: (\d\d:\d\d:\d\d) ([+-]\d{4}))?$/.exec(text);
  if (match === null) return Number.NaN;
  const [, day, month, year, time = '00:00:00', zone = '+0000'] = match;
  return Date.parse(`${day} ${month} ${year} ${time} ${zone}`);
};
