/** What the lab tests of the mailbox share: rules, rights and settings of the real servers, mailboxes of their own, and `watch` at a quick pace. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { changesOf } from '../../bin/watch/changes.ts';
import { openState } from '../../bin/watch/state.ts';
import type { Confirmed } from '../../lambdas/core/confirm.ts';
import type { IncidentEvent } from '../../lambdas/core/incident.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import { wireFast } from '../cli/fast-watch.ts';
import { type Lab, startLab } from './postfix.ts';

/** An address that the relay trusts, from which all of these canaries leave. */
export const trusted = '127.0.0.11';

/** Waits for something that must come; what it was is told otherwise, with what is known then. */
const until = async (
  what: string,
  seconds: number,
  holds: () => boolean | Promise<boolean>,
  known: () => string = () => '',
): Promise<void> => {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`in vain until ${what}\n${known()}`);
    await sleep(50);
  }
};

const dovecotDir = (lab: Lab) => join(lab.dir, 'dovecot');

/** Dovecot takes more settings; of what is said twice the last counts. Logins that follow meet them. */
export const reconfigure = async (lab: Lab, more = ''): Promise<void> => {
  const config = join(dovecotDir(lab), 'dovecot.conf');
  appendFileSync(config, `\n${more}\n`);
  const reloads = () => readFileSync(join(dovecotDir(lab), 'dovecot.log'), 'utf8').split('SIGHUP received').length;
  const before = reloads();
  execFileSync('doveadm', ['-c', config, 'reload'], { stdio: ['ignore', 'pipe', 'pipe'] });
  // Not `expect.poll`, which is for tests only.
  await until('dovecot has reloaded', 20, () => reloads() > before);
};

/** Postfix and Dovecot as in the other lab tests, with Sieve rules for each user and rights for each folder. */
export const startMailboxLab = async (
  /** Parameters of Postfix besides those of every lab, for a folder for its tables. */
  parameters: (dir: string) => Readonly<Record<string, string>> = () => ({}),
): Promise<Lab> => {
  const lab = await startLab();
  try {
    const rules = join(dovecotDir(lab), 'rules');
    mkdirSync(rules);
    // The rules are compiled beside them by whoever gets the mail, which is nobody.
    chmodSync(rules, 0o777);
    await reconfigure(
      lab,
      `protocol lmtp {
  mail_plugins = quota sieve
}
protocol imap {
  mail_plugins = quota imap_quota acl imap_acl
}
plugin {
  sieve = file:${rules}/%u.sieve
  acl = vfile:cache_secs=0
}`,
    );
    const more = Object.entries(parameters(lab.dir)).map(([name, value]) => `${name}=${value}`);
    if (more.length > 0) execFileSync('/usr/sbin/postconf', ['-c', join(lab.dir, 'postfix', 'etc'), '-e', ...more]);
    // Postfix reads them when this reloads it.
    await lab.trust([trusted]);
    return lab;
  } catch (error) {
    await lab.stop();
    throw error;
  }
};

/** A rule of a user for mail that is delivered from now on (RFC 5228). */
export const sieve = (lab: Lab, user: string, script: string): void =>
  writeFileSync(join(dovecotDir(lab), 'rules', `${user}.sieve`), script, { mode: 0o644 });

/** Takes rights from the owner of a mailbox that exists; `letters` are those that stay (RFC 4314 2.1). */
export const allow = (lab: Lab, user: string, letters: string): void => {
  for (const folder of ['', '.Junk'])
    writeFileSync(join(dovecotDir(lab), 'mail', user, folder, 'dovecot-acl'), `owner ${letters}\n`, { mode: 0o644 });
};

/** Puts so many mails of somebody into INBOX, as files, which is quick; the mailbox must be new. */
export const foreignFiles = (lab: Lab, user: string, count: number): void => {
  const id = (...args: string[]) => Number(execFileSync('id', args, { encoding: 'utf8' }));
  const [uid, gid] = [id('-u', 'nobody'), id('-g', 'nobody')];
  const maildir = join(dovecotDir(lab), 'mail', user);
  for (const folder of ['', 'cur', 'new', 'tmp']) {
    mkdirSync(join(maildir, folder), { recursive: true });
    chownSync(join(maildir, folder), uid, gid);
  }
  for (let number = 0; number < count; number += 1) {
    const file = join(maildir, 'cur', `1700000000.M${number}P1.lab:2,${number % 3 === 0 ? 'S' : ''}`);
    writeFileSync(file, `From: somebody@elsewhere.test\r\nSubject: letter ${number}\r\n\r\nHello ${number}\r\n`);
    chownSync(file, uid, gid);
  }
};

