/** Why a canary did not arrive in time: one table of causes, each with its meaning and the next step. */
import type { CauseRow } from './cause-row.ts';
import { mailboxCauses } from './causes-mailbox.ts';
import { caller, type Known, seen, server, settings } from './known.ts';
import { products } from './products.ts';
import { listNameIn } from './replies.ts';

export type { Known } from './known.ts';

const trustList = ({ product }: Known) =>
  product === undefined
    ? "Postfix mynetworks, Exchange the Receive connector's RemoteIPRanges on every server, Exim relay_from_hosts"
    : `${products[product].name} keeps its list in ${products[product].trust}`;
const setting = ({ product }: Known, of: 'sendAs' | 'size') =>
  product === undefined ? '' : ` (${products[product].name}: ${products[product][of]})`;

export const causes = {
  'relay-denied': {
    meaning: 'the server does not relay for this address',
    temporary: false,
    remedy: (k) => `trust ${seen(k)} on ${server(k)}: ${trustList(k)}; trust this address, never a whole network`,
  },
  'connector-mismatch': {
    meaning: 'Microsoft 365 knows no inbound connector for this address',
    temporary: false,
    remedy: (k) =>
      `add ${seen(k)} to SenderIPAddresses of the inbound connector of Microsoft 365, or correct the certificate name that it expects; trust this address, never a whole network`,
  },
  'direct-send-blocked': {
    meaning: 'Microsoft 365 refuses mail that claims to come from its own domain without a login (Direct Send)',
    temporary: false,
    remedy: (k) =>
      `add ${seen(k)} to an inbound connector of Microsoft 365, or give path ${k.path} a login: Direct Send is switched off; trust this address, never a whole network`,
  },
  'sender-not-allowed': {
    meaning: 'this login may not send with this sender address',
    temporary: false,
    remedy: (k) =>
      `give the login of path ${k.path} the right to send as its "from" on ${server(k)}${setting(k, 'sendAs')}`,
  },
  'sender-rejected': {
    meaning: 'the server refuses the sender address',
    temporary: false,
    remedy: (k) =>
      k.product === 'ses'
        ? `verify in SES the address that the reply names; where that is the address of mailbox ${k.mailbox}, the account is in the sandbox`
        : `let ${server(k)} accept the "from" of path ${k.path}, or give the path the address that the application sends from`,
  },
  'recipient-unknown': {
    meaning: 'the server knows no such recipient',
    temporary: false,
    remedy: (k) =>
      `check that the address of mailbox ${k.mailbox} exists and that ${server(k)} knows it${
        k.product === 'opensmtpd'
          ? `; OpenSMTPD says the same when it does not relay: then trust ${seen(k)} in ${products.opensmtpd.trust}, never a whole network`
          : ''
      }`,
  },
  'auth-failed': {
    gently: true,
    meaning: 'the server refuses the user or password',
    temporary: false,
    remedy: (k) =>
      `check user and secret of ${settings(k)} on ${server(k)}: expired, locked or changed; it is tried once an hour, so that the account is not locked`,
  },
  'auth-method-disabled': {
    gently: true,
    meaning: 'the server has this way to log in switched off',
    temporary: false,
    remedy: (k) =>
      k.product === 'microsoft365'
        ? `let ${settings(k)} log in with OAuth (XOAUTH2), or send through an inbound connector: Microsoft 365 switches off SMTP AUTH with a password`
        : `allow this login method on ${server(k)}, or let ${settings(k)} use another; Microsoft 365 switches off SMTP AUTH with a password`,
  },
  'auth-required': {
    meaning: 'the server wants a login before it takes mail',
    temporary: false,
    remedy: (k) => `give path ${k.path} an "auth", or trust ${seen(k)} on ${server(k)}, never a whole network`,
  },
  greylisted: {
    meaning: 'the server refuses at first and takes a later try',
    temporary: true,
    remedy: (k) =>
      `exempt ${seen(k)} from greylisting on ${server(k)}, or make sure that ${k.host} queues and tries again`,
  },
  throttled: {
    gently: true,
    meaning: 'the server limits how fast it takes mail',
    temporary: true,
    remedy: (k) =>
      k.isMailbox
        ? `raise the limits of ${server(k)}, or let fewer programs read it`
        : `raise the rate limit for ${seen(k)} on ${server(k)}, or give path ${k.path} a slower "every"`,
  },
  'too-many-connections': {
    meaning: 'the server limits the connections at one time',
    temporary: true,
    remedy: (k) =>
      k.isMailbox
        ? `raise the connection limit of ${server(k)}, or let fewer programs read it`
        : `raise the limit for ${seen(k)} on ${server(k)}, or lower "connections" of path ${k.path}`,
  },
  'quota-exceeded': {
    gently: true,
    meaning: 'the account has used up the mail that it may send in a day',
    temporary: true,
    remedy: (k) =>
      `find out what used up the day's amount of the account on ${server(k)}, or have it raised; until then nobody's mail leaves by it`,
  },
  'server-full': {
    meaning: 'the server has no room to store mail',
    temporary: false,
    remedy: (k) => `free disk space of the queue on ${server(k)}`,
  },
  'mailbox-full': {
    meaning: 'the mailbox of the canaries is full',
    temporary: false,
    remedy: (k) => `empty mailbox ${k.mailbox}; every host looks broken until then`,
  },
  'too-large': {
    meaning: 'the mail is larger than the server takes',
    temporary: false,
    remedy: (k) => `raise the message size limit on ${server(k)}${setting(k, 'size')}`,
  },
  'policy-blocked': {
    meaning: 'a policy or content filter of the server refuses the mail',
    temporary: false,
    remedy: (k) => `look for the words of the reply in the filter of ${server(k)}, and exempt canaries from ${seen(k)}`,
  },
  blocklisted: {
    gently: true,
    meaning: 'the address is on a blocklist',
    temporary: false,
    remedy: (k) =>
      `have ${seen(k)} removed from ${listNameIn(k.evidence ?? '') ?? 'the list that the reply names'}, and find out why it was listed`,
  },
  unauthenticated: {
    meaning: 'SPF, DKIM or DMARC does not hold for this mail',
    temporary: false,
    remedy: (k) => `add ${seen(k)} to the SPF record of the sender's domain, or let ${k.host} sign with DKIM`,
  },
  'client-name': {
    meaning: 'the server does not like the name (HELO or PTR) of the host',
    temporary: false,
    remedy: (k) => `give ${seen(k)} a PTR record, and ${k.host} the same name in its HELO`,
  },
  'temporary-refusal': {
    meaning: 'the server refuses for now and gives no reason that we know',
    temporary: true,
    remedy: (k) => `look up the words of the reply in the log of ${server(k)}`,
  },
  'dns-failed': {
    meaning: 'the name of the server cannot be resolved',
    temporary: false,
    remedy: (k) => `check the host name of ${settings(k)} and the name server that ${caller(k)} uses`,
  },
  'connect-refused': {
    meaning: 'nothing listens on that address and port',
    temporary: false,
    remedy: (k) =>
      `check that ${server(k)} is running and listening, and that no firewall resets the connection from ${caller(k)}`,
  },
  'connect-timeout': {
    meaning: 'the server does not answer a connection attempt',
    temporary: false,
    remedy: (k) => `check that ${server(k)} is up, and that firewalls and security groups let ${caller(k)} connect`,
  },
  unreachable: {
    meaning: 'there is no route to the server',
    temporary: false,
    remedy: (k) => `check the routing and security groups between ${caller(k)} and ${server(k)}`,
  },
  'host-blocked': {
    meaning: 'this host cannot connect while others can',
    temporary: false,
    remedy: (k) =>
      `look between ${k.host} and ${server(k)}: its firewall or virus scanner, its security group, EC2's block of port 25, or a ban of ${seen(k)} by fail2ban on the server`,
  },
  'firewall-altered': {
    meaning: 'a firewall rewrites the SMTP conversation',
    temporary: false,
    remedy: (k) => `switch off SMTP inspection ("fixup smtp", "inspect esmtp") between ${k.host} and ${server(k)}`,
  },
  'tls-untrusted': {
    meaning: 'the certificate of the server is not signed by a CA that we trust',
    temporary: false,
    remedy: (k) =>
      `install the whole certificate chain on ${server(k)}, or trust its CA in ${settings(k)} with "tls: { ca: file:... }"${
        k.isMailbox ? '' : '; where the application uses no TLS either, say "ignoreTls: true"'
      }`,
  },
  'tls-expired': {
    meaning: 'the certificate of the server has expired or is not valid yet',
    temporary: false,
    remedy: (k) => `renew the certificate of ${server(k)}`,
  },
  'tls-name': {
    meaning: 'the certificate of the server is for another name',
    temporary: false,
    remedy: (k) =>
      `use a name of the certificate as host or "serverName" of ${settings(k)}, or give ${server(k)} a certificate for the name in the settings`,
  },
  'tls-required': {
    meaning: 'one side wants TLS and the other does not offer it',
    temporary: false,
    remedy: (k) => `switch STARTTLS on at ${server(k)}, or change "tls" of ${settings(k)}`,
  },
  'tls-failed': {
    meaning: 'the TLS handshake fails',
    temporary: false,
    remedy: (k) =>
      `compare the TLS versions and ciphers of ${server(k)} with what Node offers; check that the port wants TLS at once`,
  },
  'connection-lost': {
    meaning: 'the server ends the connection in the middle',
    temporary: true,
    remedy: (k) => `look for the reason in the log of ${server(k)} at that second`,
  },
  'timeout-at-stage': {
    meaning: 'the server stops answering in the middle of the conversation',
    temporary: true,
    remedy: (k) => `look into the log of ${server(k)}: it accepts connections and then hangs`,
  },
  'protocol-error': {
    meaning: 'one side says what the protocol does not allow',
    temporary: false,
    remedy: (k) =>
      `check what listens on the port of ${server(k)}: another service, or a firewall that rewrites the conversation`,
  },
  'trigger-failed': {
    meaning: "the host's own endpoint fails before it sends",
    temporary: false,
    remedy: (k) => `look into the application log of ${k.host}; the endpoint answered with an error of its own`,
  },
  'trigger-unauthorised': {
    gently: true,
    meaning: 'we are not allowed to ask this host to send',
    temporary: false,
    remedy: (k) =>
      `compare the secret of path ${k.path} with the one on ${k.host}, and the clock of both; a host that is commanded needs the "tags" of the path`,
  },
  'not-in-rotation': {
    meaning: 'another host answered in place of the one that was asked',
    temporary: true,
    remedy: (k) =>
      `put ${k.host} back into rotation, or correct its "address" or its name in the endpoint; a balancer that sticks to the client's address never leads to the others`,
  },
  'agent-offline': {
    meaning: 'the SSM agent of the host did not take the command',
    temporary: false,
    remedy: (k) => `start amazon-ssm-agent on ${k.host}, and check its instance profile and way to Systems Manager`,
  },
  'agent-too-old': {
    meaning: 'the SSM agent of the host does not know how to pass parameters safely',
    temporary: false,
    remedy: (k) => `update amazon-ssm-agent on ${k.host} to 3.3.2746.0 or later`,
  },
  'no-mailer': {
    meaning: 'the host has no program that could send the mail',
    temporary: false,
    remedy: (k) => `install a sendmail (Postfix, msmtp) or curl on ${k.host}, or give path ${k.path} another "via"`,
  },
  'queued-on-host': {
    meaning: 'the mail still waits in the queue of the host itself',
    temporary: true,
    remedy: (k) => `look at the queue on ${k.host} ("mailq"): it says why the relay does not take the mail`,
  },
  'app-error': {
    meaning: "the application's own mailer failed",
    temporary: false,
    remedy: (k) => `read the error: it comes from the mailer of the application on ${k.host}`,
  },
  'accepted-but-lost': {
    meaning: 'a server accepted the mail, and it never arrived',
    temporary: false,
    remedy: (k) =>
      `search the log of ${server(k)} for ${k.queueId === undefined ? 'the queue id or the canary id in the subject' : `the queue id ${k.queueId}`}`,
  },
  'claimed-but-lost': {
    meaning: 'the application says that it sent the mail, and it never arrived',
    temporary: false,
    remedy: (k) =>
      `the application on ${k.host} claims success: look for a swallowed exception, a mail queue that nobody works off, or a test transport`,
  },
  unanswered: {
    meaning: 'the connection ended after the mail was sent and before the server answered for it',
    temporary: true,
    remedy: (k) => `look into the log of ${server(k)}: it took the mail or dropped it, and did not say`,
  },
  'queued-not-lost': {
    meaning: 'the mail was called lost and arrived later',
    temporary: true,
    remedy: (k) => `find the queue in which mail of ${k.host} waits, beginning at ${server(k)}`,
  },
  returned: {
    meaning: 'a server accepted the mail and sent it back',
    temporary: false,
    remedy: (k) => `read the returned words; they come from ${server(k)}`,
  },
  'arrives-late': {
    meaning: 'canaries arrive, later than deliverWithin',
    temporary: true,
    remedy: (k) => `compare the hops of a late canary: they show where mail of path ${k.path} waits`,
  },
  'arrives-in-junk': {
    meaning: 'canaries arrive in the Junk folder',
    temporary: false,
    remedy: (k) => `read the spam headers of a canary in mailbox ${k.mailbox}; check SPF, DKIM and DMARC of the sender`,
  },
  'left-from-elsewhere': {
    meaning: 'mail arrives, and it left from an address that is none of the host',
    temporary: false,
    remedy: (k) =>
      `correct the "address" of ${k.host}, declare that address in its "egress", or say in the "origin" of path ${k.path} why it does not matter; until then ${k.host} is not proven`,
  },
  altered: {
    meaning: 'the attachment arrived and is not the one that was sent',
    temporary: false,
    remedy: (k) => `look for a gateway on the way to mailbox ${k.mailbox} that rewrites attachments`,
  },
  sandbox: {
    meaning: 'the SES account is in the sandbox and sends to verified addresses only',
    temporary: false,
    remedy: (k) => `ask AWS for production access, or verify the address of mailbox ${k.mailbox} in SES`,
  },
  suppressed: {
    meaning: 'the recipient is on the suppression list of the SES account',
    temporary: false,
    remedy: (k) =>
      `remove the address of mailbox ${k.mailbox} from the suppression list of SES, and find the bounce that put it there`,
  },
  'account-paused': {
    gently: true,
    meaning: 'sending is paused for this account or configuration set',
    temporary: false,
    remedy: (k) =>
      k.product === 'microsoft365'
        ? 'find the account that sent spam in the Restricted entities of Microsoft Defender, secure it, and release it there'
        : 'read the message of the provider about bounces and complaints, and have sending enabled again',
  },
  'open-relay': {
    gently: true,
    meaning: 'the server relays for anybody',
    temporary: false,
    remedy: (k) =>
      `take the last change of the trust list on ${server(k)} back (${trustList(k)}) and trust single addresses only: spammers find an open relay within hours`,
  },
  'host-silent': {
    meaning: 'the host neither told us that it sends, nor was its canary seen',
    temporary: false,
    remedy: (k) => `look at ${k.host}: is it up, does its scheduled task for path ${k.path} still run?`,
  },
  'outcome-unknown': {
    meaning: 'nobody could be asked what became of the command to the host',
    temporary: true,
    remedy: () => 'read the error in the log of the confirm function; it is asked again in the next round',
  },
  'self-registered': {
    meaning: 'a host that nobody had listed spoke for itself',
    temporary: false,
    remedy: (k) => `nothing if you expected ${k.host}; else find out who set up path ${k.path} on it`,
  },
  'never-sent': {
    meaning: 'our own sender did not send the canary',
    temporary: true,
    remedy: () => 'look at the send function and its dead-letter queue: the host was never asked',
  },
  'sent-too-late': {
    meaning: 'our own sender came to the canary after its time',
    temporary: true,
    remedy: () => 'look at the age of messages in the send queue; an old canary is not sent',
  },
  'sender-failed': {
    meaning: 'our own sender failed before it could ask the host',
    temporary: false,
    remedy: () => 'read the error and the log of the send function; the host was never asked',
  },
  ...mailboxCauses,
  unknown: {
    meaning: 'a reply that is in no table',
    temporary: false,
    remedy: (k) => `look up the words of the reply in the documentation of ${server(k)}`,
  },
} as const satisfies Record<string, CauseRow>;

export type Cause = keyof typeof causes;

/** One sentence: what to do next, filled with what is known. */
export const remedyFor = (cause: Cause, known: Known): string => causes[cause].remedy(known);

/** True for causes that must not be tried more than once an hour (DESIGN 8). */
export const isGentle = (cause: Cause | undefined): boolean => cause !== undefined && 'gently' in causes[cause];
