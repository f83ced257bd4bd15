/** Where an administrator finds out more about a cause: filled-in commands, ready to be copied. */
import type { Cause } from './causes.ts';
import { given, on, ps, sh } from './commands.ts';
import type { Known } from './known.ts';
import { type Commands, client, fromDomain, isV6, onServer, places } from './places.ts';
import { zoneIn } from './replies.ts';

const sender = 'the machine that calls the server';

/** `name:port` or `address:port`, which is what answered where no banner gave a name. */
const endpoint = ({ answeredBy }: Known) => {
  const [, name, port] = /^(.{1,255}):(\d{1,5})$/.exec(answeredBy ?? '') ?? [];
  return { name: name?.replace(/^\[(.*)\]$/, '$1'), port };
};

const connection: Commands = (k) => {
  const { name, port } = endpoint(k);
  return [
    on(sender, sh`nc -vz -w 10 ${name} ${port}`),
    on(sender, ps`Test-NetConnection -ComputerName ${name} -Port ${port}`),
  ];
};

const starttls: Readonly<Record<string, string>> = { '25': 'smtp', '587': 'smtp', '2525': 'smtp', '143': 'imap' };
const tls: Commands = (k) => {
  const { name, port } = endpoint(k);
  const target = name === undefined ? undefined : isV6(name) ? `[${name}]:${port}` : `${name}:${port}`;
  const protocol = starttls[port ?? ''];
  return [
    on(
      sender,
      protocol === undefined
        ? sh`openssl s_client -connect ${target} -servername ${name} < /dev/null`
        : sh`openssl s_client -connect ${target} -servername ${name} -starttls ${protocol} < /dev/null`,
    ),
  ];
};

const ban: Commands = (k) =>
  k.product === 'exchange' || k.product === 'microsoft365' || k.product === 'hmailserver' || k.isMailbox
    ? []
    : [on(k.answeredBy, sh`fail2ban-client banned ${client(k)}`)];

const atProduct =
  (what: 'refusal' | 'trace' | 'trust'): Commands =>
  (k) =>
    k.product === undefined || k.isMailbox ? [] : places[k.product][what](k).map((command) => onServer(k, command));
const [refusal, trace, trust] = [atProduct('refusal'), atProduct('trace'), atProduct('trust')];

/** Both shells know `nslookup`. */
const reverse: Commands = (k) => [sh`nslookup ${client(k)}`];
/** A DNS blocklist answers for an IPv4 address read backwards (RFC 5782). */
const listing: Commands = (k) => {
  const [address, zone] = [client(k), zoneIn(k.evidence ?? '')];
  if (address === undefined || isV6(address) || zone === undefined) return [];
  return [sh`nslookup ${`${address.split('.').reverse().join('.')}.${zone}`}`];
};
const senderRecords: Commands = (k) => {
  const domain = fromDomain(k);
  return [sh`nslookup -type=TXT ${domain}`, sh`nslookup -type=TXT ${domain && `_dmarc.${domain}`}`];
};

const queueOfHost: Commands = (k) => [on(k.host, 'mailq')];
const agent: Commands = (k) => [
  /^m?i-[0-9a-f]{8,17}$/.test(k.host)
    ? sh`aws ssm describe-instance-information --filters ${`Key=InstanceIds,Values=${k.host}`}`
    : undefined,
  on(k.host, 'systemctl status amazon-ssm-agent'),
  on(k.host, 'Get-Service AmazonSSMAgent'),
];
const login: Commands = (k) =>
  k.product === 'microsoft365'
    ? [
        'Get-TransportConfig | Format-List SmtpClientAuthenticationDisabled',
        'Microsoft Entra admin center > Sign-in logs: client app "Authenticated SMTP"',
      ]
    : refusal(k);
const account: Commands = () => ['aws sesv2 get-account'];

/** What is asked for a cause, in the order in which it is worth looking. Causes that are not here say it themselves. */
const asked: Readonly<Partial<Record<Cause, readonly Commands[]>>> = {
  'relay-denied': [refusal, trust],
  'connector-mismatch': [trust, refusal],
  'direct-send-blocked': [trust, refusal],
  'sender-not-allowed': [refusal],
  'sender-rejected': [refusal],
  'recipient-unknown': [refusal],
  'auth-failed': [login],
  'auth-method-disabled': [login],
  'auth-required': [refusal, trust],
  greylisted: [refusal],
  throttled: [refusal],
  'too-many-connections': [refusal],
  'quota-exceeded': [refusal],
  'server-full': [refusal, trace],
  'too-large': [refusal],
  'policy-blocked': [refusal],
  blocklisted: [listing, refusal, reverse],
  unauthenticated: [senderRecords, refusal],
  'client-name': [reverse, refusal],
  'temporary-refusal': [refusal],
  unknown: [refusal],
  'connection-lost': [refusal, connection],
  'timeout-at-stage': [refusal, connection],
  'protocol-error': [connection, refusal],
  'connect-refused': [connection, ban],
  'connect-timeout': [connection, ban],
  unreachable: [connection],
  'host-blocked': [connection, ban],
  'firewall-altered': [connection],
  'tls-untrusted': [tls],
  'tls-expired': [tls],
  'tls-name': [tls],
  'tls-required': [tls],
  'tls-failed': [tls],
  'accepted-but-lost': [trace],
  unanswered: [trace],
  'queued-not-lost': [trace],
  returned: [trace],
  'arrives-late': [trace],
  altered: [trace],
  'claimed-but-lost': [trace, queueOfHost],
  'queued-on-host': [queueOfHost],
  'no-mailer': [(k) => [on(k.host, 'command -v sendmail curl python3')]],
  'agent-offline': [agent],
  'agent-too-old': [agent],
  sandbox: [account],
  suppressed: [(k) => [sh`aws sesv2 get-suppressed-destination --email-address ${k.to}`]],
  'account-paused': [(k) => (k.product === 'microsoft365' ? ['Get-BlockedSenderAddress'] : account(k))],
  'open-relay': [trust],
};

/**
 * Commands for the administrator, most telling first; a command is there only when all that it needs is known. Values of
 * strangers stand in them quoted for the shell they are for. Empty where nothing can be looked up.
 */
export const whereToLook = (cause: Cause, known: Known): readonly string[] => [
  ...new Set(given((asked[cause] ?? []).flatMap((commands) => commands(known)))),
];