export type Change = Readonly<Record<string, unknown>>;

/** The mailbox of a user in the settings. */
export const mailboxOf = ({ imap }: Lab, user: string, change: Change = {}) => ({
  address: user,
  imap: { host: imap.host, port: imap.port, tls: { ca: `file:${imap.ca}` } },
  auth: { kind: 'password', user, secret: 'env:MAILBOX_PASSWORD' },
  ...change,
});

/** The path over the lab's relay. */
export const relayPath = ({ relay, imap }: Lab, change: Change = {}) => ({
  kind: 'smtp',
  host: relay.host,
  port: relay.port,
  from: 'orders@example.test',
  localAddress: trusted,
  requireTls: true,
  tls: { ca: `file:${imap.ca}` },
  ...change,
});

/** One host, which sends over one path to each of these mailboxes. */
export const settingsOf = (lab: Lab, mailboxes: Readonly<Record<string, Change>>, change: Change = {}) => ({
  lostAfter: '40 s',
  ourDomains: ['example.test'],
  mailboxes,
  paths: { relay: relayPath(lab) },
  hosts: [{ id: 'web-01', address: trusted, paths: ['relay'] }],
  ...change,
});

/** A server that takes every connection and says nothing, on loopback. */
export const startSilent = async (): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('the silent server has no port');
  return {
    port: bound.port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};

/** A round of `watch`, and when it ended. */
export type Round = { readonly at: number; readonly done: Confirmed };

export type Watching = {
  readonly events: readonly IncidentEvent[];
  /** What a person reads of verdicts and mailboxes. */
  readonly lines: readonly string[];
  readonly rounds: readonly Round[];
  readonly problems: readonly string[];
  /** How long each round took, with its pause, but for the first one. */
  lengths(): readonly number[];
  /** Waits until it holds; fails with what was printed. */
  until(what: string, seconds: number, holds: () => boolean | Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
};

/** What `watch` runs, in this process, at a pace at which a minute lasts one second. */
export const watchQuickly = (lab: Lab, settings: unknown): Watching => {
  const folder = mkdtempSync(join(lab.dir, 'quick-'));
  const file = join(folder, 'settings.yaml');
  writeFileSync(file, stringify(settings));
  const state = openState(join(folder, 'state'));
  const events: IncidentEvent[] = [];
  const lines: string[] = [];
  const rounds: Round[] = [];
  const problems: string[] = [];
  const fast = wireFast({
    settings: loadSettings(file, 'local', folder).settings,
    secret: async (reference) => {
      if (reference !== 'env:MAILBOX_PASSWORD') throw new Error(`${reference} is not known here`);
      return lab.imap.password;
    },
    state,
    tellers: [{ tell: async (more) => void events.push(...more) }],
    onProblem: (what, error) => problems.push(`${what}: ${error}`),
  });
  const ending = new AbortController();
  let stopped: Promise<void> | undefined;
  const print = changesOf((line) => lines.push(line));
  const running = fast.run(ending.signal, (done) => {
    rounds.push({ at: Date.now(), done });
    problems.push(...done.problems.map(({ what, error }) => `${what}: ${error}`));
    print(done);
  });
  const lengths = () => rounds.slice(1).map(({ at }, index) => at - (rounds[index]?.at ?? at));
  return {
    events,
    lines,
    rounds,
    problems,
    lengths,
    until: (what, seconds, holds) =>
      until(what, seconds, holds, () =>
        [...lines, ...problems, JSON.stringify(events, null, 1), `rounds of ${lengths().join(', ')} ms`].join('\n'),
      ),
    stop: () => {
      stopped ??= (async () => {
        ending.abort();
        await running;
        state.close();
      })();
      return stopped;
    },
  };
};
