/** Keys of hosts that send by their own clock: each derived from one secret, so that none of them is stored anywhere. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type HostKey, keyOf } from './canary.ts';
import type { Enrolment } from './items.ts';

/** Under which the fleet's generation is stored. No host can be called so: names of hosts begin with a letter or digit. */
export const fleetId = '*fleet';

/** Generations are counted from here; none stored means this one. */
export const firstGeneration = 1;

const derive = (master: string, ...parts: readonly (string | number)[]): string =>
  createHmac('sha256', master)
    .update(['mail-canary heartbeat', ...parts].join('\n'))
    .digest('hex');

/**
 * The key of one host: it mints that host's canaries and signs its tellings, and says nothing of any other host's key.
 * `master` is the monitor's secret for heartbeats, which is not its signing key: that one may be rotated. The key's secret
 * is 64 hex digits, one block of SHA-256, so that a shell can compute an HMAC with two constants (RFC 2104).
 */
export const hostKey = (master: string, host: string, generation: number): HostKey => ({
  ...keyOf(derive(master, 'host', host, generation)),
  host,
});

/** The key that every host of a fleet shares. It speaks for each of them: whoever holds it can be any host. */
export const fleetKey = (master: string, generation: number): HostKey => ({
  ...keyOf(derive(master, 'fleet', generation)),
  host: 'every',
});

/** The generation that is valid for a host, or for the fleet (`fleetId`). */
export const generationOf = (id: string, enrolments: readonly Enrolment[]): number =>
  enrolments.find((one) => one.id === id)?.generation ?? firstGeneration;

/** The keys that hosts may mint with, by key id: one for each host and the fleet's. An earlier generation is unknown. */
export const hostKeys = (
  master: string,
  hosts: readonly string[],
  enrolments: readonly Enrolment[],
): Map<string, HostKey> => {
  const generations = new Map(enrolments.map(({ id, generation }) => [id, generation]));
  const keys = [
    fleetKey(master, generations.get(fleetId) ?? firstGeneration),
    ...hosts.map((host) => hostKey(master, host, generations.get(host) ?? firstGeneration)),
  ];
  return new Map(keys.map((key) => [key.id, key]));
};

/** What a host signs when it tells. `path` is the request target with its query, as it stands in the request line. */
export type SignedTelling = {
  readonly path: string;
  /** Seconds since 1970, by the host's clock. */
  readonly timestamp: number;
  /** The bytes of the request's body. */
  readonly body: string | Uint8Array;
};

/** `v1=` and the lower-case hex HMAC-SHA256 of a telling: the same form as requests to web hosts have. */
export const signTelling = (secret: string, { path, timestamp, body }: SignedTelling): string => {
  const digest = createHash('sha256').update(body).digest('hex');
  const text = ['v1', 'POST', path, timestamp, digest].join('\n');
  return `v1=${createHmac('sha256', secret).update(text).digest('hex')}`;
};

/** Compares in constant time. The age of the timestamp is the caller's to judge. */
export const isSignedBy = (secret: string, signed: SignedTelling, signature: string): boolean => {
  const expected = Buffer.from(signTelling(secret, signed));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
};
