/** Reports of mail that was returned or is delayed: RFC 3464, and the looser forms of those who wrote before or beside it. */
import type { Bounce } from '../core/words.ts';
import { type Field, first, type Marks, marksOf, parseFields } from './header.ts';
import { cutHeader, type Part, partsOf, textOfHtml } from './mime.ts';
import { cutReturned, isKnownText, says } from './plain.ts';
import { asHost, isFinal, speakerIn, wordsIn } from './said.ts';
import { readStatus, type Said } from './status.ts';
import { isServersOwn, mayBeBounce } from './suspects.ts';

/** More of a report is not read; the parts that matter come before any returned body. */
export const longestReport = 64 * 1024;

/** What a report says of a canary. Without its marks only the ids in `bounce` say whose it is. */
export type Returned = Marks & { readonly bounce: Bounce };

const returnedTypes = [
  'text/rfc822-headers',
  'text/rfc822-header',
  'message/rfc822',
  'message/rfc822-headers',
  'message/global',
  'message/global-headers',
];

/** The readable texts of a report: plain ones together, else those in HTML. */
const textIn = (parts: readonly Part[]): string => {
  const of = (type: string) => parts.filter((part) => part.type === type).map(({ body }) => body);
  const plain = of('text/plain').join('\n');
  return plain.trim() === '' ? of('text/html').map(textOfHtml).join('\n') : plain;
};

/** The host in the address of a mail system: "MAILER-DAEMON@mx.example.com". */
const senderHost = (fields: readonly Field[]): string | undefined =>
  asHost(
    /(?:mailer-?daemon|mdaemon|postmaster)@([\w.-]{1,253})/i.exec((first(fields, 'From') ?? '').slice(0, 500))?.[1],
  );

/** A report that is a text for people: only what is known to be one, or a refusal with a returned mail from a mail system. */
const readText = (fields: readonly Field[], text: string, hasReturned: boolean): Said | undefined => {
  const known = isKnownText(text) || first(fields, 'X-Failed-Recipients') !== undefined;
  if (!known && !(hasReturned && isServersOwn(fields) && isFinal(text))) return undefined;
  return {
    state: says(text),
    words: wordsIn(text),
    reportedBy: speakerIn(text) ?? senderHost(fields),
    queueId: /^The message identifier is:\s{1,20}([\w-]{6,64})$/m.exec(text)?.[1],
  };
};

/**
 * Reads a report (the first bytes of a message). Undefined when it is none, when nothing failed or waits, and when nothing
 * in it can be a canary's: neither its marks in the headers that came back, where such headers stand, nor an id.
 */
export const readReport = (source: Buffer): Returned | undefined => {
  const [header, body] = cutHeader(source.toString('latin1', 0, longestReport));
  const fields = parseFields(header);
  if (!mayBeBounce(fields)) return undefined;
  const parts = partsOf(fields, body);
  const status = parts.find(
    ({ type }) => type === 'message/delivery-status' || type === 'message/global-delivery-status',
  );
  const attached = parts.find(({ type }) => returnedTypes.includes(type));
  const [text, quoted] = cutReturned(textIn(parts));
  const said = status === undefined ? readText(fields, text, attached !== undefined) : readStatus(status.body);
  if (said === undefined) return undefined;

  const returned = [attached?.body, quoted].map((headers) => parseFields(headers ?? ''));
  const marks = returned.map(marksOf).find((found) => found !== undefined);
  const bounce = {
    words: said.words ?? wordsIn(text) ?? said.status ?? 'returned without a reason',
    reportedBy: said.reportedBy,
    ...(said.state === 'delayed' ? { delayed: true as const } : {}),
  };
  if (marks !== undefined) return { ...marks, bounce };
  // Headers with somebody's Message-ID are somebody's mail, whatever else the report names.
  const isSomebodys = returned.some((headers) => first(headers, 'Message-ID') !== undefined);
  if (isSomebodys && said.envelopeId === undefined) return undefined;
  if (said.envelopeId === undefined && said.queueId === undefined) return undefined;
  return { hops: [], bounce: { ...bounce, envelopeId: said.envelopeId, queueId: said.queueId } };
};
