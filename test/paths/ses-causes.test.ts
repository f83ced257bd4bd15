/** Each answer of SES in its real words, and each way to get none, becomes one handover. */
import { createServer as createHttp, Agent as HttpAgent } from 'node:http';
import { createServer, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';
import { CredentialsProviderError } from '@smithy/core/config';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, test } from 'vitest';
import { failed } from '../../lambdas/paths/ses/causes.ts';
import { ses } from '../../lambdas/paths/ses/index.ts';
import { pathContext } from './context.ts';
import {
  deadlineBy,
  endpoint,
  error,
  from,
  host,
  listen,
  mail,
  open,
  send,
  sessionToken,
  taken,
  to,
} from './ses-harness.ts';

const unverified = (...identities: readonly string[]) =>
  `Email address is not verified. The following identities failed the check in region EU-WEST-1: ${identities.join(', ')}`;
const denied = (resource: string) =>
  `User \`arn:aws:sts::111122223333:assumed-role/mail-canary-SendRole/send' is not authorized to perform \`ses:SendRawEmail' on resource \`arn:aws:ses:eu-west-1:111122223333:${resource}'`;
const paused =
  'Sending paused for this account. For more information, please check the inbox of the email address associated with your AWS account.';

type Row = readonly [
  status: number,
  code: string,
  words: string,
  state: 'refused' | 'unsent',
  cause: string,
  temporary?: true,
];

const rows: readonly Row[] = [
  [400, 'MessageRejected', unverified(to), 'refused', 'sandbox'],
  [400, 'MessageRejected', unverified(`Canary <${to.toUpperCase()}>`), 'refused', 'sandbox'],
  [400, 'MessageRejected', unverified(from), 'refused', 'sender-rejected'],
  [400, 'MessageRejected', unverified(to, from), 'refused', 'sender-rejected'],
  [400, 'MessageRejected', unverified('example.test'), 'refused', 'sender-rejected'],
  [400, 'MessageRejected', unverified(`${from}...`), 'refused', 'sender-rejected'],
  [400, 'MessageRejected', 'Email address is not verified.', 'refused', 'sender-rejected'],
  [
    400,
    'MailFromDomainNotVerifiedException',
    'Could not send the message: Mail FROM domain is not verified',
    'refused',
    'sender-rejected',
  ],
  [400, 'MailFromDomainNotVerified', 'Mail FROM domain is not verified', 'refused', 'sender-rejected'],
  [400, 'AccountSendingPausedException', 'Account is paused', 'refused', 'account-paused'],
  [
    400,
    'ConfigurationSetSendingPausedException',
    'Sending is paused for configuration set <orders>',
    'refused',
    'account-paused',
  ],
  [400, 'MessageRejected', paused, 'refused', 'account-paused'],
  [400, 'MessageRejected', paused.replace('paused', 'suspended'), 'refused', 'account-paused'],
  [400, 'MessageRejected', 'Address blacklisted.', 'refused', 'suppressed'],
  [400, 'Throttling', 'Maximum sending rate exceeded.', 'refused', 'throttled', true],
  [400, 'Throttling', 'Rate exceeded', 'refused', 'throttled', true],
  [400, 'ThrottlingException', 'Rate exceeded', 'refused', 'throttled', true],
  [400, 'Throttling', 'Daily message quota exceeded.', 'refused', 'quota-exceeded', true],
  [
    400,
    'InvalidParameterValue',
    "Message length is more than 10485760 bytes long: '24081986'.",
    'refused',
    'too-large',
  ],
  [413, 'RequestEntityTooLarge', 'Request body is too large', 'refused', 'too-large'],
  [503, 'ServiceUnavailable', 'Service is unavailable, try again later.', 'refused', 'temporary-refusal', true],
  [500, 'InternalFailure', 'An internal error occurred.', 'refused', 'temporary-refusal', true],
  [400, 'MessageRejected', 'The message contains a virus', 'refused', 'policy-blocked'],
  [400, 'MessageRejected', 'Something that nobody has seen yet', 'refused', 'unknown'],
  [418, 'Teapot', 'Something that nobody has seen yet', 'refused', 'unknown'],
  [403, 'AccessDenied', denied('identity/example.test'), 'unsent', 'sender-failed'],
  [403, 'AccessDeniedException', denied('configuration-set/orders'), 'unsent', 'sender-failed'],
  [403, 'InvalidClientTokenId', 'The security token included in the request is invalid.', 'unsent', 'sender-failed'],
  [
    403,
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
    'unsent',
    'sender-failed',
  ],
  [403, 'ExpiredToken', 'The security token included in the request is expired', 'unsent', 'sender-failed'],
  [400, 'RequestExpired', 'Request has expired. Timestamp date is too old.', 'unsent', 'sender-failed'],
  [403, 'MissingAuthenticationToken', 'Request is missing Authentication Token', 'unsent', 'sender-failed'],
  [403, 'OptInRequired', 'The AWS Access Key Id needs a subscription for the service', 'unsent', 'sender-failed'],
  [400, 'InvalidParameterValue', "Missing final '@domain'", 'unsent', 'sender-failed'],
  [400, 'InvalidParameterValue', "Duplicate header 'From'.", 'unsent', 'sender-failed'],
  [400, 'ValidationError', '1 validation error detected', 'unsent', 'sender-failed'],
];

