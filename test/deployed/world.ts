/** A deployed monitor: the functions of the template in processes of their own, with a clock that the test sets, against local AWS. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { onTestFinished } from 'vitest';
import { type ImapServer, startImapServer } from '../../demo/servers/imap/server.ts';
import { dynamoLedger } from '../../lambdas/adapters/ledger-dynamodb.ts';
import { type Items, itemsOf } from '../../lambdas/core/items.ts';
import type { Ms } from '../../lambdas/core/words.ts';
import { parseSettings } from '../../lambdas/settings/load.ts';
import type { FunctionName } from '../../lib/bundles.ts';
import { type Answers, type Call, startAws } from './aws.ts';
import { denied, type World as Facts } from './grants.ts';
import { type Synthesised, synthesise } from './template.ts';

export const outside = 'canary@supplier.test';

export type Given = {
  /** The folder of the bundles. */
  readonly bundles: string;
  /** Paths, hosts and spans; the mailbox `outside` is there. */
  readonly yaml: string;
  readonly answer?: (template: Synthesised) => Answers;
  /** What IAM and the services know besides. */
  readonly facts?: Partial<Facts>;
};

/** One line of a function's log. */
export type Line = { readonly what: string; readonly [field: string]: unknown };

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
  /** Runs a function once; its clock shows `at` when it begins. Resolves with its result and what it logged. */
  invoke(
    name: FunctionName,
    event: unknown,
    at: Ms,
  ): Promise<{ readonly result: unknown; readonly lines: readonly Line[] }>;
  /** The tick of a slot that begins at `at`, and what the queue hands to `send`. */
  planAndSend(at: Ms): Promise<{ readonly planned: unknown; readonly messages: number }>;
  /** Calls that the roles of the template do not allow; `other` facts show that the check can fail. */
  denied(other?: Partial<Facts>): readonly string[];
};

/** Sets the clock of a process; its time goes on from there. */
const clockAt = (at: Ms): string => `const real = Date; const ahead = ${at} - real.now();
  globalThis.Date = class extends real {
    constructor(...given) { if (given.length === 0) super(real.now() + ahead); else super(...given); }
    static now() { return real.now() + ahead; }
  };`;

const script = `const [file, name, event] = process.argv.slice(1);
  const handler = (await import(file))[name];
  process.stdout.write('\\nRESULT' + JSON.stringify((await handler(JSON.parse(event))) ?? null));`;

const createTable = async (dynamoUrl: string, { id, properties }: { id: string; properties: object }) => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new DynamoDBClient({ endpoint: dynamoUrl, region: 'eu-west-1', credentials });
  onTestFinished(() => client.destroy());
  const { KeySchema, AttributeDefinitions, BillingMode } = properties as CreateTableCommandInput;
  await client.send(new CreateTableCommand({ TableName: id, KeySchema, AttributeDefinitions, BillingMode }));
  return itemsOf(dynamoLedger({ client, table: id }));
};

/** Deploys the stack of the settings. Everything ends with the test. */
export const deploy = async ({ bundles, yaml, answer, facts }: Given): Promise<World> => {
  const folder = mkdtempSync(join(tmpdir(), 'mail-canary-assembly-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const word = (what: string) => `${what}-${randomBytes(12).toString('hex')}`;
  const [password, key, heartbeatSecret, token] = [word('password'), word('key'), word('heartbeat'), word('token')];
  const imap = await startImapServer({ users: { [outside]: password } });
  onTestFinished(imap.close);

  let answers: Answers = () => undefined;
  const secrets = new Map([['lab/outside', password]]);
  const aws = await startAws((call) => {
    if (call.operation !== 'GetSecretValue') return answers(call);
    const text = call.body.VersionStage === 'AWSPREVIOUS' ? undefined : secrets.get(call.body.SecretId ?? '');
    return text === undefined ? { status: 400, error: 'ResourceNotFoundException' } : { body: { SecretString: text } };
  });
  onTestFinished(aws.close);

  const { settings } = parseSettings(
    `name: lab
mailboxes:
  outside:
    address: ${outside}
    imap: { host: 127.0.0.1, port: ${imap.port}, secure: false }
    auth: { kind: password, user: ${outside}, secret: secretsmanager:lab/outside }
${yaml}`,
    'mail-canary.yaml',
    'stack',
  );
  const template = synthesise(settings, { bundles, to: folder, endpoint: aws.endpoint });
  for (const [id, { type, properties }] of Object.entries(template.resources))
    if (type === 'AWS::SecretsManager::Secret') {
      const isHeartbeat = `${properties.Description}`.includes('derived');
      secrets.set(
        `arn:aws:secretsmanager:eu-west-1:111122223333:secret:${id}-AbCdEf`,
        isHeartbeat ? heartbeatSecret : key,
      );
    }
  answers = answer?.(template) ?? answers;
  const items = await createTable(aws.dynamoUrl, template.one('AWS::DynamoDB::Table'));

  let output = '';
  const invoke: World['invoke'] = async (name, event, at) => {
    const deployed = template.functions[name];
    if (deployed === undefined) throw new Error(`the stack has no function ${name}`);
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [
        '--import',
        `data:text/javascript,${encodeURIComponent(clockAt(at))}`,
        '--input-type=module',
        '-e',
        script,
        pathToFileURL(deployed.file).href,
        deployed.handler,
        JSON.stringify(event),
      ],
      {
        // As Lambda gives it, and nothing else of ours. By the access key the endpoint knows who calls.
        env: {
          ...deployed.environment,
          AWS_REGION: 'eu-west-1',
          AWS_ACCESS_KEY_ID: name,
          AWS_SECRET_ACCESS_KEY: token,
          AWS_SESSION_TOKEN: token,
          AWS_ENDPOINT_URL: aws.endpoint,
        },
        timeout: deployed.timeout,
        killSignal: 'SIGKILL',
        maxBuffer: 16 * 1024 * 1024,
      },
    );
    output += stdout + stderr;
    const [printed = '', result = 'null'] = stdout.split('\nRESULT');
    const lines = printed.split('\n').flatMap((line): Line[] => (line.startsWith('{') ? [JSON.parse(line)] : []));
    return { result: JSON.parse(result) as unknown, lines };
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
    invoke,
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
