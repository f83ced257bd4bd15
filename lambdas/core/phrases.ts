/**
 * A matcher for tables of phrases: which row of a table do the words of a text fit? All phrases are read at once, a
 * character a step (Aho and Corasick, 1975), so that the time grows with the text alone: there is nothing to backtrack.
 */

/**
 * What stands in a table: phrases, separated by commas. Words are compared whole and without case; `a|b` is either word,
 * `word?` may be missing, `..` is any number of words, `^word` is the first word of the text, `.word` a label of a dotted
 * name (`.spamhaus` fits "zen.spamhaus.org"). Everything but letters, digits and dots between them separates words.
 */
export type Phrases<T> = readonly (readonly [T, phrases: string])[];

/** Every way to say one stretch of a phrase: alternatives and what may be missing, multiplied out. */
const ways = (stretch: string): string[][] => {
  let all: string[][] = [[]];
  for (const element of stretch.split(' ')) {
    const words = element.replace(/\?$/, '').split('|');
    const longer = all.flatMap((way) => words.map((word) => [...way, word]));
    all = element.endsWith('?') ? longer.concat(all) : longer;
  }
  return all;
};

/** How a way stands in a text that is spelled as `letters` says: between separators, or between them and dots. */
const spellings = (way: readonly string[]): string[] => {
  const text = way.join(' ');
  if (text.startsWith('^')) return [`^ ${text.slice(1)} `];
  return text.startsWith('.') ? [`${text} `, `${text}.`, ` ${text.slice(1)}.`] : [` ${text} `];
};

/** What texts are spelled with: whatever separates words is one blank, and `^` is the beginning. */
const letters = ' .^abcdefghijklmnopqrstuvwxyz0123456789';
const [separator, dot, beginning] = [0, 1, 2];
const letterOf = new Uint8Array(256);
for (const [index, letter] of [...letters].entries()) {
  if (index <= beginning) continue;
  letterOf[letter.charCodeAt(0)] = index;
  letterOf[letter.toUpperCase().charCodeAt(0)] = index;
}
const codeOf = (character: string): number => character.charCodeAt(0);
const [blank, period, closing, at, hyphen] = [codeOf(' '), codeOf('.'), codeOf('>'), codeOf('@'), codeOf('-')];
/** What needs a closer look: it separates words, but not always only that. */
const special = letters.length;
for (const character of '.<@') letterOf[codeOf(character)] = special;
const isOfName = (byte: number): boolean =>
  byte === hyphen || byte === period || ((letterOf[byte] as number) > beginning && letterOf[byte] !== special);

/** A spelling, or a part of one before a gap, that ends in a state: then it is this row, or opens that part. */
type End = { readonly length: number; readonly after: number; readonly row: number; readonly opens: number };
const none = -1;
const unread = 0x7fffffff;

/** The steps of a state: where each letter leads, and in the last place what ends here. */
const width = letters.length + 1;
const ending = letters.length;

/** All spellings together: a state is the place in `steps` where its own begin; `ends` is what may end in one. */
const statesOf = (spelled: readonly (readonly [spelling: string, end: End])[]) => {
  const most = spelled.reduce((sum, [spelling]) => sum + spelling.length, 1);
  const steps = new Int32Array(most * width);
  const ends: (readonly End[])[] = [[]];
  let used = width;
  const end = (state: number, more: readonly End[]): void => {
    steps[state + ending] = ends.push([...(ends[steps[state + ending] as number] ?? []), ...more]) - 1;
  };
  /** By which letters spellings go on, for each state. */
  const onward: number[][] = [[]];
  for (const [spelling, one] of spelled) {
    let state = 0;
    for (const character of spelling) {
      const letter = letters.indexOf(character);
      if (steps[state + letter] === 0) {
        steps[state + letter] = used;
        onward[state / width]?.push(letter);
        onward.push([]);
        used += width;
      }
      state = steps[state + letter] as number;
    }
    end(state, [one]);
  }
  // Where no spelling goes on, the longest one that began later may: its steps are taken over.
  const queue: [state: number, later: number][] = [[0, 0]];
  for (const [state, later] of queue) {
    const own = (onward[state / width] ?? []).map((letter) => [letter, steps[state + letter] as number] as const);
    if (state !== 0) steps.copyWithin(state, later, later + ending);
    for (const [letter, to] of own) {
      const other = state === 0 ? 0 : (steps[state + letter] as number);
      steps[state + letter] = to;
      const also = ends[steps[other + ending] as number] ?? [];
      if (also.length > 0) end(to, also);
      queue.push([to, other]);
    }
  }
  return { steps: steps.slice(0, used), ends };
};

