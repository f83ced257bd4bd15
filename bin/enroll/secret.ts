/** Where the secret lies from which `watch` derives the keys of hosts that send by their own clock. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../commands/command.ts';

/**
 * The secret in the state folder of a watch: made once, readable by its user alone. It is not the signing key, so that
 * a new signing key disenrols nobody. Throws UsageError when the file holds something else.
 */
export const heartbeatSecretIn = (folder: string): string => {
  const file = join(folder, 'heartbeat-key');
  try {
    // Fails if there is one already: `watch` and `enroll` may both be the first.
    writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const secret = readFileSync(file, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(secret))
    throw new UsageError(
      `${file} is not a heartbeat key: move it away to have a new one made, and enroll every host again`,
    );
  return secret;
};
