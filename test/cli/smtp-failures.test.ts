/** `check` against mail servers that misbehave at every stage: each is told with its stage and cause, within its deadline. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { certificate } from '../mailbox/embedded.ts';
import { type FaultyOptions, startFaultySmtp } from '../servers/faulty-smtp.ts';
import { smtpYaml, startCompany } from './company.ts';

type Case = {
  readonly server: FaultyOptions;
  readonly more?: string;
  readonly verdict: string;
  readonly cause: string;
  readonly evidence: RegExp;
};

const hang = (at: FaultyOptions['at'], more?: string): Case => ({
  server: { ...(at && { at }), does: 'hang' },
  ...(more === undefined ? {} : { more }),
  verdict: 'refused',
  cause: 'timeout-at-stage',
  evidence: new RegExp(`no answer at stage "${at}" before the deadline`),
});
const says = (at: FaultyOptions['at'], words: string, cause: string): Case => ({
  server: { ...(at && { at }), does: { say: words } },
  verdict: 'refused',
  cause,
  evidence: new RegExp(`^${words.slice(0, 9)}`),
});

const pem = { key: Buffer.from(certificate('server').key), cert: Buffer.from(certificate('server').cert) };

const cases: Readonly<Record<string, Case>> = {
  banner: hang('banner'),
  ehlo: hang('ehlo'),
  starttls: {
    ...hang('starttls', ', requireTls: true'),
    server: { at: 'starttls', does: 'hang', ...pem },
    evidence: /no answer at stage "tls" before/,
  },
  tls: {
    ...hang('tls', ', requireTls: true'),
    server: { at: 'tls', does: 'hang', ...pem },
  },
  auth: hang('auth', ', auth: { user: orders, secret: env:APP }'),
  mail: hang('mail'),
  rcpt: hang('rcpt'),
  data: hang('data'),
  // After the final dot nobody knows; only silence in the mailbox decides.
  body: {
    server: { at: 'body', does: 'hang' },
    verdict: 'lost',
    cause: 'unanswered',
    evidence: /after the whole mail was sent/,
  },
  drip: { ...hang('ehlo'), server: { at: 'ehlo', does: 'drip' } },
  reset: { server: { at: 'mail', does: 'reset' }, verdict: 'refused', cause: 'connection-lost', evidence: /./ },
  end: { server: { at: 'rcpt', does: 'end' }, verdict: 'refused', cause: 'connection-lost', evidence: /./ },
  garbage: {
    server: { banner: 'SSH-2.0-OpenSSH_9.6' },
    verdict: 'refused',
    cause: 'protocol-error',
    evidence: /SSH-2\.0/,
  },
  wrongpass: {
    ...says('auth', '535 5.7.8 Error: authentication failed', 'auth-failed'),
    more: ', auth: { user: orders, secret: env:APP }',
  },
  policy: says('rcpt', '550 5.7.1 Message rejected due to content policy', 'policy-blocked'),
  busy: says('banner', '421 4.3.2 Service not available', 'temporary-refusal'),
};

/** A port on which nothing listens. */
const closedPort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

describe.concurrent('check', { timeout: 60_000 }, () => {
  test('every way in which a mail server fails, side by side: 1', async (context) => {
    const company = await startCompany(context);
    const paths = await Promise.all(
      Object.entries(cases).map(async ([name, { server: options, more = '' }]) => {
        const server = await startFaultySmtp(options);
        context.onTestFinished(server.close);
        // Long enough for a machine under load to come to the stage.
        return smtpYaml(name, server.port, `${more}, timeout: 2 s`);
      }),
    );
    const settings = company.file(
      'faulty.yaml',
      `lostAfter: 3 seconds
mailboxes:
${company.mailboxYaml('outside')}paths:
${paths.join('')}${smtpYaml('closed', await closedPort())}${smtpYaml('nowhere', 25, ', timeout: 5 s').replace('host: 127.0.0.1', 'host: no-such-host.invalid')}`,
    );
    const begun = performance.now();
    const { status, report, row } = await company.report(settings);
    expect(performance.now() - begun).toBeLessThan(40_000);
    expect(status).toBe(1);
    for (const [name, { verdict, cause, evidence }] of Object.entries(cases))
      expect(row(`monitor/${name}/outside`), name).toMatchObject({
        verdict,
        cause,
        evidence: expect.stringMatching(evidence),
      });
    expect(row('monitor/closed/outside')).toMatchObject({ verdict: 'refused', cause: 'connect-refused' });
    expect(row('monitor/nowhere/outside')).toMatchObject({ verdict: 'refused', cause: 'dns-failed', answeredBy: null });
    expect(report.verdicts).toHaveLength(Object.keys(cases).length + 2);
    const blamed = report.incidents.flatMap(({ routes }) => routes);
    expect([...blamed].sort()).toEqual(report.verdicts.map(({ route }) => route).sort());
  });
});