const table = rows.map(([status, code, words, state, cause, temporary = false]) => ({
  status,
  code,
  words,
  state,
  cause,
  temporary,
}));

describe('what SES answers', () => {
  test.each(table)('$status $code "$words": $state, $cause', async (row) => {
    const { status, code, words, state, cause, temporary } = row;
    const aws = await endpoint(error(status, code, words));
    const handover = await send(aws.url);
    expect(handover).toMatchObject({
      state,
      cause,
      ...(state === 'refused' && { temporary }),
      stage: 'http',
      answeredBy: aws.server,
      ownServer: false,
      product: 'ses',
    });
    expect(handover.evidence).toContain(words.slice(0, 300));
    // One attempt: a second one would measure something else.
    expect(aws.calls).toHaveLength(1);
  });

  test.each([
    ['orders', 'refused', 'unknown'],
    ['stack', 'unsent', 'sender-failed'],
  ] as const)('a configuration set "%s" that does not exist: %s', async (configurationSet, state, cause) => {
    const words = `Configuration set <${configurationSet}> does not exist.`;
    const aws = await endpoint(error(400, 'ConfigurationSetDoesNotExist', words));
    expect(await send(aws.url, { configurationSet })).toMatchObject({
      state,
      cause,
      evidence: `ConfigurationSetDoesNotExist: ${words}`,
    });
  });

  test('our role that lacks a right: the evidence names the action and the resource', async () => {
    const aws = await endpoint(error(403, 'AccessDenied', denied('configuration-set/orders')));
    expect((await send(aws.url)).evidence).toMatch(
      /`ses:SendRawEmail' on resource `arn:aws:ses:eu-west-1:111122223333:configuration-set\/orders'/,
    );
  });

  test('a refused signature repeats the session token; we do not', async () => {
    const text = `The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:email.eu-west-1.amazonaws.com\nx-amz-security-token:${sessionToken}\n'`;
    const aws = await endpoint(error(403, 'SignatureDoesNotMatch', text));
    const handover = await send(aws.url);
    expect(handover).toMatchObject({ state: 'unsent', cause: 'sender-failed' });
    expect(handover.evidence).toMatch(/^SignatureDoesNotMatch: The request signature .* for details\.$/);
    const other = await endpoint((response, { headers }) =>
      error(400, 'Odd', `${headers['x-amz-security-token']} ${headers.authorization}`)(response),
    );
    expect((await send(other.url)).evidence).toBe('Odd: *** ***');
  });

  test('words are cut and cleaned', async () => {
    const aws = await endpoint(error(400, 'MessageRejected', `no\u202e\u0007 ${'z'.repeat(9000)}`));
    expect((await send(aws.url)).evidence).toMatch(/^MessageRejected: no z{460,500}$/);
  });
});

