/** The functions as they are deployed, bundle and environment, against local AWS endpoints, SMTP and IMAP: the outage, from tick to event. */
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startImapServer } from '../../demo/servers/imap/server.ts';
import { startRelay } from '../../demo/servers/relay.ts';
import { deployedOf } from '../../lambdas/settings/deployed.ts';
import { parseSettings } from '../../lambdas/settings/load.ts';
import { bundle, type FunctionName } from '../../lib/bundles.ts';
import { awsEndpoint } from '../servers/aws-endpoint.ts';

/** dynalite has no types of its own. */
const dynalite: (options: { createTableMs: number }) => Server = createRequire(import.meta.url)('dynalite');
const folder = mkdtempSync(join(tmpdir(), 'mail-canary-deployed-'));
const settingsFile = join(folder, 'mail-canary.json');
const passwords = { 'lab/inside': 'p-inside-71', 'lab/outside': 'p-outside-72', key: 'the-signing-key-73' } as const;
const inside = 'canary@example.test';
const outside = 'canary@supplier.test';

/** The SDK compares it with what it sent. */
const md5 = (text: string) => hash('md5', text);

type Body = {
  readonly SecretId?: string;
  readonly VersionStage?: string;
  readonly Entries?: readonly {
    readonly Id?: string;
    readonly MessageBody?: string;
    readonly Detail?: string;
    readonly DetailType?: string;
  }[];
  readonly MetricData?: readonly {
    readonly MetricName: string;
    readonly Dimensions: readonly { readonly Value: string }[];
    readonly Values: readonly number[];
  }[];
};

const aws = await awsEndpoint<Body>(({ operation, body }) => {
  if (operation === 'GetSecretValue') {
    const value = passwords[body.SecretId as keyof typeof passwords];
    if (value === undefined || body.VersionStage === 'AWSPREVIOUS')
      return { status: 400, error: 'ResourceNotFoundException' };
    return { body: { SecretString: value } };
  }
  if (operation === 'SendMessageBatch')
    return {
      body: {
        Successful: body.Entries?.map(({ Id, MessageBody }) => ({
          Id,
          MessageId: Id,
          MD5OfMessageBody: md5(MessageBody ?? ''),
        })),
        Failed: [],
      },
    };
  return {
    body:
      operation === 'PutEvents' ? { FailedEntryCount: 0, Entries: body.Entries?.map(() => ({ EventId: '1' })) } : {},
  };
});
const dynamo = dynalite({ createTableMs: 0 });
await new Promise<void>((listening) => dynamo.listen(0, '127.0.0.1', listening));
const dynamoUrl = `http://127.0.0.1:${(dynamo.address() as AddressInfo).port}`;
const imap = await startImapServer({
  users: { [inside]: passwords['lab/inside'], [outside]: passwords['lab/outside'] },
});
const relay = await startRelay({ deliver: (recipient, raw) => void imap.store.deliver(recipient, 'INBOX', raw) });

const mailboxYaml = (name: string, user: string) => `  ${name}:
    address: ${user}
    imap: { host: 127.0.0.1, port: ${imap.port}, secure: false }
    auth: { kind: password, user: ${user}, secret: secretsmanager:lab/${name} }
`;

beforeAll(async () => {
  await bundle({ to: folder });
  const { settings } = parseSettings(
    `name: lab
mailboxes:
${mailboxYaml('inside', inside)}${mailboxYaml('outside', outside)}paths:
  relay: { kind: smtp, host: mail-gw.lab, port: ${relay.port}, from: orders@example.test }
hosts:
  - { id: monitor, paths: [relay], services: [purchase-orders] }
`,
    'mail-canary.yaml',
    'stack',
  );
  writeFileSync(settingsFile, JSON.stringify(deployedOf(settings)));
  const client = new DynamoDBClient({ ...aws.config, endpoint: dynamoUrl });
  await client.send(
    new CreateTableCommand({
      TableName: 'mail-canary',
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
    }),
  );
}, 60_000);

afterAll(async () => {
  await Promise.all([relay.close(), imap.close(), aws.close(), new Promise((closed) => dynamo.close(closed))]);
  rmSync(folder, { recursive: true });
});

/** A function refuses to send to loopback; a name server that points there is the way around, as it is for an attacker. */
const nameServer = `import dns from 'node:dns';
  const lookup = dns.lookup;
  dns.lookup = (name, options, done) =>
    name === 'mail-gw.lab' ? done(null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4) : lookup(name, options, done);`;

let output = '';

