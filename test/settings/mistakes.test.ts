/** Every mistake in a settings file is told in one line that says where, what came and what may come. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSettings } from '../../bin/commands/command.ts';
import { loadSettings, SettingsError } from '../../lambdas/settings/load.ts';
import { mistakes } from './mistakes.ts';

const fixtures = new URL('../fixtures/settings/', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'mail-canary-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The message that a file is refused with. */
const refusal = (file: string, mode: 'local' | 'stack' = 'local'): string => {
  try {
    loadSettings(file, mode);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error(`${file} was taken`);
};

/** Mistakes that are found only when the secrets are read. */
const unresolved: Readonly<Record<string, string>> = {
  'missing-secret-env':
    'mailboxes.outside.auth.secret cannot be resolved: cannot read secret env:MAIL_CANARY_TEST_NOT_SET: this environment variable is not set (missing-secret-env.yaml:5)',
  'missing-secret-file':
    'mailboxes.outside.auth.secret cannot be resolved: cannot read secret file:no/such/secret: there is no such file (missing-secret-file.yaml:5)',
  'missing-certificate':
    'paths.mta.tls.ca cannot be resolved: cannot read secret file:no/such/ca.pem: there is no such file (missing-certificate.yaml:7)',
};

test('every fixture is in a table, and every row of the tables has its fixture', () => {
  const files = readdirSync(fixtures).map((file) => basename(file, '.yaml'));
  expect(files.length).toBeGreaterThan(80);
  expect([...Object.keys(mistakes), ...Object.keys(unresolved)].sort()).toEqual(files.sort());
});

test.each(Object.entries(mistakes))('%s', (name, lines) => {
  const file = `${name}.yaml`;
  const expected = lines.map(([line, message]) =>
    line === 0 ? message.replace('FILE', file) : `${message} (${file}:${line})`,
  );
  const message = refusal(join(fixtures, file), name.startsWith('stack-') ? 'stack' : 'local');
  expect(message.split('\n')).toEqual(expected);
  expect(message).not.toMatch(/hunter2|4711/);
});

describe('secrets are read before any mail is sent', () => {
  test.each(Object.entries(unresolved))('%s', async (name, expected) => {
    process.env.OUTSIDE = 'known';
    const refused = readSettings(join(fixtures, `${name}.yaml`)).catch((error: unknown) => error);
    expect(await refused).toBeInstanceOf(SettingsError);
    expect(String(await refused)).toBe(`SettingsError: ${expected}`);
  });
});

describe('a file as a whole', () => {
  const hint = 'examples/mail-canary.yaml shows how they look';

  test('that is not there is an error, never "no hosts"', () => {
    const file = join(folder, 'nowhere.yaml');
    expect(refusal(file)).toBe(
      `the settings ${file} cannot be read: there is no such file; name them with --settings FILE, ${hint}`,
    );
    expect(refusal(file, 'stack')).toContain(' there is no such file; ');
  });

  test('that is a folder', () => {
    expect(refusal(folder)).toBe(
      `the settings ${folder} cannot be read: it is a folder; name them with --settings FILE, ${hint}`,
    );
  });

  test('of 2 MB is refused before it is parsed', () => {
    const file = join(folder, 'large.yaml');
    const text = `# ${'x'.repeat(98)}\n`.repeat(20_762);
    writeFileSync(file, text);
    const begun = performance.now();
    expect(refusal(file)).toBe(`large.yaml is ${text.length} bytes long; settings may have up to ${1024 * 1024}`);
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  test('that is a bomb of aliases is refused at once', () => {
    const begun = performance.now();
    refusal(join(fixtures, 'alias-bomb.yaml'));
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  test('that is binary', () => {
    const file = join(folder, 'binary.yaml');
    writeFileSync(file, Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0xff]));
    expect(refusal(file)).toMatch(/binary\.yaml/);
  });
});
