/** Reads secrets by reference (`env:`, `file:`, `secretsmanager:`, `ssm:`); no value is ever in a message. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { Ms } from '../core/words.ts';

/** Clients are thunks: none is made, and none of their code is loaded, before a reference needs it. */
export type SecretClients = {
  readonly secretsManager: () => SecretsManagerClient | Promise<SecretsManagerClient>;
  readonly ssm: () => SSMClient | Promise<SSMClient>;
};

const defaultTtl = 300_000;

/** Why it failed, by the error's name or code: the first that is known, else the error's own words. */
const reasons = (doing: 'read' | 'write'): Readonly<Record<string, string>> => ({
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: `this user may not ${doing} the file`,
  EROFS: 'the file system may only be read',
  ResourceNotFoundException: 'there is no such secret in this account and Region',
  ParameterNotFound: 'there is no such parameter in this account and Region',
  AccessDeniedException: `access denied: the role may not ${doing} it`,
  DecryptionFailure: 'its KMS key cannot be used',
  EncryptionFailure: 'its KMS key cannot be used',
  HierarchyTypeMismatchException: 'the parameter is no SecureString',
  CredentialsProviderError: 'there are no AWS credentials',
});

/** An error in words; those of AWS and of the file system never repeat a value that was read. */
export function reasonOf(error: unknown, doing: 'read' | 'write'): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const all = reasons(doing);
  const known = all[error.name] ?? all[code];
  return known ?? (error.name === 'Error' ? error.message : `${error.name}: ${error.message}`);
}

/** Splits a reference into kind and name. Throws without repeating a text that is none: it may be the secret. */
export function referenceOf(reference: string, kinds: object): { readonly kind: string; readonly name: string } {
  const [, kind = '', name = ''] = /^([a-z]+):(.+)$/s.exec(reference) ?? [];
  if (Object.hasOwn(kinds, kind)) return { kind, name };
  const expected = `${Object.keys(kinds).join(':NAME, ')}:NAME`;
  throw new Error(`a secret must be a reference ${expected}, got something else (not shown)`);
}

function refuse(why: string): never {
  throw new Error(why);
}

type Kind = (name: string) => Promise<string | undefined>;

/** Reads a secret; what was stored anew is told to it, so that nobody is given the old one for minutes. */
export type SecretReader = {
  (reference: string): Promise<string>;
  /** This value is behind the reference from now on. */
  readonly remember: (reference: string, value: string) => void;
};

/**
 * A function from reference to secret, with a memory of `ttl` (5 minutes), so that a rotated secret is met soon and
 * a round does not ask for each canary. A failure is not remembered. `file:` is for machines, not for Lambdas
 * (`allowFiles`); one trailing line break of a file is not part of its secret.
 * Rejects with the reference and why it cannot be read; a text that is no reference is not repeated: it may be the secret.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 * @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
 */
export function secretReader({
  aws,
  env,
  baseDir,
  allowFiles,
  ttl = defaultTtl,
  now = Date.now,
}: {
  readonly aws?: SecretClients;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly baseDir: string;
  readonly allowFiles: boolean;
  readonly ttl?: Ms;
  readonly now?: () => Ms;
}): SecretReader {
  const noAws = () => refuse('AWS is not set up here');
  const kinds: Readonly<Record<string, Kind>> = {
    env: async (name) => env[name] ?? refuse('this environment variable is not set'),
    file: async (path) => {
      if (!allowFiles) refuse('files are not read here, use secretsmanager:NAME or ssm:NAME');
      return (await readFile(resolve(baseDir, path), 'utf8')).replace(/\r?\n$/, '');
    },
    secretsmanager: async (SecretId) => {
      const client = await (aws ?? noAws()).secretsManager();
      const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
      return (await client.send(new GetSecretValueCommand({ SecretId }))).SecretString;
    },
    ssm: async (Name) => {
      const client = await (aws ?? noAws()).ssm();
      const { GetParameterCommand } = await import('@aws-sdk/client-ssm');
      return (await client.send(new GetParameterCommand({ Name, WithDecryption: true }))).Parameter?.Value;
    },
  };

  async function read(reference: string): Promise<string> {
    const { kind, name } = referenceOf(reference, kinds);
    try {
      return (await kinds[kind]?.(name)) || refuse('it is empty or not text');
    } catch (cause) {
      throw new Error(`cannot read secret ${reference}: ${reasonOf(cause, 'read')}`, { cause });
    }
  }

  const known = new Map<string, { readonly at: Ms; readonly value: Promise<string> }>();
  const remembered = (reference: string): Promise<string> => {
    const held = known.get(reference);
    if (held && now() - held.at < ttl) return held.value;
    const entry = { at: now(), value: read(reference) };
    known.set(reference, entry);
    entry.value.catch(() => {
      if (known.get(reference) === entry) known.delete(reference);
    });
    return entry.value;
  };
  return Object.assign(remembered, {
    remember: (reference: string, value: string) => {
      known.set(reference, { at: now(), value: Promise.resolve(value) });
    },
  });
}
