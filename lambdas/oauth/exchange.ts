/** One request to a token endpoint, and what its answer means (RFC 6749 sections 5.1 and 5.2). */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { asEvidence } from '../core/replies.ts';
import { maskOf } from './mask.ts';

/**
 * Why there is no token. `grant-refused` and `client-refused`: the provider does not take our credentials any more.
 * `request-refused`: it does not understand what we ask for. The others: it could not be asked, or had no answer.
 */
export type TokenCause =
  | 'grant-refused'
  | 'client-refused'
  | 'request-refused'
  | 'unavailable'
  | 'unreachable'
  | 'timeout'
  | 'bad-answer';

/** What an endpoint said of its refusal (RFC 6749 section 5.2), for whoever knows the words of this provider. */
export type Said = { readonly error: string; readonly description: string };

/** No access token; neither the message nor `said` holds a secret. */
export class TokenError extends Error {
  override name = 'TokenError';
  override readonly cause: TokenCause;
  /** `host:port` of the endpoint, as the URL names it. */
  readonly endpoint: string;
  readonly said: Said | undefined;
  constructor(cause: TokenCause, endpoint: string, words: string, said?: Said) {
    super(`${endpoint}: ${words}`);
    this.cause = cause;
    this.endpoint = endpoint;
    this.said = said;
  }
}

/** An access token as the endpoint gave it. Seconds. */
export type Granted = {
  readonly accessToken: string;
  readonly expiresIn: number | undefined;
  /** A refresh token that replaces the one that was shown (RFC 6749 section 6). */
  readonly refreshToken: string | undefined;
};

export type TokenRequest = {
  readonly url: URL;
  readonly fields: Readonly<Record<string, string>>;
  /** Must not appear in any message. */
  readonly secrets: readonly string[];
  /** What the endpoint is shown, for messages: "the refresh token". */
  readonly what: string;
};

const mostBody = 64 * 1024;

type Answer = { readonly status: number; readonly body: string };

const post = (url: URL, body: string, signal: AbortSignal): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const request = (secure ? requestHttps : requestHttp)(url, {
      method: 'POST',
      agent: false,
      signal,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        'content-length': Buffer.byteLength(body),
      },
      // Certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      ...(secure && { rejectUnauthorized: true }),
    });
    request.on('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const answered = () => {
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).subarray(0, mostBody).toString(),
        });
        request.destroy();
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > mostBody) answered();
      });
      response.once('end', answered);
      response.on('error', reject);
    });
    request.end(body);
  });

const fieldsOf = (body: string): ReadonlyMap<string, unknown> => {
  try {
    const told: unknown = JSON.parse(body);
    return new Map(typeof told === 'object' && told !== null ? Object.entries(told) : []);
  } catch {
    return new Map();
  }
};

const refusals: Readonly<Record<string, TokenCause>> = {
  invalid_grant: 'grant-refused',
  access_denied: 'grant-refused',
  interaction_required: 'grant-refused',
  consent_required: 'grant-refused',
  login_required: 'grant-refused',
  invalid_client: 'client-refused',
  unauthorized_client: 'client-refused',
  temporarily_unavailable: 'unavailable',
  server_error: 'unavailable',
  slow_down: 'unavailable',
};

const meanings = (what: string): Readonly<Partial<Record<TokenCause, string>>> => ({
  'grant-refused': `${what} was revoked or expired`,
  'client-refused': 'the client id or its secret is wrong or expired',
});

/** Microsoft ends every description with numbers of its own, new each time: they would make one failure many. */
const withoutTrace = (description: string): string => {
  const at = description.indexOf('Trace ID: ');
  return at < 0 ? description : description.slice(0, at).trimEnd();
};

/** What may stand in an Authorization header or in a login (RFC 6749 appendix A.12). */
const isToken = (value: unknown): value is string => typeof value === 'string' && /^[\x21-\x7e]{1,16384}$/.test(value);

/** Asks the endpoint once. Rejects with a TokenError, whatever happens. Redirects are not followed: they would be shown the secrets. */
export const exchange = async ({ url, fields, secrets, what }: TokenRequest, signal: AbortSignal): Promise<Granted> => {
  const safe = (words: string, more: readonly string[] = []) =>
    asEvidence(maskOf([...secrets, ...more])(words), [], 400);
  const fail = (cause: TokenCause, words: string, said?: Said) => new TokenError(cause, url.host, safe(words), said);
  let answer: Answer;
  try {
    answer = await post(url, new URLSearchParams(fields).toString(), signal);
  } catch (error) {
    if (signal.aborted) throw fail('timeout', 'no answer in time');
    throw fail('unreachable', error instanceof Error && error.message !== '' ? error.message : codeOf(error));
  }
  const { status, body } = answer;
  const told = fieldsOf(body);
  const error = told.get('error');
  if (status === 200 && error === undefined) {
    const [accessToken, refreshToken, type] = ['access_token', 'refresh_token', 'token_type'].map((name) =>
      told.get(name),
    );
    if (!isToken(accessToken)) throw fail('bad-answer', 'the answer holds no access token');
    // RFC 6749 section 7.1: a token of a type that is not understood must not be used.
    if (type !== undefined && !/^bearer$/i.test(String(type))) {
      const granted = [accessToken, refreshToken].filter(isToken).filter((token) => token.length >= 12);
      const words = `the access token is of type ${JSON.stringify(type)}, not Bearer`;
      throw new TokenError('bad-answer', url.host, safe(words, granted));
    }
    const seconds = Number(told.get('expires_in') ?? Number.NaN);
    return {
      accessToken,
      expiresIn: seconds >= 0 ? seconds : undefined,
      refreshToken: isToken(refreshToken) ? refreshToken : undefined,
    };
  }
  if (typeof error === 'string') {
    const named = Object.hasOwn(refusals, error) ? refusals[error] : undefined;
    const cause = named ?? (status >= 500 || status === 429 ? 'unavailable' : 'request-refused');
    const meaning = meanings(what)[cause];
    const described = told.get('error_description');
    const description = typeof described === 'string' ? withoutTrace(described) : undefined;
    const code = error.slice(0, 60);
    throw fail(cause, [code, meaning, description].filter((words) => words !== undefined).join(': '), {
      error: safe(code),
      description: safe(description ?? ''),
    });
  }
  const words = `HTTP ${status} without an answer of the protocol`;
  throw fail(status >= 500 || status === 429 ? 'unavailable' : 'bad-answer', words);
};

/** Node puts the failures of several addresses into one error without words of its own. */
const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'the connection failed';