/** Runs a handler once, in a process of its own, with the environment that the stack gives it and nothing else of ours. */
const invoke = async (name: FunctionName, event: unknown): Promise<unknown> => {
  const script = `const { handler } = await import(process.argv[1]);
    process.stdout.write('\\nRESULT' + JSON.stringify((await handler(JSON.parse(process.argv[2]))) ?? null));`;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(nameServer)}`,
      '--input-type=module',
      '-e',
      script,
      pathToFileURL(join(folder, name, 'index.mjs')).href,
      JSON.stringify(event),
    ],
    {
      env: {
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_ENDPOINT_URL: aws.config.endpoint,
        AWS_ENDPOINT_URL_DYNAMODB: dynamoUrl,
        MAIL_CANARY_TABLE: 'mail-canary',
        MAIL_CANARY_SETTINGS: settingsFile,
        MAIL_CANARY_QUEUE_URL: `${aws.config.endpoint}/111122223333/queue`,
        MAIL_CANARY_KEY_SECRET: 'key',
      },
    },
  );
  output += stdout + stderr;
  return JSON.parse(stdout.split('\nRESULT')[1] ?? 'null');
};

/** One tick: plan, what the queue delivers, confirm. */
const tick = async (time: number) => {
  const before = aws.calls.length;
  const planned = await invoke('plan', { time: new Date(time).toISOString() });
  const messages = aws.calls
    .slice(before)
    .flatMap(({ operation, body }) => (operation === 'SendMessageBatch' ? (body.Entries ?? []) : []));
  for (const { Id, MessageBody } of messages)
    expect(await invoke('send', { Records: [{ messageId: Id, body: MessageBody }] })).toEqual({
      batchItemFailures: [],
    });
  const confirmed = await invoke('confirm', {});
  const calls = aws.calls.slice(before);
  const data = calls.flatMap(({ body }) => body.MetricData ?? []);
  const values = (metric: string, ...dimensions: readonly string[]) =>
    data
      .filter(
        ({ MetricName, Dimensions }) =>
          MetricName === metric &&
          JSON.stringify(Dimensions.map(({ Value }) => Value)) === JSON.stringify(['lab', ...dimensions]),
      )
      .flatMap(({ Values }) => Values);
  const events = calls.flatMap(({ operation, body }) => (operation === 'PutEvents' ? (body.Entries ?? []) : []));
  return { planned, confirmed, values, events, messages: messages.length };
};

test('a relay that does not trust us: inside green, outside refused, one incident on EventBridge, one page in the gauges', {
  timeout: 90_000,
}, async () => {
  // The first tick is one minute old, and what is two minutes old is not sent: at the end of a minute there is no time left.
  const intoMinute = Date.now() % 60_000;
  if (intoMinute > 40_000) await sleep(60_000 - intoMinute);
  const now = Date.now();
  const first = await tick(now - 60_000);
  expect(first.planned).toMatchObject({ canaries: 2 });
  expect(first.confirmed).toEqual({ round: 1 });
  expect(first.values('Canaries', 'relay', 'inside', 'delivered')).toEqual([1]);
  expect(first.values('Canaries', 'relay', 'outside', 'refused')).toEqual([1]);
  expect(first.values('IncidentsOpen', 'page')).toEqual([0]);
  expect(first.values('RoundsConfirmed')).toEqual([1]);
  expect(first.events).toEqual([]);

  const second = await tick(now);
  expect(second.values('Canaries', 'relay', 'outside', 'refused')).toEqual([1]);
  expect(second.values('IncidentsOpen', 'page')).toEqual([1]);
  expect(second.values('MailboxesDark')).toEqual([0]);
  expect(second.events.map(({ DetailType }) => DetailType)).toEqual(['Incident Opened']);
  expect(JSON.parse(second.events[0]?.Detail ?? '')).toMatchObject({
    cause: 'relay-denied',
    answeredBy: 'mail-gw.example.test',
    name: 'monitor',
    services: ['purchase-orders'],
    evidence: `554 5.7.1 <${outside}>: Relay access denied`,
    facts: [`mail-gw.example.test takes monitor's mail for example.test but does not relay it`],
  });

  // The same tick again queues nothing new, and the mailboxes are clean.
  expect((await tick(now)).messages).toBe(0);
  expect([inside, outside].flatMap((user) => imap.store.messages(user, 'INBOX'))).toEqual([]);
  for (const secret of Object.values(passwords)) {
    expect(output).not.toContain(secret);
    expect(JSON.stringify(aws.calls)).not.toContain(secret);
  }
});
