/** `check` as a process of its own on real servers: what a person learns of mail that arrives otherwise than it should, and of mailboxes that cannot be read. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { verdicts } from '../../lambdas/core/words.ts';
import { foreignMails, idOf, otherMail } from '../mailbox/mails.ts';
import {
  allow,
  type Change,
  foreignFiles,
  mailboxOf,
  reconfigure,
  relayPath,
  settingsOf,
  sieve,
  startMailboxLab,
  startSilent,
  trusted,
} from './mailbox-lab.ts';
import { type Ended, ended } from './more-tool.ts';
import type { Lab } from './postfix.ts';
import { everythingIn, leaked, type Tool, toolFor, visit } from './tool.ts';

/** As settings name it, and as the relay writes it on top of what it takes. */
const authservId = 'mx.lab.test';
const at = (name: string) => `${name}@supplier.test`;

let lab: Lab;
let tool: Tool;

/** What the relay, and the senders of some mails, write into their headers. */
const headerChecks = (dir: string) => {
  const file = join(dir, 'header-checks');
  const results = (id: string, words: string) => `PREPEND Authentication-Results: ${id}; ${words}`;
  const failed = 'spf=fail smtp.mailfrom=orders@example.test; dkim=none; dmarc=fail header.from=example.test';
  const passed = 'spf=pass smtp.mailfrom=orders@example.test; dkim=pass; dmarc=pass header.from=example.test';
  const checks = [
    // The relay's own trace: what stands above it was written by the relay, or by somebody behind it.
    ...['doubted', 'strict', 'forged'].map(
      (name) => `/^Received: .*[[:space:]]for <${name}@supplier\\.test>/ ${results(authservId, failed)}`,
    ),
    '/^Subject: Mail canary junk-/ PREPEND X-Spam-Status: Yes, score=12.3 required=5.0 tests=BAYES_99',
    // Among the headers that the sender brought.
    `/^From: .*forger@example\\.test/ ${results(authservId, passed)}`,
    `/^From: .*stranger@example\\.test/ ${results('mx.elsewhere.test', failed)}`,
  ];
  writeFileSync(file, `${checks.join('\n')}\n`);
  return { header_checks: `regexp:${file}`, smtpd_tls_received_header: 'yes' };
};

beforeAll(async () => {
  lab = await startMailboxLab(headerChecks);
  tool = toolFor(lab);
});

afterAll(async () => {
  await lab?.stop();
});

/** What a person reads. */
const read = (settings: unknown, ...args: string[]): Promise<Ended> =>
  ended(tool.start('check', settings, { args }).child);

const mailsOf = async (user: string) => everythingIn(lab, user);
const isCanary = ({ raw }: { readonly raw: string }) => /^X-Mail-Canary: /m.test(raw);

/** Somebody's mails in a mailbox, as they are before anything is sent. */
const withForeign = async (user: string) => {
  await visit(lab, user, async (client) => {
    for (const raw of Object.values(foreignMails(idOf(1)))) await client.append('INBOX', Buffer.from(raw, 'latin1'));
    await client.append('INBOX', otherMail(1), ['\\Seen', '\\Flagged', '\\Deleted']);
    await client.append('Junk', otherMail(2), ['$Label1']);
  });
  return mailsOf(user);
};

/** Those messages among these that were there before. */
const among = (mails: Awaited<ReturnType<typeof mailsOf>>, before: Awaited<ReturnType<typeof mailsOf>>) => {
  const known = new Set(before.map(({ folder, uid }) => `${folder} ${uid}`));
  return mails.filter(({ folder, uid }) => known.has(`${folder} ${uid}`));
};

/** A mailbox in which a server is trusted to judge senders. */
const judged = (user: string, change: Change = {}) =>
  mailboxOf(lab, user, { trustedAuthservId: authservId, ...change });

