/** Where to look: commands are filled in or left out, and no value of a stranger gets a meaning in a shell. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { type Cause, causes, type Known } from '../../lambdas/core/causes.ts';
import { on, ps, sh } from '../../lambdas/core/commands.ts';
import { lostMails } from '../../lambdas/core/lost-mails.ts';
import { type Product, products } from '../../lambdas/core/products.ts';
import { whereToLook } from '../../lambdas/core/where-to-look.ts';

const known: Known = {
  host: 'web-03',
  address: '10.0.1.17',
  seenAs: '198.51.100.7',
  answeredBy: 'mail-gw-2',
  path: 'app',
  mailbox: 'outside',
  evidence: '554 5.7.1 Client host [198.51.100.7] blocked using zen.spamhaus.org',
  queueId: '4F2B1C9D3E',
  messageId: '<bcdfg.1@example.com>',
  subject: 'Mail canary web-03 bcdfghjklmnpqrstvwxz',
  canary: 'bcdfghjklmnpqrstvwxz',
  from: 'orders@example.com',
  to: 'canary@supplier.example',
  at: Date.UTC(2026, 10, 17, 10, 5, 30),
};
const little: Known = { host: 'web-03', path: 'app', mailbox: 'outside' };
const everyCause = Object.keys(causes) as Cause[];
const everyProduct = Object.keys(products) as Product[];

/** What a POSIX shell makes of a line: each word that it would hand to a program, nothing run. */
const wordsOf = (line: string): string[] =>
  execFileSync('sh', ['-c', `set -f; printf '%s\\n' ${line}`], { encoding: 'utf8' })
    .split('\n')
    .slice(0, -1);

describe('a value in a command', () => {
  const hostile = [
    "a'b",
    "'; rm -rf /tmp/x; '",
    '$(touch /tmp/x)',
    '`id`',
    '"',
    '\\',
    '\\\\',
    "\\'",
    '-rf',
    '--help',
    'a b',
    '*',
    '~',
    '!!',
    '#',
    '&',
    '|',
    '>x',
    '<x',
    '%s',
    '$HOME',
    'a;b',
    '{a,b}',
    '[a]',
    '?',
  ];

  test.each(hostile)('is one word for sh: %s', (value) => {
    expect(wordsOf(sh`x ${value} y` ?? '')).toEqual(['x', value, 'y']);
  });

  test.each(hostile)('is one single-quoted argument for PowerShell: %s', (value) => {
    const [, quoted = ''] = /^x ('.*') y$/.exec(ps`x ${value} y` ?? '') ?? [];
    expect(quoted).toMatch(/^'([^']|'')*'$/);
    expect(quoted.slice(1, -1).replaceAll("''", "'")).toBe(value);
  });

  test.each(['a\nb', 'a\rb', 'a\u0000b', '\u001b[31m', 'a\u2019b', '\u202eabc', 'é', '', 'x'.repeat(301), undefined])(
    'leaves the command out: %j',
    (value) => {
      expect(sh`x ${value}`).toBeUndefined();
      expect(ps`x ${value}`).toBeUndefined();
    },
  );

  test('backslashes of the command stay', () => {
    expect(ps`C:\Temp\new ${'x'}`).toBe("C:\\Temp\\new 'x'");
    expect(sh`printf '\t' ${'x'}`).toBe("printf '\\t' x");
  });

  test('a plain value stands plain in sh', () => {
    expect(sh`grep ${'4F2B1'} /var/log/mail.log`).toBe('grep 4F2B1 /var/log/mail.log');
  });

  test('the name of a server is a comment, or nothing', () => {
    expect(on('mail-gw-2', 'mailq')).toBe('mailq  # on mail-gw-2');
    for (const name of ['a\nrm x', '$(id)', "a'b", '', ' x', 'x'.repeat(300), undefined])
      expect(on(name, 'mailq')).toBe('mailq');
  });
});

