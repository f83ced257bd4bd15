/** Access tokens for logins: asked for once, kept until shortly before they expire, shared by everybody who waits for one. */
import type { Ms } from '../core/words.ts';
import { exchange, type Granted, TokenError } from './exchange.ts';

/** A way to prove to a token endpoint who we are: the fields of one request, made anew for each. */
export type Grant = {
  /** What the endpoint is shown, for messages: "the refresh token". */
  readonly what: string;
  /** May reject, with words of its own, when a secret cannot be looked up. */
  readonly ask: () => Promise<{
    readonly fields: Readonly<Record<string, string>>;
    /** Those values that must never be shown. */
    readonly secrets: readonly string[];
    /** Where to ask, when it is the credential that says it. @default the endpoint of the source */
    readonly url?: URL | undefined;
  }>;
  /** The endpoint took it. */
  readonly granted?: ((answer: Granted) => void) | undefined;
  /** The endpoint does not take it any more. */
  readonly refused?: (() => void) | undefined;
};

export type Token = {
  readonly value: string;
  /** It was made for an earlier login: where it is refused, a new one is worth one more try. */
  readonly kept: boolean;
};

/** Where access tokens come from. */
export type TokenSource = {
  /** Rejects with a TokenError, also when `signal` aborts first; or with an error about the secret, which no endpoint has seen then. */
  readonly token: (signal: AbortSignal) => Promise<Token>;
  /** A server refused this access token: the next call makes another one. */
  readonly forget: (value: string) => void;
};

/** Reading the secret takes no longer, nor does the request, whoever waits for it. */
const patience: Ms = 10_000;

/** An endpoint that refused or did not answer is not asked by every canary of a batch. */
const silence: Ms = 30_000;

/** Where the endpoint does not say it (RFC 6749 section 5.1 only recommends to). */
const usualLife: Ms = 300_000;
const longestLife: Ms = 24 * 3_600_000;
const margin: Ms = 60_000;

/** A token is not used in its last minute; one that lives for less than two, not in its second half. */
const lifeOf = (seconds: number | undefined): Ms => {
  const life = Math.min(seconds === undefined ? usualLife : seconds * 1000, longestLife);
  return Math.max(life - margin, life / 2);
};

const within = <T>(promise: Promise<T>, signal: AbortSignal, late: () => Error): Promise<T> =>
  new Promise((resolve, reject) => {
    const aborted = () => reject(late());
    if (signal.aborted) return aborted();
    signal.addEventListener('abort', aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });

/**
 * A source of access tokens from one endpoint. A failure is remembered for 30 seconds. `url` is https (http only to loopback,
 * which the settings see to); `now` is in milliseconds.
 */
export const tokenSource = ({
  url,
  grant,
  now,
}: {
  readonly url: string;
  readonly grant: Grant;
  readonly now: () => Ms;
}): TokenSource => {
  const endpoint = new URL(url);
  let kept: { readonly value: string; readonly until: Ms } | undefined;
  let failed: { readonly error: unknown; readonly until: Ms } | undefined;
  let asking: Promise<string> | undefined;
  /** The secret is still on its way, and the endpoint knows nothing of us yet. */
  let preparing = false;
  const noSecret = () => new Error('no answer of the secret store in time');

  const prepare = async () => {
    preparing = true;
    try {
      return await within(grant.ask(), AbortSignal.timeout(patience), noSecret);
    } finally {
      preparing = false;
    }
  };

  const ask = async (): Promise<string> => {
    const { fields, secrets, url: named = endpoint } = await prepare();
    try {
      const request = { url: named, fields, secrets, what: grant.what };
      const granted = await exchange(request, AbortSignal.timeout(patience));
      kept = { value: granted.accessToken, until: now() + lifeOf(granted.expiresIn) };
      failed = undefined;
      grant.granted?.(granted);
      return granted.accessToken;
    } catch (error) {
      failed = { error, until: now() + silence };
      if (error instanceof TokenError && error.cause === 'grant-refused') grant.refused?.();
      throw error;
    }
  };

  return {
    token: async (signal) => {
      if (kept !== undefined && now() < kept.until) return { value: kept.value, kept: true };
      if (failed !== undefined && now() < failed.until) throw failed.error;
      if (asking === undefined) {
        asking = ask().finally(() => {
          asking = undefined;
        });
        // Those who wait may all have given up by then.
        asking.catch(() => {});
      }
      const late = () =>
        preparing ? noSecret() : new TokenError('timeout', endpoint.host, 'no answer before the deadline');
      return { value: await within(asking, signal, late), kept: false };
    },
    forget: (value) => {
      if (kept?.value === value) kept = undefined;
    },
  };
};
