/** What every function is born with: its environment, the settings of its layer, the ledger. Clients are made here and nowhere else. */
import { readFileSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { dynamoLedger } from '../adapters/ledger-dynamodb.ts';
import { secretWriter } from '../adapters/secret-writer.ts';
import { type SecretClients, secretReader } from '../adapters/secrets.ts';
import { type Key, type Keys, keyOf } from '../core/canary.ts';
import type { Ledger } from '../core/ports.ts';
import type { AwsClients } from '../paths/kind.ts';
import type { Deployed } from '../settings/deployed.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that the stack sets; without it the function must not guess. */
export const variable = (env: Environment, name: string): string => {
  const value = env[name];
  if (value === undefined || value === '')
    throw new Error(`the environment variable ${name} is missing: the stack sets it`);
  return value;
};

export const deployedFrom = (env: Environment): Deployed =>
  JSON.parse(readFileSync(variable(env, 'MAIL_CANARY_SETTINGS'), 'utf8')) as Deployed;

/** Retries belong to our own side, and only here: five attempts with the SDK's back-off. */
export const clientConfig = { maxAttempts: 5 } as const;

export const ledgerFrom = (env: Environment): Ledger =>
  dynamoLedger({ client: new DynamoDBClient(clientConfig), table: variable(env, 'MAIL_CANARY_TABLE') });

const awsSecrets: SecretClients = {
  secretsManager: () => new SecretsManagerClient(clientConfig),
  ssm: async () => new (await import('@aws-sdk/client-ssm')).SSMClient(clientConfig),
};

/** Loaded only where a path needs them: a bundle without such a path starts as fast as before. */
export const awsClients: AwsClients = {
  ses: async () => new (await import('@aws-sdk/client-ses')).SESClient({ maxAttempts: 1 }),
  ssm: async () => new (await import('@aws-sdk/client-ssm')).SSMClient(clientConfig),
};

/** Secrets for a function: files of a machine do not exist there. */
export const secretsFrom = (env: Environment) =>
  secretReader({ aws: awsSecrets, env, baseDir: '/', allowFiles: false });

/** Stores secrets anew, and lets the reader know. */
export const secretsInto = (reader: ReturnType<typeof secretReader>) =>
  secretWriter({ aws: awsSecrets, baseDir: '/', allowFiles: false, stored: reader.remember });

/** How long a function remembers its key, so that a rotation reaches every function within minutes. */
const keyMemory = 300_000;

/**
 * The signing key and, after a rotation, the one before it (the stage AWSPREVIOUS), so that canaries under way are not lost.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
 */
export const keysFrom = (env: Environment): (() => Promise<Keys>) => {
  const client = new SecretsManagerClient(clientConfig);
  const SecretId = variable(env, 'MAIL_CANARY_KEY_SECRET');
  const heartbeatSecret = env.MAIL_CANARY_HEARTBEAT_SECRET;
  const textOf = async (id: string, VersionStage: 'AWSCURRENT' | 'AWSPREVIOUS') =>
    (await client.send(new GetSecretValueCommand({ SecretId: id, VersionStage }))).SecretString;
  const read = async (VersionStage: 'AWSCURRENT' | 'AWSPREVIOUS'): Promise<Key | undefined> => {
    try {
      const text = await textOf(SecretId, VersionStage);
      return text === undefined ? undefined : keyOf(text);
    } catch (error) {
      // A secret that was never rotated has no previous version.
      if (VersionStage === 'AWSPREVIOUS' && error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  };
  let remembered: { readonly keys: Keys; readonly at: number } | undefined;
  return async () => {
    if (remembered !== undefined && Date.now() - remembered.at < keyMemory) return remembered.keys;
    const [current, previous, heartbeat] = await Promise.all([
      read('AWSCURRENT'),
      read('AWSPREVIOUS'),
      heartbeatSecret === undefined ? undefined : textOf(heartbeatSecret, 'AWSCURRENT'),
    ]);
    if (current === undefined) throw new Error(`the signing key ${SecretId} has no text`);
    remembered = { keys: { current, previous, heartbeat }, at: Date.now() };
    return remembered.keys;
  };
};

/** One line of JSON, as CloudWatch Logs likes it. */
export const log = (what: string, fields: Readonly<Record<string, unknown>>): void =>
  console.log(JSON.stringify({ what, ...fields }));