describe.each(everyCause)('%s', (cause) => {
  test('has only commands that are filled in, for every product', () => {
    for (const what of [known, little, { ...known, isMailbox: true }, { ...known, seenAs: '2001:db8::7' }])
      for (const product of [undefined, ...everyProduct])
        for (const command of whereToLook(cause, { ...what, product })) {
          expect(command).toMatch(/^[\x20-\x7e]{4,400}$/);
          expect(command).not.toMatch(/undefined|(?<!\/dev\/)null|NaN|\[object|\.\.\.|''(?!')| {3}|\$\{/);
        }
  });

  test('repeats none, and gives the same for the same', () => {
    for (const product of everyProduct) {
      const commands = whereToLook(cause, { ...known, product });
      expect(new Set(commands).size).toBe(commands.length);
      expect(whereToLook(cause, { ...known, product })).toEqual(commands);
    }
  });
});

describe('what is said', () => {
  const look = (cause: Cause, more: Partial<Known>) => whereToLook(cause, { ...known, ...more }).join('\n');

  test.each<[Cause, Product, string]>([
    [
      'accepted-but-lost',
      'postfix',
      'grep -hsF -e 4F2B1C9D3E /var/log/mail.log /var/log/maillog  # on mail-gw-2\npostqueue -p  # on mail-gw-2\npostcat -q 4F2B1C9D3E  # on mail-gw-2',
    ],
    [
      'relay-denied',
      'postfix',
      "grep -hsF -e '[198.51.100.7]' /var/log/mail.log /var/log/maillog | grep -F reject:  # on mail-gw-2\njournalctl -t postfix/smtpd --since '2026-11-17 09:55:30 UTC' --until '2026-11-17 10:15:30 UTC'  # on mail-gw-2\npostconf -hx mynetworks  # on mail-gw-2\npostconf -e \"mynetworks = $(postconf -hx mynetworks) \"198.51.100.7/32 && postfix reload  # on mail-gw-2",
    ],
    [
      'accepted-but-lost',
      'exim',
      'exigrep -l 4F2B1C9D3E $(ls /var/log/exim4/mainlog /var/log/exim/main.log 2>/dev/null)  # on mail-gw-2\nexim -bp  # on mail-gw-2\nexim -Mvl 4F2B1C9D3E  # on mail-gw-2',
    ],
    [
      'relay-denied',
      'sendmail',
      "printf 'Connect:%s\\tRELAY\\n' 198.51.100.7 >> /etc/mail/access && makemap hash /etc/mail/access < /etc/mail/access  # on mail-gw-2",
    ],
    [
      'accepted-but-lost',
      'qmail',
      "tai64nlocal < /var/log/qmail/current | grep -F -e 'qp 4F2B1C9D3E'  # on mail-gw-2\n/var/qmail/bin/qmail-qread  # on mail-gw-2",
    ],
    ['accepted-but-lost', 'opensmtpd', 'smtpctl show queue  # on mail-gw-2'],
    [
      'accepted-but-lost',
      'exchange',
      "Get-TransportService | Get-MessageTrackingLog -MessageId '<bcdfg.1@example.com>' -ResultSize Unlimited | Sort-Object Timestamp  # on mail-gw-2",
    ],
    [
      'relay-denied',
      'exchange',
      "\\FrontEnd\\ProtocolLog\\SmtpReceive\" -Filter *.log | Select-String -SimpleMatch ',198.51.100.7:'  # on mail-gw-2\nGet-ReceiveConnector",
    ],
    [
      'accepted-but-lost',
      'microsoft365',
      "Get-MessageTraceV2 -MessageId '<bcdfg.1@example.com>' -StartDate '2026-11-17T09:55:30Z' -EndDate '2026-11-18T10:05:30Z' | Get-MessageTraceDetailV2\nGet-QuarantineMessage -Subject 'Mail canary web-03 bcdfghjklmnpqrstvwxz'",
    ],
    ['connector-mismatch', 'microsoft365', 'Get-InboundConnector'],
    ['direct-send-blocked', 'microsoft365', 'Get-OrganizationConfig | Format-List RejectDirectSend'],
    ['auth-method-disabled', 'microsoft365', 'Get-TransportConfig | Format-List SmtpClientAuthenticationDisabled'],
    ['account-paused', 'microsoft365', 'Get-BlockedSenderAddress'],
    [
      'accepted-but-lost',
      'hmailserver',
      "Select-String -SimpleMatch 'canary@supplier.example' -LiteralPath 'C:\\Program Files (x86)\\hMailServer\\Logs\\hmailserver_2026-11-17.log'  # on mail-gw-2",
    ],
    ['accepted-but-lost', 'gmail', 'Email Log Search: message ID <bcdfg.1@example.com>'],
    ['accepted-but-lost', 'ses', 'aws sesv2 get-message-insights --message-id 4F2B1C9D3E\nCloudWatch'],
    ['suppressed', 'ses', "aws sesv2 get-suppressed-destination --email-address 'canary@supplier.example'"],
    ['sandbox', 'ses', 'aws sesv2 get-account'],
    ['blocklisted', 'postfix', 'nslookup 7.100.51.198.zen.spamhaus.org'],
    ['client-name', 'postfix', 'nslookup 198.51.100.7'],
    ['unauthenticated', 'postfix', 'nslookup -type=TXT example.com\nnslookup -type=TXT _dmarc.example.com'],
    ['queued-on-host', 'postfix', 'mailq  # on web-03'],
    ['claimed-but-lost', 'postfix', 'mailq  # on web-03'],
  ])('%s at %s', (cause, product, command) => {
    expect(look(cause, { product })).toContain(command);
  });

  test.each<[Cause, string, string]>([
    [
      'connect-timeout',
      'mail-gw-2.example.com:587',
      "nc -vz -w 10 mail-gw-2.example.com 587  # on the machine that calls the server\nTest-NetConnection -ComputerName 'mail-gw-2.example.com' -Port '587'  # on the machine that calls the server",
    ],
    ['connect-refused', '[2001:db8::1]:25', 'nc -vz -w 10 2001:db8::1 25'],
    [
      'tls-expired',
      'mail-gw-2:587',
      'openssl s_client -connect mail-gw-2:587 -servername mail-gw-2 -starttls smtp < /dev/null',
    ],
    ['tls-name', 'mail-gw-2:465', 'openssl s_client -connect mail-gw-2:465 -servername mail-gw-2 < /dev/null'],
    [
      'tls-untrusted',
      '2001:db8::1:25',
      "openssl s_client -connect '[2001:db8::1]:25' -servername 2001:db8::1 -starttls smtp",
    ],
    ['host-blocked', 'mail-gw-2:25', 'fail2ban-client banned 198.51.100.7'],
  ])('%s at %s', (cause, answeredBy, command) => {
    expect(look(cause, { answeredBy })).toContain(command);
  });

  test('without a port there is nothing to connect to', () => {
    expect(look('connect-refused', {})).not.toMatch(/nc |Test-Net/);
  });

  test('an address of which it is not certain that the server saw it is searched for nowhere', () => {
    for (const cause of everyCause)
      for (const product of everyProduct)
        expect(look(cause, { product, seenAs: undefined })).not.toContain('10.0.1.17');
  });

  test('an instance is asked for by its id', () => {
    expect(look('agent-offline', { host: 'i-0abc1234def567890' })).toContain(
      "aws ssm describe-instance-information --filters 'Key=InstanceIds,Values=i-0abc1234def567890'",
    );
    expect(look('agent-offline', {})).not.toContain('aws ssm');
  });

  test('a mailbox in trouble is not looked for at the relay', () => {
    for (const cause of everyCause)
      expect(look(cause, { product: 'postfix', isMailbox: true })).not.toMatch(/mail\.log|postconf|fail2ban/);
  });
});

describe('words of strangers', () => {
  const evil = 'x\'$(touch /tmp/planted)`id`;|&"\\';
  const planted: Known = {
    ...known,
    host: evil,
    answeredBy: `${evil}:25`,
    queueId: evil,
    messageId: `<${evil}>`,
    subject: evil,
    from: `a@${evil}`,
    to: evil,
    evidence: `554 using ${evil}.example.com`,
    seenAs: evil,
  };

  test('stay quoted in every command for every product', () => {
    for (const cause of everyCause)
      for (const product of [undefined, ...everyProduct])
        for (const command of [...whereToLook(cause, { ...planted, product }), ...lostMails({ ...planted, product })])
          if (command.includes('touch')) {
            const rest = /^(Get-|Select-|Test-|Google |hMail)/.test(command)
              ? command.replaceAll(/'([^']|'')*'/g, '')
              : command.replaceAll(/'[^']*'|\\'/g, '');
            if (!/^(Google |hMail)/.test(command)) expect(rest).not.toMatch(/touch|`/);
          }
  });

  test('an address that is none is in no command', () => {
    for (const product of everyProduct) expect(lostMails({ ...planted, product })).toEqual([]);
  });
});
