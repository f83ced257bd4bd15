/** A refresh token that the provider replaces: written back before the login goes on, and never a reason to fail. */
import { describe, expect, test } from 'vitest';
import { tokenEndpoint } from '../oauth/endpoint.ts';
import { openKind, refreshToken, startWithTokens, token } from './auth-harness.ts';

const rotated = (index: number) => `rotated-refresh-token-${index}-0123456789`;

/** An endpoint that takes each refresh token once, as Microsoft may and others do, and gives the next. */
const rotating = () => {
  let valid = refreshToken;
  return tokenEndpoint((fields, index) => {
    if (fields.get('refresh_token') !== valid) return { status: 400, body: { error: 'invalid_grant' } };
    valid = rotated(index);
    return { body: { access_token: token(index), expires_in: 120, refresh_token: valid } };
  });
};

/** A store as the adapter and its reader are: what is written is read. */
const openRotating = async (write?: (reference: string, value: string) => Promise<void>, remembers = true) => {
  const endpoint = await rotating();
  const server = await startWithTokens();
  server.give(0, 1, 2, 3);
  const stored = new Map([
    ['env:REFRESH', refreshToken],
    ['env:CLIENT', 'client-secret-0123456789'],
  ]);
  const written: string[] = [];
  const problems: string[] = [];
  const mailbox = openKind('oauth2', endpoint.url, server.port, {
    secret: async (reference) => stored.get(reference) ?? '',
    onProblem: (what, error) => void problems.push(`${what}: ${error instanceof Error ? error.message : error}`),
    ...(write !== undefined && {
      putSecret: async (reference: string, value: string) => {
        written.push(value);
        await write(reference, value);
        if (remembers) stored.set(reference, value);
      },
    }),
  });
  return { ...mailbox, endpoint, server, stored, written, problems };
};

describe('a refresh token that was replaced', () => {
  test('is stored before the mailbox is opened, each time', async () => {
    const opened: number[] = [];
    const { look, pass, stored, written, problems, server } = await openRotating(async () => {
      opened.push(server.connections.total);
    });
    for (let round = 0; round < 3; round += 1) {
      expect(await look()).toMatchObject({ state: 'looked' });
      expect(stored.get('env:REFRESH')).toBe(rotated(round));
      pass(120);
    }
    expect(written).toEqual([rotated(0), rotated(1), rotated(2)]);
    expect(opened).toEqual([0, 1, 2]);
    expect(problems).toEqual([]);
  });

  test('is written once, not with every login', async () => {
    const { look, written } = await openRotating(async () => {});
    await look();
    await look();
    expect(written).toEqual([rotated(0)]);
  });

  test('that cannot be stored is told, used from memory, and stored later', async () => {
    let fails = true;
    const { look, pass, stored, problems, written } = await openRotating(async () => {
      if (fails) throw new Error('cannot store secret env:REFRESH: access denied');
    });
    for (let round = 0; round < 2; round += 1) {
      expect(await look()).toMatchObject({ state: 'looked' });
      pass(30);
    }
    expect(problems).toEqual([
      'storing the new refresh token of mailbox outside: cannot store secret env:REFRESH: access denied',
    ]);
    // The next one is tried at once; the same one again only after ten minutes.
    pass(60);
    expect(await look()).toMatchObject({ state: 'looked' });
    expect(written).toEqual([rotated(0), rotated(1)]);
    expect(stored.get('env:REFRESH')).toBe(refreshToken);
    fails = false;
    pass(50);
    await look();
    expect(written).toHaveLength(2);
    pass(600);
    expect(await look()).toMatchObject({ state: 'looked' });
    expect(stored.get('env:REFRESH')).toBe(rotated(2));
  });

  test('is stored ten minutes later also where no other came meanwhile', async () => {
    let fails = true;
    const endpoint = await tokenEndpoint(() => ({
      body: { access_token: token(0), expires_in: 7200, refresh_token: rotated(0) },
    }));
    const server = await startWithTokens();
    server.give(0);
    const written: string[] = [];
    const mailbox = openKind('oauth2', endpoint.url, server.port, {
      putSecret: async (_, value) => {
        if (fails) throw new Error('no');
        written.push(value);
      },
    });
    await mailbox.look();
    fails = false;
    mailbox.pass(599);
    await mailbox.look();
    expect(written).toEqual([]);
    mailbox.pass(1);
    expect(await mailbox.look()).toMatchObject({ state: 'looked' });
    expect(written).toEqual([rotated(0)]);
    expect(endpoint.requests).toHaveLength(1);
  });

  test('whose writing hangs holds a login up for a few seconds only', async () => {
    const { look, problems } = await openRotating(() => new Promise(() => {}));
    expect(await look()).toMatchObject({ state: 'looked' });
    expect(problems).toEqual([]);
  });

  test('where nothing can be stored is told and used', async () => {
    const { look, pass, problems } = await openRotating();
    expect(await look()).toMatchObject({ state: 'looked' });
    pass(120);
    expect(await look()).toMatchObject({ state: 'looked' });
    expect(problems).toEqual([
      'storing the new refresh token of mailbox outside: nothing can be stored here',
      'storing the new refresh token of mailbox outside: nothing can be stored here',
    ]);
  });

  test('does not overwrite what a person has stored meanwhile', async () => {
    const endpoint = await rotating();
    const server = await startWithTokens();
    server.give(0);
    const anew = 'consented-anew-0123456789';
    const written: string[] = [];
    const mailbox = openKind('oauth2', endpoint.url, server.port, {
      // Somebody consents between the request and the writing.
      secret: async (reference) =>
        reference !== 'env:REFRESH' ? 'client' : endpoint.requests.length === 0 ? refreshToken : anew,
      putSecret: async (_, value) => void written.push(value),
    });
    expect(await mailbox.look()).toMatchObject({ state: 'looked' });
    expect(endpoint.requests).toHaveLength(1);
    expect(written).toEqual([]);
  });
});
