/** `check` with a private CA in every place where TLS is spoken, and the caller's own folder for everything that is relative. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { certificate } from '../mailbox/embedded.ts';
import { smtpYaml, startCompany, type Test } from './company.ts';
import { checkReport } from './report.ts';
import { root, start } from './tool.ts';

const fixture = join(root, 'test/fixtures/tls/ca.pem');

/** A company that speaks TLS only: IMAP, STARTTLS to the relay, HTTPS to a web host. */
const secureCompany = async (context: Test) => {
  const company = await startCompany(context, { tls: certificate('server'), relay: { hosted: ['supplier.test'] } });
  mkdirSync(join(company.folder, 'pki'));
  copyFileSync(fixture, join(company.folder, 'pki/ca.pem'));
  const port = await company.listen((req, res) => {
    req.resume().once('end', () => res.writeHead(500).end('over HTTPS'));
  });
  const settings = (tls: string) => `lostAfter: 15 seconds
mailboxes:
${company.mailboxYaml('outside', company.imap.port, tls)}paths:
${smtpYaml('mta', company.relay.port, `, requireTls: true${tls}`)}  app: { kind: http, url: "https://127.0.0.1:${port}/", from: orders@example.test, secret: env:APP${tls} }
hosts:
  - { id: web-01, paths: [mta, app] }
`;
  return { company, settings };
};

const verdictsOf = ({ verdicts }: ReturnType<typeof checkReport>) =>
  Object.fromEntries(verdicts.map(({ path, verdict, cause, evidence }) => [path, [verdict, cause, evidence]]));

const trusted = {
  mta: ['delivered', null, expect.stringMatching(/^250 /)],
  app: ['unsent', 'trigger-failed', 'HTTP 500: over HTTPS'],
};

describe.concurrent('check', { timeout: 60_000 }, () => {
  test('trusts a private CA of the settings, by a path of the caller', async (context) => {
    const { company, settings } = await secureCompany(context);
    const { report } = await company.report(company.file('ca.yaml', settings(', tls: { ca: file:pki/ca.pem }')));
    expect(verdictsOf(report)).toEqual(trusted);
  });

  test('trusts NODE_EXTRA_CA_CERTS', async (context) => {
    const { company, settings } = await secureCompany(context);
    const { report } = await company.report(company.file('extra.yaml', settings('')), [], {
      NODE_EXTRA_CA_CERTS: fixture,
    });
    expect(verdictsOf(report)).toEqual(trusted);
  });

  test('trusts nobody else, even if it is told not to look', async (context) => {
    const { company, settings } = await secureCompany(context);
    const { status, report, stderr } = await company.report(company.file('none.yaml', settings('')), [], {
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      NODE_NO_WARNINGS: '1',
    });
    expect(stderr).toBe('');
    expect(verdictsOf(report)).toEqual({
      mta: ['refused', 'tls-untrusted', expect.stringContaining('certificate')],
      app: ['unsent', 'tls-untrusted', expect.stringContaining('certificate')],
    });
    expect(status).toBe(1);
  });

  test('a mailbox that is not trusted is dark, whoever sent: 3', async (context) => {
    const { company, settings } = await secureCompany(context);
    const text = settings(', tls: { ca: file:pki/ca.pem }').replace(/secure: true, tls: \{[^}]*\}/, 'secure: true');
    const { status, report } = await company.report(company.file('dark.yaml', text), ['--path', 'mta']);
    expect(report.verdicts).toMatchObject([{ verdict: 'blind', cause: 'tls-untrusted' }]);
    expect(status).toBe(3);
  });

  test('through npm, from another folder: settings, secrets and certificates are the caller’s', async (context) => {
    const { company, settings } = await secureCompany(context);
    mkdirSync(join(company.folder, 'secrets'));
    company.file('secrets/outside', `${company.secrets.OUTSIDE}\n`);
    company.file(
      'relative.yaml',
      settings(', tls: { ca: file:pki/ca.pem }').replace('env:OUTSIDE', 'file:secrets/outside'),
    );
    const args = ['--prefix', root, 'run', '--silent', 'check', '--', '--settings', 'relative.yaml', '--json'];
    const { APP } = company.secrets;
    const { stdout, stderr, status } = await start('npm', args, {
      cwd: company.folder,
      env: { APP, npm_config_update_notifier: 'false', npm_config_cache: join(company.folder, 'npm') },
      secrets: Object.values(company.secrets),
    }).ended;
    expect(stderr).toBe('');
    expect(verdictsOf(checkReport(stdout))).toEqual(trusted);
    expect(status).toBe(1);
  });
});