describe('Junk', () => {
  test('a rule that files by the header of a filter: junked, in the words of the filter, and a warning', async () => {
    const user = at('junk');
    sieve(lab, user, 'require ["fileinto"];\nif header :contains "X-Spam-Status" "Yes" { fileinto "Junk"; stop; }\n');
    const hosts = [{ id: 'junk-01', address: trusted, paths: ['relay'] }];
    const settings = settingsOf(lab, { filtered: mailboxOf(lab, user) }, { hosts });
    const { status, report, row } = await tool.check(settings);
    const route = 'junk-01/relay/filtered';
    expect(row(route)).toMatchObject({ verdict: 'junked', cause: null, folder: 'Junk', moved: false });
    expect(row(route).spam).toContain('X-Spam-Status: Yes, score=12.3 required=5.0 tests=BAYES_99');
    expect(report).toMatchObject({ ok: true, incidents: [], warnings: [`arrived in Junk: ${route}`] });
    expect(status).toBe(0);

    const { status: same, stdout } = await read(settings, '--verbose');
    expect(stdout).toContain('✓ arrived in Junk');
    expect(stdout).toContain('in folder Junk');
    expect(stdout).toMatch(/spam filter: .*X-Spam-Status: Yes, score=12\.3/);
    expect(stdout).toMatch(/ to mail-gw\.example\.test \(ESMTPS, TLSv1\.\d\), /);
    expect(stdout).toMatch(/warning arrived in Junk: junk-01\/relay\/filtered/);
    expect(same).toBe(0);
    expect(await mailsOf(user)).toEqual([]);
  });
});

describe('a rule that moves canaries', () => {
  const folder = 'Archive/2026';
  const rule = `require ["fileinto", "mailbox"];\nfileinto :create "${folder}";\n`;
  const route = 'web-01/relay/moving';

  test('to a folder that is not read: the last call finds them, delivered, with a warning', {
    timeout: 120_000,
  }, async () => {
    const user = at('moved');
    sieve(lab, user, rule);
    const settings = settingsOf(lab, { moving: mailboxOf(lab, user) }, { lostAfter: '6 s' });
    const { status, report, row } = await tool.check(settings);
    expect(row(route)).toMatchObject({ verdict: 'delivered', cause: null, folder, moved: true });
    expect(report).toMatchObject({
      ok: true,
      incidents: [],
      warnings: [`arrived, and a rule moved it to a folder that is not read: ${route}`],
    });
    // By its arrival, not by when it was found.
    expect(row(route).seconds).toBeLessThan(6);
    expect(status).toBe(0);
    // It is ours there as well.
    expect(await mailsOf(user)).toEqual([]);

    const { stdout } = await read(settings, '--verbose');
    expect(stdout).toContain(`moved to: ${folder}`);
    expect(stdout).toContain(`warning arrived, and a rule moved it to a folder that is not read: ${route}`);
  });

  test('to a folder of the settings: found at once, and nothing to warn of', async () => {
    const user = at('archived');
    sieve(lab, user, rule);
    await visit(lab, user, (client) => client.mailboxCreate(folder));
    const begun = Date.now();
    const { status, report, row } = await tool.check(
      settingsOf(lab, { moving: mailboxOf(lab, user, { folders: [folder] }) }, { lostAfter: '5 minutes' }),
    );
    expect(row(route)).toMatchObject({ verdict: 'delivered', folder, moved: false });
    expect(report).toMatchObject({ ok: true, incidents: [], warnings: [] });
    expect(status).toBe(0);
    // Nobody waited for the time at which it would be lost.
    expect(Date.now() - begun).toBeLessThan(60_000);
    expect(await mailsOf(user)).toEqual([]);
  });
});

