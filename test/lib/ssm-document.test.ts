/** The document of the `ssm` path: valid, small, and with nothing in it that a value could become code in. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, describe, expect, test } from 'vitest';
import { longest } from '../../lambdas/paths/ssm/payload.ts';
import { packageRoot } from '../../lib/package-root.ts';
import { addSsmDocument } from '../../lib/ssm-document.ts';

type Parameter = {
  readonly type: string;
  readonly allowedPattern: string;
  readonly interpolationType?: string;
  readonly default?: string;
  readonly maxChars?: number;
};
type Step = {
  readonly action: string;
  readonly precondition: unknown;
  readonly inputs: { readonly timeoutSeconds: string; readonly runCommand: readonly string[] };
};
type Content = {
  readonly schemaVersion: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly mainSteps: readonly Step[];
};

const stack = new Stack(new App(), 'Stack');
addSsmDocument(stack, 'Document', { monitor: 'production' });
const [resource] = Object.values(Template.fromStack(stack).findResources('AWS::SSM::Document'));
const properties = resource?.Properties as Readonly<Record<string, unknown>>;
const content = properties.Content as Content;
const textOf = (action: string) =>
  `${content.mainSteps.find((step) => step.action === action)?.inputs.runCommand.join('\n')}\n`;
const linux = textOf('aws:runShellScript');
const windows = textOf('aws:runPowerShellScript');
/** Without comments and without the clients that are text to the shell. */
const codeOf = (text: string) => text.replace(/^\s*#.*$/gm, '');

const folder = mkdtempSync(join(tmpdir(), 'mail-canary-step-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('is a command document of schema 2.2 under the name that permissions are for', () => {
  expect(properties).toMatchObject({
    Name: 'mail-canary-production',
    DocumentType: 'Command',
    DocumentFormat: 'JSON',
    UpdateMethod: 'NewVersion',
  });
  expect(content.schemaVersion).toBe('2.2');
});

test('stays below 64 KB, with the longest payload', () => {
  expect(Buffer.byteLength(JSON.stringify(content)) + longest).toBeLessThan(64 * 1024);
});

test('has one step for Linux and one for Windows, each with its platform as precondition', () => {
  expect(
    content.mainSteps.map(({ action, precondition, inputs }) => [action, precondition, inputs.timeoutSeconds]),
  ).toEqual([
    ['aws:runShellScript', { StringEquals: ['platformType', 'Linux'] }, '{{ executionTimeout }}'],
    ['aws:runPowerShellScript', { StringEquals: ['platformType', 'Windows'] }, '{{ executionTimeout }}'],
  ]);
});

test('every part of the steps is in it', () => {
  const steps = join(packageRoot, 'lambdas', 'paths', 'ssm', 'steps');
  const files = readdirSync(steps);
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) expect(linux + windows).toContain(readFileSync(join(steps, file), 'utf8').trim());
});

describe('parameters', () => {
  const parameters = Object.entries(content.parameters);

  test('all reach a step as environment variables, but for the number of the plugin', () => {
    const others = parameters.filter(([, { interpolationType }]) => interpolationType !== 'ENV_VAR');
    expect(others.map(([name, { allowedPattern }]) => [name, allowedPattern])).toEqual([
      ['executionTimeout', '^[1-9][0-9]{0,4}$'],
    ]);
    // The agent takes no other names (agent/framework/docparser/parameters).
    expect(parameters.map(([name]) => name).filter((name) => !/^[a-zA-Z0-9]+$/.test(name))).toEqual([]);
  });

  test('no script holds braces in which an older agent would paste a value', () => {
    expect(linux + windows).not.toContain('{{');
  });

  test.each(parameters)(
    '%s admits nothing but words, and its default',
    (_, { type, allowedPattern, default: fallback }) => {
      expect(type).toBe('String');
      const pattern = new RegExp(allowedPattern);
      const admitted = Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code)).filter((char) =>
        ['', 'a', '1', 'a1-'].some((word) =>
          [`${word}${char}`, `${char}${word}`, `${word}${char}${word}`].some((text) => pattern.test(text)),
        ),
      );
      expect(admitted.filter((char) => !/^[A-Za-z0-9._=@+-]$/.test(char))).toEqual([]);
      if (fallback !== undefined) expect(pattern.test(fallback)).toBe(true);
      for (const text of ['', '$(id)', 'a b', 'a\nb', 'a\n', "a'b", '`id`', '{{ payload }}'])
        expect([text, pattern.test(text)]).toEqual([text, false]);
    },
  );

  test('the payload is as long as the path makes it, and no longer', () => {
    expect(content.parameters.payload).toMatchObject({ minChars: 1, maxChars: longest });
    expect(new RegExp(content.parameters.payload?.allowedPattern ?? '').test('x'.repeat(longest))).toBe(true);
  });

  test('the patterns are of those that Go compiles: no repetition above 1,000', () => {
    const counts = parameters.flatMap(([, { allowedPattern }]) =>
      [...allowedPattern.matchAll(/\{(?:\d+,)?(\d+)\}/g)].map(([, most]) => Number(most)),
    );
    expect(counts.length).toBeGreaterThan(2);
    expect(Math.max(...counts)).toBeLessThanOrEqual(1000);
  });
});

