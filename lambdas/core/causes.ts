/** Why a canary did not arrive in time: one table of causes, each with its meaning and the next step. */

/** What is known when a remedy is filled in; whatever is missing is left out of the sentence, never guessed. */
export type Known = {
  readonly host: string;
  /** The host's own address, as its source reported it. */
  readonly address?: string | undefined;
  /** Its address as the answering server saw it. */
  readonly seenAs?: string | undefined;
  readonly answeredBy?: string | undefined;
  readonly path: string;
  readonly mailbox: string;
};

type Row = {
  readonly meaning: string;
  readonly remedy: (known: Known) => string /** Retried at most once an hour (account lockout, blocklists). */;
  readonly gently?: true;
};

const server = (known: Known) => known.answeredBy ?? 'the mail server';
const seen = (known: Known) => {
  const address = known.seenAs ?? known.address;
  if (address === undefined) return `the address from which ${known.host} reaches it`;
  if (known.seenAs !== undefined && known.address !== undefined && known.seenAs !== known.address)
    return `${known.seenAs} (${known.host}'s own address is ${known.address})`;
  return `${address} (${known.host})`;
};

export const causes = {
  'relay-denied': {
    meaning: 'the server does not relay for this address',
    remedy: (k) =>
      `trust ${seen(k)} on ${server(k)}: Postfix mynetworks, Exchange the Receive connector's RemoteIPRanges on every server, Exim relay_from_hosts; trust this address, never a whole network`,
  },
  'sender-rejected': {
    meaning: 'the server refuses the sender address',
    remedy: (k) =>
      `let ${server(k)} accept the "from" of path ${k.path}, or give the path the address that the application sends from`,
  },
  'recipient-unknown': {
    meaning: 'the server knows no such recipient',
    remedy: (k) => `check that the address of mailbox ${k.mailbox} exists and that ${server(k)} knows it`,
  },
  'auth-failed': {
    gently: true,
    meaning: 'the server refuses the user or password',
    remedy: (k) =>
      `check user and secret of path ${k.path} on ${server(k)}: expired, locked or changed; it is tried once an hour, so that the account is not locked`,
  },
  'auth-method-disabled': {
    gently: true,
    meaning: 'the server has this way to log in switched off',
    remedy: (k) =>
      `allow this login method on ${server(k)}, or use another; Microsoft 365 switches off SMTP AUTH with a password`,
  },
  'auth-required': {
    meaning: 'the server wants a login before it takes mail',
    remedy: (k) => `give path ${k.path} an "auth", or trust ${seen(k)} on ${server(k)}`,
  },
  greylisted: {
    meaning: 'the server refuses at first and takes a later try',
    remedy: (k) =>
      `exempt ${seen(k)} from greylisting on ${server(k)}, or make sure that ${k.host} queues and tries again`,
  },
  throttled: {
    gently: true,
    meaning: 'the server limits how much it takes',
    remedy: (k) => `raise the rate limit for ${seen(k)} on ${server(k)}, or give path ${k.path} a slower "every"`,
  },
  'too-many-connections': {
    meaning: 'the server limits the connections at one time',
    remedy: (k) => `raise the limit for ${seen(k)} on ${server(k)}, or lower "connections" of path ${k.path}`,
  },
  'server-full': {
    meaning: 'the server has no room to store mail',
    remedy: (k) => `free disk space of the queue on ${server(k)}`,
  },
  'mailbox-full': {
    meaning: 'the mailbox of the canaries is full',
    remedy: (k) => `empty mailbox ${k.mailbox}; every host looks broken until then`,
  },
  'too-large': {
    meaning: 'the mail is larger than the server takes',
    remedy: (k) => `raise the message size limit on ${server(k)}`,
  },
  'policy-blocked': {
    meaning: 'a policy or content filter of the server refuses the mail',
    remedy: (k) => `look for the words of the reply in the filter of ${server(k)}, and exempt canaries from ${seen(k)}`,
  },
  blocklisted: {
    gently: true,
    meaning: 'the address is on a blocklist',
    remedy: (k) => `have ${seen(k)} removed from the list that the reply names, and find out why it was listed`,
  },
  unauthenticated: {
    meaning: 'SPF, DKIM or DMARC does not hold for this mail',
    remedy: (k) => `add ${seen(k)} to the SPF record of the sender's domain, or let ${k.host} sign with DKIM`,
  },
  'client-name': {
    meaning: 'the server does not like the name (HELO or PTR) of the host',
    remedy: (k) => `give ${seen(k)} a PTR record, and ${k.host} the same name in its HELO`,
  },
  'temporary-refusal': {
    meaning: 'the server refuses for now and gives no reason that we know',
    remedy: (k) => `look up the words of the reply in the log of ${server(k)}`,
  },
  'dns-failed': {
    meaning: 'the name of the server cannot be resolved',
    remedy: (k) => `check the host name of path ${k.path} and the name server that this sender uses`,
  },
  'connect-refused': {
    meaning: 'nothing listens on that address and port',
    remedy: (k) =>
      `check that ${server(k)} is running and listening, and that no firewall resets the connection from ${k.host}`,
  },
  'connect-timeout': {
    meaning: 'the server does not answer a connection attempt',
    remedy: (k) => `check that ${server(k)} is up, and that firewalls and security groups let ${k.host} connect`,
  },
  unreachable: {
    meaning: 'there is no route to the server',
    remedy: (k) => `check the routing and security groups between the sender and ${server(k)}`,
  },
  'tls-untrusted': {
    meaning: 'the certificate of the server is not signed by a CA that we trust',
    remedy: (k) =>
      `install the whole certificate chain on ${server(k)}, or trust its CA with "tls: { ca: file:... }"; where the application uses no TLS either, say "ignoreTls: true"`,
  },
  'tls-expired': {
    meaning: 'the certificate of the server has expired or is not valid yet',
    remedy: (k) => `renew the certificate of ${server(k)}`,
  },
  'tls-name': {
    meaning: 'the certificate of the server is for another name',
    remedy: (k) =>
      `use a name of the certificate as host or "serverName", or give ${server(k)} a certificate for the name in the settings`,
  },
  'tls-required': {
    meaning: 'one side wants TLS and the other does not offer it',
    remedy: (k) => `switch STARTTLS on at ${server(k)}, or change "tls" of path ${k.path}`,
  },
  'tls-failed': {
    meaning: 'the TLS handshake fails',
    remedy: (k) =>
      `compare the TLS versions and ciphers of ${server(k)} with what Node offers; check that the port wants TLS at once`,
  },
  'connection-lost': {
    meaning: 'the server ends the connection in the middle',
    remedy: (k) => `look for the reason in the log of ${server(k)} at that second`,
  },
  'timeout-at-stage': {
    meaning: 'the server stops answering in the middle of the conversation',
    remedy: (k) => `look into the log of ${server(k)}: it accepts connections and then hangs`,
  },
  'protocol-error': {
    meaning: 'the answer is not what the protocol allows',
    remedy: (k) => `check what listens on the port of ${server(k)}: another service, or a firewall that rewrites SMTP`,
  },
  'trigger-failed': {
    meaning: "the host's own endpoint fails before it sends",
    remedy: (k) => `look into the application log of ${k.host}; the endpoint answered with an error of its own`,
  },
  'trigger-unauthorised': {
    gently: true,
    meaning: "the host's endpoint refuses our signature",
    remedy: (k) => `compare the secret of path ${k.path} with the one on ${k.host}, and the clock of both`,
  },
  'not-in-rotation': {
    meaning: 'another host answered in place of the one that was asked',
    remedy: (k) => `the address of ${k.host} leads to another host: correct its "address", or its name in the endpoint`,
  },
  'app-error': {
    meaning: "the application's own mailer failed",
    remedy: (k) => `read the error: it comes from the mailer of the application on ${k.host}`,
  },
  'accepted-but-lost': {
    meaning: 'a server accepted the mail, and it never arrived',
    remedy: (k) => `search the log of ${server(k)} for the queue id or the canary id in the subject`,
  },
  'claimed-but-lost': {
    meaning: 'the application says that it sent the mail, and it never arrived',
    remedy: (k) =>
      `the application on ${k.host} claims success: look for a swallowed exception, a mail queue that nobody works off, or a test transport`,
  },
  unanswered: {
    meaning: 'the connection ended after the mail was sent and before the server answered for it',
    remedy: (k) => `look into the log of ${server(k)}: it took the mail or dropped it, and did not say`,
  },
  'queued-not-lost': {
    meaning: 'the mail was called lost and arrived later',
    remedy: (k) => `find the queue in which mail of ${k.host} waits, beginning at ${server(k)}`,
  },
  returned: {
    meaning: 'a server accepted the mail and sent it back',
    remedy: (k) => `read the returned words; they come from ${server(k)}`,
  },
  'arrives-late': {
    meaning: 'canaries arrive, later than deliverWithin',
    remedy: (k) => `compare the hops of a late canary: they show where mail of path ${k.path} waits`,
  },
  'arrives-in-junk': {
    meaning: 'canaries arrive in the Junk folder',
    remedy: (k) => `read the spam headers of a canary in mailbox ${k.mailbox}; check SPF, DKIM and DMARC of the sender`,
  },
  'never-sent': {
    meaning: 'our own sender did not send the canary',
    remedy: () => 'look at the send function and its dead-letter queue: the host was never asked',
  },
  'sent-too-late': {
    meaning: 'our own sender came to the canary after its time',
    remedy: () => 'look at the age of messages in the send queue; an old canary is not sent',
  },
  'sender-failed': {
    meaning: 'our own sender failed before it could ask the host',
    remedy: () => 'read the error and the log of the send function; the host was never asked',
  },
  'imap-login-refused': {
    gently: true,
    meaning: 'the mailbox refuses our login',
    remedy: (k) =>
      `was the password of mailbox ${k.mailbox} changed? Compare its secret; it is tried again after 1, 5, 15 and 60 minutes`,
  },
  'imap-search-failed': {
    meaning: 'the mailbox lets us in and refuses to search or fetch',
    remedy: (k) => `look into the log of the IMAP server of mailbox ${k.mailbox}`,
  },
  'imap-folder-gone': {
    meaning: 'a folder that must be read is not there',
    remedy: (k) => `check the folders of mailbox ${k.mailbox}`,
  },
  'looked-partly': {
    meaning: 'not every folder could be read to its end in this round',
    remedy: () => 'it goes on in the next round by itself; nothing is called lost until then',
  },
  'connector-mismatch': {
    meaning: 'Microsoft 365 knows no inbound connector for this address',
    remedy: (k) =>
      `add ${seen(k)} to the inbound connector of Microsoft 365, or correct the certificate name it expects`,
  },
  'direct-send-blocked': {
    meaning: 'Microsoft 365 rejects mail that claims to come from its own domain without a login (Direct Send)',
    remedy: (k) => `add ${seen(k)} to an inbound connector of Microsoft 365, or log in; Direct Send is switched off`,
  },
  'sender-not-allowed': {
    meaning: 'the login may not send with this sender address',
    remedy: (k) => `give the login of path ${k.path} the right to send as its "from" on ${server(k)}`,
  },
  'quota-exceeded': {
    gently: true,
    meaning: 'the account has used up its daily amount of mail',
    remedy: (k) => `find out what used up the amount of the account on ${server(k)}, or raise it`,
  },
  'host-blocked': {
    meaning: 'this host cannot connect while others can',
    remedy: (k) =>
      `look between ${k.host} and ${server(k)}: its firewall or virus scanner, its security group, EC2's block of port 25, or a ban by fail2ban on the server`,
  },
  'firewall-altered': {
    meaning: 'a firewall rewrites the SMTP conversation',
    remedy: (k) => `switch off SMTP inspection ("fixup smtp", "inspect esmtp") between ${k.host} and ${server(k)}`,
  },
  'agent-offline': {
    meaning: 'the SSM agent of the host did not take the command',
    remedy: (k) => `start amazon-ssm-agent on ${k.host}, and check its instance profile and way to Systems Manager`,
  },
  'agent-too-old': {
    meaning: 'the SSM agent of the host does not know how to pass parameters safely',
    remedy: (k) => `update amazon-ssm-agent on ${k.host} to 3.3.2746.0 or later`,
  },
  'no-mailer': {
    meaning: 'the host has no program that could send the mail',
    remedy: (k) => `install a sendmail (Postfix, msmtp) or curl on ${k.host}, or give path ${k.path} another "via"`,
  },
  'queued-on-host': {
    meaning: 'the mail still waits in the queue of the host itself',
    remedy: (k) => `look at the queue on ${k.host} ("mailq"): it says why the relay does not take the mail`,
  },
  sandbox: {
    meaning: 'the SES account is in the sandbox and sends to verified addresses only',
    remedy: (k) => `ask AWS for production access, or verify the address of mailbox ${k.mailbox} in SES`,
  },
  suppressed: {
    meaning: 'the recipient is on the suppression list of the SES account',
    remedy: (k) => `remove the address of mailbox ${k.mailbox} from the suppression list of SES`,
  },
  'account-paused': {
    gently: true,
    meaning: 'sending is paused for this account or configuration set',
    remedy: () => 'read the message of AWS about bounces and complaints, and have sending enabled again',
  },
  'open-relay': {
    gently: true,
    meaning: 'the server relays for anybody',
    remedy: (k) =>
      `take the last change of the trust list on ${server(k)} back and trust single addresses only: spammers find an open relay within hours`,
  },
  altered: {
    meaning: 'the attachment arrived and is not the one that was sent',
    remedy: (k) => `look for a gateway on the way to mailbox ${k.mailbox} that rewrites attachments`,
  },
  unknown: {
    meaning: 'a reply that is in no table',
    remedy: (k) => `look up the words of the reply in the documentation of ${server(k)}`,
  },
} as const satisfies Record<string, Row>;

export type Cause = keyof typeof causes;

/** One sentence: what to do next, filled with what is known. */
export const remedyFor = (cause: Cause, known: Known): string => causes[cause].remedy(known);

/** True for causes that must not be tried more than once an hour (DESIGN 8). */
export const isGentle = (cause: Cause | undefined): boolean => cause !== undefined && 'gently' in causes[cause];
