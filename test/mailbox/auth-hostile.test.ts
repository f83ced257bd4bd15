/** Endpoints and servers that send back everything they are shown: no secret, token, assertion or key is in anything that we say. */

import { createServer as createHttp } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { leaked } from '../paths/smtp-harness.ts';
import {
  accountKey,
  allKinds,
  application,
  clientSecret,
  kinds,
  newTokens,
  refreshToken,
  token,
} from './auth-harness.ts';
import { ask } from './bench.ts';
import { secret as password, settingsFor, user } from './embedded.ts';

/** What came over a wire and must not come out of us, split at what is no secret. */
type Shown = Set<string>;

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;

const listening = async (server: Server | ReturnType<typeof createHttp>) => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return portOf(server);
};

/** Parts of 24 characters that stand in a text: a message is cut off, and a part of an assertion is one. */
const partsIn = (said: string, shown: Iterable<string>): string[] =>
  [...shown].flatMap((value) =>
    Array.from({ length: Math.max(0, value.length - 23) }, (_, at) => value.slice(at, at + 24)).filter((piece) =>
      said.includes(piece),
    ),
  );

type Echo = (body: string, fields: URLSearchParams) => { readonly status: number; readonly body: string };

const every = (body: string, fields: URLSearchParams): string =>
  [body, ...fields.values(), Buffer.from(body).toString('base64'), encodeURIComponent(body)].join(' ');

const echoes: readonly (readonly [string, Echo])[] = [
  [
    'as a description',
    (body, fields) => ({
      status: 400,
      body: JSON.stringify({ error: 'invalid_grant', error_description: every(body, fields) }),
    }),
  ],
  ['as the error', (_, fields) => ({ status: 401, body: JSON.stringify({ error: [...fields.values()].join(' ') }) })],
  [
    'as an error of Microsoft',
    (body, fields) => ({
      status: 400,
      body: JSON.stringify({ error: 'invalid_client', error_description: `AADSTS7000215: ${every(body, fields)}` }),
    }),
  ],
  [
    'as the type of a token',
    (body, fields) => ({
      status: 200,
      body: JSON.stringify({ access_token: token('x'), token_type: `${token('x')} ${every(body, fields)}` }),
    }),
  ],
  ['as a page', (body) => ({ status: 500, body })],
  [
    'as fields of their own',
    (body, fields) => ({
      status: 400,
      body: JSON.stringify({
        error: 'x',
        [every(body, fields)]: body,
        error_description: [...fields.values()].map((one) => one.slice(3, 40)).join(),
      }),
    }),
  ],
];

const echoingEndpoint = async (echo: Echo) => {
  const shown: Shown = new Set();
  const server = createHttp(async (request, response) => {
    const body = await text(request);
    const fields = new URLSearchParams(body);
    for (const name of ['refresh_token', 'client_secret', 'client_assertion', 'assertion']) {
      const value = fields.get(name);
      if (value !== null) shown.add(value);
      // A part of a signature is as good as none, and a part of ours all the same.
      if (value?.includes('.') === true) for (const part of value.split('.').slice(1)) shown.add(part);
    }
    const answer = echo(body, fields);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
  });
  const port = await listening(server);
  return { url: `http://127.0.0.1:${port}/token`, shown };
};

type ImapEcho = (blob: string, tag: string) => readonly string[];
const challenge = (words: unknown) => `+ ${Buffer.from(JSON.stringify(words)).toString('base64')}`;
const decoded = (blob: string) =>
  Buffer.from(blob, 'base64')
    .toString('latin1')
    .replace(/[\x00\x01\r\n"\\]/g, ' ');

const imapEchoes: readonly (readonly [string, ImapEcho])[] = [
  ['in its words', (blob, tag) => [`${tag} NO ${blob} ${decoded(blob)}`]],
  ['in its words, from the middle', (blob, tag) => [`${tag} NO ${blob.slice(7, 70)} ${decoded(blob).slice(20, 60)}`]],
  ['in a response code', (blob, tag) => [`${tag} NO [${decoded(blob).replace(/[[\]]/g, '')}] ${blob}`]],
  ['as BAD', (blob, tag) => [`${tag} BAD ${blob}`]],
  ['in a challenge', (blob, tag) => [challenge({ status: decoded(blob), [decoded(blob)]: blob }), `${tag} NO no`]],
  ['in a challenge that is a text', (blob, tag) => [challenge(decoded(blob)), `${tag} NO no`]],
  ['as it says goodbye', (blob) => [`* BYE ${blob} ${decoded(blob)}`]],
  ['as what nobody asked', (blob, tag) => [`* ${blob}`, `* NO ${decoded(blob)}`, `${tag} NO no ${decoded(blob)}`]],
  ['after a login that it took', (blob, tag) => [`${tag} OK in`, `AFTER ${blob} ${decoded(blob)}`]],
];

/** An IMAP server that answers any login with what it was shown. */
const echoingImap = async (echo: ImapEcho, offers: string) => {
  const server = createServer((socket) => {
    let pending = '';
    let waiting: string | undefined;
    let after: string | undefined;
    const send = (line: string) => socket.write(`${line}\r\n`, 'latin1');
    const answer = (tag: string, blob: string) => {
      for (const line of echo(blob, tag))
        if (line.startsWith('AFTER ')) after = line.slice(6);
        else send(line);
      if (echo(blob, tag).some((line) => line.startsWith('* BYE'))) socket.end();
    };
    socket.on('error', () => socket.destroy());
    send(`* OK [CAPABILITY IMAP4rev1 SASL-IR ${offers}] hello`);
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\r\n'); end >= 0; end = pending.indexOf('\r\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        const [tag = '', verb = '', , blob] = line.split(' ');
        if (waiting !== undefined) {
          answer(waiting, line);
          waiting = undefined;
        } else if (verb === 'AUTHENTICATE' && blob === undefined) {
          waiting = tag;
          send('+ ');
        } else if (verb === 'AUTHENTICATE') answer(tag, blob ?? '');
        else if (verb === 'CAPABILITY') {
          send(`* CAPABILITY IMAP4rev1 SASL-IR ${offers}`);
          send(`${tag} OK`);
        } else if (verb !== '') send(`${tag} NO ${after ?? 'not now'}`);
      }
    });
  });
  return listening(server);
};