describe('the Linux step', () => {
  test.each(['sh', 'dash', 'bash'])('is read by %s', (shell) => {
    const file = join(folder, 'step.sh');
    writeFileSync(file, linux);
    expect(execFileSync(shell, ['-n', file], { encoding: 'utf8' })).toBe('');
  });

  test('begins with the line that makes it a script of sh', () => {
    expect(linux.startsWith('#!/bin/sh\n')).toBe(true);
  });

  test('evaluates nothing', () => {
    expect(codeOf(linux)).not.toMatch(/\beval\b|(^|[;&|]\s*)\.\s+[/"$]|(^|[;&|]\s*)source\b/m);
    // The only other shells get constant text, and values as arguments.
    const shells = [...codeOf(linux).matchAll(/\b(?:sh|bash|python3?)(?: -[Es])* -c (\S+)/g)].map(([, text]) => text);
    expect([...new Set(shells)].sort()).toEqual(['"$bash_client"', '"$python_client"', "'exec"]);
    expect(linux).toContain(`su -s /bin/sh -c 'exec "$@"' -- "$run_as" sh "$@"`);
  });

  test('carries a python client that python 3 compiles', () => {
    const client = /python_client='\n([^']*)'/.exec(linux)?.[1] ?? '';
    expect(client).toContain('socket.create_connection');
    execFileSync('python3', ['-c', 'import sys; compile(sys.argv[1], "client", "exec")', client]);
  });

  test('says that an agent is too old, and sends nothing, when it gets no variable', () => {
    const file = join(folder, 'old.sh');
    writeFileSync(file, linux, { mode: 0o755 });
    const env = { PATH: process.env.PATH, AWS_SSM_INSTANCE_ID: 'i-0123456789abcdef0' };
    expect(() => execFileSync('sh', ['-c', file], { env, stdio: 'pipe' })).toThrow(
      expect.objectContaining({
        status: 1,
        stdout: Buffer.from('mc1\t-\ttoo-old\t\t\t\t\t\tthe agent gives no SSM_payload\n'),
      }),
    );
  });
});

// There is no PowerShell here: what a reading of the text can show.
describe('the Windows step', () => {
  test('runs nothing that is text', () => {
    expect(codeOf(windows)).not.toMatch(
      /Invoke-Expression|\biex\b|Invoke-Command|ScriptBlock\]?::|Add-Type|Start-Process|cmd(\.exe)?\s*\/c|-EncodedCommand|Invoke-WebRequest|&\s*\$/i,
    );
  });

  test('reads every parameter from the environment', () => {
    const names = Object.entries(content.parameters).flatMap(([name, { interpolationType }]) =>
      interpolationType === 'ENV_VAR' ? [name] : [],
    );
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(windows).toContain(`$env:SSM_${name}`);
    expect(windows).toContain('$env:AWS_SSM_INSTANCE_ID');
  });

  test('is ASCII, with braces and quotes that close', () => {
    expect(windows).toMatch(/^[\x09\x0a\x20-\x7e]*$/);
    // A backtick before n, r, t is the only escape that is used; quotes inside the other kind of quotes are text.
    const text = codeOf(windows)
      .replace(/'(?:[^']|'')*'/g, "''")
      .replace(/"(?:[^"`]|`.)*"/g, '""');
    for (const [open, close] of ['()', '{}', '[]'].map((pair) => pair.split(''))) {
      expect([open, text.split(open ?? '').length]).toEqual([open, text.split(close ?? '').length]);
    }
    expect(text.replaceAll("''", '').replaceAll('""', '')).not.toMatch(/['"]/);
  });

  test('uses nothing that came after PowerShell 5.1', () => {
    expect(codeOf(windows)).not.toMatch(/\?\?|\?\.|&&|\|\||-AsHashtable|-Parallel|ternary/);
  });
});
