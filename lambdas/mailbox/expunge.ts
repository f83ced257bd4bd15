/** The IMAP commands that change a folder: each is sent as it is, a refusal throws with the server's words, what went is counted. */
import type { ImapFlow } from 'imapflow';
import { fetchUids, type Opened } from './commands.ts';
import { explain, isRefusal, Refused } from './failure.ts';

type Attribute = { readonly type: 'SEQUENCE' | 'ATOM' | 'STRING'; readonly value: string };
type Untagged = { readonly attributes?: readonly { readonly value?: unknown }[] };
type Exec = (
  command: string,
  attributes: readonly (Attribute | readonly Attribute[])[] | false,
  options?: { readonly untagged: Readonly<Record<string, (answer: Untagged) => Promise<void>>> },
) => Promise<{ readonly next: () => void }>;

const isExec = (value: unknown): value is Exec => typeof value === 'function';
const atom = (value: string): Attribute => ({ type: 'ATOM', value });

/**
 * Sends a command. `messageDelete` and its kin answer `false` to whatever failed and keep the server's words to themselves;
 * `exec`, on which they are built, throws them.
 */
const send = async (client: ImapFlow, ...command: Parameters<Exec>): Promise<void> => {
  const exec: unknown = Reflect.get(client, 'exec');
  if (!isExec(exec)) throw new Error('imapflow has no "exec" any more');
  const response = await exec.call(client, ...command);
  // Until then imapflow reads nothing more.
  response.next();
};

/** Sets or takes back `\Deleted`, without having the flags of every message repeated. */
export const flagDeleted = (client: ImapFlow, set: string, how: '+' | '-'): Promise<void> =>
  send(client, 'UID STORE', [{ type: 'SEQUENCE', value: set }, atom(`${how}FLAGS.SILENT`), [atom('\\Deleted')]]);

/** UID EXPUNGE of these (RFC 4315 2.1); without a set EXPUNGE, which takes everything that anybody flagged. */
export const expunge = (client: ImapFlow, set: string | undefined): Promise<void> =>
  set === undefined ? send(client, 'EXPUNGE', false) : send(client, 'UID EXPUNGE', [{ type: 'SEQUENCE', value: set }]);

/** What one command takes at most: its line stays below the 8,000 octets that servers take, its answer within a deadline. */
const most = { ranges: 300, messages: 2000 };

/** Ascending UIDs in parts that one command takes; neighbours cost next to nothing. */
export const inParts = (uids: readonly number[]): number[][] => {
  const parts: number[][] = [];
  let ranges = 0;
  for (const uid of uids) {
    const part = parts.at(-1);
    const isNext = part?.at(-1) === uid - 1;
    if (part === undefined || part.length >= most.messages || (!isNext && ranges >= most.ranges)) {
      parts.push([uid]);
      ranges = 1;
    } else {
      part.push(uid);
      if (!isNext) ranges += 1;
    }
  }
  return parts;
};

/**
 * Those of the rights to delete (`t`) and to expunge (`e`, RFC 4314 2.1) that the user lacks in this folder; undefined where
 * the server does not tell.
 */
export const missingRights = async (client: ImapFlow, path: string): Promise<string | undefined> => {
  // Names beyond ASCII would have to be encoded, and this is only for better words.
  if (!client.capabilities.has('ACL') || !/^[\x20-\x25\x27-\x7e]+$/.test(path)) return undefined;
  let rights: unknown;
  const untagged = {
    MYRIGHTS: async ({ attributes = [] }: Untagged) => {
      rights = attributes[1]?.value;
    },
  };
  try {
    await send(client, 'MYRIGHTS', [{ type: 'STRING', value: path }], { untagged });
  } catch (error) {
    if (!isAnswer(error)) throw error;
  }
  if (typeof rights !== 'string' || rights === '') return undefined;
  // RFC 2086 had one letter for both, which newer servers say besides where they grant any of them.
  const has = new Set(/[tex]/.test(rights) ? rights : rights.replace('d', 'te'));
  return ['t', 'e'].filter((right) => !has.has(right)).join('');
};

const field = (value: unknown, key: string | number): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;

/** The response code of a refusal (RFC 5530): imapflow reads it out for its own calls, `exec` leaves it in the answer. */
const codeOf = (error: unknown): string => {
  const inAnswer = field(field(field(field(field(error, 'response'), 'attributes'), 0), 'section'), 0);
  const code = field(error, 'serverResponseCode') ?? field(inAnswer, 'value');
  return typeof code === 'string' ? code.toUpperCase() : '';
};

/** NO or BAD is an answer; "later, please" is not, and neither is anything that ended the session. */
export const isAnswer = (error: unknown): boolean => isRefusal(error) && explain(error, '').why !== 'throttled';

/** The folder that was to be opened is not in the list of folders any more. */
export const isMissing = (error: unknown): boolean => field(error, 'mailboxMissing') === true;

/** The server says that this user may not: by its code, or in the words of those who have none. */
export const isForbidden = (error: unknown): boolean =>
  /^(NOPERM|READ-ONLY)$/.test(codeOf(error)) || /\bread[- ]?only\b|permission denied/i.test(wordsOf(error));

/** What the server said; our own words where it said nothing. */
export const wordsOf = (error: unknown): string => {
  const said = field(error, 'responseText');
  if (typeof said === 'string' && said !== '') return said;
  if (error instanceof Refused) return error.message;
  const code = codeOf(error);
  return code === '' ? 'no reason given' : code;
};

/**
 * Runs the commands that take these UIDs away, and answers how many of them went and how many are still there.
 *
 * The server tells each message that goes (EXPUNGE, RFC 9051 7.5.1): where it told as many as were to go, nothing is asked.
 * Otherwise some had gone before, or the server said OK and kept them, or somebody else's messages went in the same moment:
 * then it is asked which are still there, by FETCH, which no search index delays. A refusal throws.
 */
export const counted = async (
  client: ImapFlow,
  folder: Opened,
  uids: readonly number[],
  work: () => Promise<void>,
): Promise<{ readonly removed: number; readonly left: number }> => {
  let told = 0;
  const count = () => {
    told += 1;
  };
  client.on('expunge', count);
  try {
    await work();
  } finally {
    client.off('expunge', count);
  }
  if (told === uids.length) return { removed: told, left: 0 };
  let left = 0;
  for (const part of inParts(uids)) left += (await fetchUids(client, folder, part)).length;
  return { removed: Math.min(told, uids.length - left), left };
};
