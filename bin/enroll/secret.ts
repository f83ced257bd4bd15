/** Secrets that a watch keeps in its state folder: made once, readable by its user alone. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../commands/command.ts';

/** The secret in a file, made if there is none: 64 hex digits. Throws UsageError (`complain`) when it holds something else. */
export const secretFile = (folder: string, name: string, complain: (file: string) => string): string => {
  const file = join(folder, name);
  try {
    // Fails if there is one already, so that two first starts do not overwrite each other's.
    writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const secret = readFileSync(file, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(secret)) throw new UsageError(complain(file));
  return secret;
};

/**
 * The secret from which a watch derives the keys of hosts that send by their own clock. It is not the signing key, so
 * that a new signing key disenrols nobody. `watch` and `enroll` may both be the first to need it.
 */
export const heartbeatSecretIn = (folder: string): string =>
  secretFile(
    folder,
    'heartbeat-key',
    (file) => `${file} is not a heartbeat key: move it away to have a new one made, and enroll every host again`,
  );