describe('an answer that is not of SES', () => {
  const page = '<html><head><title>Blocked</title></head><body>Blocked by policy</body></html>';
  test.each([
    ['a proxy that forbids it', 403, page, 'refused', 'protocol-error', false],
    ['a redirect, which is not followed', 302, '', 'refused', 'protocol-error', false],
    ['JSON', 400, '{"message":"no"}', 'refused', 'protocol-error', false],
    ['a gateway in trouble', 502, '<html><body>Bad<br>gateway', 'refused', 'temporary-refusal', true],
    ['nothing but a status', 503, '', 'refused', 'temporary-refusal', true],
  ] as const)('%s', async (_, status, body, state, cause, temporary) => {
    const aws = await endpoint((response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body);
    });
    const handover = await send(aws.url);
    expect(handover).toMatchObject({ state, cause, temporary, stage: 'http', answeredBy: aws.server });
    expect(handover.evidence).toContain(`HTTP ${status} without an error of SES`);
    expect(handover.product).toBeUndefined();
  });

  test.each([
    ['a page', page],
    ['nothing', ''],
    ['words', 'ok'],
  ])('200 with %s says neither yes nor no', async (_, body) => {
    const aws = await endpoint((response) => {
      response.writeHead(200).end(body);
    });
    expect(await send(aws.url)).toMatchObject({ state: 'unanswered', stage: 'http', answeredBy: aws.server });
  });
});

/** More than the buffers of two sockets hold. */
const large = { ...mail, size: 12_000_000 };

/** Connects to nobody, for ever. */
class Silent extends HttpAgent {
  readonly #connecting: () => void;
  constructor(connecting: () => void = () => {}) {
    super();
    this.#connecting = connecting;
  }
  override createConnection() {
    this.#connecting();
    return Object.assign(new Socket(), { connecting: true });
  }
}

test('200 from somebody who did not wait for the whole mail is not of SES', () => {
  const early = {
    mail,
    ownSet: false,
    deadline: new AbortController().signal,
    server: 'email.eu-west-1.amazonaws.com',
    begun: true,
    stage: 'http',
    sent: false,
    secrets: [],
  } as const;
  const answer = Object.assign(new Error('@aws-sdk XML parse error: unexpected content.'), {
    $metadata: { httpStatusCode: 200 },
  });
  expect(failed(early, answer)).toMatchObject({ state: 'refused', cause: 'protocol-error', temporary: false });
  expect(failed({ ...early, sent: true }, answer)).toMatchObject({ state: 'unanswered' });
});

