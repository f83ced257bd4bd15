/** Why a mailbox could not be looked into: errors of imapflow, Node and servers, classified once, here. */
import type { Cause } from '../core/causes.ts';
import { classifyCode } from '../core/replies.ts';

/** A look that cannot go on, with its cause and words that people read. */
export class CannotLook extends Error {
  override name = 'CannotLook';
  readonly why: Cause;
  constructor(why: Cause, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.why = why;
  }
}

/** The server answered a command with NO or BAD; the session itself is well. */
export class Refused extends Error {
  override name = 'Refused';
}

/** The connection is gone, though no call said so: imapflow answers `false` or nothing where a session ended. */
export class Gone extends Error {
  override name = 'Gone';
}

type Known = {
  readonly message: string;
  readonly code?: string;
  readonly responseStatus?: string;
  readonly responseText?: string;
  readonly serverResponseCode?: string;
  readonly authenticationFailed?: boolean;
  readonly tlsFailed?: boolean;
  readonly reason?: string;
};

const text = (value: unknown, key: string): string | undefined => {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === 'string' && found !== '' ? found : undefined;
};

const known = (error: unknown): Known => {
  const strings = ['code', 'responseStatus', 'responseText', 'serverResponseCode', 'reason'] as const;
  const found = strings.flatMap((key) => {
    const value = text(error, key);
    return value === undefined ? [] : [[key, value] as const];
  });
  const yes = (key: string) => typeof error === 'object' && error !== null && Reflect.get(error, key) === true;
  return {
    ...Object.fromEntries(found),
    message: error instanceof Error ? error.message : String(error),
    authenticationFailed: yes('authenticationFailed'),
    tlsFailed: yes('tlsFailed'),
  };
};

/** NO or BAD to one command: another command may still be answered. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof Refused || text(error, 'responseStatus') !== undefined;

/** The connection was lost (in contrast to refused, or never made). */
export const isLost = (error: unknown): boolean =>
  error instanceof Gone ||
  /^(NoConnection|EConnectionClosed|StateLogout|ETIMEOUT|ECONNRESET|EPIPE)$/.test(text(error, 'code') ?? '');

/** imapflow's own codes; Node's are in `classifyCode`. */
const codes: readonly (readonly [RegExp, Cause])[] = [
  [/^CONNECT_TIMEOUT$/, 'connect-timeout'],
  [/^(GREETING_TIMEOUT|ETIMEOUT)$/, 'timeout-at-stage'],
  [/^(UPGRADE_TIMEOUT|STARTTLS_INJECTION)$/, 'tls-failed'],
  [/^(NoConnection|EConnectionClosed|StateLogout|ClosedAfterConnect)/, 'connection-lost'],
  [
    /^(ParserError|UnexpectedTag|InvalidResponse|ResponseProcessingFailed|LineTooLarge|LiteralTooLarge|ResponseTooLarge)/,
    'protocol-error',
  ],
  [/^ETHROTTLE$/, 'throttled'],
];

const tooMany = /too many|(connection|session)s? limit|limit.{0,20}(connection|session)/i;

/** A NO to a login is not always about the password: RFC 5530 has codes for a server in trouble. */
const loginCause = (code: string | undefined, words: string): Cause => {
  if (code === 'LIMIT' || tooMany.test(words)) return 'too-many-connections';
  return code === 'UNAVAILABLE' || code === 'SERVERBUG' || code === 'INUSE'
    ? 'temporary-refusal'
    : 'imap-login-refused';
};

/** Turns whatever was thrown into a cause and words; `stage` says what was being done. */
export const explain = (error: unknown, stage: string): CannotLook => {
  if (error instanceof CannotLook) return error;
  const { message, code, responseText, reason, ...rest } = known(error);
  const words = responseText ?? reason ?? message;
  const because = (cause: Cause) => new CannotLook(cause, `${stage}: ${words}`, { cause: error });

  if (reason !== undefined && tooMany.test(reason)) return because('too-many-connections');
  if (error instanceof Gone) return because('connection-lost');
  if (error instanceof Refused) return because('imap-search-failed');
  const byCode = codes.find(([pattern]) => pattern.test(code ?? ''))?.[1] ?? classifyCode(code);
  if (byCode !== undefined) return because(byCode);
  if (rest.authenticationFailed === true && (rest.responseStatus !== undefined || /login is disabled/i.test(message)))
    return because(loginCause(rest.serverResponseCode, words));
  if (rest.tlsFailed === true) return because(code === undefined ? 'tls-required' : 'tls-failed');
  if (rest.responseStatus !== undefined) return because('imap-search-failed');
  return because('unknown');
};

/** Fit for people: one line of 500 characters; replaces secrets, plain and as SASL sends them, wherever a server or a library may have repeated them. */
export const mask = (words: string, secrets: readonly string[]): string =>
  secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
    .reduce((said, secret) => said.replaceAll(secret, '***'), words)
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .slice(0, 500);
