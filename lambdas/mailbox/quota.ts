/** How full a mailbox is (RFC 9208, and RFC 2087 before it). */
import type { ImapFlow } from 'imapflow';
import type { Quota } from '../core/words.ts';
import { Gone, isLost } from './failure.ts';

type Argument = { readonly type: 'ATOM' | 'STRING'; readonly value: string };
type Untagged = (response: unknown) => Promise<void>;
type Execute = (
  command: string,
  attributes: readonly Argument[],
  options: { readonly untagged: Readonly<Record<string, Untagged>> },
) => Promise<{ next(): void }>;

/** A root without its numbers is asked for once more; a server that names more of them than this means no good. */
const mostRoots = 5;

const field = (value: unknown, key: string | number): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;

const textIn = (attribute: unknown): string | undefined => {
  const value = field(attribute, 'value');
  return typeof value === 'string' ? value : undefined;
};

/** Digits that fit into a number: 9223372036854775807 stands for no limit, and tells nothing. */
const countIn = (attribute: unknown): number | undefined => {
  const text = textIn(attribute) ?? '';
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
};

/** `* QUOTA "root" (STORAGE 10 512 MESSAGE 3 100)`: those of its resources that are known and limited. */
const limitedIn = (response: unknown): Quota[] => {
  const list = field(field(response, 'attributes'), 1);
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  return items.flatMap((item, index): Quota[] => {
    if (index % 3 !== 0) return [];
    const resource = textIn(item)?.toUpperCase();
    const [used, limit] = [countIn(items[index + 1]), countIn(items[index + 2])];
    if ((resource !== 'STORAGE' && resource !== 'MESSAGE') || used === undefined || limit === undefined) return [];
    return limit === 0 ? [] : [{ resource, used, limit }];
  });
};

const fuller = (one: Quota | undefined, other: Quota): Quota =>
  one !== undefined && one.used / one.limit >= other.used / other.limit ? one : other;

/**
 * The fullest limited resource among all quota roots of INBOX, STORAGE in KiB. Undefined where the server has no QUOTA, refuses,
 * names no limit, a limit of 0, or nonsense: not told. Throws Gone when the session ended. Opens no folder.
 *
 * imapflow's own `getQuota` keeps one number per resource, so that of two roots ("User quota" and "Domain quota") the last one
 * hides the other: its internal `exec` (2.1.2) is asked in its place.
 */
export const quotaOf = async (client: ImapFlow): Promise<Quota | undefined> => {
  const exec: unknown = Reflect.get(client, 'exec');
  if (!client.capabilities.has('QUOTA') || typeof exec !== 'function') return undefined;
  const execute: Execute = (...command) => Reflect.apply(exec, client, command);
  let fullest: Quota | undefined;
  const roots = new Set<string>();
  const told = new Set<string>();
  const untagged: Readonly<Record<string, Untagged>> = {
    QUOTAROOT: async (response) => {
      const [, ...names]: readonly unknown[] = [field(response, 'attributes')].flat();
      for (const name of names) if (roots.size < mostRoots) roots.add(textIn(name) ?? '');
    },
    QUOTA: async (response) => {
      told.add(textIn(field(field(response, 'attributes'), 0)) ?? '');
      for (const quota of limitedIn(response)) fullest = fuller(fullest, quota);
    },
  };
  try {
    (await execute('GETQUOTAROOT', [{ type: 'ATOM', value: 'INBOX' }], { untagged })).next();
    // RFC 9208 4.1.2 promises a QUOTA for every root; some servers send the names alone.
    for (const root of [...roots].filter((name) => !told.has(name)))
      (await execute('GETQUOTA', [{ type: 'STRING', value: root }], { untagged })).next();
  } catch (error) {
    if (isLost(error) || !client.usable) throw new Gone('the connection ended', { cause: error });
  }
  return fullest;
};
