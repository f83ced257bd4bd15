/** The fields of a header that a look reads, without the work of splitting all others: most mail is somebody's. */
import { type Field, fieldNames, parseFields } from './header.ts';

const wanted: ReadonlySet<string> = new Set(fieldNames.map((name) => name.toLowerCase()));
/** What stands behind so many bytes of a header was not written by a mail server. */
const longestHeader = 256 * 1024;

const isFolded = (text: string, at: number): boolean => text[at] === ' ' || text[at] === '\t';

/** Where the line ends behind its line break; the end of the text for the last one. */
const nextLine = (text: string, at: number): number => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end + 1;
};

const isEmpty = (text: string, at: number): boolean =>
  at < text.length && (text[at] === '\n' || (text[at] === '\r' && (text[at + 1] === '\n' || at + 1 === text.length)));

/** One field from its first byte to the line break behind its last line, as `parseFields` reads it; none when nobody wants it. */
const fieldIn = (text: string, from: number, firstEnd: number, end: number): Field | undefined => {
  const first = text.slice(from, firstEnd);
  const colon = first.indexOf(':');
  // A name may be folded away from its colon.
  if (colon < 0 && firstEnd === end) return undefined;
  if (colon < 0) return parseFields(text.slice(from, end)).find(({ name }) => wanted.has(name));
  const name = first.slice(0, colon).trim().toLowerCase();
  if (!wanted.has(name)) return undefined;
  const value = text.slice(from + colon + 1, end);
  const unfolded =
    firstEnd === end
      ? value
      : value
          .split('\n')
          .map((line) => line.trim())
          .join(' ');
  return { name, value: unfolded.trim() };
};

/** The same fields as `parseFields` finds, topmost first, but only those that a look reads; linear in the input. */
export const wantedFields = (header: Buffer): Field[] => {
  const text = header.toString('latin1', 0, longestHeader);
  const fields: Field[] = [];
  let at = 0;
  while (isEmpty(text, at) || isFolded(text, at)) at = nextLine(text, at);
  while (at < text.length && !isEmpty(text, at)) {
    const firstEnd = nextLine(text, at);
    let end = firstEnd;
    while (end < text.length && isFolded(text, end)) end = nextLine(text, end);
    const field = fieldIn(text, at, firstEnd, end);
    if (field !== undefined) fields.push(field);
    at = end;
  }
  return fields;
};
