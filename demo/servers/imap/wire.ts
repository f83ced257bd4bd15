/** The wire format of IMAP (RFC 3501 section 4): commands with literals, cut out of a byte stream and split into tokens. */

/** An atom (with its `[section]<partial>`), a quoted string or literal, or a parenthesised list. Text is latin1, one char per byte. */
export type Token =
  | { readonly kind: 'atom' | 'string'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly Token[] };

/** One command: text, and the literals between (RFC 3501 4.3). */
export type Segments = readonly (string | Buffer)[];

const most = 64 * 1024 * 1024;

/** Cuts bytes into commands. `ask` is called when the client waits for leave to send a literal. */
export const createReader = (ask: () => void) => {
  let bytes: Buffer = Buffer.alloc(0);
  let segments: (string | Buffer)[] = [];
  let missing: number | undefined;
  let waiting: ((command: Segments | undefined) => void) | undefined;
  let ended = false;
  const ready: Segments[] = [];

  const cut = (): boolean => {
    if (missing !== undefined) {
      if (bytes.length < missing) return false;
      segments.push(bytes.subarray(0, missing));
      bytes = bytes.subarray(missing);
      missing = undefined;
      return true;
    }
    const end = bytes.indexOf('\n');
    if (end < 0) return false;
    const line = bytes.toString('latin1', 0, end).replace(/\r$/, '');
    bytes = bytes.subarray(end + 1);
    const literal = /\{(\d{1,9})(\+?)\}$/.exec(line);
    if (literal === null) {
      ready.push([...segments, line]);
      segments = [];
      return true;
    }
    segments.push(line.slice(0, literal.index));
    missing = Number(literal[1]);
    if (literal[2] === '') ask();
    return true;
  };

  const hand = () => {
    if (waiting === undefined || (ready.length === 0 && !ended)) return;
    const give = waiting;
    waiting = undefined;
    give(ready.shift());
  };

  return {
    push(chunk: Buffer): void {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (bytes.length > most) throw new Error('command too long');
      while (cut());
      hand();
    },
    /** The next command; undefined when the client is gone. */
    next(): Promise<Segments | undefined> {
      return new Promise((resolve) => {
        waiting = resolve;
        hand();
      });
    },
    end(): void {
      ended = true;
      hand();
    },
  };
};

const endOfAtom = (text: string, from: number): number => {
  let at = from;
  while (at < text.length && !' ()"'.includes(text.charAt(at))) {
    if (text[at] === '[') {
      const close = text.indexOf(']', at);
      at = close < 0 ? text.length : close;
    }
    at += 1;
  }
  return at;
};

const quoted = (text: string, from: number): { value: string; end: number } => {
  let value = '';
  let at = from + 1;
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\') at += 1;
    value += text.charAt(at);
    at += 1;
  }
  return { value, end: at + 1 };
};

/** Splits a command into tokens. Throws on parentheses that do not match. */
export const tokenise = (segments: Segments): Token[] => {
  const stack: Token[][] = [[]];
  const add = (token: Token) => stack.at(-1)?.push(token);
  for (const segment of segments) {
    if (typeof segment !== 'string') {
      add({ kind: 'string', text: segment.toString('latin1') });
      continue;
    }
    let at = 0;
    while (at < segment.length) {
      const char = segment[at];
      if (char === '(') stack.push([]);
      if (char === ')') {
        const items = stack.pop() ?? [];
        if (stack.length === 0) throw new Error('unexpected )');
        add({ kind: 'list', items });
      }
      if (char === '"') {
        const { value, end } = quoted(segment, at);
        add({ kind: 'string', text: value });
        at = end;
      } else if (char === ' ' || char === '(' || char === ')') at += 1;
      else {
        const end = Math.max(at + 1, endOfAtom(segment, at));
        add({ kind: 'atom', text: segment.slice(at, end) });
        at = end;
      }
    }
  }
  if (stack.length !== 1) throw new Error('missing )');
  return stack[0] ?? [];
};

/** The text of an atom or string; a list, or nothing, is an error of the client. */
export const textOf = (token: Token | undefined): string => {
  if (token === undefined || token.kind === 'list') throw new Error('a string was expected');
  return token.text;
};

/** The items of a list; a single token counts as a list of one. */
export const itemsOf = (token: Token | undefined): readonly Token[] =>
  token === undefined ? [] : token.kind === 'list' ? token.items : [token];

/** A string as the server sends it. */
export const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** Tests membership in a sequence set ("1:4,9,20:*"); `last` is what `*` stands for. */
export const inSet = (set: string, last: number): ((number: number) => boolean) => {
  const value = (text: string) => {
    if (text === '*') return last;
    if (!/^[1-9]\d{0,9}$/.test(text)) throw new Error(`bad sequence set ${set}`);
    return Number(text);
  };
  const ranges = set
    .split(',')
    .map((part) => {
      const [from = '', to = from] = part.split(':');
      const [a, b] = [value(from), value(to)];
      return [Math.min(a, b), Math.max(a, b)] as const;
    })
    .sort(([a], [b]) => a - b);
  /** The highest end of the ranges up to each: those of a client may overlap. */
  const ends: number[] = [];
  for (const [, to] of ranges) ends.push(Math.max(to, ends.at(-1) ?? 0));
  return (number) => {
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle]?.[0] ?? Number.POSITIVE_INFINITY) <= number) low = middle + 1;
      else high = middle;
    }
    return low > 0 && number <= (ends[low - 1] ?? 0);
  };
};
