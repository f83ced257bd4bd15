/** `check` when a mailbox cannot be read: not known, 3, and nobody is blamed. */
import { describe, expect, test } from 'vitest';
import type { Faults } from '../../demo/servers/imap/options.ts';
import { type ImapServer, startImapServer } from '../../demo/servers/imap/server.ts';
import { ca, certificate } from '../mailbox/embedded.ts';
import { addresses, appYaml, smtpYaml, startCompany } from './company.ts';

const user = addresses.outside;

/** Each mailbox is broken in its own way; the cause and words that must come of it. */
const cases: Readonly<
  Record<
    string,
    {
      readonly faults?: Faults;
      readonly tls?: Parameters<typeof certificate>[0];
      readonly password?: string;
      readonly cause: string;
      readonly words: RegExp;
    }
  >
> = {
  down: { cause: 'connect-refused', words: /ECONNREFUSED/ },
  password: { password: 'changed', cause: 'imap-login-refused', words: /login/ },
  locked: { faults: { refuseLogin: '[UNAVAILABLE] try later' }, cause: 'temporary-refusal', words: /try later/ },
  hangs: { faults: { hangAt: 'EXAMINE' }, cause: 'timeout-at-stage', words: /no answer within 4000 ms/ },
  silent: { faults: { hangAt: 'GREETING' }, cause: 'timeout-at-stage', words: /greeting: no answer/ },
  drops: { faults: { dropAt: 'EXAMINE' }, cause: 'connection-lost', words: /INBOX/ },
  index: { faults: { no: { EXAMINE: 'index is broken' } }, cause: 'imap-search-failed', words: /index is broken/ },
  fetch: { faults: { no: { 'UID FETCH': 'fetch is broken' } }, cause: 'imap-search-failed', words: /fetch is broken/ },
  name: { tls: 'other-name', cause: 'tls-name', words: /127\.0\.0\.1/ },
  expired: { tls: 'expired', cause: 'tls-expired', words: /expired/ },
};

describe.concurrent('check', { timeout: 60_000 }, () => {
  test('every way in which a mailbox is dark, side by side: 3', async (context) => {
    const servers: ImapServer[] = [];
    const company = await startCompany(context, {
      relay: { hosted: ['supplier.test'] },
      deliver: (recipient, raw) => {
        for (const { store } of servers) store.deliver(recipient, 'INBOX', raw);
      },
    });
    const blocks = await Promise.all(
      Object.entries(cases).map(async ([name, { faults, tls, password }]) => {
        const server: ImapServer = await startImapServer({
          users: { [user]: password ?? company.secrets.OUTSIDE },
          ...(faults && { faults }),
          ...(tls && { tls: certificate(tls) }),
        });
        if (name === 'down') await server.close();
        else context.onTestFinished(server.close);
        servers.push(server);
        const secure = tls === undefined ? 'secure: false' : `secure: true, tls: { ca: "${ca}" }`;
        return `  ${name}:
    address: ${user}
    imap: { host: 127.0.0.1, port: ${server.port}, ${secure} }
    auth: { kind: password, user: ${user}, secret: env:OUTSIDE }
    timeout: 4 s
`;
      }),
    );
    const settings = company.file(
      'dark.yaml',
      `lostAfter: 5 seconds
mailboxes:
${blocks.join('')}paths:
${smtpYaml('mta', company.relay.port)}`,
    );
    const { status, report, row } = await company.report(settings);
    for (const [name, { cause, words }] of Object.entries(cases))
      expect(row(`monitor/mta/${name}`), name).toMatchObject({
        verdict: 'blind',
        cause,
        evidence: expect.stringMatching(words),
        // The relay took it: a claim, kept beside what is not known.
        answeredBy: company.relay.name,
      });
    expect(report).toMatchObject({ ok: false, incidents: [] });
    expect(status).toBe(3);
  });

  test('a connection that is cut in the middle of a fetch', async (context) => {
    const company = await startCompany(context, { relay: { hosted: ['supplier.test'] } });
    const { imap } = company;
    Object.assign(imap.faults, { dropAfter: 0 } satisfies Faults);
    const settings = company.file(
      'cut.yaml',
      `lostAfter: 2 seconds\nmailboxes:\n${company.mailboxYaml('outside')}paths:\n${smtpYaml('mta', company.relay.port)}`,
    );
    const { status, row } = await company.report(settings);
    expect(row('monitor/mta/outside')).toMatchObject({ verdict: 'blind', cause: 'connection-lost' });
    expect(status).toBe(3);
    expect(imap.store.messages(user, 'INBOX')).toHaveLength(1);
  });

  test('a search that is refused: found by reading on, and never called lost where nobody could search', async (context) => {
    let arrives = true;
    const company = await startCompany(context, {
      relay: { hosted: ['supplier.test'] },
      deliver: (recipient, raw) => {
        if (arrives) company.imap.store.deliver(recipient, 'INBOX', raw);
      },
    });
    const { imap } = company;
    imap.store.deliver(user, 'Archive', 'Subject: somebody wrote\r\n\r\nHello\r\n');
    Object.assign(imap.faults, { no: { 'UID SEARCH': 'index is broken' } } satisfies Faults);
    const settings = company.file(
      'search.yaml',
      `lostAfter: 8 seconds\nmailboxes:\n${company.mailboxYaml('outside')}paths:\n${smtpYaml('mta', company.relay.port)}`,
    );
    const found = await company.report(settings);
    expect(found.row('monitor/mta/outside')?.verdict).toBe('delivered');
    expect(found.status).toBe(0);
    arrives = false;
    const missing = await company.report(settings);
    expect(missing.row('monitor/mta/outside')).toMatchObject({
      verdict: 'blind',
      cause: 'looked-partly',
      evidence: expect.stringContaining('refused to search folder "Archive"'),
    });
    expect(missing.report.incidents).toEqual([]);
    expect(missing.status).toBe(3);
  });

  test('one mailbox dark, the other read: what is known counts, and a refusal needs no mailbox', async (context) => {
    const company = await startCompany(context);
    company.trust('web-01');
    const hosts = await Promise.all(['web-01', 'web-02'].map(company.addHost));
    const settings = company.file(
      'half.yaml',
      `lostAfter: 5 seconds
mailboxes:
${company.mailboxYaml('inside')}${company.mailboxYaml('outside').replace('env:OUTSIDE', 'env:APP')}paths:
${appYaml()}hosts:
${hosts.join('')}`,
    );
    const { status, report, row } = await company.report(settings);
    expect(report.verdicts.map(({ route, verdict }) => `${route} ${verdict}`)).toEqual([
      'web-01/app/inside delivered',
      'web-01/app/outside blind',
      'web-02/app/inside delivered',
      'web-02/app/outside refused',
    ]);
    expect(row('web-01/app/outside')?.remedy).toContain('password, the user or the scope of mailbox outside');
    expect(report.incidents.map(({ routes }) => routes)).toEqual([['web-02/app/outside']]);
    expect(status).toBe(1);
  });
});
