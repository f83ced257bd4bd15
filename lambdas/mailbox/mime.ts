/** The parts of a mail that may be a report: multiparts are opened, attached messages stay closed; bounded, and linear in the input. */
import { contentType, type Field, first, parseFields } from './header.ts';

/** One part that is no multipart. The body is decoded, one character per byte. */
export type Part = { readonly type: string; readonly body: string };

/** Reports have three parts, one of them perhaps an alternative; whoever nests or repeats more has something else in mind. */
const deepest = 4;
const most = 40;

const decode = (body: string, encoding: string | undefined): string => {
  switch (encoding?.trim().toLowerCase()) {
    case 'base64':
      return Buffer.from(body, 'base64').toString('latin1');
    case 'quoted-printable':
      // Line by line: a pattern that spans lines takes quadratic time on a run of blanks.
      return body
        .split('\n')
        .map((line) => line.trimEnd())
        .map((line) => (line.endsWith('=') ? line.slice(0, -1) : `${line}\n`))
        .join('')
        .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    default:
      return body;
  }
};

/** Cuts a message, or a part of one, at its first empty line. */
export const cutHeader = (text: string): readonly [header: string, body: string] => {
  if (/^\r?\n/.test(text)) return ['', text.replace(/^\r?\n/, '')];
  const end = /\r?\n\r?\n/.exec(text);
  return end === null ? [text, ''] : [text.slice(0, end.index), text.slice(end.index + end[0].length)];
};

/** The texts between the lines of a boundary (RFC 2046 5.1.1), at most `most` of them. */
const cutAt = (body: string, boundary: string): string[] => {
  const parts: string[][] = [];
  for (const line of body.split('\n')) {
    const text = line.startsWith('--') ? line.trimEnd() : '';
    if (text === `--${boundary}--`) break;
    if (text === `--${boundary}`) {
      if (parts.length === most) break;
      parts.push([]);
    } else parts.at(-1)?.push(line);
  }
  return parts.map((lines) => lines.join('\n'));
};

/** The parts of a mail, or of a part of it, in their order. A multipart without a boundary has none. */
export const partsOf = (fields: readonly Field[], body: string, depth = 0): Part[] => {
  const { type, parameters } = contentType(first(fields, 'Content-Type'));
  if (!type.startsWith('multipart/'))
    return [
      { type: type === '' ? 'text/plain' : type, body: decode(body, first(fields, 'Content-Transfer-Encoding')) },
    ];
  const boundary = parameters.get('boundary') ?? '';
  if (boundary === '' || depth === deepest) return [];
  const parts: Part[] = [];
  for (const text of cutAt(body, boundary)) {
    if (parts.length >= most) break;
    const [header, content] = cutHeader(text);
    parts.push(...partsOf(parseFields(header), content, depth + 1));
  }
  return parts;
};

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'", nbsp: ' ' };

const entity = (whole: string, name: string): string => {
  if (!name.startsWith('#')) return named[name.toLowerCase()] ?? whole;
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  return code === 160 ? ' ' : code > 31 && code < 127 ? String.fromCharCode(code) : whole;
};

/** The text of an HTML part, a line for each block of it; enough to find a line in, not to show. */
export const textOfHtml = (html: string): string =>
  html
    .replace(/<\/?(?:br|p|div|tr|td|th|li|pre|table|h[1-6]|title)\b[^<>]*>/gi, '\n')
    .replace(/<[^<>]*>/g, '')
    .replace(/&(#?[A-Za-z0-9]{1,8});/g, entity);
