/** A host's own Postfix: takes mail from the host's `sendmail` and hands everything to one relay; needs root. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type NullClient = {
  /** A folder with the host's `sendmail` and `mailq`. */
  readonly programs: string;
  /** Tries at once what waits in the queue. */
  flush(): void;
  stop(): void;
};

/** Starts it; its connections to the relay leave from `address`. */
export const startNullClient = (
  relay: { readonly host: string; readonly port: number },
  address: string,
): NullClient => {
  // Under /tmp itself: postdrop checks every folder above its own.
  const dir = mkdtempSync(join(tmpdir(), 'mail-canary-null-client-'));
  chmodSync(dir, 0o755);
  const config = join(dir, 'etc');
  const programs = join(dir, 'bin');
  for (const folder of [config, programs, join(dir, 'spool'), join(dir, 'data')]) mkdirSync(folder, { mode: 0o755 });
  const id = (...args: string[]) => Number(execFileSync('id', args, { encoding: 'utf8' }));
  chownSync(join(dir, 'data'), id('-u', 'postfix'), id('-g', 'postfix'));
  writeFileSync(
    join(config, 'main.cf'),
    `
compatibility_level = 3.6
queue_directory = ${dir}/spool
data_directory = ${dir}/data
maillog_file = ${dir}/mail.log
maillog_file_prefixes = ${dir}
myhostname = web-01.example.test
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [${relay.host}]:${relay.port}
smtp_bind_address = ${address}
disable_dns_lookups = yes
smtp_tls_security_level = none
notify_classes =
`,
  );
  const service = (name: string, wakeup: string, limit: string, command: string) =>
    `${name} unix ${/^(pickup|cleanup|qmgr|flush)$/.test(name) ? 'n' : '-'} - n ${wakeup} ${limit} ${command}`;
  writeFileSync(
    join(config, 'master.cf'),
    [
      service('pickup', '60', '1', 'pickup'),
      service('cleanup', '-', '0', 'cleanup'),
      service('qmgr', '300', '1', 'qmgr'),
      service('tlsmgr', '1000?', '1', 'tlsmgr'),
      service('rewrite', '-', '-', 'trivial-rewrite'),
      ...['bounce', 'defer', 'trace'].map((name) => service(name, '-', '0', 'bounce')),
      service('flush', '1000?', '0', 'flush'),
      service('proxymap', '-', '-', 'proxymap'),
      service('smtp', '-', '-', 'smtp'),
      service('error', '-', '-', 'error'),
      service('retry', '-', '-', 'error'),
      service('showq', '-', '-', 'showq'),
      service('scache', '-', '1', 'scache'),
      'postlog unix-dgram n - n - 1 postlogd',
      '',
    ].join('\n'),
  );
  const program = (name: string, line: string) =>
    writeFileSync(join(programs, name), `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o755 });
  program('sendmail', `/usr/sbin/sendmail -C ${config}`);
  program('mailq', `/usr/sbin/postqueue -c ${config} -p`);
  const postfix = (command: string) =>
    execFileSync('/usr/sbin/postfix', ['-c', config, command], { stdio: ['ignore', 'pipe', 'pipe'] });
  postfix('start');
  return {
    programs,
    flush: () => postfix('flush'),
    stop: () => {
      postfix('stop');
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
