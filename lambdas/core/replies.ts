/**
 * Server replies to causes: a failure is classified once, at the edge, by this table.
 * The first row that matches wins; enhanced status codes (RFC 3463) are the fallback; anything else is `unknown`.
 */
import type { Cause } from './causes.ts';

/** Patterns are linear: no nested quantifiers, applied to at most 2,000 characters. */
const words: readonly (readonly [RegExp, Cause])[] = [
  [
    /5\.7\.139|5\.7\.57\b|smtpclientauthentication is disabled|basic authentication is disabled/i,
    'auth-method-disabled',
  ],
  [
    /5\.7\.3 .{0,40}authentication unsuccessful|^535\b|5\.7\.8\b|authentication (failed|unsuccessful|credentials invalid)|invalid (login|credentials(?! for relay))|bad username or password/i,
    'auth-failed',
  ],
  [/grey ?-?list|gray ?-?list/i, 'greylisted'],
  [
    /5\.7\.54|5\.7\.64|relay access denied|unable to relay|relay(ing)? (not permitted|denied|prohibited)|not permitted to relay|does not relay|we do not relay|invalid credentials for relay|relaying is not allowed|rcpthosts/i,
    'relay-denied',
  ],
  [
    /\bspamhaus|\bspamcop|\bbarracudacentral|\bsorbs\b|blocklist|blacklist|block list|\bdnsbl\b|\brbl\b|listed (at|by|in|on) /i,
    'blocklisted',
  ],
  [/5\.7\.2[3-79]|5\.7\.20\b|\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated/i, 'unauthenticated'],
  [
    /^530\b|5\.7\.0 .{0,40}(authentication|log ?in)|authentication (is )?required|must authenticate|must (issue|first use) (a )?starttls/i,
    'auth-required',
  ],
  [
    /helo command rejected|client host rejected|cannot find your (reverse )?hostname|reverse (dns|hostname)|\bptr\b|invalid helo/i,
    'client-name',
  ],
  [/5\.2\.2|4\.2\.2|mailbox (is )?full|over ?quota|quota exceeded/i, 'mailbox-full'],
  [
    /5\.3\.4|5\.2\.3|message (size|too (large|big))|exceeds? (the )?(fixed )?(maximum )?(message )?size|^552 .{0,30}size/i,
    'too-large',
  ],
  [/4\.3\.1|insufficient (system )?(storage|resources)|out of (disk )?space|disk full/i, 'server-full'],
  [
    /too many (concurrent )?(smtp )?(connections|sessions)|concurrent connection|connection limit/i,
    'too-many-connections',
  ],
  [
    /4\.7\.28|5\.7\.28|5\.2\.121|4\.3\.2 .{0,40}(throttl|limit)|throttl|rate limit|too (much|many) (mail|messages|recipients|emails)|try again later.{0,40}(rate|limit)|exceeded.{0,30}(rate|messages)/i,
    'throttled',
  ],
  [
    /5\.1\.1\b|5\.1\.10|5\.5\.0 .{0,30}(mailbox|user)|user unknown|unknown user|no such (user|recipient|mailbox)|recipient (address )?rejected|unrouteable address|recipient not found|mailbox unavailable|does not exist/i,
    'recipient-unknown',
  ],
  [
    /5\.1\.[78]\b|5\.7\.60|sender (address )?rejected|sender (verify|not allowed|denied)|not (allowed|owned).{0,30}send as|sendasdenied|domain of sender/i,
    'sender-rejected',
  ],
  [/spam|content (rejected|filter)|virus|policy|prohibited|blocked/i, 'policy-blocked'],
];

const enhanced: Readonly<Record<string, Cause>> = {
  '1.1': 'recipient-unknown',
  '1.7': 'sender-rejected',
  '1.8': 'sender-rejected',
  '2.2': 'mailbox-full',
  '2.3': 'too-large',
  '3.1': 'server-full',
  '3.4': 'too-large',
  '7.8': 'auth-failed',
  '7.9': 'auth-method-disabled',
  '7.11': 'tls-required',
  '7.23': 'unauthenticated',
  '7.25': 'client-name',
  '7.26': 'unauthenticated',
};

/**
 * Classifies one SMTP reply ("554 5.7.1 <x>: Relay access denied").
 * Temporary is what the first digit says (RFC 5321 4.2.1), never the words.
 */
export const classify = (reply: string): { readonly cause: Cause; readonly temporary: boolean } => {
  const text = reply.slice(0, 2000).trim();
  const temporary = /^4\d\d/.test(text);
  const byWords = words.find(([pattern]) => pattern.test(text))?.[1];
  if (byWords !== undefined) return { cause: byWords, temporary };
  const code = /\b[45]\.(\d{1,3}\.\d{1,3})\b/.exec(text)?.[1];
  const byCode = code === undefined ? undefined : enhanced[code];
  if (byCode !== undefined) return { cause: byCode, temporary };
  return { cause: temporary ? 'temporary-refusal' : 'unknown', temporary };
};

/** A failure of Node's own (connection, DNS, TLS) by its `code`, as OpenSSL and libuv name them. */
export const classifyCode = (code: string | undefined): Cause | undefined => {
  if (code === undefined) return undefined;
  if (/^(ENOTFOUND|EAI_AGAIN|EAI_FAIL|EAI_NODATA|EDNS|ENODATA|ESERVFAIL)$/.test(code)) return 'dns-failed';
  if (code === 'ECONNREFUSED') return 'connect-refused';
  if (/^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) return 'connect-timeout';
  if (/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EHOSTDOWN|ENETDOWN)$/.test(code)) return 'unreachable';
  if (/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/.test(code)) return 'connection-lost';
  if (/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/.test(code)) return 'tls-expired';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'tls-name';
  if (/^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_UNTRUSTED|CERT_)/.test(code))
    return 'tls-untrusted';
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) return 'tls-failed';
  return undefined;
};
