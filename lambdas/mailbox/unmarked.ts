/** Mails that name a canary in their subject and carry none of its marks: a gateway stripped them. Hints, which prove nothing. */
import type { Unmarked } from '../core/words.ts';
import { stillOpen, toSet } from './commands.ts';
import { type Field, fieldNames, first, isOurs, parseFields } from './header.ts';
import type { Folder } from './messages.ts';
import { isServersOwn, mayBeBounce } from './suspects.ts';

/** How many a look tells of. */
export const mostUnmarked = 20;
/** How many mails of a folder are asked for what they are; there is one at most for each canary, but for replies. */
const mostAsked = 100;
const longestSubject = 2000;

/** What a reply has, an answer of a machine or the copy of a list, besides what a look asks for anyway. */
const ofAnswers = ['In-Reply-To', 'References', 'List-Id'] as const;

/** Encoded words (RFC 2047) as text. What matters of it is ASCII, so that bytes are as good as characters. */
export const decodedWords = (text: string): string => {
  const word = /=\?[\w.+*-]{1,40}\?([bqBQ])\?([^?\s]{0,400})\?=/g;
  // Blanks between two encoded words belong to their folding, not to the text (RFC 2047 6.2).
  const joined = text.slice(0, longestSubject).replace(/\?=\s{1,20}=\?/g, '?==?');
  return joined.replace(word, (_, encoding: string, value: string) =>
    encoding.toLowerCase() === 'b'
      ? Buffer.from(value, 'base64').toString('latin1')
      : value
          .replaceAll('_', ' ')
          .replace(/=([0-9A-Fa-f]{2})/g, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
};

/** What a gateway puts before a subject: "[EXTERNAL] ", "***SPAM*** ", "{Spam?} ", "External: ". */
const tag =
  /^\s{0,20}(?:\[[^\]]{1,60}\]|\*{2,9}[^*]{1,60}\*{2,9}|\{[^}]{1,60}\}|(?:external|ext|spam|caution|junk)\s?:)/i;
/** What people's programs put before a subject that they answer, pass on or decline, in the languages that they speak. */
const answered =
  /^\s{0,20}(?:re|aw|antw(?:oord|ort)?|sv|vs|ref|rif|res|r|odp|ynt|bls|fwd?|wg|wtr|vb|vl|enc|i|tr|doorst|pd|rv|(?:automatic|auto) ?(?:reply|response)|autoreply|abwesenheit|automatische antwort|out of (?:the )?office|read|gelesen|not read|accepted|declined|recall)\b\s?(?:\[\d{1,3}\]|\(\d{1,3}\))?\s?:/i;

/** The subject behind the tags of gateways. */
const untagged = (subject: string): string => {
  let rest = subject;
  for (let tags = 0; tags < 5; tags += 1) {
    const found = tag.exec(rest);
    if (found === null) break;
    rest = rest.slice(found[0].length);
  }
  return rest;
};

const isAnswer = (fields: readonly Field[], subject: string): boolean =>
  answered.test(untagged(subject)) ||
  first(fields, 'List-Id') !== undefined ||
  /^auto-replied/i.test(first(fields, 'Auto-Submitted') ?? '') ||
  ['In-Reply-To', 'References'].some((name) =>
    (first(fields, name) ?? '')
      .slice(0, 10_000)
      .split(/\s+/)
      .some((id) => isOurs(id)),
  );

/** The ids that the subject of such a mail names, by its header fields; none for a canary, a report, a reply, a forward. */
export const unmarkedIn = (fields: readonly Field[], ids: ReadonlySet<string>): readonly string[] => {
  const subject = decodedWords(first(fields, 'Subject') ?? '');
  const named = (subject.toLowerCase().match(/(?<![a-z])[bcdfghjklmnpqrstvwxz]{20}(?![a-z])/g) ?? []).filter((id) =>
    ids.has(id),
  );
  const isMarked = first(fields, 'X-Mail-Canary') !== undefined || isOurs(first(fields, 'Message-ID'));
  if (named.length === 0 || isMarked || isServersOwn(fields) || mayBeBounce(fields)) return [];
  return isAnswer(fields, subject) ? [] : [...new Set(named)];
};

/** Which of these messages of the open folder are such mails. */
export const findUnmarked = async (
  folder: Folder,
  uids: readonly number[],
  ids: ReadonlySet<string>,
): Promise<Unmarked[]> => {
  const found = new Set<string>();
  // Whoever answers comes later.
  const oldest = [...uids].sort((a, b) => a - b).slice(0, mostAsked);
  if (oldest.length === 0) return [];
  const query = { uid: true, headers: [...fieldNames, ...ofAnswers] };
  for await (const { headers } of folder.client.fetch(toSet(oldest), query, { uid: true })) {
    if (!Buffer.isBuffer(headers)) continue;
    for (const id of unmarkedIn(parseFields(headers.toString('latin1')), ids)) found.add(id);
  }
  stillOpen(folder.client, folder.path);
  return [...found].map((id) => ({ id, folder: folder.path }));
};
