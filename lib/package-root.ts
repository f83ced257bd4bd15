/** Where this package lies: the sources run from `lib/`, a published package from `dist/lib/`. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const nearest = (folder: string): string =>
  existsSync(join(folder, 'package.json')) || folder === dirname(folder) ? folder : nearest(dirname(folder));

export const packageRoot = nearest(import.meta.dirname);

/** The folder of the bundled functions: written by bundles.ts, read by the construct. */
export const bundlesFolder = join(packageRoot, 'dist', 'lambdas');
