/** A deployed monitor: the functions of the template in processes of their own, with a clock that the test sets, against local AWS. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  paginateScan,
} from '@aws-sdk/client-dynamodb';
import { onTestFinished } from 'vitest';
import type { ImapOptions } from '../../demo/servers/imap/options.ts';
import { type ImapServer, startImapServer } from '../../demo/servers/imap/server.ts';
import { dynamoLedger } from '../../lambdas/adapters/ledger-dynamodb.ts';
import { type Items, itemsOf } from '../../lambdas/core/items.ts';
import type { Ms } from '../../lambdas/core/words.ts';
import { parseSettings } from '../../lambdas/settings/load.ts';
import type { FunctionName } from '../../lib/bundles.ts';
import { type Answer, type Answers, type Call, startAws } from './aws.ts';
import { type Invoked, type Running, startFunction } from './function.ts';
import { denied, type World as Facts } from './grants.ts';
import { type Synthesised, synthesise } from './template.ts';

export const outside = 'canary@supplier.test';

export type Given = {
  /** The folder of the bundles. */
  readonly bundles: string;
  /** Paths, hosts and spans; the mailbox `outside` is there. */
  readonly yaml: string;
  /** The mailboxes in place of `outside`, on the IMAP server with this port. */
  readonly mailboxes?: (port: number) => string;
  /** Of the IMAP server; its users in place of the one of `outside`. */
  readonly imap?: Partial<ImapOptions>;
  /** Secrets and parameters besides, by reference; what functions store is put here. */
  readonly stored?: Map<string, string>;
  /** Of every function, besides what the stack gives. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly answer?: (template: Synthesised) => Answers;
  /** What IAM and the services know besides. */
  readonly facts?: Partial<Facts>;
};

export type World = {
  readonly template: Synthesised;
  readonly calls: readonly Call[];
  readonly items: Items;
  readonly imap: ImapServer;
  /** From which the keys of hosts are derived. */
  readonly heartbeatSecret: string;
  /** Everything that must be nowhere: keys, passwords, session tokens. */
  readonly secrets: readonly string[];
  /** Everything that the functions printed. */
  output(): string;
  /** Every item of the table, as one text. */
  table(): Promise<string>;
  /** Runs a function once, from a cold start; its clock shows `at` when it begins. Resolves with its result and what it logged. */
  invoke(name: FunctionName, event: unknown, at: Ms): Promise<Invoked>;
  /** A function that stays warm from one event to the next; ends with the test. */
  warm(name: FunctionName): Running;
  /** The tick of a slot that begins at `at`, and what the queue hands to `send`. */
  planAndSend(at: Ms): Promise<{ readonly planned: unknown; readonly messages: number }>;
  /** Calls that the roles of the template do not allow; `other` facts show that the check can fail. */
  denied(other?: Partial<Facts>): readonly string[];
};

const createTable = async (dynamoUrl: string, { id, properties }: { id: string; properties: object }) => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new DynamoDBClient({ endpoint: dynamoUrl, region: 'eu-west-1', credentials });
  onTestFinished(() => client.destroy());
  const { KeySchema, AttributeDefinitions, BillingMode } = properties as CreateTableCommandInput;
  await client.send(new CreateTableCommand({ TableName: id, KeySchema, AttributeDefinitions, BillingMode }));
  const text = async () => {
    let all = '';
    for await (const { Items = [] } of paginateScan({ client }, { TableName: id })) all += JSON.stringify(Items);
    return all;
  };
  return { items: itemsOf(dynamoLedger({ client, table: id })), text };
};

const outsideOnly = (port: number) => `  outside:
    address: ${outside}
    imap: { host: 127.0.0.1, port: ${port}, secure: false }
    auth: { kind: password, user: ${outside}, secret: secretsmanager:lab/outside }
`;

/** What the stores of secrets and parameters say; undefined to every other call. */
const secretAnswer = ({ operation, body }: Call, stored: Map<string, string>): Answer | undefined => {
  const { SecretId, SecretString = '', Name, Value = '', VersionStage } = body;
  const [secret, parameter] = [`secretsmanager:${SecretId}`, `ssm:${Name}`];
  const missing = (error: string): Answer => ({ status: 400, error });
  const exists = stored.has(operation.endsWith('Parameter') ? parameter : secret);
  switch (operation) {
    case 'GetSecretValue':
      return exists && VersionStage !== 'AWSPREVIOUS'
        ? { body: { SecretString: stored.get(secret) } }
        : missing('ResourceNotFoundException');
    case 'PutSecretValue':
      if (exists) stored.set(secret, SecretString);
      return exists ? { body: { VersionStages: ['AWSCURRENT'] } } : missing('ResourceNotFoundException');
    case 'GetParameter':
      return exists ? { body: { Parameter: { Name, Value: stored.get(parameter) } } } : missing('ParameterNotFound');
    case 'PutParameter':
      stored.set(parameter, Value);
      return { body: { Version: 2 } };
    default:
      return undefined;
  }
};