/**
 * Takes a table, gives a function that takes a text and gives what stands in the first row that fits. Addresses and what
 * stands in angle brackets are not read: they are names that somebody chose, not what the server says.
 */
export const matcher = <T>(rows: Phrases<T>): ((text: string) => T | undefined) => {
  let parts = 0;
  const spelled: [string, End][] = [];
  rows.forEach(([, phrases], row) => {
    for (const phrase of phrases.split(/[,\n]/).map((one) => one.trim())) {
      let after = none;
      const stretches = phrase === '' ? [] : phrase.split(' .. ');
      stretches.forEach((stretch, index) => {
        const last = index === stretches.length - 1;
        for (const spelling of ways(stretch).flatMap(spellings))
          spelled.push([
            spelling,
            { length: spelling.length, after, row: last ? row : rows.length, opens: last ? none : parts },
          ]);
        if (!last) after = parts++;
      });
    }
  });
  const { steps, ends } = statesOf(spelled);

  // One text at a time: its bytes go to the same place each time. Reading them is three times as fast as `charCodeAt`.
  const encoder = new TextEncoder();
  let bytes = new Uint8Array(8192);
  /** Where each part before a gap was read to; only what is less than the letters read so far counts. */
  const readTo = new Int32Array(parts);
  const started = steps[(steps[beginning] as number) + separator] as number;

  const rowOf = (text: string): number => {
    if (bytes.length < text.length * 3) bytes = new Uint8Array(text.length * 3);
    const buffer = bytes;
    const { written } = encoder.encodeInto(text, buffer);
    readTo.fill(unread);
    let best = rows.length;
    let state = started;
    let last = separator;
    /** Letters read, as spelled. */
    let read = 2;
    // How it was at the last blank: the words after it may turn out to be an address.
    let blankBest = best;
    let blankState = state;
    let blankRead = read;
    let closed = false;
    for (let i = 0; i <= written; i++) {
      const byte = i < written ? (buffer[i] as number) : 0;
      let letter = letterOf[byte] as number;
      if (letter === special) {
        letter = separator;
        if (byte === period) {
          const follows = i + 1 < written ? (letterOf[buffer[i + 1] as number] as number) : separator;
          if (last > dot && follows > dot && follows !== special) letter = dot;
        } else if (byte === at) {
          best = blankBest;
          state = blankState;
          last = separator;
          read = blankRead;
          for (let part = 0; part < parts; part++) if ((readTo[part] as number) >= blankRead) readTo[part] = unread;
          while (i + 1 < written && isOfName(buffer[i + 1] as number)) i++;
        } else if (!closed) {
          let end = i;
          while (end < written && buffer[end] !== closing) end++;
          if (end === written) closed = true;
          else i = end;
        }
      }
      if (letter !== separator || last !== separator) {
        last = letter;
        state = steps[state + letter] as number;
        read++;
        const here = letter > dot ? 0 : (steps[state + ending] as number);
        if (here !== 0) {
          const list = ends[here] as readonly End[];
          for (let one = 0; one < list.length; one++) {
            const { length, after, row, opens } = list[one] as End;
            if (after !== none && (readTo[after] as number) > read - length) continue;
            if (row < best) best = row;
            // The separator that ends this part may begin the next one.
            if (opens !== none && readTo[opens] === unread) readTo[opens] = read - 1;
          }
        }
      }
      if (byte <= blank) {
        blankBest = best;
        blankState = state;
        blankRead = read;
      }
    }
    return best;
  };
  return (text) => rows[rowOf(text)]?.[0];
};