describe('Authentication-Results', () => {
  const failed = { spf: 'fail', dkim: 'none', dmarc: 'fail' };

  test('of the trusted server that say fail: delivered, and a warning', async () => {
    const route = 'web-01/relay/doubted';
    const settings = settingsOf(lab, { doubted: judged(at('doubted')) });
    const { status, report, row } = await tool.check(settings);
    expect(row(route)).toMatchObject({
      verdict: 'delivered',
      cause: null,
      authentication: failed,
      unauthenticated: true,
    });
    expect(report).toMatchObject({ ok: true, warnings: [`arrived, and nothing proves the sender: ${route}`] });
    expect(status).toBe(0);
    const { stdout } = await read(settings, '--verbose');
    expect(stdout).toContain('sender: SPF fail, DKIM none, DMARC fail');
    expect(stdout).toContain(`warning arrived, and nothing proves the sender: ${route}`);
  });

  test('the same with mustAuthenticate: the verdict is unauthenticated, with cause, words and remedy', async () => {
    const route = 'web-01/relay/strict';
    const settings = settingsOf(lab, { strict: judged(at('strict'), { mustAuthenticate: true }) });
    const { status, report, row } = await tool.check(settings);
    expect(row(route)).toMatchObject({
      verdict: 'unauthenticated',
      cause: 'unauthenticated',
      authentication: failed,
      unauthenticated: true,
    });
    expect(row(route).evidence).toContain(`${authservId}; spf=fail`);
    expect(row(route).evidence).toContain('dmarc=fail');
    expect(row(route).remedy).toMatch(/\S/);
    expect(report).toMatchObject({
      ok: false,
      incidents: [{ cause: 'unauthenticated', routes: [route] }],
      warnings: [],
    });
    expect(status).toBe(1);
    const { status: same, stdout } = await read(settings, '--verbose');
    expect(stdout).toContain(`✗ ${verdicts.unauthenticated.people}`);
    expect(stdout).toContain(row(route).remedy ?? 'no remedy');
    expect(same).toBe(1);
  });

  test('that the sender wrote in its name, below its own, are not believed', async () => {
    const paths = { relay: relayPath(lab, { from: 'forger@example.test' }) };
    const settings = settingsOf(lab, { forged: judged(at('forged'), { mustAuthenticate: true }) }, { paths });
    const { status, row } = await tool.check(settings);
    expect(row('web-01/relay/forged')).toMatchObject({ verdict: 'unauthenticated', authentication: failed });
    expect(status).toBe(1);
  });

  test('of another server, or none at all: not known, which blames nobody and is told', async () => {
    const paths = { relay: relayPath(lab), strange: relayPath(lab, { from: 'stranger@example.test' }) };
    const hosts = [{ id: 'web-01', address: trusted, paths: Object.keys(paths) }];
    const mailboxes = { silent: judged(at('silent'), { mustAuthenticate: true, keep: '1 hour' }) };
    const { status, report, row } = await tool.check(settingsOf(lab, mailboxes, { paths, hosts }));
    for (const path of Object.keys(paths))
      expect(row(`web-01/${path}/silent`)).toMatchObject({
        verdict: 'delivered',
        authentication: null,
        unauthenticated: false,
      });
    expect(report).toMatchObject({ ok: true, incidents: [] });
    expect(report.warnings).toEqual([
      expect.stringMatching(/^mailbox silent: canaries arrive without a verdict of the trusted server/),
    ]);
    expect(status).toBe(0);
    // The stranger's word was there.
    const arrived = await mailsOf(at('silent'));
    expect(
      arrived.map(({ raw }) => raw.includes('Authentication-Results: mx.elsewhere.test; spf=fail')).sort(),
    ).toEqual([false, true]);
  });
});

describe('a mailbox that hangs', () => {
  test('keeps no verdict of another one waiting: those come, its own are not known, and nobody is blamed', {
    timeout: 120_000,
  }, async () => {
    const silent = await startSilent();
    onTestFinished(silent.stop);
    const { imap, ...rest } = mailboxOf(lab, at('hanging'));
    const settings = settingsOf(
      lab,
      {
        well: mailboxOf(lab, at('well')),
        hanging: { ...rest, imap: { ...imap, port: silent.port }, timeout: '4 s' },
      },
      { lostAfter: '10 minutes' },
    );
    const begun = Date.now();
    const { status, report, row } = await tool.check(settings);
    expect(row('web-01/relay/well')).toMatchObject({ verdict: 'delivered', cause: null });
    expect(row('web-01/relay/hanging')).toMatchObject({ verdict: 'blind', cause: 'timeout-at-stage' });
    expect(row('web-01/relay/hanging').evidence).toMatch(/no answer within \d+ ms/);
    expect(row('web-01/relay/hanging').remedy).toContain('the IMAP server of mailbox hanging');
    expect(report).toMatchObject({ ok: false, incidents: [] });
    expect(status).toBe(3);
    // Three looks at a mailbox that is dark are enough: nobody waits for the ten minutes.
    expect(Date.now() - begun).toBeLessThan(60_000);

    const { status: same, stdout } = await read(settings);
    expect(stdout).toContain('mailbox hanging could not be read: whether its canaries arrived is not known');
    expect(stdout).toMatch(/✗ 1 of 2 canaries arrived, 1 not known/);
    expect(same).toBe(3);
  });
});

