/** The `imap` block and the auth kinds: defaults, and messages that say what may come. */
import { describe, expect, test } from 'vitest';
import type * as z from 'zod';
import {
  type AuthSettings,
  authKinds,
  endsOf,
  needsOf,
  openLogin,
  secretsOf,
  writesOf,
} from '../../lambdas/mailbox/auth/index.ts';
import { imap } from '../../lambdas/mailbox/settings.ts';

const messageOf = (schema: z.ZodType, value: unknown) => {
  const result = schema.safeParse(value);
  return result.success
    ? undefined
    : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
};

describe('imap', () => {
  test('TLS on 993 unless something else is said', () => {
    expect(imap().parse({ host: 'imap.example.com' })).toEqual({ host: 'imap.example.com', port: 993, secure: true });
    expect(imap().parse({ host: 'h', port: 143 })).toMatchObject({ secure: false });
    expect(imap().parse({ host: 'h', port: 1143 })).toMatchObject({ secure: true });
    expect(imap().parse({ host: 'h', port: 1143, secure: false })).toMatchObject({ secure: false });
  });

  test.each<[unknown, string]>([
    [{}, 'host: must be the host name of an IMAP server, got undefined'],
    [{ host: '' }, 'host: must be the host name of an IMAP server, got ""'],
    [{ host: 'h', port: 0 }, 'port: must be a port from 1 to 65535, got 0'],
    [{ host: 'h', secure: 'yes' }, 'secure: must be true or false, got "yes"'],
    [{ host: 'h', tls: { ca: '/etc/ca.pem' } }, 'tls.ca: must be file:PATH of a PEM file'],
  ])('%j is refused', (value, message) => {
    expect(messageOf(imap(), value)).toBe(message);
  });

  test('certificates cannot be left unverified', () => {
    expect(messageOf(imap(), { host: 'h', tls: { rejectUnauthorized: false } })).toContain('rejectUnauthorized');
  });
});

describe('auth kinds', () => {
  test('each describes itself, under a name of its own', () => {
    expect(authKinds.length).toBeGreaterThan(3);
    expect(new Set(authKinds.map(({ kind }) => kind)).size).toBe(authKinds.length);
  });

  test('password: a reference, never the secret', async () => {
    const auth = { kind: 'password', user: 'canary', secret: 'env:CANARY' } as const;
    const resolved: string[] = [];
    const secret = async (reference: string) => {
      resolved.push(reference);
      return 'pw';
    };
    const login = openLogin(auth, { name: 'outside', now: () => 0, secret });
    expect(resolved).toEqual([]);
    expect(await login.credentials(AbortSignal.timeout(1000))).toEqual({ user: 'canary', pass: 'pw' });
    expect(resolved).toEqual(['env:CANARY']);
    expect([secretsOf(auth), needsOf(auth), writesOf(auth), endsOf(auth)]).toEqual([['env:CANARY'], [], [], undefined]);
  });

  test('a kind that is none is refused', () => {
    const auth = { kind: 'ntlm', user: 'canary', secret: 'env:CANARY' } as unknown as AuthSettings;
    expect(() => secretsOf(auth)).toThrow(
      'auth.kind must be one of google-workspace, microsoft365, oauth2, password, got "ntlm"',
    );
  });
});
