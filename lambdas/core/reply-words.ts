/** What servers say when they refuse, and the cause that it means: phrases, enhanced status codes, and codes of systems. */
import type { Cause } from './causes.ts';
import type { Phrases } from './phrases.ts';

/**
 * The first row that fits wins, so the order is part of the rule: what is said more exactly comes first. A sender's "user
 * unknown" is about the sender, a relay denial that advises to log in is still a relay denial, and "blocked" alone says
 * least. A cause may have several rows.
 */
export const said: Phrases<Cause> = [
  ['firewall-altered', '^500|^501|^502 .. xxxx'],
  [
    'tls-required',
    `must issue|use a? starttls, must first use starttls, starttls is? required, starttls command first,
     encryption is? required|needed, tls is? required, not sent over a tls connection`,
  ],
  ['tls-failed', 'tls not available, tls handshake failed, tls currently unavailable'],
  ['auth-failed', '5.7.139 .. credentials were incorrect'],
  [
    'auth-method-disabled',
    `5.7.139, 5.7.57 .. .outlook, smtpclientauthentication is disabled, basic authentication is disabled,
     basic authentication is not supported, unrecognized|unrecognised authentication type,
     unsupported authentication mechanism|type, authentication mechanism|type is? not supported,
     authentication not enabled, auth command? used? when? not advertised|available|implemented|supported,
     application specific password`,
  ],
  ['auth-required', '5.7.57, sender address rejected not logged in'],
  ['relay-denied', 'invalid credentials for relay'],
  [
    'auth-failed',
    `^535, 5.7.8|5.7.14, 5.7.3 .. authentication unsuccessful,
     authentication|authorization failed|unsuccessful, authentication credentials invalid,
     incorrect authentication data, invalid login|credentials, bad username or password,
     username and password not accepted`,
  ],
  ['greylisted', 'greylisted|greylisting|greylist|graylisted|graylisting|graylist, grey|gray listed|listing|list'],
  ['direct-send-blocked', '5.7.68, direct send not allowed'],
  ['connector-mismatch', '5.7.64, 5.7.51 .. connector, tenantattribution'],
  ['suppressed', 'suppressed sending, suppression list'],
  ['account-paused', 'sending is? paused|suspended, tenant has exceeded threshold, bad outbound sender'],
  ['client-name', 'relaying temporarily denied cannot resolve ptr, helo|ehlo command rejected'],
  [
    'relay-denied',
    `5.7.54, relay access denied, unable to relay, relay|relaying is? not permitted|allowed,
     relay|relaying is? temporarily? denied|prohibited, not permitted|allowed|authorized|authorised to relay,
     does not relay, we do not relay, rcpthosts, delivery is not allowed to this address,
     client host rejected access denied, 5.7.1 .. recipient address rejected access denied`,
  ],
  ['recipient-unknown', '5.4.1 recipient address rejected, not listed in .. directory|book'],
  ['sender-rejected', '5.7.27 sender address rejected'],
  [
    'blocklisted',
    `spamhaus|.spamhaus|spamcop|.spamcop|barracuda|.barracudacentral|sorbs|.sorbs|dnsbl|rbl,
     blocklist|blocklisted|blacklist|blacklisted, block|black list|listed, listed at|by|in|on, blocked using,
     banned sending ip, 5.7.511|5.7.708, not accepted from this ip, poor|bad reputation,
     .ipcheck|ipcheck.proofpoint.com`,
  ],
  [
    'client-name',
    `cannot find your reverse? hostname, reverse dns|hostname, ptr, invalid|bad helo|ehlo, helo argument,
     helo|ehlo should|must be`,
  ],
  [
    'unauthenticated',
    `5.7.20|5.7.21|5.7.22|5.7.23|5.7.24|5.7.26|5.7.509|5.7.515, 4.7.20|4.7.21|4.7.22|4.7.23|4.7.24|4.7.26,
     spf|dkim|dmarc, unauthenticated, required authentication level`,
  ],
  [
    'auth-required',
    `^530, 5.7.0 .. authentication|login, 5.7.0 .. log in, authentication is? required, must issue an auth,
     must authenticate, not authenticated`,
  ],
  [
    'quota-exceeded',
    `daily .. exceeded|reached, exceeded|reached .. daily, 5.4.5|5.7.232|5.7.233, submission quota exceeded,
     submissionquotaexceededexception, reached a limit for sending`,
  ],
  [
    'throttled',
    `4.7.28|5.7.28|5.2.121|5.2.122, throttled|throttling|throttle, rate limit|limited|limits,
     unusual rate|volume, unexpected volume, server busy, too much|many mail|messages|recipients|emails,
     too many failed? login|logins|auth|authentication,
     sending|relay|message|messages|email|mail|hourly user|sending|relay|smtp|message? limit|quota,
     exceeded .. rate|messages|emails, receiving mail too quickly, receiving mail at a rate`,
  ],
  [
    'mailbox-full',
    `5.2.2|4.2.2, mailbox|inbox is? full, over quota, overquota, quota is? exceeded, quotaexceededexception,
     out of storage, exceeded storage allocation, exceeded its? storage`,
  ],
  [
    'too-large',
    `5.3.4|4.3.4|5.2.3, message size, message file? is? too large|big|long,
     exceeds the? fixed? maximum? message? size, ^552 .. size`,
  ],
  [
    'server-full',
    `4.3.1|5.3.1, insufficient system? storage|resources|disk, out of disk? space, disk full, space shortage,
     no space left`,
  ],
  [
    'too-many-connections',
    `too many concurrent|open? smtp? connections|sessions, concurrent connection|connections,
     connection|connections limit, maximum number of connections, thread limit`,
  ],
  [
    'sender-not-allowed',
    `5.7.60|5.2.252, not owned by, sendasdenied|sendasdeniedexception, permissions|permission to send as,
     not allowed|permitted|authorized|authorised to send as|from, not allowed to use this? sender,
     sender address is? not allowed, not authorized to perform ses sendrawemail|sendemail`,
  ],
  [
    'sender-rejected',
    `4.1.7|4.1.8|5.1.7|5.1.8|5.7.750, sender address? rejected|required, sender verify|verification,
     sender not allowed|denied, sender is? blocked|banned, envelope sender, badmailfrom, domain of sender,
     domain name required, unregistered domain, address is not verified, banned sender, invalid mail from`,
  ],
  [
    'recipient-unknown',
    `4.1.1|5.1.1|5.1.10, 5.5.0 .. mailbox|user, user unknown, unknown user|recipient|mailbox,
     no such user|recipient|mailbox, no mailbox here, invalid recipient, recipient address? rejected,
     unrouteable|unroutable address, recipient|user|mailbox not found, mailbox unavailable,
     user|account|mailbox|address|recipient does not exist,
     account that you tried to reach is disabled|inactive, this user doesn t have`,
  ],
  [
    'policy-blocked',
    `spam|junkmail|unsolicited|virus|malware|policy|spoofing, prohibited|prohibits|prohibition,
     outboundspamexception, content rejected|filter, 5.7.1 .. command rejected, access denied, blocked`,
  ],
  [
    'protocol-error',
    `command unrecognized|unrecognised|unknown, unrecognized|unrecognised|unknown command,
     command not recognized|recognised, synchronization error, bad sequence of commands, syntax error`,
  ],
];

