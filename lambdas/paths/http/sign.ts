/** The signature of a request to a web host (README.md): pure, used by the path and by tests of endpoints. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What is signed. `path` is the request target with its query, as it stands in the request line. */
export type SignedRequest = {
  readonly method: string;
  readonly path: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
};

/** `v1=` and the lower-case hex HMAC-SHA256 of the request; strings are UTF-8. */
export const sign = (secret: string, request: SignedRequest): string => {
  const digest = createHash('sha256').update(request.body).digest('hex');
  const text = ['v1', request.method, request.path, request.timestamp, digest].join('\n');
  return `v1=${createHmac('sha256', secret).update(text).digest('hex')}`;
};

/** Compares in constant time. The age of the timestamp is the caller's to judge. */
export const verify = (secret: string, request: SignedRequest, signature: string): boolean => {
  const expected = Buffer.from(sign(secret, request));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
};
