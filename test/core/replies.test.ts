/** Servers' real words, and what the table makes of them. */
import { describe, expect, test } from 'vitest';
import type { Cause } from '../../lambdas/core/causes.ts';
import { asEvidence, classify, classifyCode, seenAsInGreeting, seenAsInRefusal } from '../../lambdas/core/replies.ts';

const said: Readonly<Record<string, readonly (readonly [reply: string, cause: Cause])[]>> = {
  Postfix: [
    ['554 5.7.1 <canary@supplier.example>: Relay access denied', 'relay-denied'],
    ['454 4.7.1 <canary@supplier.example>: Relay access denied', 'relay-denied'],
    ['554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied', 'relay-denied'],
    ['554 5.7.1 <canary@supplier.example>: Recipient address rejected: Access denied', 'relay-denied'],
    ['450 4.7.1 Client host rejected: cannot find your reverse hostname, [198.51.100.7]', 'client-name'],
    ['504 5.5.2 <web-03>: Helo command rejected: need fully-qualified hostname', 'client-name'],
    ['450 4.7.1 <web-03.lan>: Helo command rejected: Host not found', 'client-name'],
    [
      '550 5.1.1 <x@example.com>: Recipient address rejected: User unknown in virtual mailbox table',
      'recipient-unknown',
    ],
    ['450 4.1.1 <x@example.com>: Recipient address rejected: unverified address', 'recipient-unknown'],
    ['550 5.1.0 <x@example.com>: Sender address rejected: User unknown in local recipient table', 'sender-rejected'],
    ['553 5.7.1 <x@example.com>: Sender address rejected: not owned by user y', 'sender-rejected'],
    ['450 4.1.8 <x@nowhere.example>: Sender address rejected: Domain not found', 'sender-rejected'],
    [
      '450 4.2.0 <x@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch',
      'greylisted',
    ],
    ['452 4.3.1 Insufficient system storage', 'server-full'],
    ['552 5.3.4 Message size exceeds fixed limit', 'too-large'],
    ['421 4.7.0 mx.example.com Error: too many connections from 198.51.100.7', 'too-many-connections'],
    ['450 4.7.1 Error: too much mail from 198.51.100.7', 'throttled'],
    ['530 5.7.0 Must issue a STARTTLS command first', 'tls-required'],
    ['530 5.7.0 Authentication required', 'auth-required'],
    ['535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6', 'auth-failed'],
    ['454 4.7.0 Temporary authentication failure: Connection lost to authentication server', 'temporary-refusal'],
    ['503 5.5.1 Error: authentication not enabled', 'auth-method-disabled'],
    ['554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.spamhaus.org', 'blocklisted'],
    ['550 5.7.23 <x@example.com>: Recipient address rejected: Message rejected due to: SPF fail', 'unauthenticated'],
    ['552 5.2.2 <x@example.com>: Recipient address rejected: Mailbox is full / Quota exceeded', 'mailbox-full'],
    ['451 4.3.0 <x@example.com>: Temporary lookup failure', 'temporary-refusal'],
    ['550 5.7.1 Command rejected', 'policy-blocked'],
  ],
  Exim: [
    ['550 relay not permitted', 'relay-denied'],
    [
      '550-web-03 [198.51.100.7] is currently not permitted to relay through\n550-this server without authentication.\n550 Perhaps you have not logged in',
      'relay-denied',
    ],
    ['550-Verification failed for <x@example.com>\n550-No Such User Here\n550 Sender verify failed', 'sender-rejected'],
    ['550 Unrouteable address', 'recipient-unknown'],
    ['501 Syntactically invalid HELO argument(s)', 'client-name'],
    ['421 Too many concurrent SMTP connections; please try again later.', 'too-many-connections'],
    ['452 space shortage, please try later', 'server-full'],
    ['552 Message size exceeds maximum permitted', 'too-large'],
    ['535 Incorrect authentication data', 'auth-failed'],
    ['503 AUTH command used when not advertised', 'auth-method-disabled'],
    ['550-JunkMail rejected - web-03 [198.51.100.7] is in an RBL', 'blocklisted'],
    ['550 rejected because 198.51.100.7 is in a black list at zen.spamhaus.org', 'blocklisted'],
    ['550 Administrative prohibition', 'policy-blocked'],
    ['451 Temporary local problem - please try later', 'temporary-refusal'],
  ],
  Sendmail: [
    ['550 5.7.1 <x@supplier.example>... Relaying denied. IP name lookup failed [198.51.100.7]', 'relay-denied'],
    ['550 5.7.1 <x@supplier.example>... Relaying denied. Proper authentication required.', 'relay-denied'],
    ['553 5.1.8 <x@nowhere.example>... Domain of sender address x@nowhere.example does not exist', 'sender-rejected'],
    ['451 4.1.8 Domain of sender address x@nowhere.example does not resolve', 'sender-rejected'],
    ['553 5.5.4 <x>... Domain name required for sender address x', 'sender-rejected'],
    ['550 5.1.1 <x@example.com>... User unknown', 'recipient-unknown'],
    ['452 4.4.5 Insufficient disk space; try again later', 'server-full'],
    ['421 4.3.2 Connection rate limit exceeded.', 'throttled'],
    ['421 4.3.2 Too many open connections.', 'too-many-connections'],
    ['535 5.7.0 authentication failed', 'auth-failed'],
    ['552 5.2.3 Message size exceeds fixed maximum message size (1000000)', 'too-large'],
  ],
  qmail: [
    ["553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", 'relay-denied'],
    ['553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)', 'sender-rejected'],
    ['550 sorry, no mailbox here by that name. (#5.1.1 - chkusr)', 'recipient-unknown'],
    ['552 sorry, that message size exceeds my databytes limit (#5.3.4)', 'too-large'],
    ['451 qq write error or disk full (#4.3.0)', 'server-full'],
    ['535 authorization failed (#5.7.0)', 'auth-failed'],
  ],
  Exchange: [
    ['550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain', 'relay-denied'],
    ['550 5.7.1 Unable to relay', 'relay-denied'],
    ['550 5.7.60 SMTP; Client does not have permissions to send as this sender', 'sender-rejected'],
    ['530 5.7.1 Client was not authenticated', 'auth-required'],
    ['535 5.7.3 Authentication unsuccessful', 'auth-failed'],
    ['504 5.7.4 Unrecognized authentication type', 'auth-method-disabled'],
    ['552 5.3.4 Message size exceeds fixed maximum message size', 'too-large'],
    ['452 4.3.1 Insufficient system resources', 'server-full'],
    ['550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup', 'recipient-unknown'],
    ['451 4.7.0 Temporary server error. Please try again later. PRX2', 'temporary-refusal'],
  ],
  'Microsoft 365': [
    [
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.',
      'auth-method-disabled',
    ],
    [
      '530 5.7.57 Client not authenticated to send mail. [AM0PR04CA0012.eurprd04.prod.outlook.com]',
      'auth-method-disabled',
    ],
    [
      '550 5.7.64 TenantAttribution; Relay Access Denied SMTP [DB5EUR01FT021.eop-EUR01.prod.protection.outlook.com]',
      'relay-denied',
    ],
    ['550 5.4.1 Recipient address rejected: Access denied. AS(201806281)', 'recipient-unknown'],
    [
      '550 5.7.606 Access denied, banned sending IP [198.51.100.7]. To request removal visit https://sender.office.com/',
      'blocklisted',
    ],
    ['550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.', 'blocklisted'],
    ['451 4.7.651 The mail server [198.51.100.7] has been temporarily rate limited due to IP reputation.', 'throttled'],
    ['451 4.7.500 Server busy. Please try again later from [198.51.100.7].', 'throttled'],
    ['432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded', 'too-many-connections'],
    [
      "550 5.7.515 Access denied, sending domain example.com doesn't meet the required authentication level.",
      'unauthenticated',
    ],
    ['550 5.7.750 Service unavailable. Client blocked from sending from unregistered domain', 'sender-rejected'],
    ['554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message', 'policy-blocked'],
  ],
  Gmail: [
    [
      "550-5.7.1 Invalid credentials for relay [198.51.100.7]. The IP address you've\n550-5.7.1 registered in your G Suite SMTP Relay service doesn't match domain of\n550 5.7.1 the account this email is being sent from. - gsmtp",
      'relay-denied',
    ],
    [
      '535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials - gsmtp',
      'auth-failed',
    ],
    ['534-5.7.9 Application-specific password required. - gsmtp', 'auth-method-disabled'],
    ['534-5.7.14 <https://accounts.google.com/signin/continue?...> Please log in via your web browser', 'auth-failed'],
    ['530-5.7.0 Must issue a STARTTLS command first. - gsmtp', 'tls-required'],
    ['530-5.7.0 Authentication Required. For more information, go to - gsmtp', 'auth-required'],
    ['550-5.7.26 This mail has been blocked because the sender is unauthenticated.', 'unauthenticated'],
    ['550-5.7.25 The IP address sending this message does not have a PTR record setup', 'client-name'],
    [
      '550-5.7.1 [198.51.100.7      12] Our system has detected that this message is\n550-5.7.1 likely unsolicited mail.',
      'policy-blocked',
    ],
    ['421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating', 'throttled'],
    ['550 5.4.5 Daily user sending limit exceeded. For more information on Gmail', 'throttled'],
    ['454 4.7.0 Too many login attempts, please try again later. - gsmtp', 'throttled'],
    ['552-5.2.2 The email account that you tried to reach is over quota', 'mailbox-full'],
    ["452-4.2.2 The recipient's inbox is out of storage space. Please direct the", 'mailbox-full'],
    ['550-5.1.1 The email account that you tried to reach does\n550-5.1.1 not exist. Please try', 'recipient-unknown'],
    ["552-5.3.4 Your message exceeded Google's message size limits.", 'too-large'],
  ],
  SES: [
    [
      '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: orders@example.com',
      'sender-rejected',
    ],
    ['454 Throttling failure: Maximum sending rate exceeded.', 'throttled'],
    ['454 Throttling failure: Daily message quota exceeded.', 'throttled'],
    ['535 Authentication Credentials Invalid', 'auth-failed'],
    [
      "554 Access denied: User `arn:aws:iam::111122223333:user/x' is not authorized to perform `ses:SendRawEmail'",
      'sender-rejected',
    ],
    ['530 Authentication required', 'auth-required'],
  ],
  OpenSMTPD: [
    ['550 Invalid recipient: <x@supplier.example>', 'recipient-unknown'],
    ['535 Authentication failed', 'auth-failed'],
    ['421 Temporary Failure', 'temporary-refusal'],
  ],
  hMailServer: [
    ['550 Delivery is not allowed to this address.', 'relay-denied'],
    ['530 SMTP authentication is required.', 'auth-required'],
    ['550 Unknown user', 'recipient-unknown'],
  ],
  others: [
    ['553 5.7.1 [BL21] Connections not accepted from IP addresses on Spamhaus PBL', 'blocklisted'],
    [
      '421 4.7.0 [TSS04] Messages from 198.51.100.7 temporarily deferred due to unexpected volume or user complaints',
      'throttled',
    ],
    [
      '554-gmx.net (mxgmx001) Nemesis ESMTP Service not available\n554-No SMTP service\n554 Bad DNS PTR resource record.',
      'client-name',
    ],
    ['452 4.2.2 <x@example.com> Quota exceeded (mailbox for user is full)', 'mailbox-full'],
    ['550 5.7.0 Local Policy Violation', 'policy-blocked'],
    ['538 5.7.11 Encryption required for requested authentication mechanism', 'tls-required'],
    ['599 the moon is in the wrong house', 'unknown'],
    ['450 come again', 'temporary-refusal'],
  ],
};