/**
 * Enhanced status codes, where no words fit (RFC 3463 and the IANA registry of its codes): subject and detail, or the whole
 * code where the class decides. What says no more than "refused" (5.7.0, 5.7.1, 4.3.0) is not here.
 */
const byCode: readonly (readonly [Cause, string])[] = [
  ['recipient-unknown', '1.1 1.2 1.3 1.4 1.6 1.10 5.2.1 7.17 7.18'],
  ['sender-rejected', '1.7 1.8 7.27'],
  ['mailbox-full', '2.2'],
  ['too-large', '2.3 3.4 7.16'],
  ['server-full', '3.1'],
  ['throttled', '4.4.5 5.3 7.28'],
  ['protocol-error', '5.1 5.2 5.4 5.5'],
  ['policy-blocked', '7.2 7.7'],
  ['auth-method-disabled', '7.4 7.9'],
  ['auth-failed', '7.8 7.12 7.13'],
  ['tls-required', '7.10 7.11 7.30'],
  ['unauthenticated', '7.20 7.21 7.22 7.23 7.24 7.26 7.29'],
  ['client-name', '7.25'],
];

export const enhanced: ReadonlyMap<string, Cause> = new Map(
  byCode.flatMap(([cause, codes]) => codes.split(' ').map((code) => [code, cause] as const)),
);
