/** Ids, tokens and the mail: minting a canary, and telling our own from everybody else's. */
import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { CanaryMail, Ms, RouteId, Slot } from './words.ts';

/** A signing key; its id is public and tells our stack's canaries from others'. */
export type Key = { readonly id: string; readonly secret: string };

/** Mint with the current key; verify also with the previous one, so that a rotation loses no canary under way. */
export type Keys = {
  readonly current: Key;
  readonly previous?: Key | undefined;
  /** The secret from which hosts' own keys are derived; a second one, so that a rotation disenrols nobody. */
  readonly heartbeat?: string | undefined;
  /** Keys that hosts mint with themselves, by key id. */
  readonly hosts?: ReadonlyMap<string, HostKey> | undefined;
};

/** A host's own key. It speaks for that host's own canaries alone; a fleet's shared key for those of every host. */
export type HostKey = Key & { readonly host: string | 'every' };

/** Letters that survive folding, lower-casing, DLP filters and phone-number detection, and spell no word and no number. */
const letters = 'bcdfghjklmnpqrstvwxz';
const consonants = (bytes: Uint8Array, count: number): string => {
  let text = '';
  for (let at = 0; at < Math.min(count, bytes.length); at += 1)
    text += letters.charAt((bytes[at] ?? 0) % letters.length);
  return text;
};

const sha256 = (text: string): Uint8Array => hash('sha256', text, 'buffer');

/** Makes a key from its secret: the id is eight letters of a hash. */
export const keyOf = (secret: string): Key => ({ id: consonants(sha256(`mail-canary key ${secret}`), 8), secret });

/** The id of a canary: 20 letters from route and slot alone, so that it is the same however often it is sent. */
export const canaryId = (route: RouteId, slot: Slot): string => consonants(sha256(`${route}\n${slot}`), 20);

/** What people see of a canary; it decides nothing. */
export const subjectOf = (host: string, id: string): string => `Mail canary ${host} ${id}`;

/** Two signatures with two purposes: one must never pass for the other. */
const sign = (key: Key, purpose: 'header' | 'message-id', ...parts: readonly (string | number)[]): string =>
  createHmac('sha256', key.secret)
    .update(['mail-canary 1', purpose, ...parts].join('\n'))
    .digest('hex')
    .slice(0, 40);

/** In constant time. Lengths are compared in bytes: a stranger's 40 letters may be 80 of them, and must not throw. */
const same = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/** The `X-Mail-Canary` value, in the form of a tag list (as RFC 6376 writes them), so that folding does no harm. */
const headerFor = (key: Key, route: RouteId, slot: Slot, sentAt: Ms): string =>
  `v=1; k=${key.id}; r=${encodeURI(route).replaceAll(';', '%3B')}; s=${slot}; t=${sentAt}; m=${sign(key, 'header', route, slot, sentAt)}`;

const messageIdFor = (key: Key, id: string, slot: Slot, sentAt: Ms, domain: string): string =>
  `<${id}.${key.id}.${slot.toString(36)}.${sentAt.toString(36)}.${sign(key, 'message-id', id, slot, sentAt)}@${domain}>`;

/** What a path's settings add to every mail. */
export type MailOptions = {
  readonly from: string;
  readonly to: string;
  readonly autoSubmitted: boolean;
  readonly size?: number | undefined;
};

/** Mints the canary of a route at a slot, as one mail ready to be sent. Same input, same bytes. */
export const mint = (route: RouteId, slot: Slot, sentAt: Ms, key: Key, options: MailOptions): CanaryMail => {
  const id = canaryId(route, slot);
  const [host = ''] = route.split('/');
  return {
    id,
    key: key.id,
    route,
    slot,
    sentAt,
    from: options.from,
    to: options.to,
    subject: subjectOf(host, id),
    messageId: messageIdFor(key, id, slot, sentAt, options.from.split('@')[1] ?? 'localhost'),
    headers: {
      'X-Mail-Canary': headerFor(key, route, slot, sentAt),
      ...(options.autoSubmitted ? { 'Auto-Submitted': 'auto-generated' } : {}),
    },
    text: [
      'This is a test e-mail of Mail Canary, sent to see whether e-mail from this machine arrives.',
      'It was sent by a program to a mailbox that a program reads. Nobody needs to answer it.',
      '',
      `Machine: ${host}`,
      `Canary: ${id}`,
      '',
    ].join('\n'),
    ...(options.size === undefined ? {} : { size: options.size }),
  };
};

