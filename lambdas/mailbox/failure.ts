/** Why a mailbox could not be looked into: errors of imapflow, Node and servers, classified once, here. */
import type { Cause } from '../core/causes.ts';
import { asEvidence, classifyCode } from '../core/replies.ts';
import { maskOf } from '../oauth/mask.ts';

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
  /** What a SASL challenge said of an access token (RFC 7628 3.2.2), as imapflow has decoded it. */
  readonly challenge?: string;
};

const text = (value: unknown, key: string): string | undefined => {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === 'string' && found !== '' ? found : undefined;
};

/** `{"status":"401","schemes":"bearer"}` as words; what a server adds of its own is left as it is. */
const challengeOf = (error: unknown): string | undefined => {
  const told: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'oauthError') : undefined;
  if (told === undefined || told === false) return undefined;
  if (typeof told !== 'object' || told === null) return String(told).slice(0, 200);
  const fields = Object.entries(told).slice(0, 10);
  return fields
    .map(([name, value]) =>
      `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`.slice(0, 200),
    )
    .join(', ')
    .slice(0, 300);
};

const known = (error: unknown): Known => {
  const strings = ['code', 'responseStatus', 'responseText', 'serverResponseCode', 'reason'] as const;
  const found = strings.flatMap((key) => {
    const value = text(error, key);
    return value === undefined ? [] : [[key, value] as const];
  });
  const yes = (key: string) => typeof error === 'object' && error !== null && Reflect.get(error, key) === true;
  const challenge = challengeOf(error);
  return {
    ...Object.fromEntries(found),
    ...(challenge !== undefined && { challenge }),
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

/**
 * What servers say of a login that they refuse, by their words (Gmail, Microsoft 365, Exchange, Zoho, Yahoo, iCloud, Fastmail).
 * Yandex says "Invalid credentials or IMAP is disabled" of either: no row may take that for an answer.
 */
const loginWords: readonly (readonly [RegExp, Cause])[] = [
  [tooMany, 'too-many-connections'],
  [/bandwidth limits|throttled/i, 'throttled'],
  [
    /not enabled for imap|yet to enable imap|imap (access|service)? ?(is |has been )?(disabled|not enabled|switched off|blocked) for (your|this|the) |protocol ?disabled/i,
    'imap-disabled',
  ],
  [
    /application-specific password|app(lication)?[- ]password|basic ?auth(entication)? ?(is )?(blocked|disabled)|via your web browser|web login required/i,
    'imap-password-disabled',
  ],
];

/** Exchange says it to whatever comes after a login that it took, as BAD, where it does not find the mailbox. */
const notConnected = /authenticated but not connected/i;

/** A NO to a login is not always about the password: RFC 5530 has codes for a server in trouble. */
const loginCause = (code: string | undefined, words: string): Cause => {
  if (code === 'LIMIT') return 'too-many-connections';
  if (code === 'WEBALERT') return 'imap-password-disabled';
  const byWords = loginWords.find(([pattern]) => pattern.test(words))?.[1];
  if (byWords !== undefined) return byWords;
  return code === 'UNAVAILABLE' || code === 'SERVERBUG' || code === 'INUSE'
    ? 'temporary-refusal'
    : 'imap-login-refused';
};

/** A server that answered a login, or the first command after it, with no; undefined for every other failure. */
export const refusedLogin = (error: unknown): { readonly cause: Cause; readonly words: string } | undefined => {
  const { message, responseText, challenge, ...rest } = known(error);
  const { responseStatus, serverResponseCode } = rest;
  // imapflow keeps these words elsewhere when it is NAMESPACE that Exchange answers so.
  const said = responseText ?? text(error, 'response') ?? message;
  const more = challenge === undefined ? '' : `; the server said of the token: ${challenge}`;
  if (notConnected.test(said)) return { cause: 'imap-login-refused', words: said };
  if (rest.authenticationFailed !== true) return undefined;
  if (responseStatus === undefined && !/login is disabled/i.test(message)) return undefined;
  const words = responseText ?? message;
  return { cause: loginCause(serverResponseCode, words), words: `${words}${more}` };
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
  const refused = refusedLogin(error);
  if (refused !== undefined) return new CannotLook(refused.cause, `${stage}: ${refused.words}`, { cause: error });
  if (/^Unsupported authentication mechanism$/.test(message))
    return new CannotLook('imap-login-refused', `${stage}: the server offers no login of this kind`, { cause: error });
  if (rest.tlsFailed === true) return because(code === undefined ? 'tls-required' : 'tls-failed');
  if (rest.responseStatus !== undefined) return because('imap-search-failed');
  return because('unknown');
};

/** Fit for people: one line of 500 characters; replaces secrets wherever a server or a library may have repeated them, in whatever form. */
export const mask = (words: string, secrets: readonly string[]): string => asEvidence(maskOf(secrets)(words));
