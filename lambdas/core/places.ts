/** Where each product keeps what an administrator asks: its log, the way of one mail, its trust list. */
import { on, place, ps, sh } from './commands.ts';
import { isAddress, type Known, seenAddress } from './known.ts';
import type { Product } from './products.ts';
import type { Ms } from './words.ts';

export type Commands = (known: Known) => readonly (string | undefined)[];

type Places = {
  /** The log around a refusal to this address. */
  readonly refusal: Commands;
  /** The way of one mail that was accepted, and the queue in which it may wait. */
  readonly trace: Commands;
  /** The list of those for whom it relays; where one line does it, the line that adds this one address. */
  readonly trust: Commands;
};

/** Clocks differ, and a queue takes its time. */
const around: Ms = 10 * 60_000;
const iso = (at: Ms | undefined, shift = 0) =>
  at === undefined ? undefined : `${new Date(at + shift).toISOString().slice(0, 19)}Z`;
const journal = (at: Ms | undefined, shift: Ms) => iso(at, shift)?.replace('T', ' ').replace('Z', ' UTC');

/** The client's address as the server saw it, and as logs write it; undefined while it is not certain. */
export const client = (known: Known): string | undefined => {
  const address = seenAddress(known);
  return address !== undefined && isAddress(address) ? address : undefined;
};
export const isV6 = (address: string): boolean => address.includes(':');
const written = (known: Known, form: (address: string) => string) => {
  const address = client(known);
  return address === undefined ? undefined : form(address);
};
const bracketed = (known: Known) => written(known, (address) => `[${address}]`);
const prefixed = (address: string) => (isV6(address) ? `IPv6:${address}` : address);

/** An id of a few characters would be found in every line. */
const queueId = ({ queueId: id }: Known) => (id !== undefined && id.length >= 4 ? id : undefined);
const messageId = ({ messageId: id }: Known) => (id !== undefined && id.length >= 8 ? id : undefined);
export const fromDomain = ({ from }: Known): string | undefined => from?.split('@')[1];

/** Says on which server a command is to be run; in a cloud there is none. */
export const onServer = ({ product, answeredBy }: Known, command: string | undefined): string | undefined =>
  product === 'microsoft365' || product === 'gmail' || product === 'ses' ? command : on(answeredBy, command);

