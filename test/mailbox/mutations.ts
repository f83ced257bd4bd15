/** What a fuzz does to mails: each mutation takes a mail and a place in it, and gives another one. */
import fc from 'fast-check';

/** No mutated mail is longer; a report is read to its first 64 KiB. */
const longest = 80_000;

type Mutate = (raw: string, at: number, size: number) => string;

const insert =
  (what: (size: number) => string): Mutate =>
  (raw, at, size) =>
    raw.slice(0, at) + what(size) + raw.slice(at);
const repeat = (text: string) => insert((size) => text.repeat(Math.ceil(size / text.length)));
/** The whole line around a place. */
const lineAt = (raw: string, at: number): readonly [number, number] => {
  const begin = raw.lastIndexOf('\n', Math.max(0, at - 1)) + 1;
  const end = raw.indexOf('\n', at);
  return [begin, end < 0 ? raw.length : end + 1];
};
const flip: Mutate = (raw, at, size) =>
  raw.slice(0, at) + String.fromCharCode((raw.charCodeAt(at) ^ (1 << (size % 8))) & 0xff) + raw.slice(at + 1);

export const mutations: Readonly<Record<string, Mutate>> = {
  flip,
  cut: (raw, at) => raw.slice(0, at),
  behead: (raw, at) => raw.slice(at),
  'take out': (raw, at, size) => raw.slice(0, at) + raw.slice(at + size),
  'line twice': (raw, at) =>
    raw.slice(0, lineAt(raw, at)[1]) + raw.slice(...lineAt(raw, at)) + raw.slice(lineAt(raw, at)[1]),
  'line away': (raw, at) => raw.slice(0, lineAt(raw, at)[0]) + raw.slice(lineAt(raw, at)[1]),
  'line many times': (raw, at, size) =>
    raw.slice(0, lineAt(raw, at)[1]) +
    raw.slice(...lineAt(raw, at)).repeat(Math.min(200, size)) +
    raw.slice(lineAt(raw, at)[1]),
  'line to the top': (raw, at) => raw.slice(...lineAt(raw, at)) + raw,
  'long line': repeat('x'),
  NULs: repeat('\0'),
  '8-bit': insert((size) =>
    String.fromCharCode(...Array.from({ length: size % 200 }, (_, index) => 128 + ((index * 37) % 128))),
  ),
  comments: repeat('('),
  'closed comments': insert((size) => `${'('.repeat(size / 2)}${')'.repeat(size / 2)}`),
  quotes: repeat('"'),
  backslashes: repeat('\\'),
  semicolons: repeat(';'),
  brackets: repeat('<[('),
  blanks: repeat(' \t'),
  folds: repeat('\r\n '),
  'empty lines': repeat('\r\n'),
  'bare line feeds': (raw) => raw.replaceAll('\r\n', '\n'),
  'bare carriage returns': (raw) => raw.replaceAll('\r\n', '\r'),
  colons: repeat(':'),
  'encoded words': repeat('=?utf-8?Q?=41?= '),
  'percent escapes': repeat('%E0%'),
  entities: repeat('&#x41;&lt;'),
  tags: repeat('<p '),
  replies: repeat('550 5.1.1 x: '),
  addresses: repeat('a@b.'),
  boundaries: repeat('\r\n--b\r\n'),
  'nested multiparts': (raw, _, size) => {
    const depth = size % 60;
    const open = Array.from(
      { length: depth },
      (__, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`,
    );
    return `MIME-Version: 1.0\r\n${open.join('')}${raw}`;
  },
  'attached to itself': (raw) => `Content-Type: message/rfc822\r\n\r\n${raw}`,
  'upper case': (raw, at, size) => raw.slice(0, at) + raw.slice(at, at + size).toUpperCase() + raw.slice(at + size),
  'other half first': (raw, at) => raw.slice(at) + raw.slice(0, at),
};

const names = Object.keys(mutations);

/** One to four mutations; a place is a part of the length, so that headers and bodies get their share. */
const steps = fc.array(
  fc.record({
    name: fc.constantFrom(...names),
    place: fc.oneof(fc.nat({ max: 1000 }), fc.nat({ max: 250 })),
    size: fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 300 }) }, { weight: 1, arbitrary: fc.nat({ max: 20_000 }) }),
  }),
  { minLength: 1, maxLength: 4 },
);

/** Mutated mails made of these. */
export const mutated = (seeds: readonly string[]): fc.Arbitrary<string> =>
  fc.record({ seed: fc.constantFrom(...seeds), steps }).map(({ seed, steps: todo }) => {
    const change = (raw: string, { name, place, size }: (typeof todo)[number]) =>
      (mutations[name]?.(raw, Math.floor((raw.length * place) / 1000), size) ?? raw).slice(0, longest);
    return todo.reduce(change, seed);
  });