describe('a group', () => {
  test('spreads hosts over its mailboxes, each on one and always the same; a third one takes hosts only for itself', async () => {
    const names = ['web-01', 'web-02', 'web-03', 'web-04'];
    const hosts = names.map((id) => ({ id, address: trusted, paths: ['relay'], mailboxes: ['outside'] }));
    const member = (name: string) => mailboxOf(lab, at(name), { group: 'outside' });
    const two = settingsOf(lab, { one: member('one'), two: member('two') }, { hosts });
    const places = async (settings: unknown) => {
      const { status, report } = await tool.check(settings);
      expect(report).toMatchObject({ ok: true, warnings: [] });
      expect(status).toBe(0);
      expect(report.verdicts.map(({ host }) => host)).toEqual(names);
      return new Map(report.verdicts.map(({ host, mailbox }) => [host, mailbox]));
    };
    const first = await places(two);
    expect(new Set(first.values())).toEqual(new Set(['one', 'two']));
    expect(await places(two)).toEqual(first);
    // The relay took each one's mail for its own mailbox only.
    const taken = lab.log().match(/to=<(one|two)@supplier\.test>.*status=sent/g) ?? [];
    expect(taken).toHaveLength(2 * names.length);

    const third = await places({ ...two, mailboxes: { ...two.mailboxes, three: member('three') } });
    for (const [host, mailbox] of third)
      if (mailbox !== 'three') expect([host, mailbox]).toEqual([host, first.get(host)]);
  });
});

describe('what stays in a mailbox', () => {
  test('canaries stay as evidence where keep says so, and go where it does not; somebody’s mail is as it was', async () => {
    const [kept, cleaned] = [at('kept'), at('cleaned')];
    const before = { kept: await withForeign(kept), cleaned: await withForeign(cleaned) };
    expect(before.kept.length).toBe(Object.keys(foreignMails(idOf(1))).length + 2);
    const settings = settingsOf(lab, {
      kept: mailboxOf(lab, kept, { keep: '1 hour' }),
      cleaned: mailboxOf(lab, cleaned),
    });
    const { status, report } = await tool.check(settings);
    expect(report.verdicts.map(({ verdict }) => verdict)).toEqual(['delivered', 'delivered']);
    expect(status).toBe(0);
    const left = await mailsOf(kept);
    expect(among(left, before.kept)).toEqual(before.kept);
    expect(left).toHaveLength(before.kept.length + 1);
    const canaries = left
      .slice()
      .filter((mail) => !before.kept.some(({ folder, uid }) => folder === mail.folder && uid === mail.uid));
    expect(canaries.map((mail) => [isCanary(mail), mail.flags])).toEqual([[true, []]]);
    expect(await mailsOf(cleaned)).toEqual(before.cleaned);
  });

  test('a mailbox that may only be read: verdicts come, nothing fails, and everything stays', async () => {
    const user = at('read-only');
    const before = await withForeign(user);
    allow(lab, user, 'lr');
    const { status, report, row } = await tool.check(settingsOf(lab, { readable: mailboxOf(lab, user) }));
    expect(row('web-01/relay/readable')).toMatchObject({ verdict: 'delivered', cause: null, folder: 'INBOX' });
    expect(report).toMatchObject({ ok: true, incidents: [] });
    expect(report.warnings).toEqual([
      expect.stringMatching(
        /^mailbox readable: the mailbox may only be read, so canaries stay in it \(.*\): give the user/,
      ),
    ]);
    expect(status).toBe(0);
    const left = await mailsOf(user);
    expect(among(left, before)).toEqual(before);
    expect(left.length).toBe(before.length + 1);
  });
});

