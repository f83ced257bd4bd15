/** The rules for keys and bodies that every ledger shares, so that all answer the same. */
import type { Item, PutCondition } from '../core/ports.ts';

/** An item as every store keeps it: the body is JSON text, and what was `undefined` is not there. */
export type StoredItem = {
  readonly pk: string;
  readonly sk: string;
  readonly v: number;
  readonly order?: number;
  readonly expires?: number;
  readonly body: string;
};

/** A key between two bounds, both inclusive; without a bound, open. */
export type KeyRange = { readonly from?: string; readonly to?: string };

/** 400 KB, names and values together: the size of a DynamoDB item, which every ledger keeps to. */
const maxItemBytes = 400 * 1024;

/** What the attribute names and the three numbers of an item may take at most, generously. */
const overheadBytes = 128;

/** The length limits of DynamoDB's partition and sort keys, in UTF-8 bytes. */
const maxPkBytes = 2048;
const maxSkBytes = 1024;

const named = (pk: string, sk: string) => `ledger item ${JSON.stringify(pk)} / ${JSON.stringify(sk)}`;

/** Throws when DynamoDB could not hold this key: empty, too long, or not Unicode (a lone surrogate would be replaced). */
export function checkKey(pk: string, sk: string): void {
  for (const [name, key, max] of [
    ['pk', pk, maxPkBytes],
    ['sk', sk, maxSkBytes],
  ] as const) {
    const bytes = Buffer.byteLength(key);
    if (bytes === 0 || bytes > max)
      throw new RangeError(`${named(pk, sk)}: ${name} must have 1 to ${max} bytes, got ${bytes}`);
    if (!key.isWellFormed()) throw new RangeError(`${named(pk, sk)}: ${name} must be well-formed Unicode`);
  }
}

/** The bounds of `list`, or `nothing` when no key can lie between them. An empty `from` is no bound. */
export function checkRange(pk: string, { from, to }: KeyRange = {}): KeyRange | 'nothing' {
  if (to === '') return 'nothing';
  for (const bound of [from, to]) if (bound) checkKey(pk, bound);
  checkKey(pk, '-');
  if (from && to && Buffer.compare(Buffer.from(from), Buffer.from(to)) > 0) return 'nothing';
  return { ...(from && { from }), ...(to && { to }) };
}

function checkInteger(item: Item, name: string, value: number): number {
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${named(item.pk, item.sk)}: ${name} must be an integer, got ${value}`);
  return value;
}

/** The number that a conditional put compares with, undefined for `absent`. */
export function checkBelow(item: Item, condition: PutCondition): number | undefined {
  return 'below' in condition ? checkInteger(item, 'below', condition.below) : undefined;
}

function bodyText({ pk, sk, body }: Item): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch (cause) {
    throw new TypeError(`${named(pk, sk)}: its body is not JSON`, { cause });
  }
  if (text === undefined) throw new TypeError(`${named(pk, sk)}: its body is not JSON, got ${typeof body}`);
  return text;
}

/**
 * Makes an item ready for a store. Throws for a bad key, a number that is no integer, a body that is not JSON,
 * and for more than 400 KB: what one ledger takes, all take.
 */
export function storeItem(item: Item): StoredItem {
  const { pk, sk, v, order, expires } = item;
  checkKey(pk, sk);
  const body = bodyText(item);
  const bytes = Buffer.byteLength(pk) + Buffer.byteLength(sk) + Buffer.byteLength(body) + overheadBytes;
  if (bytes > maxItemBytes)
    throw new RangeError(`${named(pk, sk)}: must have at most ${maxItemBytes} bytes (400 KB), got ${bytes}`);
  return {
    pk,
    sk,
    v: checkInteger(item, 'v', v),
    ...(order !== undefined && { order: checkInteger(item, 'order', order) }),
    ...(expires !== undefined && { expires: checkInteger(item, 'expires', expires) }),
    body,
  };
}

/** Reads a stored item back; its body is a fresh copy each time. */
export function readItem(stored: StoredItem): Item {
  return { ...stored, body: JSON.parse(stored.body) as unknown };
}
