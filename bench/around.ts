/** What surrounds a pass: the sizes of the bundled functions, and how soon the demo shows its first verdict. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gzipSync } from 'node:zlib';
import { bundle, functionNames } from '../lib/bundles.ts';
import { packageRoot } from '../lib/package-root.ts';
import { table } from './numbers.ts';

const kibibytes = (bytes: number) => Math.round(bytes / 1024).toLocaleString('en');

/** Bundles the functions as a deployment does, into a folder of its own; a Markdown table of their sizes. */
export const bundleSizes = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'mail-canary-bench-'));
  try {
    await bundle({ to: folder });
    const rows = await Promise.all(
      functionNames.map(async (name) => {
        const code = await readFile(join(folder, name, 'index.mjs'));
        return [name, kibibytes(code.length), kibibytes(gzipSync(code).length)];
      }),
    );
    return table(['function', 'bundle, KiB', 'gzip, KiB'], rows);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Milliseconds from starting the demo's process to the first line with a verdict. */
export const firstVerdict = async (): Promise<number> => {
  const begun = performance.now();
  const child = spawn(process.execPath, [join(packageRoot, 'demo/main.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    for await (const line of createInterface({ input: child.stdout }))
      if (/[✓✗]/.test(line)) return performance.now() - begun;
    throw new Error('the demo ended without a verdict');
  } finally {
    child.kill();
  }
};