describe('a mailbox with 1,001 mails of somebody', () => {
  test('is not read, and says how many; with shared it is, and nothing of somebody’s is touched', {
    timeout: 120_000,
  }, async () => {
    const user = at('somebody');
    const settings = (change: Change) => settingsOf(lab, { busy: mailboxOf(lab, user, change) });
    foreignFiles(lab, user, 1001);
    const before = await mailsOf(user);
    expect(before).toHaveLength(1001);
    const { status, report, row } = await tool.check(settings({}));
    expect(row('web-01/relay/busy')).toMatchObject({ verdict: 'blind', cause: 'mailbox-not-ours' });
    expect(row('web-01/relay/busy').evidence).toMatch(/\b1001 messages that are not ours, at most 1000\b/);
    expect(row('web-01/relay/busy').remedy).toContain('shared: true');
    expect(report).toMatchObject({ ok: false, incidents: [] });
    expect(status).toBe(3);
    const dark = await mailsOf(user);
    expect(among(dark, before)).toEqual(before);

    const shared = await tool.check(settings({ shared: true }));
    expect(shared.row('web-01/relay/busy')).toMatchObject({ verdict: 'delivered', cause: null });
    expect(shared.report).toMatchObject({ ok: true, incidents: [], warnings: [] });
    expect(shared.status).toBe(0);
    // The canary of the check that could not read is another one's by now.
    expect(await mailsOf(user)).toEqual(dark);
  });
});