/**
 * What a message is to us. `own` carries what its valid token says; `stale` has a valid token outside the replay window
 * (ours to remove, never an arrival); `forged` names our key and has a wrong signature; `foreign` is somebody's mail.
 */
export type Recognised =
  | {
      readonly kind: 'own' | 'stale';
      readonly id: string;
      readonly route?: RouteId;
      readonly slot: Slot;
      readonly sentAt: Ms;
      /** Set when a host minted it: whose canaries it may be. */
      readonly by?: HostKey['host'];
    }
  | { readonly kind: 'forged'; readonly by?: HostKey['host'] }
  | { readonly kind: 'foreign' };

const keyFor = (keys: Keys, id: string | undefined): Key | HostKey | undefined =>
  [keys.current, keys.previous].find((key) => key !== undefined && key.id === id) ?? keys.hosts?.get(id ?? '');

/** Who minted it, where that was a host. */
const mintedBy = (key: Key | HostKey) => ('host' in key ? { by: key.host } : {});

const fromHeader = (value: string | undefined, keys: Keys): Recognised | undefined => {
  if (value === undefined || value.length > 2000) return undefined;
  const tags = new Map<string, string>();
  for (const tag of value.split(';')) {
    const equals = tag.indexOf('=');
    const [name, content] = equals < 0 ? [tag, ''] : [tag.slice(0, equals), tag.slice(equals + 1)];
    tags.set(name.trim(), /\s/.test(content) ? content.replace(/\s+/g, '') : content);
  }
  const key = keyFor(keys, tags.get('k'));
  if (key === undefined) return undefined;
  const slot = Number(tags.get('s'));
  const sentAt = Number(tags.get('t'));
  const route = decode(tags.get('r') ?? '');
  const valid =
    tags.get('v') === '1' && route !== undefined && same(tags.get('m') ?? '', sign(key, 'header', route, slot, sentAt));
  // A host's key speaks for that host alone.
  const isTheirs = !('host' in key) || key.host === 'every' || key.host === route?.split('/')[0];
  return valid && isTheirs
    ? { kind: 'own', id: canaryId(route, slot), route, slot, sentAt, ...mintedBy(key) }
    : { kind: 'forged', ...mintedBy(key) };
};

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // A malformed escape is how a forged header may look: no token of ours.
    if (error instanceof URIError) return undefined;
    throw error;
  }
};

const messageIdForm =
  /^\s*<?([bcdfghjklmnpqrstvwxz]{20})\.([bcdfghjklmnpqrstvwxz]{8})\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([0-9a-f]{40})@/;

const fromMessageId = (value: string | undefined, keys: Keys): Recognised | undefined => {
  const [, id = '', keyId, slotText = '', sentText = '', mac = ''] = messageIdForm.exec(value ?? '') ?? [];
  const key = keyFor(keys, keyId);
  if (key === undefined) return undefined;
  const slot = Number.parseInt(slotText, 36);
  const sentAt = Number.parseInt(sentText, 36);
  return same(mac, sign(key, 'message-id', id, slot, sentAt))
    ? { kind: 'own', id, slot, sentAt, ...mintedBy(key) }
    : { kind: 'forged' };
};

/** A clock of ours may be this far ahead of the one that reads. */
const skew: Ms = 10 * 60_000;

/**
 * Decides what a message is, by the token in its header, else in its Message-ID (a gateway may strip one of them).
 * Subject, sender and text decide nothing: a reply or a forward carries those too.
 */
export const recognise = (
  mail: { readonly canary?: string | undefined; readonly messageId?: string | undefined },
  keys: Keys,
  now: Ms,
  replay: Ms,
): Recognised => {
  const first = fromHeader(mail.canary, keys);
  // A gateway may damage a header of ours; one that a host signed for another was damaged by nobody.
  const isSettled = first !== undefined && (first.kind === 'own' || 'by' in first);
  const found = isSettled ? first : (fromMessageId(mail.messageId, keys) ?? first);
  if (found?.kind === 'own')
    return found.sentAt > now + skew || found.sentAt < now - replay ? { ...found, kind: 'stale' } : found;
  return found ?? { kind: 'foreign' };
};