describe('no answer', () => {
  test('after the whole mail was sent: unanswered', async () => {
    const { deadline, pass } = deadlineBy();
    const aws = await endpoint(pass);
    expect(await send(aws.url, {}, { deadline })).toMatchObject({
      state: 'unanswered',
      stage: 'http',
      answeredBy: aws.server,
      evidence: 'no answer at stage "http" before the deadline, after the whole mail was sent',
    });
    expect(aws.calls).toHaveLength(1);
  });

  test('in the middle of the answer: unanswered', async () => {
    const { deadline, pass } = deadlineBy();
    const aws = await endpoint((response) => {
      response.writeHead(200, { 'content-length': 500 }).write('<SendRawEmailResponse', () => setTimeout(pass, 200));
    });
    expect(await send(aws.url, {}, { deadline })).toMatchObject({ state: 'unanswered' });
  });

  test('an answer that breaks off, after the whole mail was sent: unanswered', async () => {
    const aws = await endpoint((response) => {
      response.writeHead(200, { 'content-length': 500 });
      response.write('<SendRawEmailResponse', () => response.socket?.destroy());
    });
    expect(await send(aws.url)).toMatchObject({ state: 'unanswered', evidence: expect.stringContaining('aborted') });
  });

  test('a connection that is reset after the whole mail was sent: unanswered', async () => {
    const aws = await endpoint((response) => response.socket?.resetAndDestroy());
    expect(await send(aws.url)).toMatchObject({
      state: 'unanswered',
      evidence: expect.stringMatching(/ECONNRESET|socket hang up/),
    });
  });

  test('nobody listens: refused', async () => {
    const port = await listen(createServer());
    const closed = createServer();
    const other = await listen(closed);
    await new Promise((done) => closed.close(done));
    expect(other).not.toBe(port);
    expect(await send(`http://127.0.0.1:${other}`)).toMatchObject({
      state: 'refused',
      cause: 'connect-refused',
      temporary: false,
      stage: 'connect',
      answeredBy: `127.0.0.1:${other}`,
    });
  });

  test('a server that reads nothing of a large mail: it hangs in the middle', async () => {
    const { deadline, pass } = deadlineBy();
    const port = await listen(createServer({ pauseOnConnect: true }, () => setTimeout(pass, 1000)));
    const handover = await send(`http://127.0.0.1:${port}`, {}, { deadline, mail: large });
    expect(handover).toMatchObject({ state: 'refused', cause: 'timeout-at-stage', stage: 'http', temporary: false });
  });

  test('a connection that is reset before the mail is out: connection-lost', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const port = await listen(server);
    expect(await send(`http://127.0.0.1:${port}`, {}, { mail: large })).toMatchObject({
      state: 'refused',
      cause: 'connection-lost',
      stage: 'http',
    });
  });

  test('a server that takes the connection and says nothing of TLS', async () => {
    const { deadline, pass } = deadlineBy();
    const port = await listen(createServer(() => setTimeout(pass, 200)));
    expect(await send(`https://127.0.0.1:${port}`, {}, { deadline })).toMatchObject({
      state: 'refused',
      cause: 'timeout-at-stage',
      stage: 'tls',
      answeredBy: `127.0.0.1:${port}`,
    });
  });

  test('a server that speaks no TLS', async () => {
    const aws = await endpoint(taken);
    expect(await send(aws.url.replace('http:', 'https:'))).toMatchObject({
      state: 'refused',
      cause: 'tls-failed',
      stage: 'tls',
    });
  });

  const through = (agent: HttpAgent) => ({ client: { requestHandler: new NodeHttpHandler({ httpAgent: agent }) } });

  test('a name that nobody knows', async () => {
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND email.example.test'), { code: 'ENOTFOUND' });
    const agent = new HttpAgent({ lookup: (_name, _options, done) => process.nextTick(done, unknown, '', 4) });
    const handover = await send('http://email.example.test', {}, through(agent));
    expect(handover).toMatchObject({ state: 'refused', cause: 'dns-failed', stage: 'dns' });
    expect(handover.answeredBy).toBeUndefined();
  });

  test('a name server that says nothing', async () => {
    const { deadline, pass } = deadlineBy();
    const agent = new HttpAgent({ lookup: () => setTimeout(pass, 50) });
    const handover = await send('http://email.example.test', {}, { ...through(agent), deadline });
    expect(handover).toMatchObject({ state: 'refused', cause: 'dns-failed', stage: 'dns' });
  });

  test('an address that never answers', async () => {
    const { deadline, pass } = deadlineBy();
    const agent = new Silent(() => setTimeout(pass, 50));
    const handover = await send('http://127.0.0.1:9', {}, { ...through(agent), deadline });
    expect(handover).toMatchObject({
      state: 'refused',
      cause: 'connect-timeout',
      stage: 'connect',
      evidence: 'no answer at stage "connect" before the deadline',
    });
  });

  test('what becomes of another canary at the same time changes nothing', async () => {
    const aws = await endpoint(taken);
    const { deadline, pass } = deadlineBy();
    let connecting = () => {};
    const begun = new Promise<void>((done) => {
      connecting = done;
    });
    const silent = send('http://127.0.0.1:9', {}, { ...through(new Silent(connecting)), deadline });
    await begun;
    expect((await send(aws.url)).state).toBe('accepted');
    pass();
    expect(await silent).toMatchObject({ state: 'refused', cause: 'connect-timeout', stage: 'connect' });
  });

  test('a client that gives up earlier than our deadline', async () => {
    const requestHandler = new NodeHttpHandler({ httpAgent: new Silent(), connectionTimeout: 300 });
    const handover = await send('http://127.0.0.1:9', {}, { client: { requestHandler } });
    expect(handover).toMatchObject({ state: 'refused', cause: 'connect-timeout', stage: 'connect' });
  });

  test('too many open files here: our own fault', async () => {
    const full = Object.assign(new Error('connect EMFILE 127.0.0.1:9'), { code: 'EMFILE' });
    const agent = new HttpAgent({ lookup: (_name, _options, done) => process.nextTick(done, full, '', 4) });
    expect(await send('http://email.example.test', {}, through(agent))).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
    });
  });
});

