/** The signatures of a request to a web host and of its answer (README.md): pure, used by the path, `conformance` and tests of endpoints. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What is signed. `path` is the request target with its query, as it stands in the request line. */
export type SignedRequest = {
  readonly method: string;
  readonly path: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
};

/** What is signed of an answer. The request's signature is part of it, so that an answer fits one request alone. */
export type SignedAnswer = { readonly status: number; readonly requestSignature: string; readonly body: string };

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const mac = (secret: string, lines: readonly (string | number)[]): string =>
  `v1=${createHmac('sha256', secret).update(lines.join('\n')).digest('hex')}`;

const same = (expected: string, given: string): boolean => {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/** `v1=` and the lower-case hex HMAC-SHA256 of the request; strings are UTF-8. */
export const sign = (secret: string, request: SignedRequest): string =>
  mac(secret, ['v1', request.method, request.path, request.timestamp, sha256(request.body)]);

/** Compares in constant time. The age of the timestamp is the caller's to judge. */
export const verify = (secret: string, request: SignedRequest, signature: string): boolean =>
  same(sign(secret, request), signature);

/** The same over an answer; no method is called "answer", so neither can pass for the other. */
export const signAnswer = (secret: string, { status, requestSignature, body }: SignedAnswer): string =>
  mac(secret, ['v1', 'answer', status, requestSignature, sha256(body)]);

/** Compares in constant time; false where there is no signature. */
export const verifyAnswer = (secret: string, answer: SignedAnswer, signature: string | undefined): boolean =>
  signature !== undefined && same(signAnswer(secret, answer), signature);