const hidden = [refreshToken, clientSecret, password, ...application.split('\n').filter((line) => line.length > 40)];

/** Opens, looks twice and removes, and gives everything that was said on the way. */
const everythingSaid = async (
  auth: Parameters<typeof settingsFor>[1],
  secrets: Readonly<Record<string, string>>,
  port: number,
) => {
  const said: unknown[] = [];
  const context = {
    name: 'outside',
    now: Date.now,
    secret: async (reference: string) => secrets[reference] ?? '',
    onProblem: (what: string, error: unknown) => void said.push(what, error),
  };
  const mailbox = openMailbox(
    settingsFor(port, { timeout: 8000, ...auth, imap: { host: '127.0.0.1', port, secure: false } }),
    context,
  );
  onTestFinished(() => mailbox.close());
  for (let round = 0; round < 2; round += 1) said.push(await mailbox.look(ask()));
  const place = { folder: 'INBOX', uidValidity: '1', uid: 1 };
  said.push(await mailbox.remove([place]).catch((error: unknown) => error));
  const textOf = (one: unknown): string =>
    one instanceof Error ? `${one.stack} ${one.message} ${textOf(one.cause)}` : (JSON.stringify(one) ?? '');
  return { text: said.map(textOf).join('\n'), looks: said };
};

describe('a token endpoint that repeats what it is shown', () => {
  test.each(echoes)('%s', async (_, echo) => {
    for (const kind of allKinds) {
      const { url, shown } = await echoingEndpoint(echo);
      const { auth, secrets } = kinds[kind](url);
      const { text: said, looks } = await everythingSaid({ auth }, secrets, 9);
      expect(looks).toContainEqual(
        expect.objectContaining({ state: 'dark', detail: expect.stringMatching(/^token: /) }),
      );
      expect(shown.size).toBeGreaterThan(0);
      expect(leaked(said, [...hidden, ...shown, token('x')])).toEqual([]);
      expect(partsIn(said, shown)).toEqual([]);
    }
  });
});

describe('an IMAP server that repeats what it is shown', () => {
  test.each(imapEchoes)('%s', async (_, echo) => {
    for (const offers of ['AUTH=XOAUTH2', 'AUTH=OAUTHBEARER']) {
      const port = await echoingImap(echo, offers);
      for (const kind of allKinds) {
        const { url } = await newTokens();
        const { auth, secrets } = kinds[kind](url);
        const { text: said, looks } = await everythingSaid({ auth }, secrets, port);
        expect(looks).toContainEqual(expect.objectContaining({ state: 'dark' }));
        const tokens = Array.from({ length: 6 }, (_one, index) => token(index));
        expect(leaked(said, [...hidden, ...tokens])).toEqual([]);
        expect(partsIn(said, tokens)).toEqual([]);
      }
    }
    const port = await echoingImap(echo, 'AUTH=PLAIN');
    const auth = { kind: 'password', user, secret: 'env:P' } as const;
    const { text: said, looks } = await everythingSaid({ auth }, { 'env:P': password }, port);
    expect(looks).toContainEqual(expect.objectContaining({ state: 'dark' }));
    expect(leaked(said, hidden)).toEqual([]);
  });
});

describe('a secret that is not what it should be', () => {
  test.each([
    ['google-workspace', 'env:KEY', `{"private_key": "${password}`],
    ['google-workspace', 'env:KEY', accountKey('https://stranger.example/', { client_email: password })],
    [
      'google-workspace',
      'env:KEY',
      accountKey('http://127.0.0.1:9/', {
        private_key: `-----BEGIN PRIVATE KEY-----\n${password}\n-----END PRIVATE KEY-----`,
      }),
    ],
    ['microsoft365 with a certificate', 'env:PEM', application.replace(/\n[A-Za-z0-9+/]{64}\n/, `\n${password}\n`)],
    ['microsoft365 with a certificate', 'env:PEM', password],
  ] as const)('is not told, kind %s', async (kind, reference, value) => {
    const { auth } = kinds[kind]('http://127.0.0.1:9/');
    const { text: said, looks } = await everythingSaid({ auth }, { [reference]: value }, 9);
    expect(looks).toContainEqual(expect.objectContaining({ state: 'dark', cause: 'secret-unreadable' }));
    expect(leaked(said, hidden)).toEqual([]);
  });
});
