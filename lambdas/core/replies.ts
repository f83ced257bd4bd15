/**
 * Server replies to causes: a failure is classified once, at the edge, by the table of phrases in `reply-words.ts`.
 * Enhanced status codes (RFC 3463) are the fallback; anything else is `unknown`.
 */
import type { Cause } from './causes.ts';
import { isAddress } from './known.ts';
import { matcher } from './phrases.ts';
import { enhanced, said } from './reply-words.ts';

/** A reply may be a megabyte; what says why stands at its beginning. */
const readable = 2000;

/** Made when it is first needed, which is never where all mail is accepted. */
let matching: ReturnType<typeof matcher<Cause>> | undefined;
const causeOf = (text: string): Cause | undefined => {
  matching ??= matcher(said);
  return matching(text);
};

/**
 * Classifies one SMTP reply ("554 5.7.1 <x>: Relay access denied"; the lines of a longer one as they came).
 * A phrase may begin on one line and end on the next, so the codes that begin each further line are left out.
 * Temporary is what the first digit says (RFC 5321 4.2.1), never the words. `recipient` is whom the mail was for: SES says
 * "not verified" of a sender and (in its sandbox) of a recipient, and only names which.
 */
export const classify = (reply: string, recipient?: string): { readonly cause: Cause; readonly temporary: boolean } => {
  const text = reply.slice(0, readable);
  const temporary = /^4\d\d/.test(text);
  const found = causeOf(text.includes('\n') ? text.replace(/\n\d{3}[- ](?:[245]\.\d{1,3}\.\d{1,3} )?/g, ' ') : text);
  if (found !== undefined)
    return { cause: found === 'sender-rejected' && isSandbox(text, recipient) ? 'sandbox' : found, temporary };
  const code = (atItsPlace.exec(text) ?? anywhere.exec(text))?.[1] ?? '';
  const byCode = enhanced.get(code) ?? enhanced.get(code.slice(2));
  return { cause: byCode ?? (temporary ? 'temporary-refusal' : 'unknown'), temporary };
};

/** An enhanced status code follows the reply code (RFC 2034); qmail and those who repeat a reply put it elsewhere. */
const atItsPlace = /^\d{3}[- ]([45]\.\d{1,3}\.\d{1,3})(?![\w@-]|\.\w)/;
const anywhere = /(?<![\w.@-])([45]\.\d{1,3}\.\d{1,3})(?![\w@-]|\.\w)/;

/** AWS: https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html */
const isSandbox = (text: string, recipient: string | undefined): boolean => {
  const [, failed] =
    /address is not verified\. The following identities failed the check.{0,60}: (.{0,1000})/is.exec(text) ?? [];
  const identities = failed?.toLowerCase().split(/[\s,]+/) ?? [];
  return recipient !== undefined && identities.includes(recipient.toLowerCase());
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
  'connector-mismatch',
  'direct-send-blocked',
  'greylisted',
];

const addressIn = (text: string): string | undefined => {
  const bracketed = [...text.matchAll(/\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})(?: +\d+)?\]/g)].map((match) => match[1]);
  const named = /\b(?:host|ip|address|client|because|from)[ =:]{1,3}(\d{1,3}(?:\.\d{1,3}){3})\b/i.exec(text)?.[1];
  return [...bracketed.reverse(), named].find((address) => address !== undefined && isAddress(address));
};

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

/** Lists by what is read in a reply that does not say "using"; the first that fits. */
const lists: readonly (readonly [RegExp, string])[] = [
  [/\bspamhaus\b/i, 'the list of Spamhaus (check.spamhaus.org)'],
  [/\bspamcop\b/i, 'the list of SpamCop (spamcop.net)'],
  [/\bbarracuda/i, 'the list of Barracuda (barracudacentral.org)'],
  [/\bsorbs\b/i, 'the list of SORBS'],
  [/\bproofpoint\.com\b/i, 'the list of Proofpoint (ipcheck.proofpoint.com)'],
  [/\bcloudmark\b/i, 'the list of Cloudmark'],
  [/\bmimecast\b/i, 'the list of Mimecast'],
  [
    /\b(?:sender\.office\.com|delist@messaging\.microsoft\.com|banned sending ip)/i,
    'the list of Microsoft (sender.office.com)',
  ],
];

/** The DNS zone of the blocklist that a refusal names ("blocked using zen.spamhaus.org"). */
export const zoneIn = (reply: string): string | undefined =>
  /\b(?:using|listed (?:at|by|in|on)|(?:black|block) ?list(?:ed)? (?:at|by|in|on)) ((?:[a-z0-9_-]{1,63}\.){1,8}[a-z]{2,24})\b/i
    .exec(reply.slice(0, readable))?.[1]
    ?.toLowerCase();

/** The blocklist that a refusal names, as a noun of a sentence. */
export const listNameIn = (reply: string): string | undefined => {
  const zone = zoneIn(reply);
  const named = lists.find(([pattern]) => pattern.test(reply.slice(0, readable)))?.[1];
  return zone === undefined ? named : `the list ${zone}`;
};

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
