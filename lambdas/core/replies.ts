/**
 * Server replies to causes: a failure is classified once, at the edge, by this table.
 * The first row that matches wins; enhanced status codes (RFC 3463) are the fallback; anything else is `unknown`.
 */
import type { Cause } from './causes.ts';

/**
 * The order is part of the rule: what is said more exactly comes first. A sender's "user unknown" is about the sender, a
 * relay denial that advises to log in is still a relay denial, and "blocked" alone says least.
 * Patterns are linear: no nested quantifiers, applied to at most `readable` characters.
 */
const words: readonly (readonly [RegExp, Cause])[] = [
  [
    /must (issue|first use) (a )?starttls|starttls (is required|command first)|(session )?encryption (is )?(required|needed)|\btls (is )?required/i,
    'tls-required',
  ],
  [
    /5\.7\.139|5\.7\.57\b|smtpclientauthentication is disabled|basic authentication is disabled|unrecognized authentication type|authentication not enabled|auth (command used when )?not (advertised|available|implemented|supported)|application-specific password/i,
    'auth-method-disabled',
  ],
  [
    /5\.7\.3 .{0,40}authentication unsuccessful|^535\b|5\.7\.8\b|5\.7\.14\b|authentication (failed|unsuccessful|credentials invalid)|incorrect authentication data|invalid (login|credentials(?! for relay))|bad username or password/i,
    'auth-failed',
  ],
  [/gr[ea]y ?-?list/i, 'greylisted'],
  [
    /5\.7\.54|5\.7\.64|relay access denied|unable to relay|relay(ing)? (not permitted|denied|prohibited|not allowed)|not permitted to relay|does not relay|we do not relay|invalid credentials for relay|relaying is not allowed|rcpthosts|delivery is not allowed to this address|client host rejected: access denied|5\.7\.1 .{0,320}recipient address rejected: access denied/i,
    'relay-denied',
  ],
  [
    /\bspamhaus|\bspamcop|\bbarracuda|\bsorbs\b|block ?list|black ?list|\bdnsbl\b|\brbl\b|listed (at|by|in|on) |blocked using|banned sending ip|5\.7\.708\b|not accepted from this ip|(poor|bad) reputation|ipcheck\.proofpoint/i,
    'blocklisted',
  ],
  [
    /helo command rejected|cannot find your (reverse )?hostname|reverse (dns|hostname)|\bptr\b|(invalid|bad) (helo|ehlo)|helo argument|(helo|ehlo) (should|must) be/i,
    'client-name',
  ],
  [
    /5\.7\.2[34679]|5\.7\.20\b|5\.7\.515\b|\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated|required authentication level/i,
    'unauthenticated',
  ],
  [
    /^530\b|5\.7\.0 .{0,40}(authentication|log ?in)|authentication (is )?required|must authenticate|not authenticated/i,
    'auth-required',
  ],
  [
    /4\.7\.28|5\.7\.28|5\.2\.121|4\.3\.2 .{0,40}(throttl|rate limit)|throttl|rate limit|unusual (rate|volume)|unexpected volume|server busy|too (much|many) (mail|messages|recipients|emails|(failed )?(login|auth))|(sending|relay|messages?|e?mail|daily|hourly) (user |sending |relay |smtp |message ){0,4}(limit|quota)|exceeded.{0,30}(rate|messages)/i,
    'throttled',
  ],
  [/5\.2\.2\b|4\.2\.2\b|mailbox (is )?full|over ?quota|quota (is )?exceeded/i, 'mailbox-full'],
  [
    /5\.3\.4|5\.2\.3\b|message (size|too (large|big))|exceeds? (the )?(fixed )?(maximum )?(message )?size|^552 .{0,30}size/i,
    'too-large',
  ],
  [
    /4\.3\.1\b|insufficient (system )?(storage|resources|disk)|out of (disk )?space|disk full|space shortage/i,
    'server-full',
  ],
  [
    /too many (concurrent |open )?(smtp )?(connections|sessions)|concurrent connection|connections? limit|thread limit/i,
    'too-many-connections',
  ],
  [
    /[45]\.1\.[78]\b|5\.7\.60|5\.7\.750|sender (address )?(rejected|required|verif)|sender (not allowed|denied)|envelope sender|badmailfrom|not (allowed|owned).{0,30}send as|sendasdenied|domain of sender|domain name required|unregistered domain|address is not verified|ses:sendrawemail|banned sender/i,
    'sender-rejected',
  ],
  [
    /[45]\.1\.1\b|5\.1\.10|5\.5\.0 .{0,30}(mailbox|user)|user unknown|unknown user|no such (user|recipient|mailbox)|no mailbox here|invalid recipient|recipient (address )?rejected|unrouteable address|recipient not found|mailbox (unavailable|not found)|does not exist/i,
    'recipient-unknown',
  ],
  [
    /spam|unsolicited|content (rejected|filter)|virus|policy|prohibit|5\.7\.1 .{0,40}command rejected|access denied|blocked/i,
    'policy-blocked',
  ],
];

