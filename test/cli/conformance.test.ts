/** `conformance` as people run it: its words, its one document, its exit status, and what it refuses to do. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checks } from '../../bin/conformance/checks.ts';
import { flawedEndpoint } from '../examples/flawed.ts';
import { appYaml, hostYaml, startCompany, type Test, temporaryFolder } from './company.ts';
import { tool } from './tool.ts';

const closings: (() => void | Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closings) await close();
});

const secret = randomBytes(18).toString('base64url');

/** A folder with settings for an endpoint on this port. */
const settingsFor = (
  context: Test,
  { port = 9, app = appYaml() }: { readonly port?: number; readonly app?: string } = {},
) => {
  const folder = temporaryFolder(context);
  writeFileSync(
    `${folder}/mail-canary.yaml`,
    `mailboxes:
  outside:
    address: canary@supplier.test
    imap: { host: 127.0.0.1, port: 9, secure: false }
    auth: { kind: password, user: canary, secret: env:NOT_SET }
paths:
${app}  mta: { kind: smtp, host: 127.0.0.1, port: 9, from: a@example.test }
hosts:
${hostYaml('web-03', port)}`,
  );
  return folder;
};

const run = (args: readonly string[], cwd?: string) =>
  tool(['conformance', ...args], { ...(cwd !== undefined && { cwd }), env: { APP: secret }, secrets: [secret] });

describe.concurrent('conformance', { timeout: 60_000 }, () => {
  test('a good endpoint, by the settings, with a canary: 0, and one mail', async (context) => {
    const company = await startCompany(context);
    const line = await company.addHost('web-03');
    company.trust('web-03');
    const settings = company.file(
      'mail-canary.yaml',
      `mailboxes:\n${company.mailboxYaml('outside')}paths:\n${appYaml()}hosts:\n${line}`,
    );
    const { status, stdout } = await tool(
      ['conformance', '--settings', settings, '--host', 'web-03', '--send', 'outside', '--json'],
      { cwd: company.folder, env: { APP: company.secrets.APP }, secrets: Object.values(company.secrets) },
    );
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ host: 'web-03', ok: true });
    expect(report.checks.map(({ id, outcome }: { id: string; outcome: string }) => `${id} ${outcome}`)).toEqual(
      checks.map(({ id }) => `${id} pass`),
    );
    expect(status).toBe(0);
    expect(company.relay.counted().accepted).toBe(1);
  });

  test('a flawed one, by its URL: 1, a table, and what to change', async (context) => {
    const company = await startCompany(context);
    const port = await company.listen(flawedEndpoint(secret, 'a@b.example', 'does not sign its name'));
    const url = `http://127.0.0.1:${port}/mail-canary`;
    const { status, stdout, stderr } = await run([url, '--secret', 'env:APP', '--host', 'web-03']);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    for (const { id } of checks) expect(stdout).toContain(id);
    expect(stdout).toMatch(/✗ fail\s+│ signed-answer/);
    expect(stdout).toMatch(
      /signed-answer: .+\n {2}expected: 421 .+\n {2}came: {5}another host: 421 .+\n {2}change: {3}sign the answer/,
    );
    expect(stdout).toContain(`11 passed, 1 failed, 2 not run: ${url} as web-03\n`);
  });

  test('the settings alone say where, and nothing else of them is needed', async (context) => {
    const company = await startCompany(context);
    const port = await company.listen(flawedEndpoint(secret, 'canary@supplier.test'));
    const { status, stdout } = await run(['--host', 'web-03'], settingsFor(context, { port }));
    expect(status).toBe(0);
    expect(stdout).toContain('12 passed, 0 failed, 2 not run');
  });

  test('it explains itself', async () => {
    const { status, stdout } = await run(['--help']);
    expect(status).toBe(0);
    for (const word of [
      '--secret',
      '--send',
      '--largest',
      'Exit status:',
      'Examples:\n  npm run conformance -- https://',
    ])
      expect(stdout).toContain(word);
  });
});

describe.concurrent('a mistake of the caller: 2, one line, nothing asked', { timeout: 60_000 }, () => {
  const url = 'http://127.0.0.1:9/';
  const literal = 'hunter2-this-is-the-secret';
  let folder = '';
  beforeAll(() => {
    folder = settingsFor({ onTestFinished: (task) => void closings.push(task) });
  });

  test.each<[string, string[], string]>([
    ['a secret itself', [url, '--secret', literal, '--host', 'web-03'], '--secret must be a reference env:NAME'],
    ['a secret that is not set', [url, '--secret', 'env:NONE', '--host', 'web-03'], '--secret cannot be resolved'],
    ['no host', [url, '--secret', 'env:APP'], '--host must be the id'],
    ['a host with a line break', [url, '--secret', 'env:APP', '--host', 'a\nb'], '--host must be the id'],
    ['no URL', ['--secret', 'env:APP', '--host', 'web-03'], 'the URL of the endpoint must be given'],
    [
      'a mailbox without settings',
      [url, '--secret', 'env:APP', '--host', 'a', '--send', 'outside'],
      '--send goes with the settings',
    ],
    ['an unknown host', ['--host', 'web-09'], '--host must be one of web-03, got "web-09"'],
    ['a path of another kind', ['--host', 'web-03', '--path', 'mta'], '--path must be one of app, got "mta"'],
    ['an unknown mailbox', ['--host', 'web-03', '--send', 'x'], '--send must be one of outside, got "x"'],
    ['a size that is none', ['--host', 'web-03', '--largest', 'big'], '--largest must be a size such as "5 MB"'],
  ])('%s', async (_what, args, words) => {
    const { status, stdout, stderr } = await run(args, folder);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(words);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).not.toContain(literal);
  });

  test('a load balancer: the host itself must be named', async (context) => {
    const folder = settingsFor(context, {
      app: '  app: { kind: http, url: "http://127.0.0.1:9/", through: balancer, from: a@example.test, secret: env:APP }\n',
    });
    const { status, stderr } = await run(['--host', 'web-03'], folder);
    expect(status).toBe(2);
    expect(stderr).toBe('path app leads to a load balancer: give the URL of web-03 itself as well\n');
  });
});
