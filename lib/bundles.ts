/** Bundles every function in one esbuild call: the same output for the repository, the tests and the package. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { bundlesFolder, packageRoot } from './package-root.ts';

/** The functions, by the names of their handlers: `lambdas/<name>.ts`. */
export const functionNames = ['plan', 'send', 'confirm', 'note'] as const;
export type FunctionName = (typeof functionNames)[number];

export type BundleOptions = {
  /** @default functionNames */
  readonly names?: readonly string[];
  /** The folder of the handlers. @default lambdas */
  readonly from?: string;
  /** The folder that gets `<name>/index.mjs` and `meta.json`. @default dist/lambdas */
  readonly to?: string;
};

/** nodemailer and imapflow are CommonJS: in a module, their `require('node:net')` needs a `require` to call. */
const banner = [
  "import { createRequire as mailCanaryRequire } from 'node:module';",
  'const require = mailCanaryRequire(import.meta.url);',
].join('');

/** Writes one self-contained module per function, the AWS SDK included: what is tested is what runs. */
export async function bundle(options: BundleOptions = {}): Promise<Metafile> {
  const { names = functionNames, from = join(packageRoot, 'lambdas'), to = bundlesFolder } = options;
  await Promise.all(names.map((name) => rm(join(to, name), { recursive: true, force: true })));
  const { metafile } = await build({
    entryPoints: names.map((name) => ({ in: join(from, `${name}.ts`), out: `${name}/index` })),
    outdir: to,
    outExtension: { '.js': '.mjs' },
    absWorkingDir: packageRoot,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Without it esbuild takes the CommonJS builds of the AWS SDK, which cannot be shaken.
    mainFields: ['module', 'main'],
    banner: { js: banner },
    minify: true,
    metafile: true,
    logLevel: 'error',
  });
  await mkdir(to, { recursive: true });
  await writeFile(join(to, 'meta.json'), JSON.stringify(metafile));
  return metafile;
}