describe('logins with tokens', () => {
  const secrets = {
    CLIENT_SECRET: randomBytes(16).toString('hex'),
    REFRESH_TOKEN: randomBytes(24).toString('hex'),
  };
  const clientId = '11111111-2222-4333-8444-555555555555';
  type Answer = (fields: URLSearchParams, path: string) => { readonly status: number; readonly body: object };

  /** A token endpoint that answers so, and what it was asked. */
  const endpoint = async (answer: Answer) => {
    const asked: URLSearchParams[] = [];
    const server = createServer(async (request, response) => {
      const fields = new URLSearchParams(await text(request));
      const path = request.url ?? '';
      if (!path.includes('introspect')) asked.push(fields);
      const { status, body } = answer(fields, path);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(
      () =>
        new Promise((resolve) => {
          server.closeAllConnections();
          server.close(() => resolve());
        }),
    );
    return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  };

  const checks = async (auth: object) => {
    const settings = settingsOf(lab, { outside: mailboxOf(lab, at('token'), { auth }) }, { lostAfter: '10 minutes' });
    const checked = await tool.check(settings, { env: secrets });
    const people = await ended(tool.start('check', settings, { env: secrets, args: ['--verbose'] }).child);
    expect(people.status).toBe(checked.status);
    return { ...checked, people: people.stdout };
  };

  test('a refresh token that has expired: not known, with the cause, the endpoint’s words and the remedy, and no secret', async () => {
    const { origin, asked } = await endpoint((fields) => ({
      status: 400,
      body: {
        error: 'invalid_grant',
        // Some repeat what they were given.
        error_description: `Token has been expired or revoked: ${fields.get('refresh_token')} ${fields.get('client_secret')}`,
      },
    }));
    const begun = Date.now();
    const { status, report, row, people } = await checks({
      kind: 'oauth2',
      user: at('token'),
      tokenUrl: `${origin}/token`,
      clientId,
      clientSecret: 'env:CLIENT_SECRET',
      refreshToken: 'env:REFRESH_TOKEN',
    });
    expect(asked.map((fields) => fields.get('refresh_token'))).toEqual([secrets.REFRESH_TOKEN, secrets.REFRESH_TOKEN]);
    const blind = row('web-01/relay/outside');
    expect(blind).toMatchObject({ verdict: 'blind', cause: 'token-refused' });
    expect(blind.evidence).toContain('invalid_grant');
    expect(blind.remedy).toContain('consent once more as the owner of mailbox outside');
    expect(report).toMatchObject({ ok: false, incidents: [] });
    expect(status).toBe(3);
    for (const words of ['token-refused', 'the refresh token was revoked or has expired', blind.remedy ?? '-'])
      expect(people).toContain(words);
    expect(Date.now() - begun).toBeLessThan(60_000);
  });

  test('a tenant that nobody knows: another cause, another remedy', async () => {
    const { origin, asked } = await endpoint((fields) => ({
      status: 400,
      body: {
        error: 'invalid_request',
        error_description: `AADSTS90002: Tenant 'wrong.example' not found. Check with your subscription administrator. ${fields.get('client_secret')}`,
        error_codes: [90002],
      },
    }));
    const { status, row } = await checks({
      kind: 'microsoft365',
      user: at('token'),
      tenant: 'wrong.example',
      clientId,
      clientSecret: 'env:CLIENT_SECRET',
      authority: origin,
    });
    expect(asked.length).toBeGreaterThan(0);
    const blind = row('web-01/relay/outside');
    expect(blind).toMatchObject({ verdict: 'blind', cause: 'token-tenant-unknown' });
    expect(blind.evidence).toContain('AADSTS90002');
    expect(blind.remedy).toContain('correct "tenant" of mailbox outside');
    expect(status).toBe(3);
  });

  test('a token that is good logs in to Dovecot, and the refresh token that replaces the old one is stored', async () => {
    const user = at('token-good');
    const [first, second, third] = [1, 2, 3].map(() => randomBytes(24).toString('hex'));
    const tokens = new Map<string, string>();
    const next = new Map([
      [first, second],
      [second, third],
    ]);
    const { origin, asked } = await endpoint((fields, path) => {
      if (path === '/introspect') {
        const username = tokens.get(fields.get('token') ?? '');
        return { status: 200, body: username === undefined ? { active: false } : { active: true, username } };
      }
      const rotated = next.get(fields.get('refresh_token') ?? '');
      if (rotated === undefined) return { status: 400, body: { error: 'invalid_grant' } };
      const token = randomBytes(24).toString('hex');
      tokens.set(token, user);
      return {
        status: 200,
        body: { access_token: token, token_type: 'Bearer', expires_in: 3600, refresh_token: rotated },
      };
    });
    const config = join(lab.dir, 'dovecot', 'oauth2.conf');
    writeFileSync(
      config,
      `introspection_mode = post
introspection_url = ${origin}/introspect
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
`,
    );
    await reconfigure(
      lab,
      `auth_mechanisms = plain login xoauth2
passdb {
  driver = oauth2
  mechanisms = xoauth2
  args = ${config}
}`,
    );
    const file = join(lab.dir, 'refresh-token');
    writeFileSync(file, first ?? '', { mode: 0o600 });
    const auth = {
      kind: 'oauth2',
      user,
      tokenUrl: `${origin}/token`,
      clientId,
      refreshToken: `file:${file}`,
    };
    for (const stored of [second, third]) {
      const { status, report } = await tool.check(settingsOf(lab, { outside: mailboxOf(lab, user, { auth }) }));
      expect(report).toMatchObject({ ok: true, incidents: [], warnings: [] });
      expect(status).toBe(0);
      expect(readFileSync(file, 'utf8').trim()).toBe(stored);
    }
    expect(asked.map((fields) => fields.get('refresh_token'))).toEqual([first, second]);
    expect(leaked(tool.printed(), [...tokens.keys(), ...[first, second, third].map(String)])).toEqual([]);
  });

  test('no byte of any output holds a password, a client secret or a token', () => {
    expect(tool.printed().length).toBeGreaterThan(10_000);
    expect(leaked(tool.printed(), [lab.imap.password, ...Object.values(secrets)])).toEqual([]);
  });
});
