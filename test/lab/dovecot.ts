/** A real Dovecot on loopback for the lab tests, from a configuration of its own in a directory of its own; needs root. */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

export type Dovecot = {
  readonly host: string;
  readonly port: number;
  /** Every user has a mailbox of its own, made when mail or a login first comes, and this one password, new at each start. */
  readonly password: string;
  /** Paths in PEM: the CA, and the certificate of localhost and 127.0.0.1 that it signed. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Path of the socket that takes mail over LMTP. */
  readonly lmtp: string;
  stop(): Promise<void>;
};

const host = '127.0.0.1';

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().listen(0, host, () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no free port')),
      );
    });
  });

const openssl = (dir: string, ...args: readonly string[]) =>
  execFileSync('openssl', [...args], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });

/** A CA and a certificate for localhost, made now. */
const makeCertificates = (dir: string): void => {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(dir, 'req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', '/CN=lab CA');
  openssl(dir, 'req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  writeFileSync(join(dir, 'san.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'san.ext'];
  openssl(dir, 'x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...sign);
};

/** Access tokens are asked for at an endpoint (RFC 7662), which answers `active` and `username`. */
const oauth2Passdb = (dir: string, mechanisms: string): string => `
passdb {
  driver = oauth2
  mechanisms = ${mechanisms}
  args = ${dir}/oauth2.conf
}
`;

const introspection = (url: string): string => `introspection_mode = post
introspection_url = ${url}
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
`;

const configuration = (dir: string, port: number, password: string, byToken?: string): string => `
base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/dovecot.log
protocols = imap lmtp
postmaster_address = postmaster@example.test
listen = ${host}
ssl = required
ssl_cert = <${dir}/server.pem
ssl_key = <${dir}/server.key
auth_failure_delay = 0
auth_mechanisms = plain login${byToken === undefined ? '' : ` ${byToken}`}
mail_location = maildir:${dir}/mail/%u
mail_plugins = quota
mail_max_userip_connections = 100
first_valid_uid = 1
default_internal_user = dovecot
default_login_user = dovenull
${byToken === undefined ? '' : oauth2Passdb(dir, byToken)}passdb {
  driver = static
  mechanisms = plain login
  args = password=${password}
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${dir}/mail/%u allow_all_users=yes
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = ${port}
    ssl = yes
  }
}
# Without this a refused login delays the next one by seconds, whoever makes it.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Junk {
    auto = subscribe
    special_use = \\Junk
  }
  mailbox Archive {
    auto = subscribe
    special_use = \\Archive
  }
}
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=1G
}
`;

/** True when something takes connections there. */
export const listening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });

/**
 * Starts Dovecot with maildirs, folders flagged `\Junk` and `\Archive`, quota, and TLS from a CA made now.
 * Everything lies in `dir` (an absolute path), the log as `dovecot.log`. Throws when Dovecot is not installed.
 */
export const startDovecot = async (
  dir: string,
  /** Logins with access tokens: by which mechanism, and the URL of an endpoint that knows them. @default none */
  tokens?: { readonly mechanism: 'xoauth2' | 'oauthbearer'; readonly introspect: string },
): Promise<Dovecot> => {
  if (!existsSync('/usr/sbin/dovecot'))
    throw new Error('dovecot is not installed: apt-get install dovecot-imapd dovecot-lmtpd');
  const port = await freePort();
  const password = randomBytes(12).toString('hex');
  for (const name of ['', 'run', 'state', 'mail']) mkdirSync(join(dir, name), { recursive: true });
  // The mail belongs to nobody, whose processes must get through to it.
  chmodSync(dir, 0o755);
  chmodSync(join(dir, 'mail'), 0o777);
  makeCertificates(dir);
  const config = join(dir, 'dovecot.conf');
  writeFileSync(config, configuration(dir, port, password, tokens?.mechanism));
  if (tokens !== undefined) writeFileSync(join(dir, 'oauth2.conf'), introspection(tokens.introspect));
  const child = spawn('/usr/sbin/dovecot', ['-F', '-c', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const until = Date.now() + 10_000;
  while (!(await listening(port))) {
    if (child.exitCode !== null || Date.now() > until)
      throw new Error(`dovecot does not start, see ${dir}/dovecot.log`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    host,
    port,
    password,
    ca: join(dir, 'ca.pem'),
    certificate: join(dir, 'server.pem'),
    key: join(dir, 'server.key'),
    lmtp: join(dir, 'run', 'lmtp'),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
};
