/** Words made safe and short: ASCII lines of at most 80 characters, in which a stranger's text stays text. */
import type { Ms } from '../core/words.ts';

export const widest = { title: 60, line: 80, lines: 10 } as const;

/**
 * A stranger's words as plain ASCII: no control characters, no mentions, no links, no markup, at most `most` characters.
 * Look-alikes are resolved first, so that nothing is put together again after it was taken apart.
 */
export const plain = (words: string, most = 200): string => {
  const text = words
    .slice(0, 4 * most)
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}\p{Cs}]/gu, '')
    .replace(/[^\x20-\x7e]/gu, (letter) => (/\p{C}|\p{Z}/u.test(letter) ? ' ' : '?'))
    .replace(/[<>*]/g, '')
    .replace(/[[{]/g, '(')
    .replace(/[\]}]/g, ')')
    .replace(/[|\\]/g, '/')
    .replaceAll('~', '-')
    .replaceAll('`', "'")
    .replaceAll('&', '+')
    .replace(/(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])/g, '')
    .replace(/\S*:\/\/\S*|\bwww\.\S*|\b(mailto|tel|sms|data|javascript|vbscript):\S*/gi, '(link)')
    .replaceAll('@', '(at)')
    .replace(/\s+/g, ' ')
    .trim();
  return cut(text, most);
};

/** Shortens at a word boundary where there is one near. */
export const cut = (text: string, most: number): string => {
  if (text.length <= most) return text;
  const room = text.slice(0, Math.max(0, most - 3));
  const end = room.lastIndexOf(' ');
  return `${(end > most / 2 ? room.slice(0, end) : room).replace(/[\s,:;(]+$/, '')}...`.slice(0, most);
};

/** Names, at most so many, then a count. */
export const listed = (names: readonly string[], most: number): string => {
  const shown = names.slice(0, most).map((name) => plain(name, 60));
  return names.length > most ? `${shown.join(', ')} and ${names.length - most} more` : shown.join(', ');
};

/** In minutes below two hours, then in hours and minutes; never less than a minute. */
export const duration = (span: Ms): string => {
  if (span < 60_000) return 'under 1 min';
  const minutes = Math.round(span / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

/** "Tue 17 Nov 10:05 (UTC+1)". Throws a RangeError for a zone that does not exist. */
export const timeIn = (at: Ms, timezone: string): string => {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'shortOffset',
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? '';
  const zone = part('timeZoneName').replace('GMT', 'UTC');
  return `${part('weekday')} ${part('day')} ${part('month')} ${part('hour')}:${part('minute')} (${zone})`;
};

/** One text of a body, how much it matters, and how many lines it may take. `own` is an address of ours, kept as it is. */
export type Line = {
  readonly text: string | { readonly own: string } | undefined;
  readonly keep: number;
  readonly most?: number;
};

const wrapped = (text: string, most: number): string[] => {
  const lines: string[] = [];
  let rest = text;
  while (lines.length < most - 1 && rest.length > widest.line) {
    const end = rest.lastIndexOf(' ', widest.line);
    const at = end > widest.line / 2 ? end : widest.line;
    lines.push(rest.slice(0, at).trimEnd());
    rest = `  ${rest.slice(at).trim()}`;
  }
  return [...lines, cut(rest, widest.line)];
};

const ownAddress = (address: string): string | undefined =>
  [`Runbook: ${address}`, address].find((line) => line.length <= widest.line && /^[\x21-\x7e][\x20-\x7e]*$/.test(line));

/** A body within its lines: what matters least is left out first, and room that is left goes to what matters most. */
export const fitted = (lines: readonly Line[]): string[] => {
  const there = lines.flatMap(({ text, keep, most = 1 }) => {
    const words = typeof text === 'object' ? ownAddress(text.own) : text;
    return words === undefined ? [] : [{ words, keep, most, lines: 1 }];
  });
  const ranked = [...there].sort((a, b) => b.keep - a.keep).slice(0, widest.lines);
  let room = widest.lines - ranked.length;
  for (const line of ranked) {
    while (room > 0 && line.lines < line.most && wrapped(line.words, line.lines + 1).length > line.lines) {
      line.lines += 1;
      room -= 1;
    }
  }
  return there.filter((line) => ranked.includes(line)).flatMap((line) => wrapped(line.words, line.lines));
};