const replies = Object.entries(said).flatMap(([server, rows]) => rows.map((row) => [server, ...row] as const));

describe('a reply', () => {
  test('the table of real words is not small', () => {
    expect(replies.length).toBeGreaterThanOrEqual(60);
  });

  test.each(replies)('%s: %s is %s', (_server, reply, cause) => {
    expect(classify(reply)).toEqual({ cause, temporary: reply.startsWith('4') });
  });

  test('temporary is what the first digit says, not the words', () => {
    expect(classify('554 5.7.1 try again later, greylisted').temporary).toBe(false);
    expect(classify('451 4.7.1 permanently refused').temporary).toBe(true);
    expect(classify('250 Ok')).toEqual({ cause: 'unknown', temporary: false });
  });

  test('a megabyte costs what two thousand characters cost: nothing after them is read', () => {
    const hostile = `550 ${'sending user relay '.repeat(55_000)}`;
    expect(hostile.length).toBeGreaterThan(1_000_000);
    expect(classify(`${hostile} relay access denied`)).toEqual({ cause: 'unknown', temporary: false });
    expect(seenAsInRefusal(`${hostile} blocked using x [198.51.100.7]`)).toBeUndefined();
  });
});

describe('a code', () => {
  test.each([
    ['ENOTFOUND', 'dns-failed'],
    ['EAI_AGAIN', 'dns-failed'],
    ['ETIMEOUT', 'dns-failed'],
    ['ECONNREFUSED', 'connect-refused'],
    ['ETIMEDOUT', 'connect-timeout'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ECONNRESET', 'connection-lost'],
    ['CERT_HAS_EXPIRED', 'tls-expired'],
    ['CERT_NOT_YET_VALID', 'tls-expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls-name'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls-untrusted'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls-untrusted'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls-untrusted'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls-failed'],
    ['EPROTO', 'tls-failed'],
    ['EAUTH', 'auth-failed'],
    ['ENOENT', undefined],
    [undefined, undefined],
  ] as const)('%s is %s', (code, cause) => {
    expect(classifyCode(code)).toBe(cause);
  });
});

describe('our address as the server saw it', () => {
  test.each([
    ['250-EX01.corp.example Hello [198.51.100.7]\n250-SIZE 37748736', '198.51.100.7'],
    ['250-mx.example.com Hello web-03 [198.51.100.7]', '198.51.100.7'],
    ['250-mx.example.com Hello nat.example.com [198.51.100.7], pleased to meet you', '198.51.100.7'],
    ['250-smtp.gmail.com at your service, [198.51.100.7]', '198.51.100.7'],
    ['250-mx.example.com Hello web-03 [IPv6:2001:db8::7], pleased to meet you', '2001:db8::7'],
    ['250-mx.example.com Hello [10.0.1.17] [198.51.100.7]', '198.51.100.7'],
    ['250-mx.example.com Hello [10.0.1.17]', undefined],
    ['250-mx.example.com\n250-XFOO [203.0.113.1]', undefined],
    ['250 mail-gw.example.test', undefined],
    ['250-mx.example.com Hello [999.1.1.1]', undefined],
  ])('%s', (reply, address) => {
    expect(seenAsInGreeting(reply, '[10.0.1.17]')).toBe(address);
  });

  test.each([
    ['554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied', '198.51.100.7'],
    ['550-5.7.1 Invalid credentials for relay [198.51.100.7]. The IP address', '198.51.100.7'],
    ['550 rejected because 198.51.100.7 is in a black list at zen.spamhaus.org', '198.51.100.7'],
    ['550-5.7.1 [198.51.100.7      12] likely unsolicited mail', '198.51.100.7'],
    ['450 4.7.1 Error: too much mail from 198.51.100.7', '198.51.100.7'],
    ['550 5.1.1 <x@[203.0.113.9]>: User unknown', undefined],
    ['554 5.7.1 <x@supplier.example>: Relay access denied', undefined],
  ])('%s', (reply, address) => {
    expect(seenAsInRefusal(reply)).toBe(address);
  });
});

describe('evidence', () => {
  test('is one line, without control and direction characters, at most 500 characters', () => {
    expect(asEvidence('250-a\r\n250 b\u0000\u001b[31m\u202e!')).toBe('250-a 250 b[31m!');
    expect(asEvidence('x'.repeat(2000))).toHaveLength(500);
    expect(asEvidence('😀'.repeat(400), [], 5).isWellFormed()).toBe(true);
  });

  test('holds no secret, wherever it stands and also where the text is cut', () => {
    expect(asEvidence('535 no hunter2 for you', ['hunter2', ''])).toBe('535 no *** for you');
    expect(asEvidence(`${'x'.repeat(497)}hunter2`, ['hunter2'])).not.toContain('hun');
  });
});
