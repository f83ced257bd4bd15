/** What the tool says before it does anything: help, and one clear line for each mistake of the caller. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { smtpYaml, startCompany, temporaryFolder } from './company.ts';
import { tool } from './tool.ts';

const closings: (() => void | Promise<void>)[] = [];
const folder = temporaryFolder({ onTestFinished: (task) => void closings.push(task) });
beforeAll(() => {
  writeFileSync(join(folder, 'mail-canary.yaml'), good);
  writeFileSync(join(folder, 'wrong.yaml'), good.replace('kind: smtp', 'kind: fax'));
});
afterAll(async () => {
  for (const task of closings) await task();
});

/** Settings that are good; nothing of them is ever reached. */
const good = `mailboxes:
  outside:
    address: canary@supplier.test
    imap: { host: 127.0.0.1, port: 9, secure: false }
    auth: { kind: password, user: canary, secret: env:OUTSIDE }
paths:
${smtpYaml('mta', 9)}${smtpYaml('mta2', 9)}hosts:
  - { id: web-01, paths: [mta] }
  - { id: web-02, paths: [mta2] }
`;

describe.concurrent('help', { timeout: 60_000 }, () => {
  test.each([
    [
      'check',
      [
        '--settings',
        '--host',
        '--path',
        '--json',
        '--nagios',
        '--explain',
        '--verbose',
        '--wait',
        'Exit status:',
        'npm run check -- --host web-03',
      ],
    ],
    ['watch', ['--settings', '--state', '--metrics', 'npm run watch -- --settings']],
    ['schema', ['npm run --silent schema > mail-canary.schema.json']],
  ])('%s explains itself with examples', async (command, words) => {
    const { status, stdout, stderr } = await tool([command, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const word of words) expect(stdout).toContain(word);
    expect(stdout).toMatch(/Examples?:\n/);
  });

  test('the tool names its commands', async () => {
    const { status, stdout } = await tool(['--help']);
    expect(status).toBe(0);
    for (const command of ['check', 'watch', 'enroll', 'conformance', 'schema'])
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  });
});

describe.concurrent('a mistake of the caller: 2, one line, nothing on standard output', { timeout: 60_000 }, () => {
  const hint = /\(add --help for usage and examples\)\n$/;

  test.each<[string, string[], RegExp | string]>([
    ['an unknown command', ['chekc'], hint],
    ['an unknown option', ['check', '--hots', 'web-01'], hint],
    ['an option without its value', ['check', '--host'], hint],
    ['an argument too many', ['check', 'web-01'], hint],
    ['an unknown host', ['check', '--host', 'web-09'], '--host must be one of web-01, web-02, got "web-09"\n'],
    ['an unknown path', ['check', '--path', 'app'], '--path must be one of mta, mta2, got "app"\n'],
    [
      'a host that does not use the path',
      ['check', '--host', 'web-01', '--path', 'mta2'],
      'no route is left: host web-01 does not use path mta2\n',
    ],
    [
      'a wait that is no duration',
      ['check', '--wait', 'soon'],
      '--wait must be a duration such as "90s" or "10 minutes", got "soon"\n',
    ],
    [
      'a wait of nothing',
      ['check', '--wait', '0s'],
      '--wait must be a duration such as "90s" or "10 minutes", got "0s"\n',
    ],
    [
      'settings that are not there',
      ['check', '--settings', 'nowhere.yaml'],
      /^the settings .*nowhere\.yaml cannot be read: there is no such file; name them with --settings FILE.*\n$/,
    ],
    [
      'settings that are wrong',
      ['check', '--settings', 'wrong.yaml'],
      /^paths\.mta\.kind must be one of .*, got "fax" \(wrong\.yaml:7\)\n$/,
    ],
    [
      'the same for watch',
      ['watch', '--settings', 'wrong.yaml'],
      /^paths\.mta\.kind must be one of .* \(wrong\.yaml:7\)\n$/,
    ],
  ])('%s', async (_what, args, expected) => {
    const { status, stdout, stderr } = await tool(args, { cwd: folder, env: { OUTSIDE: 'not asked for' } });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('a secret that is not set is found before any mail is sent', async (context) => {
    const company = await startCompany(context);
    const settings = company.file(
      'settings.yaml',
      `mailboxes:\n${company.mailboxYaml('outside')}paths:\n${smtpYaml('mta', company.relay.port)}`,
    );
    const { status, stdout, stderr } = await tool(['check', '--settings', settings], { cwd: company.folder });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe(
      'mailboxes.outside.auth.secret cannot be resolved: cannot read secret env:OUTSIDE: this environment variable is not set (settings.yaml:5)\n',
    );
    expect(company.relay.counted().accepted).toBe(0);
    expect(company.imap.connections.total).toBe(0);
  });

  test('no settings at all: says where it looked', async (context) => {
    const empty = temporaryFolder(context);
    const { status, stderr } = await tool(['check'], { cwd: empty });
    expect(status).toBe(2);
    expect(stderr).toContain(`the settings ${empty}/mail-canary.yaml cannot be read: there is no such file`);
  });
});
