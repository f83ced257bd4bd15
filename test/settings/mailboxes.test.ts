/** The settings of mailboxes: groups, who judges the sender, what stays, and the example with one of every kind. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { authKinds, secretsOf } from '../../lambdas/mailbox/auth/index.ts';
import { loadSettings, parseSettings, SettingsError } from '../../lambdas/settings/load.ts';
import { monitorOf } from '../../lambdas/settings/monitor.ts';
import { stackSettingsOf } from '../../lib/from-settings.ts';
import { packageRoot } from '../../lib/package-root.ts';
import { properties, synthesise } from '../lib/stack.ts';
import { editorSchema, keysOf } from './editor-schema.ts';

/** Mailboxes by name with extra lines, and what the one host names. */
const yamlOf = (mailboxes: Readonly<Record<string, readonly string[]>>, named?: string, more = '') => `
ourDomains: [example.com]
mailboxes:
${Object.entries(mailboxes)
  .map(
    ([name, lines]) => `  ${name}:
    address: ${name}@${name.startsWith('in') ? 'example.com' : 'other.example'}
    imap: { host: imap.other.example }
    auth: { kind: password, user: ${name}, secret: env:PASSWORD }
${lines.map((line) => `    ${line}\n`).join('')}`,
  )
  .join('')}${more}paths: { mta: { kind: smtp, host: "{host.address}", from: orders@example.com } }
hosts:
  - { id: web-01, address: 10.0.0.1, paths: [mta]${named === undefined ? '' : `, mailboxes: [${named}]`} }
`;
const load = (text: string) => parseSettings(text, 'mail-canary.yaml', 'local');
const inStack = (text: string) =>
  parseSettings(text.replaceAll('env:', 'secretsmanager:'), 'mail-canary.yaml', 'stack');
