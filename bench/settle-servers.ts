/** Where the canaries lie that are settled: the embedded IMAP server in a process of its own, or a Dovecot. */
import { fork } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDovecot } from '../test/lab/dovecot.ts';
import { answerOf, script } from './processes.ts';
import { mailbox } from './scenario.ts';
import { arrived, type SettleScenario, sentAtOf } from './settle-scenario.ts';

/** What the server says of one run. */
export type SettleCounts = { readonly logins: number; readonly left: number };

export type SettleServer = {
  readonly name: string;
  readonly login: Pick<SettleScenario, 'port' | 'user' | 'password' | 'ca'>;
  /** Puts the canaries of a slot into INBOX. */
  readonly fill: (canaries: number, slot: number) => Promise<void>;
  /** What happened since the last question; empties the mailbox. */
  readonly counts: () => Promise<SettleCounts>;
  readonly stop: () => Promise<void>;
};

/** The embedded server, in plain text, in a process of its own. */
export const embeddedServer = async (): Promise<SettleServer> => {
  const child = fork(script('settle-embedded'));
  const { port } = await answerOf<{ port: number }>(child, 'the IMAP server');
  const ask = <T>(message: object): Promise<T> => {
    const answer = answerOf<T>(child, 'the IMAP server');
    child.send(message);
    return answer;
  };
  return {
    name: 'embedded server',
    login: { port, user: mailbox.address, password: mailbox.password },
    fill: async (canaries, slot) => void (await ask({ fill: { canaries, slot } })),
    counts: () => ask({ counts: true }),
    stop: async () => void child.kill(),
  };
};

/** A Dovecot with maildirs, over TLS; undefined where none is installed or may be started. */
export const dovecotServer = async (): Promise<SettleServer | undefined> => {
  const dir = mkdtempSync(join(tmpdir(), 'mail-canary-bench-dovecot-'));
  const clean = () => rmSync(dir, { recursive: true, force: true });
  const dovecot = await startDovecot(dir).catch(() => undefined);
  if (dovecot === undefined) {
    clean();
    return undefined;
  }
  const user = 'canary';
  const maildir = join(dir, 'mail', user);
  for (const name of ['', 'new', 'cur', 'tmp']) {
    mkdirSync(join(maildir, name), { recursive: true });
    // It belongs to whoever runs this, and Dovecot's own user must get at it.
    chmodSync(join(maildir, name), 0o777);
  }
  const files = () => ['new', 'cur'].flatMap((name) => readdirSync(join(maildir, name)).map((file) => [name, file]));
  const logins = () => readFileSync(join(dir, 'dovecot.log'), 'utf8').split(' Login: ').length - 1;
  let before = 0;
  return {
    name: 'Dovecot',
    login: { port: dovecot.port, user, password: dovecot.password, ca: dovecot.ca },
    fill: async (canaries, slot) => {
      // A name that was there before is a message that was deleted.
      const fresh = Date.now();
      for (let index = 0; index < canaries; index += 1) {
        const path = join(maildir, 'new', `${fresh}.${String(index).padStart(6, '0')}.bench`);
        writeFileSync(path, arrived(slot, index));
        const at = (sentAtOf(slot, index) + 3000) / 1000;
        utimesSync(path, at, at);
      }
    },
    counts: async () => {
      const now = logins();
      const counts = { logins: now - before, left: files().length };
      before = now;
      for (const [name = '', file = ''] of files()) rmSync(join(maildir, name, file));
      return counts;
    },
    stop: async () => {
      await dovecot.stop();
      clean();
    },
  };
};
