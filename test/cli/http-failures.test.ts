/** `check` through web hosts whose application fails: what it says, what it does not say, and what it says falsely. */
import { describe, expect, test } from 'vitest';
import { appYaml, hostYaml, startCompany } from './company.ts';

describe.concurrent('check', { timeout: 60_000 }, () => {
  test('500, silence, another host, a lie, a swallowed refusal: 1, each with its own words', async (context) => {
    const company = await startCompany(context);
    const answer = (status: number, body: string) =>
      company.listen((req, res) => {
        req.resume().once('end', () => res.writeHead(status, { 'content-type': 'text/html' }).end(body));
      });
    const ports = {
      broken: await answer(500, '<html><body><h1>Whoops</h1>stack trace of the shop</body></html>'),
      hangs: await company.listen((req) => void req.resume()),
      elsewhere: await answer(421, '{"host":"web-09"}'),
      // The outage of the README: the exception was caught and logged, and the application went on.
      liar: await answer(200, '{"state":"sent","response":"250 2.0.0 Ok: queued as NEVER"}'),
      honest: await answer(
        502,
        '{"state":"failed","error":"x","response":"554 5.7.1 <a@b>: Relay access denied","server":"mail-gw-2.example.test"}',
      ),
      moved: await company.listen((_, res) => res.writeHead(302, { location: 'http://169.254.169.254/' }).end()),
      locked: await answer(401, '{"error":"signature"}'),
    };
    const settings = company.file(
      'app.yaml',
      `lostAfter: 3 seconds
mailboxes:
${company.mailboxYaml('outside')}paths:
${appYaml(', timeout: 2 s')}hosts:
${Object.entries(ports)
  .map(([id, port]) => hostYaml(id, port))
  .join('')}`,
    );
    const { status, report, row } = await company.report(settings);
    expect(status).toBe(1);
    expect(
      Object.fromEntries(report.verdicts.map(({ host, verdict, cause }) => [host, `${verdict} ${cause}`])),
    ).toEqual({
      broken: 'unsent trigger-failed',
      hangs: 'lost unanswered',
      elsewhere: 'unsent not-in-rotation',
      liar: 'lost claimed-but-lost',
      honest: 'refused relay-denied',
      moved: 'unsent trigger-failed',
      locked: 'unsent trigger-unauthorised',
    });
    expect(row('broken/app/outside')?.evidence).toBe('HTTP 500: Whoops stack trace of the shop');
    expect(row('elsewhere/app/outside')?.evidence).toBe('web-09 answered in place of elsewhere');
    expect(row('honest/app/outside')).toMatchObject({ answeredBy: 'mail-gw-2.example.test' });
    expect(row('moved/app/outside')?.evidence).toContain('not followed');
    expect(row('liar/app/outside')?.remedy).toContain('swallowed exception');
    // Who could not be asked is no host that cannot send.
    const page = report.incidents.filter(({ cause }) => !/^(trigger|not-in)/.test(cause));
    expect(page.flatMap(({ routes }) => routes).sort()).toEqual(
      ['hangs', 'honest', 'liar'].map((id) => `${id}/app/outside`),
    );
  });
});
