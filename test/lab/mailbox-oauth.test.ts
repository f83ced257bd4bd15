/** Logins with access tokens on a real Dovecot, which asks a token endpoint of ours whether it knows them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ImapFlow } from 'imapflow';
import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Look } from '../../lambdas/core/words.ts';
import type { AuthSettings } from '../../lambdas/mailbox/auth/index.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { accountKey, allKinds, kinds } from '../mailbox/auth-harness.ts';
import { ask } from '../mailbox/bench.ts';
import { user } from '../mailbox/embedded.ts';
import { canaryMail, idOf } from '../mailbox/mails.ts';
import { startDovecot } from './dovecot.ts';

/** Tokens that Dovecot is told of, with their users; the endpoint makes one more with each request. */
const known = new Map<string, string>();
let made = 0;
let introspected = 0;
const endpoint = createServer(async (request, response) => {
  const fields = new URLSearchParams(await text(request));
  const answer = (body: object) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  if (request.url === '/introspect') {
    introspected += 1;
    const username = known.get(fields.get('token') ?? '');
    return answer(username === undefined ? { active: false } : { active: true, username });
  }
  made += 1;
  const token = `lab-token-${made}-${'t'.repeat(30)}`;
  known.set(token, user);
  answer({ access_token: token, token_type: 'Bearer', expires_in: 3600 });
});
await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`;

const dirs: string[] = [];
const started = (mechanism: 'xoauth2' | 'oauthbearer') => {
  const dir = mkdtempSync(join(tmpdir(), `mail-canary-${mechanism}-`));
  dirs.push(dir);
  return startDovecot(dir, { mechanism, introspect: `${origin}/introspect` });
};
/** One server for each way of showing a token, since a client takes the one that it likes better. */
const servers = { XOAUTH2: await started('xoauth2'), OAUTHBEARER: await started('oauthbearer') } as const;
type Mechanism = keyof typeof servers;

afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  endpoint.closeAllConnections();
  await new Promise((closed) => endpoint.close(closed));
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

afterEach(() => known.clear());

/** A mailbox of this kind; each look is a session of its own. */
const open = (at: Mechanism, auth: AuthSettings, secrets: Readonly<Record<string, string>>) => {
  const { host, port, ca } = servers[at];
  const imap = { host, port, secure: true, tls: { ca: `file:${ca}` } };
  const mailbox = openMailbox(
    { imap, auth, timeout: 15_000 },
    { name: 'outside', now: Date.now, secret: async (reference) => secrets[reference] ?? '' },
  );
  onTestFinished(() => mailbox.close());
  return async (): Promise<Look> => {
    const look = await mailbox.look(ask());
    await mailbox.close();
    return look;
  };
};

const deliver = async (at: Mechanism, number: number): Promise<void> => {
  const { host, port, ca, password } = servers[at];
  const client = new ImapFlow({
    host,
    port,
    secure: true,
    tls: { ca: readFileSync(ca) },
    auth: { user, pass: password },
    logger: false,
  });
  client.on('error', () => {});
  await client.connect();
  await client.append('INBOX', Buffer.from(canaryMail(idOf(number))));
  await client.logout();
};

const both = Object.keys(servers) as Mechanism[];

describe.each(both.flatMap((at) => allKinds.map((kind) => [at, kind] as const)))('%s, %s', (at, kind) => {
  test('logs in, looks, and keeps its token', async () => {
    const { auth, secrets } = kinds[kind](`${origin}/token`);
    const number = allKinds.indexOf(kind);
    await deliver(at, number);
    const [before, asked] = [made, introspected];
    const look = open(at, auth, secrets);
    const first = await look();
    expect(first).toMatchObject({ state: 'looked', complete: true });
    expect(JSON.stringify(first)).toContain(idOf(number));
    expect(await look()).toMatchObject({ state: 'looked', complete: true });
    expect(made - before).toBe(1);
    expect(introspected - asked).toBe(2);
  });

  test('renews a token that is not known any more, once', async () => {
    const { auth, secrets } = kinds[kind](`${origin}/token`);
    const look = open(at, auth, secrets);
    await look();
    const [before, asked] = [made, introspected];
    known.clear();
    expect(await look()).toMatchObject({ state: 'looked' });
    expect([made - before, introspected - asked]).toEqual([1, 2]);
  });

  test('is refused with a token that is for somebody else, in the words of Dovecot', async () => {
    const { auth, secrets } = kinds[kind](`${origin}/token`);
    const look = open(at, { ...auth, user: 'somebody@elsewhere.example' }, secrets);
    const before = made;
    const refused = await look();
    expect(refused).toMatchObject({ state: 'dark', cause: 'imap-login-refused' });
    expect(refused).toMatchObject({
      detail: expect.stringMatching(/^login: Authentication failed\..*the server said of the token: status /),
    });
    expect(JSON.stringify(refused)).not.toContain('lab-token');
    expect(made - before).toBe(1);
  });
});

test('a key for a stranger is not used', async () => {
  const { auth } = kinds['google-workspace'](`${origin}/token`);
  const look = open('XOAUTH2', auth, { 'env:KEY': accountKey('https://tokens.stranger.example/') });
  expect(await look()).toMatchObject({ state: 'dark', cause: 'secret-unreadable' });
});
