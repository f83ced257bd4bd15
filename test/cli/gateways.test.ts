/** `check` and what happens to a canary on its way: rules, filters and gateways that move, tag, strip, rewrite, copy or delay it. */
import { describe, expect, test } from 'vitest';
import { addresses, smtpYaml, startCompany } from './company.ts';

const user = addresses.outside;

/** One sender each, so that the relay knows what to do with it. */
const good = ['plain', 'junk', 'late', 'twice', 'tagged', 'rewritten', 'archive'] as const;

describe.concurrent('check', { timeout: 60_000 }, () => {
  test('arrived is arrived, however it looks by then; Junk and slowness are told: 0', async (context) => {
    const company = await startCompany(context, {
      relay: { hosted: ['supplier.test'] },
      deliver: (recipient, raw, { from, at }) => {
        const name = from.split('@')[0];
        const put = (text: string | Buffer, folder = 'INBOX', internalDate = at.getTime()) =>
          void company.imap.store.deliver(recipient, folder, text, { internalDate });
        const text = raw.toString('latin1');
        if (name === 'junk') put(raw, 'Junk');
        // INTERNALDATE knows whole seconds: the delay must be late by more than one.
        else if (name === 'late') setTimeout(() => put(raw, 'INBOX', Date.now()), 3500);
        else if (name === 'twice')
          [put(raw), put(raw, 'INBOX', at.getTime() + 1000), put(raw, 'Junk', at.getTime() + 2000)];
        else if (name === 'tagged')
          put(text.replace(/^Subject: /m, 'Subject: [EXTERNAL] ').replace(/^X-Mail-Canary:.*\r\n([ \t].*\r\n)*/m, ''));
        else if (name === 'rewritten')
          put(text.replace(/^Message-ID:.*\r\n([ \t].*\r\n)*/im, 'Message-ID: <0102@amazonses.example>\r\n'));
        else if (name === 'archive') put(raw, 'Archive');
        // Neither header came through: nobody can know this mail any more.
        else if (name === 'mangled')
          put(text.replace(/^(X-Mail-Canary|Message-ID):.*\r\n([ \t].*\r\n)*/gim, 'X-Gateway: was here\r\n'));
        else put(raw);
      },
    });
    const file = (name: string, paths: readonly string[]) =>
      company.file(
        name,
        `lostAfter: 5 seconds
deliverWithin: 2 seconds
mailboxes:
${company.mailboxYaml('outside')}paths:
${paths.map((path) => smtpYaml(path, company.relay.port)).join('')}`,
      );
    const [{ status, report, row }, mangled] = await Promise.all([
      company.report(file('recognised.yaml', good)),
      company.report(file('mangled.yaml', ['mangled'])),
    ]);
    expect(status).toBe(0);
    expect(Object.fromEntries(good.map((name) => [name, row(`monitor/${name}/outside`)?.verdict]))).toEqual({
      plain: 'delivered',
      junk: 'junked',
      late: 'late',
      twice: 'delivered',
      tagged: 'delivered',
      rewritten: 'delivered',
      archive: 'delivered',
    });
    expect(row('monitor/junk/outside')?.folder).toBe('Junk');
    expect(row('monitor/archive/outside')?.folder).toBe('Archive');
    expect(row('monitor/twice/outside')?.seconds).toBeLessThan(1);
    expect(row('monitor/late/outside')?.seconds).toBeGreaterThan(2);
    expect(report).toMatchObject({ ok: true, incidents: [] });
    expect(report.warnings).toEqual([
      'arrived late: monitor/late/outside',
      'arrived in Junk: monitor/junk/outside',
      'arrived, and a rule moved it to a folder that is not read: monitor/archive/outside',
    ]);

    expect(mangled.report.verdicts).toMatchObject([{ verdict: 'lost', cause: 'marks-stripped' }]);
    expect(mangled.status).toBe(1);
    // Everything that was ours is gone, and only that.
    const left = company.imap.store
      .folders(user)
      .flatMap(({ name, messages }) =>
        messages.map(({ raw }) => `${name}: ${/^X-Gateway.*$/m.exec(raw.toString())?.[0]}`),
      );
    expect(left).toEqual(['INBOX: X-Gateway: was here']);
  });
});
