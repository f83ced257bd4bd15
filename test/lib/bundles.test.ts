/** The bundles as they run: small, without what they do not need, and able to start under Node 24 as modules. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deployedOf } from '../../lambdas/settings/deployed.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import { bundle, type FunctionName, functionNames } from '../../lib/bundles.ts';
import { packageRoot } from '../../lib/package-root.ts';

// Outside the repository, so that nothing is found in node_modules that the bundle forgot.
const folder = mkdtempSync(join(tmpdir(), 'mail-canary-bundles-'));
const settingsFile = join(folder, 'mail-canary.json');
let meta: Awaited<ReturnType<typeof bundle>>;

beforeAll(async () => {
  meta = await bundle({ to: folder });
  const { settings } = loadSettings(join(packageRoot, 'examples', 'mail-canary.yaml'), 'stack');
  writeFileSync(settingsFile, JSON.stringify(deployedOf(settings)));
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: FunctionName) => join(folder, name, 'index.mjs');

/** The sources that a bundle really contains: what was shaken away counts for nothing. */
function contents(name: FunctionName): string[] {
  const output = Object.entries(meta.outputs).find(([path]) => path.endsWith(`${name}/index.mjs`));
  const inputs = Object.entries(output?.[1].inputs ?? {});
  expect(inputs.length).toBeGreaterThan(0);
  return inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path);
}

const megabyte = 1_000_000;
const sizes: Record<FunctionName, number> = {
  plan: 1.5 * megabyte,
  send: 1.5 * megabyte,
  confirm: 2.5 * megabyte,
  note: 1.5 * megabyte,
};

describe.each([...functionNames])('%s', (name) => {
  test('is small enough to start fast', () => {
    expect(statSync(file(name)).size).toBeLessThan(sizes[name]);
  });

  test('has no languages of zod besides English', () => {
    expect(contents(name).filter((path) => /zod\/.*locales\/(?!en\.)/.test(path))).toEqual([]);
  });

  test('contains everything but Node itself', () => {
    const [, output] = Object.entries(meta.outputs).find(([path]) => path.endsWith(`${name}/index.mjs`)) ?? [];
    const outside = output?.imports.filter(({ external }) => external).map(({ path }) => path) ?? [];
    expect(outside.filter((path) => !isBuiltin(path))).toEqual([]);
  });

  test('starts as a module under this Node, with the example settings', async () => {
    const script = `const { handler } = await import('${pathToFileURL(file(name))}'); console.log(typeof handler);`;
    const env = {
      AWS_REGION: 'eu-west-1',
      MAIL_CANARY_TABLE: 'table',
      MAIL_CANARY_SETTINGS: settingsFile,
      MAIL_CANARY_QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/111122223333/queue',
      MAIL_CANARY_KEY_SECRET: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:key-AbCdEf',
    };
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env, cwd: folder });
    expect((await run).stdout.trim()).toBe('function');
  }, 20_000);
});

test.each([
  ['send', 'imapflow'],
  ['confirm', 'nodemailer'],
  ['plan', 'imapflow'],
  ['plan', 'nodemailer'],
  ['note', 'imapflow'],
  ['note', 'nodemailer'],
] as const)('%s contains no %s', (name, library) => {
  expect(contents(name).filter((path) => path.includes(`node_modules/${library}/`))).toEqual([]);
});

test.each([
  ['send', 'nodemailer'],
  ['confirm', 'imapflow'],
] as const)('%s contains %s, so that the test above can fail', (name, library) => {
  expect(contents(name).some((path) => path.includes(`node_modules/${library}/`))).toBe(true);
});
