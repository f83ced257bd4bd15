/** What `watch` keeps on disk: the embedded ledger, its own signing key, and a lock against a second watch. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileLedger } from '../../lambdas/adapters/ledger-file.ts';
import { type Key, keyOf } from '../../lambdas/core/canary.ts';
import type { Ledger } from '../../lambdas/core/ports.ts';
import { UsageError } from '../commands/command.ts';
import { heartbeatSecretIn, secretFile } from '../enroll/secret.ts';

export type State = {
  readonly ledger: Ledger;
  readonly key: Key;
  /** The secret from which the keys of heartbeat hosts are derived. */
  readonly heartbeat: string;
  readonly close: () => void;
};

/** The signing key of this watch. */
const keyIn = (folder: string): Key =>
  keyOf(secretFile(folder, 'key', (file) => `${file} is not a key of watch: move it away to have a new one made`));

/** An exclusive lock of SQLite on a file of its own: the system drops it when the process dies, however it dies. */
const lockIn = (folder: string): DatabaseSync => {
  const file = join(folder, 'lock.sqlite');
  // SQLite would make it readable for all, and its journal with the same mode.
  closeSync(openSync(file, 'a', 0o600));
  const lock = new DatabaseSync(file);
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
    return lock;
  } catch (error) {
    lock.close();
    throw new UsageError(`another watch uses ${folder}: end it, or name another folder with --state`, { cause: error });
  }
};

/** Opens the state of a watch, made if there is none. Throws UsageError when another process has it. */
export const openState = (folder: string): State => {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new UsageError(
      `the folder ${folder} cannot be made: ${error instanceof Error ? error.message : 'unknown error'}`,
      { cause: error },
    );
  }
  const lock = lockIn(folder);
  const ledger = fileLedger(join(folder, 'ledger.sqlite'));
  return {
    ledger,
    key: keyIn(folder),
    heartbeat: heartbeatSecretIn(folder),
    close: () => {
      ledger.close();
      lock.close();
    },
  };
};
