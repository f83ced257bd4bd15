/** What a server said, found in the text that another server wrote about it for people. */
import { asEvidence } from '../core/replies.ts';

const longestLine = 1000;
const mostLines = 2000;

/** The lines of a text, at most so many and so long: the words stand near its beginning. */
const linesOf = (text: string): string[] =>
  text.split('\n', mostLines).map((line) => line.slice(0, longestLine).trimEnd());

/** Bytes as words: UTF-8 where they are it; one line, fit to be kept. */
export const asWords = (bytes: string): string => {
  const cut = bytes.slice(0, 4000);
  // Plain ASCII, as most are, is UTF-8 as it stands.
  if (/^[\x00-\x7f]*$/.test(cut)) return asEvidence(cut);
  const text = Buffer.from(cut, 'latin1').toString('utf8');
  return asEvidence(text.includes('\ufffd') ? cut : text);
};

/** A reply with an enhanced status code (RFC 3463), wherever it stands in a line. */
const enhanced = /(?:^|[\s'":(#>])([45][0-5]\d[ -]#?[45]\.\d{1,3}\.\d{1,3}\b.*)$/;
/** A reply without one: at the beginning of a line, or behind words that announce it. */
const plain =
  /(?:^\s*(?:<<<\s*)?|@[\w.-]{1,253}>?: |\b(?:said|replied|reply|returned|was|error|reason|code|with|giving|response)\b[^A-Za-z0-9]{1,4}|\]: |: ")([45][0-5]\d[ -]\S.*)$/i;
/** Lines that do not go on with what the line above said. */
const stops = /^\s*(?:>>>|<<<|--|##|\*\*|Giving up\b|Sent|Final|\(|[A-Za-z-]{2,30}:)/i;

const closers: Readonly<Record<string, string>> = { "'": "'", '"': '"', '(': ')' };

/** Takes away what closes a bracket or a quotation that opened before the words. */
const unquoted = (words: string, before: string): string => {
  const close = closers[before];
  if (close === undefined) return words;
  const text = words.replace(/[.,;]$/, '');
  return text.endsWith(close) ? text.slice(0, -1) : words;
};

/** A reply that begins in this line, with the lines in which it goes on. */
const replyFrom = (lines: readonly string[], at: number, pattern: RegExp): string | undefined => {
  const line = lines[at] ?? '';
  const match = pattern.exec(line);
  const head = match?.[1];
  if (match === null || head === undefined) return undefined;
  const before = line.charAt(line.length - head.length - 1);
  const said = [head];
  const code = head.slice(0, 3);
  for (const next of lines.slice(at + 1, at + 6)) {
    const text = next.replace(/^\s*<<<\s*/, '');
    const goesOn = text.startsWith(`${code}-`) || text.startsWith(`${code} `);
    if (text.trim() === '' || (!goesOn && (stops.test(next) || /^[2-5]\d\d[ -]/.test(text)))) break;
    said.push(text.trim());
  }
  return unquoted(said.join(' '), before);
};

const found = <T>(lines: readonly string[], take: (line: string, at: number) => T | undefined): T | undefined => {
  for (const [at, line] of lines.entries()) {
    const value = take(line, at);
    if (value !== undefined) return value;
  }
  return undefined;
};

/** A reason without a reply: qmail's "(#5.1.1)", Sendmail's "<…>... Deferred", IMail's first line, what follows "because:" or "reason:", else the line below the recipient. */
const reasonIn = (lines: readonly string[]): string | undefined => {
  const after = (at: number) => lines.slice(at + 1, at + 4).find((line) => line.trim() !== '');
  return (
    found(lines, (line) => (/#[45]\.\d{1,3}\.\d{1,3}\b/.test(line) ? line : undefined)) ??
    found(lines, (line) => /^<[^<>\s]{3,320}>\.\.\. (.{1,900})$/.exec(line)?.[1]) ??
    found(lines, (line) =>
      /^(?:Unknown (?:user|host)|User mailbox exceeds|Delivery failed)\b.{0,60}: /.test(line) ? line : undefined,
    ) ??
    found(lines, (line, at) => {
      const named = /^\s*(?:delay reason|reason|because|the reason for the problem|diagnostic code):\s*(.*)$/i.exec(
        line,
      );
      return named === null ? undefined : named[1] === '' ? after(at) : named[1];
    }) ??
    found(lines, (line, at) =>
      /^\s*<?[^\s@<>]{1,64}@[^\s@<>:]{1,255}>?(?: on .{5,60})?:?$/.test(line) ? after(at) : undefined,
    )
  )?.trim();
};

/** The words of the server that refused: its reply, else the reason that the text gives. */
export const wordsIn = (text: string): string | undefined => {
  const lines = linesOf(text);
  const words =
    found(lines, (_, at) => replyFrom(lines, at, enhanced)) ??
    found(lines, (_, at) => replyFrom(lines, at, plain)) ??
    reasonIn(lines);
  return words === undefined ? undefined : asWords(words);
};

/** True when the text holds the reply of a server that will not take the mail (5xx). */
export const isFinal = (text: string): boolean => {
  const lines = linesOf(text);
  return (
    found(lines, (_, at) => replyFrom(lines, at, enhanced) ?? replyFrom(lines, at, plain))?.startsWith('5') === true
  );
};

/** Clouds speak with thousands of machines: under their own names no two bounces would be of one server. */
const pool =
  /^[a-z0-9-]+\.((?:[a-z0-9-]+\.){0,6}(?:(?:protection|prod)\.outlook\.com|prod\.exchangelabs\.com|smtp-out(?:\.[a-z0-9-]+)?\.amazonses\.com))$/;

/** A host's name (of a cloud's machine, that of its pool) or address in lower case, without dot or brackets; undefined for anything else. */
export const asHost = (name: string | undefined): string | undefined => {
  const [word = ''] = (name ?? '').trim().slice(0, 300).split(/[\s(]/);
  const bare = word
    .replace(/^\[(?:IPv6:)?|\]$/gi, '')
    .replace(/\.$/, '')
    .toLowerCase();
  if (!/^[a-z0-9:][a-z0-9.:_-]{0,253}$/.test(bare)) return undefined;
  return pool.exec(bare)?.[1] ?? bare;
};

/** Who spoke, as each system writes it: the server at the other end before the one that wrote the report. */
const speakers: readonly RegExp[] = [
  /\bhost:? ([\w.-]{1,253}) ?[[(]/,
  /\bfor the recipient domain [\w.-]{1,253} by ([\w.-]{1,253})/,
  /\bwhile talking to ([\w.-]{1,253})/i,
  /\bRemote (?:host|server):?\s{0,10}\(?([\w.-]{1,253})\)?\s{0,3}(?:$|issued|said)/im,
  /^Server ([\w.-]{1,253}) \[/m,
  /^([\d.]{7,15}) (?:does not like recipient|failed after|said)/im,
  /\bConnected to ([\d.]{7,15}) but\b/i,
  /\bError transferring to ([\w.-]{1,253});/,
  /\bAttempting SMTP connection to ([\w.-]{1,253})/,
  /^DSN generated by:\s{0,20}([\w.-]{1,253})/im,
  /^Generating server:\s{0,20}([\w.-]{1,253})/im,
  /\b(?:program|mail server|mail system) at (?:host )?([\w.-]{1,253})/i,
  /\bqueue on ([\w.-]{1,253})/,
];

/** The host that spoke, by the text of a report. */
export const speakerIn = (text: string): string | undefined => {
  const near = text.slice(0, 16_000);
  for (const pattern of speakers) {
    const host = asHost(pattern.exec(near)?.[1]);
    if (host?.includes('.')) return host;
  }
  return undefined;
};