/** Deploys the stack of the settings. Everything ends with the test. */
export const deploy = async (given: Given): Promise<World> => {
  const { bundles, yaml, answer, facts, stored = new Map(), mailboxes = outsideOnly } = given;
  const folder = mkdtempSync(join(tmpdir(), 'mail-canary-assembly-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const word = (what: string) => `${what}-${randomBytes(12).toString('hex')}`;
  const [password, key, heartbeatSecret, token] = [word('password'), word('key'), word('heartbeat'), word('token')];
  // The mail server's clock is that of the function that ran last: they would differ by minutes otherwise.
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const imap = await startImapServer({ users: { [outside]: password }, now, ...given.imap });
  onTestFinished(imap.close);

  let answers: Answers = () => undefined;
  stored.set('secretsmanager:lab/outside', password);
  const aws = await startAws((call) => secretAnswer(call, stored) ?? answers(call));
  onTestFinished(aws.close);

  const { settings } = parseSettings(
    `name: lab
mailboxes:
${mailboxes(imap.port)}${yaml}`,
    'mail-canary.yaml',
    'stack',
  );
  const template = synthesise(settings, { bundles, to: folder, endpoint: aws.endpoint });
  for (const [id, { type, properties }] of Object.entries(template.resources))
    if (type === 'AWS::SecretsManager::Secret') {
      const isHeartbeat = `${properties.Description}`.includes('derived');
      stored.set(
        `secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:${id}-AbCdEf`,
        isHeartbeat ? heartbeatSecret : key,
      );
    }
  answers = answer?.(template) ?? answers;
  const { items, text: table } = await createTable(aws.dynamoUrl, template.one('AWS::DynamoDB::Table'));

  let output = '';
  const start = (name: FunctionName): Running => {
    const deployed = template.functions[name];
    if (deployed === undefined) throw new Error(`the stack has no function ${name}`);
    // As Lambda gives it. By the access key the endpoint knows who calls.
    const environment = {
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: name,
      AWS_SECRET_ACCESS_KEY: token,
      AWS_SESSION_TOKEN: token,
      AWS_ENDPOINT_URL: aws.endpoint,
      ...given.environment,
    };
    const running = startFunction(deployed, environment, (text) => {
      output += text;
    });
    const told: Running['invoke'] = (event, at) => {
      ahead = at - Date.now();
      return running.invoke(event, at);
    };
    return { ...running, invoke: told };
  };
  const invoke: World['invoke'] = async (name, event, at) => {
    const cold = start(name);
    try {
      return await cold.invoke(event, at);
    } finally {
      await cold.end();
    }
  };
  const warm: World['warm'] = (name) => {
    const running = start(name);
    onTestFinished(running.end);
    return running;
  };

  const planAndSend: World['planAndSend'] = async (at) => {
    const before = aws.calls.length;
    const { result: planned } = await invoke('plan', { time: new Date(at).toISOString() }, at);
    const messages = aws.calls
      .slice(before)
      .flatMap(({ operation, body }) => (operation === 'SendMessageBatch' ? (body.Entries ?? []) : []));
    // Two at a time: this machine may have two cores.
    const waiting = [...messages];
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const Records = [{ messageId: next.Id, body: next.MessageBody }];
        const { result } = await invoke('send', { Records }, at + 2000);
        if (JSON.stringify(result) !== '{"batchItemFailures":[]}')
          throw new Error(`send failed: ${JSON.stringify(result)}`);
      }
    };
    await Promise.all([work(), work()]);
    return { planned, messages: messages.length };
  };

  return {
    template,
    calls: aws.calls,
    items,
    imap,
    heartbeatSecret,
    secrets: [password, key, heartbeatSecret, token],
    output: () => output,
    table,
    invoke,
    warm,
    planAndSend,
    denied: (other) =>
      denied(aws.calls, (name) => template.functions[name as FunctionName]?.statements ?? [], {
        tags: {},
        identity: '',
        ...facts,
        ...other,
      }),
  };
};
