/** Which mails did we lose: the query over a relay's own log that lists every refusal to one address since a time. */
import { given, ps, sh } from './commands.ts';
import type { Known } from './known.ts';
import { client, isV6, onServer } from './places.ts';
import type { Product } from './products.ts';
import type { Ms } from './words.ts';

/** What the queries are made of. */
type Asked = { readonly address: string; readonly since: Ms };

const seconds = (since: Ms) => String(Math.floor(since / 1000));
const iso = (since: Ms) => new Date(since).toISOString().slice(0, 19);

/** The time in the zone of the server's log, which only the server knows: GNU and busybox first, BSD else. */
const local = (since: Ms, format: string) =>
  `"$(date -d @${seconds(since)} '+${format}' 2>/dev/null || date -r ${seconds(since)} '+${format}')"`;

/**
 * The time of a line of syslog, in `t`, and whether it is old, in `old`. Traditional lines carry no year: half a year ago
 * and half a year ahead are told apart by that.
 */
const syslogTime =
  '{ if ($1 ~ /^[0-9][0-9][0-9][0-9]-/) { t = substr($0, 1, 19); old = t < iso }' +
  ' else { t = substr($0, 1, 15); m = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3;' +
  ' k = sprintf("%02d%02d %s", m, $2, $3); d = m - substr(s, 1, 2); old = (k < s && d > -6) || d > 6 } }';
const syslog = (files: string, { address, since }: Asked, program: string): string | undefined => {
  const command = sh`awk -v a=${address} -v s=`;
  return command === undefined
    ? undefined
    : `zcat -f ${files} 2>/dev/null | ${command}${local(since, '%m%d %H:%M:%S')} -v iso=${local(since, '%Y-%m-%dT%H:%M:%S')} '${syslogTime} ${program}' | sort`;
};
const mailLogs = '/var/log/mail.log* /var/log/maillog*';

/** `NOQUEUE: reject: RCPT from name[address]: 554 ...; from=<x> to=<y> proto=...`; the client's name holds no bracket. */
const postfix =
  '!old && (i = index($0, "reject: RCPT from ")) { c = substr($0, i + 18); b = index(c, "["); e = index(c, "]");' +
  ' if (substr(c, b + 1, e - b - 1) == a && (f = index(c, "; from=<"))) { r = substr(c, f + 2);' +
  ' p = index(r, " proto="); print t, p ? substr(r, 1, p - 1) : r } }';

/** `ID: ruleset=check_rcpt, arg1=<y>, relay=name [address], reject=...`, and later `ID: from=<x>, ...`. */
const sendmail =
  '!old && (i = index($0, ": ruleset=check_rcpt, arg1=")) && (j = index($0, ", relay=")) && (e = index($0, ", reject=")) {' +
  ' q = substr($0, 1, i - 1); sub(/.* /, "", q); if (index(substr($0, j, e - j), "[" a "]")) {' +
  ' n[q]++; to[q, n[q]] = substr($0, i + 27, j - i - 27); at[q, n[q]] = t } }' +
  ' (i = index($0, ": from=<")) { q = substr($0, 1, i - 1); sub(/.* /, "", q); r = substr($0, i + 2);' +
  ' from[q] = substr(r, 1, index(r, ">")) }' +
  ' END { for (q in n) for (j = 1; j <= n[q]; j++) print at[q, j], (q in from) ? from[q] : "from=not-logged", "to=" to[q, j] }';

/** `SESSION smtp connected address=... host=...`, then `SESSION smtp failed-command command="RCPT TO:<y>" result="550 ..."`. */
const opensmtpd =
  '{ i = index($0, "]: "); q = substr($0, i + 3, 16) } index($0, " smtp connected address=" a " ") { ours[q] = 1 }' +
  ' !old && (q in ours) && (i = index($0, "failed-command command=\\"RCPT TO:")) { r = substr($0, i + 32);' +
  ' print t, "from=not-logged to=" substr(r, 1, index(r, ">")) }';