const enhanced: Readonly<Record<string, Cause>> = {
  '1.1': 'recipient-unknown',
  '1.2': 'recipient-unknown',
  '1.6': 'recipient-unknown',
  '1.7': 'sender-rejected',
  '1.8': 'sender-rejected',
  '2.2': 'mailbox-full',
  '2.3': 'too-large',
  '3.1': 'server-full',
  '3.4': 'too-large',
  '7.4': 'auth-method-disabled',
  '7.8': 'auth-failed',
  '7.9': 'auth-method-disabled',
  '7.10': 'tls-required',
  '7.11': 'tls-required',
  '7.23': 'unauthenticated',
  '7.25': 'client-name',
  '7.26': 'unauthenticated',
};

/** A reply may be a megabyte; what says why stands at its beginning. */
const readable = 2000;

/**
 * Classifies one SMTP reply ("554 5.7.1 <x>: Relay access denied"; the lines of a longer one as they came).
 * A phrase may begin on one line and end on the next, so the codes that begin each further line are left out.
 * Temporary is what the first digit says (RFC 5321 4.2.1), never the words.
 */
export const classify = (reply: string): { readonly cause: Cause; readonly temporary: boolean } => {
  const text = reply
    .slice(0, readable)
    .replace(/\r?\n\d{3}[- ]([245]\.\d{1,3}\.\d{1,3} )?/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const temporary = /^4\d\d/.test(text);
  const byWords = words.find(([pattern]) => pattern.test(text))?.[1];
  if (byWords !== undefined) return { cause: byWords, temporary };
  const code = /\b[45]\.(\d{1,3}\.\d{1,3})\b/.exec(text)?.[1];
  const byCode = code === undefined ? undefined : enhanced[code];
  if (byCode !== undefined) return { cause: byCode, temporary };
  return { cause: temporary ? 'temporary-refusal' : 'unknown', temporary };
};

const codes: readonly (readonly [RegExp, Cause])[] = [
  [/^(ENOTFOUND|EAI_AGAIN|EAI_FAIL|EAI_NODATA|EAI_NONAME|EDNS|ENODATA|ESERVFAIL|ETIMEOUT)$/, 'dns-failed'],
  [/^ECONNREFUSED$/, 'connect-refused'],
  [/^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/, 'connect-timeout'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EHOSTDOWN|ENETDOWN)$/, 'unreachable'],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET|ECONNECTION)$/, 'connection-lost'],
  [/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/, 'tls-expired'],
  [/^(ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/, 'tls-name'],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|CERT_)/,
    'tls-untrusted',
  ],
  [/^(ERR_SSL|ERR_TLS|EPROTO$|ETLS$)/, 'tls-failed'],
  [/^EAUTH$/, 'auth-failed'],
];

/** A failure without a reply by its `code`, as OpenSSL, libuv, c-ares and (for what applications report) nodemailer name them. */
export const classifyCode = (code: string | undefined): Cause | undefined =>
  code === undefined ? undefined : codes.find(([pattern]) => pattern.test(code))?.[1];

/** Causes whose replies name the client; an address in any other reply may be of some other machine. */
const aboutUs: readonly Cause[] = [
  'relay-denied',
  'blocklisted',
  'client-name',
  'unauthenticated',
  'auth-required',
  'throttled',
  'too-many-connections',
  'policy-blocked',
];

const addressIn = (text: string): string | undefined => {
  const bracketed = [...text.matchAll(/\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})(?: +\d+)?\]/g)].map((match) => match[1]);
  const named = /\b(?:host|ip|address|client|because|from)[ =:]{1,3}(\d{1,3}(?:\.\d{1,3}){3})\b/i.exec(text)?.[1];
  return [...bracketed.reverse(), named].find((address) => address !== undefined && isAddress(address));
};

const isAddress = (text: string): boolean =>
  /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(text) ||
  (/^[0-9A-Fa-f:]+(\d{1,3}(\.\d{1,3}){3})?$/.test(text) && text.split(':').length > 2 && text.split(':').length < 10);

/** Our address as a refusal shows it ("Client host [198.51.100.7] blocked"), when the reply is about the client. */
export const seenAsInRefusal = (reply: string): string | undefined => {
  const text = reply.slice(0, readable);
  return aboutUs.includes(classify(text).cause) ? addressIn(text) : undefined;
};

/**
 * Our address as the first line of an EHLO reply shows it: Exchange, Exim, Sendmail, OpenSMTPD and Gmail do, Postfix does not.
 * `name` is what we said in EHLO: an address literal that the server only repeats is not what it saw.
 */
export const seenAsInGreeting = (reply: string, name: string): string | undefined =>
  addressIn((reply.slice(0, readable).split(/\r?\n/)[0] ?? '').replace(name, ''));

/**
 * The words of a server, as they may be kept and shown: one line, without control and direction characters, at most
 * `most` characters, and without any of the secrets, should the server repeat one.
 */
export const asEvidence = (words: string, secrets: readonly string[] = [], most = 500): string =>
  secrets
    .filter((secret) => secret !== '')
    .reduce((text, secret) => text.replaceAll(secret, '***'), words.slice(0, 100_000))
    .replace(/\s+/g, ' ')
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '')
    .trim()
    .slice(0, most)
    .toWellFormed();
