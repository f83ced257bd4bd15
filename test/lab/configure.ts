/** Other settings for the lab's Postfix while it runs. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Lab } from './postfix.ts';

/** Sets parameters of main.cf and waits until Postfix has read them. */
export const configure = async (lab: Lab, parameters: Readonly<Record<string, string>>): Promise<void> => {
  const config = join(lab.dir, 'postfix', 'etc');
  const reloads = () => lab.log().split('reload -- version').length;
  const before = reloads();
  execFileSync('/usr/sbin/postconf', [
    '-c',
    config,
    '-e',
    ...Object.entries(parameters).map(([name, value]) => `${name}=${value}`),
  ]);
  execFileSync('/usr/sbin/postfix', ['-c', config, 'reload'], { stdio: ['ignore', 'pipe', 'pipe'] });
  await expect.poll(reloads, { timeout: 10_000 }).toBeGreaterThan(before);
};
