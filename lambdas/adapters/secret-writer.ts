/** Stores a secret anew where its reference leads (`file:`, `secretsmanager:`, `ssm:`); no value is ever in a message. */
import { randomBytes } from 'node:crypto';
import { open, realpath, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { asEvidence } from '../core/replies.ts';
import { reasonOf, referenceOf, type SecretClients } from './secrets.ts';

type Kind = (name: string, value: string) => Promise<void>;

/** Whole or not at all, and for this user alone: a crash leaves the old file or the new one. */
const replaceFile = async (path: string, value: string): Promise<void> => {
  // Behind a link the file itself is replaced. It must be there: a wrong path must not make a new secret.
  const file = await realpath(path);
  const fresh = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    try {
      // The reader leaves out one line break at the end.
      await handle.writeFile(`${value}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
};

/**
 * A function that puts a new value behind a reference, and tells `stored` (the reader's `remember`) of it. `env:` cannot be
 * written; `file:` only where `allowFiles`. A parameter stays a SecureString, under the account's default key for parameters.
 * Rejects with the reference and why.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
 * @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
 */
export function secretWriter({
  aws,
  baseDir,
  allowFiles,
  stored,
}: {
  readonly aws?: SecretClients;
  readonly baseDir: string;
  readonly allowFiles: boolean;
  readonly stored?: (reference: string, value: string) => void;
}): (reference: string, value: string) => Promise<void> {
  const awsHere = (): SecretClients => {
    if (aws === undefined) throw new Error('AWS is not set up here');
    return aws;
  };
  const kinds: Readonly<Record<string, Kind>> = {
    env: async () => {
      throw new Error('an environment variable cannot be stored; use file:PATH, secretsmanager:NAME or ssm:NAME');
    },
    file: async (path, value) => {
      if (!allowFiles) throw new Error('files are not written here, use secretsmanager:NAME or ssm:NAME');
      await replaceFile(resolve(baseDir, path), value);
    },
    secretsmanager: async (SecretId, SecretString) => {
      const client = await awsHere().secretsManager();
      const { PutSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
      await client.send(new PutSecretValueCommand({ SecretId, SecretString }));
    },
    ssm: async (Name, Value) => {
      const client = await awsHere().ssm();
      const { PutParameterCommand } = await import('@aws-sdk/client-ssm');
      await client.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));
    },
  };
  return async (reference, value) => {
    const { kind, name } = referenceOf(reference, kinds);
    try {
      if (value === '') throw new Error('the new value is empty');
      await kinds[kind]?.(name, value);
    } catch (error) {
      // Without the cause: AWS may repeat what it does not take.
      throw new Error(`cannot store secret ${reference}: ${asEvidence(reasonOf(error, 'write'), [value])}`);
    }
    stored?.(reference, value);
  };
}