const refusalOf = (text: string): string => {
  try {
    load(text);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error('the settings were taken');
};
const group = ['group: suppliers'];
const bounceKeys = keysOf(editorSchema, 'bounces', '*').join(', ');

describe('groups', () => {
  test('a host that names a group, or no mailbox at all, sends to one mailbox of it', () => {
    const mailboxes = { inside: [], 'out-1': group, 'out-2': group };
    const sentTo = (named?: string) => load(yamlOf(mailboxes, named)).settings.hosts[0]?.mailboxes;
    const [one] = sentTo('suppliers') ?? [];
    expect(['out-1', 'out-2']).toContain(one);
    expect(sentTo()).toEqual(['inside', one]);
    expect(sentTo('suppliers, inside')).toEqual([one, 'inside']);
    expect(sentTo('out-1, out-2')).toEqual(['out-1', 'out-2']);
  });

  test('a group of one mailbox is a group', () => {
    expect(load(yamlOf({ out: group }, 'suppliers')).settings.hosts[0]?.mailboxes).toEqual(['out']);
  });

  test('a group must not be called like a mailbox', () => {
    expect(refusalOf(yamlOf({ out: ['group: inside'], inside: [] }))).toBe(
      'mailboxes.out.group must have another name than a mailbox, got "inside" (mail-canary.yaml:8)',
    );
  });

  test('nor like one of bounces', () => {
    const bounces =
      'bounces: { suppliers: { imap: { host: imap.example.com }, auth: { kind: password, user: a, secret: env:A } } }\n';
    expect(refusalOf(yamlOf({ out: group }, undefined, bounces))).toBe(
      'mailboxes.out.group must have another name than a mailbox, got "suppliers" (mail-canary.yaml:8)',
    );
  });

  test('a host that names no mailbox and no group is told both', () => {
    expect(refusalOf(yamlOf({ inside: [], out: group }, 'outside'))).toBe(
      'hosts[0].mailboxes[0] names no mailbox of the settings: must be one of inside, out, suppliers, got "outside" (mail-canary.yaml:15)',
    );
  });

  test('a group must not mix inside and outside', () => {
    expect(refusalOf(yamlOf({ out: group, inside: group }))).toBe(
      'mailboxes.inside.group must not mix mailboxes inside and outside our own domains, or a hash would decide which hosts are proven: out is outside, inside is inside (mail-canary.yaml:13)',
    );
  });

  test('a host with a group outside is proven', () => {
    expect(load(yamlOf({ inside: [], out: group }, 'inside, suppliers')).warnings.join()).not.toMatch(/not proven/);
    expect(load(yamlOf({ inside: group, out: [] }, 'suppliers')).warnings.join()).toMatch(
      /not proven: mail to customers from web-01/,
    );
  });

  test.each([
    ['group: Suppliers', 'must be a name for a group of lower-case letters, digits and hyphens, got "Suppliers"'],
    ['group: a/b', 'must be a name for a group of lower-case letters, digits and hyphens, got "a/b"'],
    ['group: [a]', 'must be a text, got a list'],
  ])('%s', (line, message) => {
    expect(refusalOf(yamlOf({ out: [line] }))).toBe(`mailboxes.out.group ${message} (mail-canary.yaml:8)`);
  });
});

describe('who judges the sender', () => {
  test('a mailbox that must authenticate needs a server that is trusted to judge', () => {
    expect(refusalOf(yamlOf({ out: ['mustAuthenticate: true'] }))).toMatch(
      /^mailboxes\.out\.mustAuthenticate needs "trustedAuthservId": .* \(mail-canary\.yaml:8\)$/,
    );
    const { settings } = load(yamlOf({ out: ['mustAuthenticate: true', 'trustedAuthservId: mx.other.example'] }));
    expect(monitorOf(settings).mailboxes.out).toMatchObject({ mustAuthenticate: true, judgesSenders: true });
  });

  test('without one, a warning of a stack says that nobody judges; `check` does not, since it would warn in every run', () => {
    const { warnings } = inStack(yamlOf({ out: [], 'out-2': ['trustedAuthservId: mx.other.example'], 'out-3': [] }));
    expect(warnings.filter((warning) => warning.includes('trustedAuthservId'))).toEqual([
      'mailboxes out, out-3 have no trustedAuthservId: whether SPF, DKIM and DMARC hold for a canary is not judged',
    ]);
    expect(inStack(yamlOf({ out: ['trustedAuthservId: mx.other.example'] })).warnings).not.toContainEqual(
      expect.stringContaining('trustedAuthservId'),
    );
    expect(load(yamlOf({ out: [] })).warnings).toEqual([]);
  });

  test.each([
    ['mustAuthenticate: "yes"', 'mailboxes.out.mustAuthenticate must be true or false, got "yes"'],
    [
      'trustedAuthservId: ""',
      'mailboxes.out.trustedAuthservId must be an authserv-id such as mx.example.net, or *.example.net for all servers of a domain, got ""',
    ],
    [
      'trustedAuthservId: "*.com"',
      'mailboxes.out.trustedAuthservId must be an authserv-id such as mx.example.net, or *.example.net for all servers of a domain, got "*.com"',
    ],
    ['trustedAuthservId: 5', 'mailboxes.out.trustedAuthservId must be an authserv-id, got 5'],
  ])('%s', (line, message) => {
    expect(refusalOf(yamlOf({ out: [line] }))).toBe(`${message} (mail-canary.yaml:8)`);
  });
});

describe('what stays in a mailbox', () => {
  test('canaries are removed, and somebody else has no mail there, unless the settings say so', () => {
    const plan = (lines: readonly string[]) => monitorOf(load(yamlOf({ out: lines })).settings).mailboxes.out;
    expect(plan([])).not.toHaveProperty('keep');
    expect(plan([])).not.toHaveProperty('shared');
    expect(plan(['keep: 7 days', 'shared: true'])).toMatchObject({ keep: 7 * 86_400_000, shared: true });
  });

  test.each([
    ['keep: 91 days', 'mailboxes.out.keep must be between 1 ms and 90 days, got "91 days"'],
    ['keep: 7', 'mailboxes.out.keep must be a duration such as "10 minutes" or "90 s", got 7'],
    ['keep: true', 'mailboxes.out.keep must be a duration such as "10 minutes" or "90 s", got true'],
    ['shared: 1', 'mailboxes.out.shared must be true or false, got 1'],
    ['folders: [""]', 'mailboxes.out.folders[0] must be a folder name, got ""'],
  ])('%s', (line, message) => {
    expect(refusalOf(yamlOf({ out: [line] }))).toBe(`${message} (mail-canary.yaml:8)`);
  });

  test.each(['keep: 1 day', 'shared: true', 'group: a', 'mustAuthenticate: true', 'trustedAuthservId: mx.example.com'])(
    'a mailbox of bounces holds no canaries: %s',
    (line) => {
      const bounces = `bounces:
  back:
    imap: { host: imap.example.com }
    auth: { kind: password, user: a, secret: env:A }
    ${line}
`;
      const [key] = line.split(':');
      expect(refusalOf(yamlOf({ out: [] }, undefined, bounces))).toBe(
        `bounces.back.${key} is not a setting: may be one of ${bounceKeys} (mail-canary.yaml:12)`,
      );
    },
  );
});

describe('examples/every-mailbox.yaml', () => {
  const { settings, warnings, secrets } = loadSettings(join(packageRoot, 'examples/every-mailbox.yaml'), 'stack');

  test('has a mailbox of every kind of login, and every field of a mailbox', () => {
    const used = new Set(Object.values(settings.mailboxes).map(({ auth }) => auth.kind));
    expect([...used].sort()).toEqual(authKinds.map(({ kind }) => kind).sort());
    for (const key of ['group', 'keep', 'trustedAuthservId'] as const)
      expect(Object.values(settings.mailboxes).some((mailbox) => mailbox[key] !== undefined)).toBe(true);
    for (const key of ['shared', 'mustAuthenticate'] as const)
      expect(Object.values(settings.mailboxes).some((mailbox) => mailbox[key])).toBe(true);
    expect(Object.values(settings.mailboxes).some(({ folders }) => folders.length > 0)).toBe(true);
    const logins = Object.values(settings.mailboxes).map(({ auth }) => Object.keys(auth).join());
    expect(logins.some((keys) => keys.includes('clientSecret,secretEnds'))).toBe(true);
    expect(logins.some((keys) => keys.includes('certificate,secretEnds'))).toBe(true);
  });

  test('is taken for a stack without a warning', () => {
    expect(warnings).toEqual([]);
  });

  test('every secret is seen, and can be granted', () => {
    const named = Object.values({ ...settings.mailboxes, ...settings.bounces }).flatMap(({ auth }) => secretsOf(auth));
    expect(named).toHaveLength(7);
    expect(secrets.map(({ reference }) => reference).sort()).toEqual([...named].sort());
    expect([...new Set(stackSettingsOf(settings).mailboxSecrets)].sort()).toEqual([...new Set(named)].sort());
  });

  test('makes a stack whose confirm may read each of them', { timeout: 120_000 }, () => {
    const { PolicyDocument } = properties(synthesise(stackSettingsOf(settings)), 'ConfirmRoleDefaultPolicy');
    const policy = JSON.stringify(PolicyDocument);
    for (const { reference } of secrets) expect(policy).toContain(reference.replace('secretsmanager:', ''));
  });

  test('every host sends to one mailbox of the group', () => {
    for (const { mailboxes } of settings.hosts)
      expect(mailboxes.filter((name) => settings.mailboxes[name]?.group === 'microsoft')).toHaveLength(1);
  });
});
