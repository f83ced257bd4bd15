/** Stores a refresh token that the provider put in place of the stored one: many take the old one once only. */
import type { Ms } from '../../core/words.ts';
import type { AuthContext } from './kind.ts';

/** A login does not wait longer for it; the writing goes on. */
const patience: Ms = 3000;

/** After a failure the next login that is so much later tries once more. */
const pause: Ms = 600_000;

type Rotated = { readonly value: string; readonly replaced: string };

const orEarlier = async (promise: Promise<void>, signal: AbortSignal): Promise<void> => {
  let enough = () => {};
  const waited = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const timer = setTimeout(enough, patience);
  signal.addEventListener('abort', enough, { once: true });
  if (signal.aborted) enough();
  await Promise.race([promise, waited]);
  clearTimeout(timer);
  signal.removeEventListener('abort', enough);
};

/**
 * Keeps the secret behind `reference` up to date. `rotated` is told of a new token and of the stored one that it replaces;
 * `settled` writes it before a login goes on, since a function may be frozen after its round. What fails is told to
 * `onProblem` and nobody else: the new token is used from memory meanwhile.
 */
export const writeBack = (
  reference: string,
  { name, secret, putSecret, onProblem, now }: AuthContext,
): {
  readonly rotated: (value: string, replaced: string) => void;
  readonly settled: (signal: AbortSignal) => Promise<void>;
} => {
  let unsaved: Rotated | undefined;
  let failedAt: Ms | undefined;
  let writing: Promise<void> | undefined;

  const write = async (rotated: Rotated): Promise<void> => {
    try {
      if (putSecret === undefined) throw new Error('nothing can be stored here');
      // Where somebody has consented anew meanwhile, that token must stay.
      if ((await secret(reference)) === rotated.replaced) await putSecret(reference, rotated.value);
      if (unsaved === rotated) unsaved = undefined;
    } catch (error) {
      failedAt = now();
      onProblem?.(`storing the new refresh token of mailbox ${name}`, error);
    }
  };

  return {
    rotated: (value, replaced) => {
      unsaved = { value, replaced };
      failedAt = undefined;
    },
    settled: async (signal) => {
      if (unsaved === undefined) return;
      if (writing === undefined && (failedAt === undefined || now() - failedAt >= pause))
        writing = write(unsaved).finally(() => {
          writing = undefined;
        });
      if (writing !== undefined) await orEarlier(writing, signal);
    },
  };
};