export const places: Readonly<Record<Product, Places>> = {
  postfix: {
    refusal: (k) => [
      sh`grep -hsF -e ${bracketed(k)} /var/log/mail.log /var/log/maillog | grep -F reject:`,
      sh`journalctl -t postfix/smtpd --since ${journal(k.at, -around)} --until ${journal(k.at, around)}`,
    ],
    trace: (k) => [
      sh`grep -hsF -e ${queueId(k) ?? messageId(k)} /var/log/mail.log /var/log/maillog`,
      'postqueue -p',
      sh`postcat -q ${queueId(k)}`,
    ],
    trust: (k) => [
      'postconf -hx mynetworks',
      sh`postconf -e "mynetworks = $(postconf -hx mynetworks) "${written(k, (a) => (isV6(a) ? `[${a}]/128` : `${a}/32`))} && postfix reload`,
    ],
  },
  exim: {
    refusal: (k) => [
      sh`grep -hsF -e ${bracketed(k)} /var/log/exim4/rejectlog /var/log/exim/reject.log`,
      sh`exim -bh ${client(k)}`,
    ],
    trace: (k) => [
      sh`exigrep -l ${queueId(k) ?? messageId(k)} $(ls /var/log/exim4/mainlog /var/log/exim/main.log 2>/dev/null)`,
      'exim -bp',
      sh`exim -Mvl ${queueId(k)}`,
    ],
    trust: () => ['exim -bP hostlist relay_from_hosts'],
  },
  sendmail: {
    refusal: (k) => [
      sh`grep -hsF -e ${written(k, (a) => `[${prefixed(a)}]`)} /var/log/mail.log /var/log/maillog | grep -F reject=`,
    ],
    trace: (k) => [sh`grep -hsF -e ${queueId(k) ?? messageId(k)} /var/log/mail.log /var/log/maillog`, 'mailq'],
    trust: (k) => [
      sh`grep -hsF -e ${client(k)} /etc/mail/access /etc/mail/relay-domains`,
      sh`printf 'Connect:%s\tRELAY\n' ${written(k, prefixed)} >> /etc/mail/access && makemap hash /etc/mail/access < /etc/mail/access`,
    ],
  },
  qmail: {
    refusal: (k) => [sh`tai64nlocal < /var/log/qmail/smtpd/current | grep -F -e ${client(k)}`],
    trace: (k) => [
      sh`tai64nlocal < /var/log/qmail/current | grep -F -e ${k.queueId === undefined ? undefined : `qp ${k.queueId}`}`,
      '/var/qmail/bin/qmail-qread',
    ],
    trust: (k) => [sh`grep -hsF -e ${client(k)} /etc/tcp.smtp /home/vpopmail/etc/tcp.smtp`],
  },
  opensmtpd: {
    refusal: (k) => [sh`grep -hsF -e ${written(k, (a) => `address=${a} `)} /var/log/maillog /var/log/mail.log`],
    trace: (k) => [sh`grep -hsF -e ${queueId(k)} /var/log/maillog /var/log/mail.log`, 'smtpctl show queue'],
    trust: () => ["grep -hns '^match' /etc/mail/smtpd.conf /etc/smtpd.conf"],
  },
  exchange: {
    refusal: (k) => [
      ps`Get-ChildItem "$env:ExchangeInstallPath\TransportRoles\Logs\FrontEnd\ProtocolLog\SmtpReceive" -Filter *.log | Select-String -SimpleMatch ${written(k, (a) => (isV6(a) ? `,[${a}]:` : `,${a}:`))}`,
    ],
    trace: (k) => [
      messageId(k) === undefined
        ? ps`Get-TransportService | Get-MessageTrackingLog -MessageSubject ${k.subject} -ResultSize Unlimited | Sort-Object Timestamp`
        : ps`Get-TransportService | Get-MessageTrackingLog -MessageId ${messageId(k)} -ResultSize Unlimited | Sort-Object Timestamp`,
      'Get-TransportService | ForEach-Object { Get-Queue -Server $_.Name }',
    ],
    trust: () => ['Get-ReceiveConnector | Format-List Identity,Bindings,RemoteIPRanges,PermissionGroups'],
  },
  microsoft365: {
    refusal: (k) => [
      ps`Get-MessageTraceV2 -FromIP ${client(k)} -StartDate ${iso(k.at, -around)} -EndDate ${iso(k.at, around)}`,
    ],
    trace: (k) => [
      ps`Get-MessageTraceV2 -MessageId ${messageId(k)} -StartDate ${iso(k.at, -around)} -EndDate ${iso(k.at, 24 * 6 * around)} | Get-MessageTraceDetailV2`,
      ps`Get-QuarantineMessage -Subject ${k.subject}`,
    ],
    trust: () => [
      'Get-InboundConnector | Format-List Name,Enabled,ConnectorType,SenderIPAddresses,TlsSenderCertificateName',
      'Get-OrganizationConfig | Format-List RejectDirectSend',
    ],
  },
  gmail: {
    refusal: (k) => [place`Google Admin console > Reporting > Email Log Search: sender IP ${client(k)}`],
    trace: (k) => [place`Google Admin console > Reporting > Email Log Search: message ID ${messageId(k)}`],
    trust: () => ['Google Admin console > Apps > Google Workspace > Gmail > Routing > SMTP relay service'],
  },
  ses: {
    refusal: () => ['aws sesv2 get-account'],
    trace: (k) => [
      sh`aws sesv2 get-message-insights --message-id ${queueId(k)}`,
      'CloudWatch > Metrics > AWS/SES: Send, Bounce, Reject',
    ],
    trust: (k) => [sh`aws sesv2 get-email-identity-policies --email-identity ${fromDomain(k)}`],
  },
  hmailserver: {
    refusal: (k) => [ps`Select-String -SimpleMatch ${client(k)} -LiteralPath ${hmailLog(k)}`],
    trace: (k) => [
      ps`Select-String -SimpleMatch ${k.to} -LiteralPath ${hmailLog(k)}`,
      'hMailServer Administrator > Status > Delivery queue',
    ],
    trust: (k) => [
      place`hMailServer Administrator > Settings > Advanced > IP Ranges: the range that holds ${client(k)}`,
    ],
  },
};

/** One file a day. */
const hmailLog = ({ at }: Known) =>
  at === undefined ? undefined : `C:\\Program Files (x86)\\hMailServer\\Logs\\hmailserver_${iso(at)?.slice(0, 10)}.log`;