describe('SES was not even asked', () => {
  test('credentials that cannot be found, whatever the reason', async () => {
    const aws = await endpoint(taken);
    const credentials = async () => {
      throw Object.assign(new CredentialsProviderError('connect ECONNREFUSED 169.254.170.2:80'), {
        code: 'ECONNREFUSED',
      });
    };
    expect(await send(aws.url, {}, { client: { credentials } })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: expect.stringContaining('CredentialsProviderError'),
    });
    expect(aws.calls).toEqual([]);
  });

  test('credentials that come too late: nothing is sent behind our back', async () => {
    const aws = await endpoint(taken);
    let given = () => {};
    const late = new Promise<void>((done) => {
      given = done;
    });
    const { deadline, pass } = deadlineBy();
    const credentials = async () => {
      pass();
      await late;
      return { accessKeyId: 'AKIALATE', secretAccessKey: 'secret' };
    };
    expect(await send(aws.url, {}, { client: { credentials }, deadline })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: 'no credentials for SES before the deadline',
    });
    given();
    await after(300);
    expect(aws.calls).toEqual([]);
  });

  test('a request for credentials is not taken for the one to SES', async () => {
    const asked: string[] = [];
    const port = await listen(
      createHttp((request, response) => {
        asked.push(request.url ?? '');
        response.end('{}');
      }),
    );
    const credentials = async () => {
      const response = await fetchOverHttp(port);
      expect(response).toBe('{}');
      return { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' };
    };
    // Nobody listens where SES should be: the first request was sent whole, the second one never connected.
    const closed = createServer();
    const gone = await listen(closed);
    await new Promise((done) => closed.close(done));
    expect(await send(`http://127.0.0.1:${gone}`, {}, { client: { credentials } })).toMatchObject({
      state: 'refused',
      cause: 'connect-refused',
    });
    expect(asked).toEqual(['/credentials']);
  });

  test('a client that cannot be made is tried again with the next canary', async () => {
    const aws = await endpoint(taken);
    const good = open(aws.url);
    let tries = 0;
    const { aws: clients } = pathContext();
    const attempt = ses.open(
      { from },
      pathContext({
        aws: {
          ...clients,
          ses: async () => {
            tries += 1;
            throw new Error('Region is missing');
          },
        },
      }),
    );
    for (let count = 0; count < 2; count++)
      expect(await attempt(mail, host, AbortSignal.timeout(15_000))).toMatchObject({
        state: 'unsent',
        cause: 'sender-failed',
        evidence: 'Error: Region is missing',
      });
    expect(tries).toBe(2);
    expect((await good(mail, host, AbortSignal.timeout(15_000))).state).toBe('accepted');
  });

  test('a deadline that had passed before', async () => {
    const aws = await endpoint(taken);
    const attempt = open(aws.url);
    expect(await attempt(mail, host, AbortSignal.abort())).toMatchObject({ state: 'unsent', cause: 'sent-too-late' });
    expect(aws.calls).toEqual([]);
  });
});

const fetchOverHttp = async (port: number): Promise<string> => {
  const { get } = await import('node:http');
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: '/credentials' }, resolve).on('error', reject);
  });
  return (await buffer(response)).toString();
};
