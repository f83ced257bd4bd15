/** A real Postfix relay in front of a real Dovecot on loopback, with an outside that it only relays to; needs root. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dovecot, freePort, listening, startDovecot } from './dovecot.ts';

/** What the relay does with mail of a sender, in place of taking it (access(5)); `slow` takes it after some seconds. */
export type Rules = Readonly<Record<string, string>>;

export type Lab = {
  /** For settings and logs; goes with the lab. */
  readonly dir: string;
  readonly relay: { readonly host: string; readonly port: number; readonly name: string };
  readonly imap: Omit<Dovecot, 'stop' | 'lmtp' | 'key'>;
  /** Hosted by the relay, which takes its mail from anybody; and of somebody else, to whom it relays for those it trusts. */
  readonly mailboxes: { readonly inside: string; readonly outside: string };
  /** The addresses that may relay from now on, and no others. */
  trust(addresses: readonly string[]): Promise<void>;
  /** The rules from now on, by sender. */
  rule(rules: Rules): void;
  /** What the relay has logged so far. */
  log(): string;
  /** Ends every process and removes every file. */
  stop(): Promise<void>;
};

const host = '127.0.0.1';
const name = 'mail-gw.example.test';

const main = (dir: string, { lmtp, certificate, key }: Dovecot): string => `
compatibility_level = 3.6
queue_directory = ${dir}/spool
data_directory = ${dir}/data
maillog_file = ${dir}/mail.log
maillog_file_prefixes = ${dir}
myhostname = ${name}
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
inet_protocols = ipv4
virtual_mailbox_domains = example.test
virtual_mailbox_maps = inline:{ canary@example.test=1 orders@example.test=1 }
virtual_transport = lmtp:unix:${lmtp}
transport_maps = inline:{ supplier.test=lmtp:unix:${lmtp} }
# Nothing leaves this machine.
default_transport = error:5.1.2 the lab sends to no other domain
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${certificate}
smtpd_tls_key_file = ${key}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_restriction_classes = slow
slow = sleep 20
smtpd_recipient_restrictions = check_sender_access texthash:${dir}/rules
`;

/** The usual services, none in a chroot. A server takes one connection, so that no old one works by old rules. */
const master = (port: number): string =>
  [
    `${host}:${port} inet n - n - - smtpd -o max_use=1`,
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'rewrite unix - - n - - trivial-rewrite',
    ...['bounce', 'defer', 'trace'].map((service) => `${service} unix - - n - 0 bounce`),
    'verify unix - - n - 1 verify',
    'flush unix n - n 1000? 0 flush',
    'proxymap unix - - n - - proxymap',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'lmtp unix - - n - - lmtp',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'postlog unix-dgram n - n - 1 postlogd',
    '',
  ].join('\n');

const until = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`the lab waits in vain until ${what}`);
    await sleep(50);
  }
};

const startPostfix = async (dir: string, dovecot: Dovecot) => {
  // A relative folder would fail without a word.
  const config = join(dir, 'etc');
  for (const folder of [dir, config, join(dir, 'spool'), join(dir, 'data')]) mkdirSync(folder, { mode: 0o755 });
  const id = (...args: string[]) => Number(execFileSync('id', args, { encoding: 'utf8' }));
  chownSync(join(dir, 'data'), id('-u', 'postfix'), id('-g', 'postfix'));
  const port = await freePort();
  const rules = join(dir, 'rules');
  writeFileSync(rules, '');
  writeFileSync(join(config, 'main.cf'), main(dir, dovecot));
  writeFileSync(join(config, 'master.cf'), master(port));
  const postfix = (command: string) =>
    execFileSync('/usr/sbin/postfix', ['-c', config, command], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = () => (existsSync(join(dir, 'mail.log')) ? readFileSync(join(dir, 'mail.log'), 'utf8') : '');
  postfix('start');
  await until('postfix listens', () => listening(port));
  return { port, rules, config, postfix, log };
};

/** Starts both servers in a temporary folder; nobody is trusted yet. Throws when they are not installed. */
export const startLab = async (): Promise<Lab> => {
  if (!existsSync('/usr/sbin/postfix')) throw new Error('postfix is not installed: apt-get install postfix');
  const dir = mkdtempSync(join(tmpdir(), 'mail-canary-lab-'));
  chmodSync(dir, 0o755);
  const dovecot = await startDovecot(join(dir, 'dovecot'));
  const { stop: _stop, lmtp: _lmtp, key: _key, ...imap } = dovecot;
  const { port, rules, config, postfix, log } = await startPostfix(join(dir, 'postfix'), dovecot).catch(
    async (error: unknown) => {
      await dovecot.stop();
      throw error;
    },
  );
  const reloads = () => log().split('reload -- version').length;
  return {
    dir,
    relay: { host, port, name },
    imap,
    mailboxes: { inside: 'canary@example.test', outside: 'canary@supplier.test' },
    trust: async (addresses) => {
      const before = reloads();
      const networks = addresses.map((address) => `${address}/32`).join(' ');
      execFileSync('/usr/sbin/postconf', ['-c', config, '-e', `mynetworks=${networks}`]);
      postfix('reload');
      await until('postfix has reloaded', () => reloads() > before);
    },
    rule: (wanted) => {
      writeFileSync(
        rules,
        Object.entries(wanted)
          .map(([sender, action]) => `${sender} ${action}\n`)
          .join(''),
      );
    },
    log,
    stop: async () => {
      postfix('stop');
      await dovecot.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
