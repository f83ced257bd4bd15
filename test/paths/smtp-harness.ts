/** What the tests of the `smtp` path share: a canary, servers that are closed behind each test, and a password that must not get out. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import * as z from 'zod';
import { type RelayOptions, startRelay } from '../../demo/servers/relay.ts';
import type { CanaryMail, Handover, HostFacts } from '../../lambdas/core/words.ts';
import { smtp } from '../../lambdas/paths/smtp/index.ts';
import { shape } from '../../lambdas/paths/smtp/settings.ts';
import { fill } from '../../lambdas/settings/template.ts';
import { type FaultyOptions, startFaultySmtp } from '../servers/faulty-smtp.ts';
import { pathContext } from './context.ts';

const tlsFile = (name: string) => `test/fixtures/tls/${name}`;
export const pem = (name: string) => readFileSync(tlsFile(name));
export const server = { key: pem('server.key'), cert: pem('server.pem') };

// A new password in every run: whatever output holds it, the last check of each test finds it.
export const password = randomBytes(18).toString('base64url');
export const spellings = [
  password,
  Buffer.from(password).toString('base64'),
  Buffer.from(`\0orders\0${password}`).toString('base64'),
];

/** The other secrets that a login may need. */
export const refreshToken = `1//${randomBytes(30).toString('base64')}`;
export const clientSecret = randomBytes(24).toString('base64');

/** Those of the secrets that stand somewhere in a text: as they are, in a URL, or within base64 at any of its three offsets. */
export const leaked = (text: string, secrets: readonly string[]): string[] =>
  secrets.filter((secret) => {
    const encoded = [0, 1, 2].map((offset) =>
      Buffer.from('-'.repeat(offset) + secret)
        .toString('base64')
        .replace(/=+$/, '')
        // Letters at the ends mix with the bytes beside them.
        .slice(offset === 0 ? 0 : offset + 1, -1),
    );
    return [secret, encodeURIComponent(secret), ...encoded].some((form) => text.includes(form));
  });

export const host: HostFacts = {
  id: 'web-03',
  address: '127.0.0.1',
  paths: ['app'],
  mailboxes: ['outside'],
  services: [],
  customers: [],
  labels: {},
};

export const mail: CanaryMail = {
  id: 'bcdfghjklmnpqrstvwxz',
  key: 'bbccddff',
  route: 'web-03/app/outside',
  slot: 29_000_000,
  sentAt: 1_800_000_000_000,
  from: 'orders@example.test',
  to: 'canary@supplier.example',
  subject: 'Mail canary web-03 bcdfghjklmnpqrstvwxz',
  messageId: `<bcdfghjklmnpqrstvwxz.${'k'.repeat(60)}@example.test>`,
  headers: { 'X-Mail-Canary': `v1.abcd.${'y'.repeat(150)}`, 'Auto-Submitted': 'auto-generated' },
  text: 'This is a mail canary.\nIt proves that mail of web-03 arrives, and may be deleted by whoever finds it in a mailbox.\n',
};

export type Settings = Partial<z.input<z.ZodObject<typeof shape>>>;

type Given = { readonly ms?: number; readonly mail?: Partial<CanaryMail>; readonly host?: Partial<HostFacts> };

/** A path with these settings, opened once; the result sends one canary, as the send round does it. */
export const open = (settings: Settings) => {
  const attempt = smtp.open(
    z.strictObject(shape).parse({ host: '127.0.0.1', ...settings }),
    pathContext({
      name: 'mta',
      secret: async (reference) => {
        if (reference === 'env:PASSWORD') return password;
        if (reference === 'env:WRONG') return `${password}${password}`;
        if (reference === 'env:REFRESH') return refreshToken;
        if (reference === 'env:CLIENT') return clientSecret;
        throw new Error(`${reference} is not set`);
      },
      fill: (template, facts) => fill(template, facts, { allowLocal: true }),
    }),
  );
  return async (given: Given = {}): Promise<Handover> => {
    const handover = await attempt(
      { ...mail, ...given.mail },
      { ...host, ...given.host },
      AbortSignal.timeout(given.ms ?? 5000),
    );
    onTestFinished(() => {
      const text = JSON.stringify(handover);
      for (const spelling of spellings) expect(text).not.toContain(spelling);
      expect(leaked(text, [password, refreshToken, clientSecret])).toEqual([]);
    });
    return handover;
  };
};

/** One canary through a path of its own. */
export const send = (settings: Settings, given: Given = {}): Promise<Handover> => open(settings)(given);

export const faulty = async (options: FaultyOptions) => {
  const started = await startFaultySmtp(options);
  onTestFinished(started.close);
  return started;
};

export const relay = async (options: Partial<RelayOptions> = {}) => {
  const delivered: { readonly recipient: string; readonly raw: string }[] = [];
  const started = await startRelay({
    deliver: (recipient, raw) => void delivered.push({ recipient, raw: raw.toString() }),
    trusted: ['127.0.0.13'],
    ...options,
  });
  onTestFinished(started.close);
  return { ...started, delivered };
};

export const auth = { user: 'orders', secret: 'env:PASSWORD' };
export const ca = { ca: `file:${tlsFile('ca.pem')}` };