/** `TIME H=name [address] F=<x> rejected RCPT <y>: reason`; what the client calls itself stands before its address. */
const exim =
  'substr($0, 1, 19) >= s && (i = index($0, " rejected RCPT ")) && (f = index($0, " F=<")) && f < i {' +
  ' h = substr($0, 1, f - 1); while (b = index(h, "[")) h = substr(h, b + 1);' +
  ' if (substr(h, 1, index(h, "]") - 1) == a) { x = substr($0, f + 3); y = substr($0, i + 15);' +
  ' print substr($0, 1, 19), "from=" substr(x, 1, index(x, ">")), "to=" substr(y, 1, index(y, ">")) } }';

const queries: Readonly<Record<Product, (asked: Asked) => readonly (string | undefined)[]>> = {
  postfix: (asked) => [
    syslog(mailLogs, asked, postfix),
    sh`journalctl -q -t postfix/smtpd --since ${`@${seconds(asked.since)}`} | grep -F 'reject: RCPT from' | grep -F -e ${`[${asked.address}]:`}`,
  ],
  exim: ({ address, since }) => {
    const command = sh`awk -v a=${address} -v s=`;
    return [
      command &&
        `zcat -f /var/log/exim4/mainlog* /var/log/exim/main.log* 2>/dev/null | ${command}${local(since, '%Y-%m-%d %H:%M:%S')} '${exim}' | sort -u`,
    ];
  },
  sendmail: (asked) => [
    syslog(mailLogs, isV6(asked.address) ? { ...asked, address: `IPv6:${asked.address}` } : asked, sendmail),
  ],
  opensmtpd: (asked) => [syslog('/var/log/maillog* /var/log/mail.log*', asked, opensmtpd)],
  qmail: () => [],
  exchange: ({ address, since }) => [
    ps`Get-ChildItem "$env:ExchangeInstallPath\TransportRoles\Logs\FrontEnd\ProtocolLog\SmtpReceive" -Filter *.log | Select-String -SimpleMatch ${isV6(address) ? `,[${address}]:` : `,${address}:`} | ForEach-Object Line | Where-Object { $_ -ge ${iso(since)} -and $_ -match ',[<>],(MAIL FROM:|RCPT TO:|[45]\d\d )' }`,
  ],
  microsoft365: ({ address, since }) => [
    ps`Get-MessageTraceV2 -FromIP ${address} -StartDate ${`${iso(since)}Z`} -EndDate (Get-Date) -Status Failed | Format-Table Received,SenderAddress,RecipientAddress`,
  ],
  gmail: () => [],
  ses: () => [],
  hmailserver: ({ address, since }) => [
    ps`Get-ChildItem 'C:\Program Files (x86)\hMailServer\Logs' -Filter hmailserver_*.log | Where-Object LastWriteTime -ge ([datetime]${`${iso(since)}Z`}) | Select-String -SimpleMatch ${`"${address}"`} | ForEach-Object Line | Where-Object { $_ -match 'RECEIVED: (MAIL FROM|RCPT TO):|SENT: [45]\d\d ' }`,
  ],
};

const onlyTheSender = 'only the log of the application, or of the relay before it, knows which mails were refused';

/** What a product does not log. */
const notes: Readonly<Partial<Record<Product, string>>> = {
  qmail: `qmail does not log refused recipients: ${onlyTheSender}`,
  exchange: 'Exchange writes this log only while ProtocolLoggingLevel of the Receive connector is Verbose',
  microsoft365: `Microsoft 365 does not trace mail that it refused before it took it: ${onlyTheSender}`,
  gmail: `Google does not list mail that it refused: ${onlyTheSender}`,
  ses: `SES does not list mail that it refused: ${onlyTheSender}`,
};

/**
 * The queries for the relay that answered, most exact first, and in a sentence what its product does not log. Empty
 * where product, address as the server saw it, or `at` (since when) is not known.
 */
export const lostMails = (known: Known): readonly string[] => {
  const { product, at: since } = known;
  const address = client(known);
  if (product === undefined || address === undefined || since === undefined || known.isMailbox) return [];
  const commands = queries[product]({ address, since }).map((query) => onServer(known, query));
  return given([...commands, notes[product]]);
};
