/** `watch`: incidents and who is told of them, being killed at any moment, and how the real program begins and ends. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startFaultySmtp } from '../servers/faulty-smtp.ts';
import { addresses, smtpYaml, startCompany } from './company.ts';
import { checkSilence, root, start } from './tool.ts';
import { until } from './waiting.ts';
import { tellsOnce } from './watch-incident.ts';
import { survivesKills } from './watch-killed.ts';

// One file, so that they run side by side.
describe.concurrent('watch', { timeout: 90_000 }, () => {
  test('opens, tells and closes an incident; a webhook that fails is told later, and nobody twice', tellsOnce);
  test('killed at any moment: every expected canary gets exactly one verdict', survivesKills);

  test('starts, keeps a second one out, ends at once even while a host hangs, and goes on where it was', async (context) => {
    const company = await startCompany(context, { relay: { trusted: ['mta.example.test'] } });
    const hanging = await startFaultySmtp({ at: 'rcpt', does: 'hang' });
    context.onTestFinished(hanging.close);
    const file = company.file(
      'settings.yaml',
      // New routes are tried at once; the regular ones of a minute would be spread over most of it.
      `every: 1 day
mailboxes:
${company.mailboxYaml('inside')}${company.mailboxYaml('outside')}paths:
${smtpYaml('mta', company.relay.port)}${smtpYaml('slow', hanging.port, ', timeout: 5 minutes')}hosts:
  - { id: here, paths: [mta], mailboxes: [outside] }
  - { id: hangs, paths: [slow], mailboxes: [inside] }
`,
    );
    const options = { cwd: company.folder, env: company.secrets, secrets: Object.values(company.secrets) };
    const watch = () =>
      start(
        process.execPath,
        [join(root, 'bin/mail-canary.ts'), 'watch', '--settings', file, '--state', 'state'],
        options,
      );
    const folder = join(company.folder, 'state');

    const first = watch();
    await first.says(/^\d\d:\d\d:\d\d watching 2 hosts over 2 paths to 2 mailboxes; Ctrl-C ends it\n/m);
    const second = await watch().ended;
    expect(second).toMatchObject({ status: 2, stdout: '' });
    expect(second.stderr).toBe(`another watch uses ${folder}: end it, or name another folder with --state\n`);
    await until(() => company.relay.counted().accepted > 0 && hanging.open() > 0);

    const modes = Object.fromEntries(
      ['.', ...readdirSync(folder)].map((name) => [name, statSync(join(folder, name)).mode & 0o777]),
    );
    expect(modes).toMatchObject({ '.': 0o700, key: 0o600, 'ledger.sqlite': 0o600 });
    expect(Object.entries(modes).filter(([, mode]) => (mode & 0o077) !== 0)).toEqual([]);

    const begun = performance.now();
    first.kill('SIGINT');
    const ended = await first.ended;
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/ ended; what is under way is judged at the next start\n$/);
    expect(ended.stdout).not.toContain('!');
    for (const name of readdirSync(folder))
      checkSilence(name, readFileSync(join(folder, name)), Object.values(company.secrets));

    const again = watch();
    await again.says(/here\/mta\/outside {2}✓ arrived after \d+\.\d s\n/);
    again.kill('SIGTERM');
    expect(await again.ended).toMatchObject({ status: 0, stderr: '' });
    expect(company.imap.store.messages(addresses.outside, 'INBOX')).toEqual([]);
  });
});
