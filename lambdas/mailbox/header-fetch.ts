/** Headers of many messages, read from the answers of one FETCH as imapflow has parsed them. */
import type { ImapFlow } from 'imapflow';
import { type Opened, stillOpen } from './commands.ts';

/** A message as a FETCH of headers names it. */
export type Header = {
  readonly uid: number;
  readonly seq: number;
  /** INTERNALDATE as the server wrote it. */
  readonly internalDate: string | undefined;
  readonly headers: Buffer;
};

/** A token of an answer: undefined for NIL, a list for what stands in parentheses. */
type Token =
  | { readonly value?: unknown; readonly section?: readonly { readonly value?: unknown }[] }
  | null
  | readonly Token[];
type Answer = { readonly command?: unknown; readonly attributes?: readonly unknown[] };
type Exec = (
  command: string,
  attributes: readonly unknown[],
  options: { readonly untagged: { readonly FETCH: (answer: Answer) => Promise<void> } },
) => Promise<{ readonly next: () => void }>;

const isExec = (value: unknown): value is Exec => typeof value === 'function';
const isTokens = (value: unknown): value is readonly Token[] => Array.isArray(value);
const atom = (value: string) => ({ type: 'ATOM', value }) as const;

/** What is asked of each message: with PEEK, and the whole header (see `fetchHeaders`). */
const items = [atom('UID'), atom('INTERNALDATE'), { ...atom('BODY.PEEK'), section: [atom('HEADER')] }] as const;

const contentOf = (token: Token | undefined): unknown =>
  token === null || token === undefined || isTokens(token) ? undefined : (token as { readonly value?: unknown }).value;
const numberIn = (value: unknown): number | undefined =>
  typeof value === 'string' && /^[1-9]\d{0,9}$/.test(value) ? Number(value) : undefined;

/** The items of one answer: names and values by turns. */
const read = ({ command, attributes }: Answer): Partial<Header> => {
  const tokens: unknown = attributes?.[1];
  const found: { uid?: number; seq?: number; internalDate?: string; headers?: Buffer } = {};
  const seq = numberIn(command);
  if (seq !== undefined) found.seq = seq;
  if (!isTokens(tokens)) return found;
  for (let at = 0; at + 1 < tokens.length; at += 2) {
    const [name, value] = [contentOf(tokens[at]), contentOf(tokens[at + 1])];
    switch (typeof name === 'string' ? name.toUpperCase() : '') {
      case 'UID': {
        const uid = numberIn(value);
        if (uid !== undefined) found.uid = uid;
        break;
      }
      case 'INTERNALDATE':
        if (typeof value === 'string') found.internalDate = value;
        break;
      case 'BODY':
        // A short one may come as a quoted string.
        if (Buffer.isBuffer(value)) found.headers = value;
        else if (typeof value === 'string') found.headers = Buffer.from(value);
        break;
    }
  }
  return found;
};

/**
 * Fetches headers, with PEEK; message by message, so that a page does not fill the memory. Resolves with the UIDs that the
 * server named without their header: another message's flags, or a message that it cannot read. `note` is told of every
 * message that the server named.
 *
 * Whole headers: a server repeats the list of the fields in each answer, and imapflow composes it anew for each, which takes
 * four times as long. And by `exec`, on which `client.fetch` is built: that takes half as long again for the form of its
 * answers.
 */
export const fetchHeaders = async (
  client: ImapFlow,
  folder: Opened,
  set: string,
  take: (message: Header) => void,
  note: (uid: number, sequence: number) => void = () => {},
): Promise<readonly number[]> => {
  const bare = new Set<number>();
  const came = new Set<number>();
  const exec: unknown = Reflect.get(client, 'exec');
  if (!isExec(exec)) throw new Error('imapflow has no "exec" any more');
  stillOpen(client, folder.path);
  const response = await exec.call(client, 'UID FETCH', [{ type: 'SEQUENCE', value: set }, items], {
    untagged: {
      FETCH: async (answer) => {
        const { uid, seq, internalDate, headers } = read(answer);
        if (uid === undefined || seq === undefined) return;
        note(uid, seq);
        if (headers === undefined) bare.add(uid);
        else {
          came.add(uid);
          take({ uid, seq, internalDate, headers });
        }
      },
    },
  });
  // Until then imapflow reads nothing more.
  response.next();
  stillOpen(client, folder.path);
  return [...bare].filter((uid) => !came.has(uid));
};
