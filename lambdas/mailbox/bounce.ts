/** Delivery status notifications (RFC 3464): a real report, with the headers of the canary that came back. */
import { contentType, first, type Marks, marksOf, parseFields } from './header.ts';

/** More of a report is not read; the parts that matter come before any returned body. */
export const longestReport = 64 * 1024;

const longestWords = 500;

/** True for the Content-Type of a delivery status notification; a read receipt is `disposition-notification`. */
export const isReport = (type: string | undefined): boolean => {
  const { type: media, parameters } = contentType(type);
  return media === 'multipart/report' && parameters.get('report-type')?.toLowerCase() === 'delivery-status';
};

/** Any report: its own headers are never those of an arrived canary, even if a server copied them there. */
export const isAnyReport = (type: string | undefined): boolean => contentType(type).type === 'multipart/report';

type Part = { readonly type: string; readonly body: string };

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

const cutHeader = (text: string): readonly [header: string, body: string] => {
  if (/^\r?\n/.test(text)) return ['', text.replace(/^\r?\n/, '')];
  const end = /\r?\n\r?\n/.exec(text);
  return end === null ? [text, ''] : [text.slice(0, end.index), text.slice(end.index + end[0].length)];
};

/** The parts of a multipart body, first level only (RFC 2046 5.1.1); line by line, so linear. */
const partsOf = (body: string, boundary: string): Part[] => {
  const parts: string[][] = [];
  let open = false;
  for (const line of body.split('\n')) {
    const text = line.trimEnd();
    if (text === `--${boundary}--`) break;
    if (text === `--${boundary}`) {
      parts.push([]);
      open = true;
    } else if (open) parts.at(-1)?.push(line);
  }
  return parts.map((lines) => {
    const [header, content] = cutHeader(lines.join('\n'));
    const fields = parseFields(header);
    return {
      type: contentType(first(fields, 'Content-Type')).type,
      body: decode(content, first(fields, 'Content-Transfer-Encoding')),
    };
  });
};

/** "smtp; 550 5.1.1 …" and "dns; mx.example.com": the type before the semicolon says nothing to people. */
const untyped = (value: string): string => value.replace(/^[a-z0-9-]{1,40}\s*;\s*/i, '').slice(0, longestWords);

/** The groups of a delivery-status body: one about the message, then one per recipient (RFC 3464 2.1). */
const groupsOf = (body: string) => body.split(/\r?\n[ \t]*\r?\n/).map(parseFields);

/** What a report says of a canary that came back. */
export type Returned = Marks & {
  readonly bounce: { readonly words: string; readonly reportedBy?: string | undefined };
};

/**
 * Reads a delivery status notification; undefined when it is none, when it returned no canary, or when nothing failed:
 * "delayed" and "delivered" are reports too, and no bounces.
 */
export const readReport = (source: Buffer): Returned | undefined => {
  const [header, body] = cutHeader(source.toString('latin1', 0, longestReport));
  const type = first(parseFields(header), 'Content-Type');
  const boundary = contentType(type).parameters.get('boundary');
  if (!isReport(type) || boundary === undefined) return undefined;

  const parts = partsOf(body, boundary);
  const status = parts.find((part) => part.type === 'message/delivery-status');
  const returned = parts.find((part) => part.type === 'text/rfc822-headers' || part.type === 'message/rfc822');
  if (status === undefined || returned === undefined) return undefined;

  const marks = marksOf(parseFields(returned.body));
  const groups = groupsOf(status.body);
  const failed = groups.find((group) => first(group, 'Action')?.toLowerCase() === 'failed');
  if (marks === undefined || failed === undefined) return undefined;

  const reporter = groups.map((group) => first(group, 'Reporting-MTA')).find((value) => value !== undefined);
  const words = first(failed, 'Diagnostic-Code') ?? first(failed, 'Status') ?? 'returned without a reason';
  return {
    ...marks,
    bounce: { words: untyped(words), reportedBy: reporter === undefined ? undefined : untyped(reporter) },
  };
};
