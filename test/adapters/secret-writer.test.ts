/** A secret that is stored anew: through the real SDK clients against a local endpoint, and in files. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PutSecretValueRequest, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type PutParameterRequest, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secretWriter } from '../../lambdas/adapters/secret-writer.ts';
import { secretReader } from '../../lambdas/adapters/secrets.ts';
import { type AwsAnswer, awsEndpoint } from '../servers/aws-endpoint.ts';

const baseDir = mkdtempSync(join(tmpdir(), 'mail-canary-writer-'));
const value = 'the-new-refresh-token-0123456789';
const refused = (error: string, message = 'in the words of AWS'): AwsAnswer => ({ status: 400, error, message });
const answers: Readonly<Record<string, AwsAnswer>> = {
  'mail-canary/outside': { body: { SecretString: 'the old one' } },
  '/mail-canary/outside': { body: { Parameter: { Value: 'the old one' } } },
  forbidden: refused('AccessDeniedException'),
  '/forbidden': refused('AccessDeniedException'),
  '/plain': refused('HierarchyTypeMismatchException'),
  '/repeats': refused('ValidationException', `Value '${value}' at 'value' failed to satisfy constraint`),
};
let aws: Awaited<ReturnType<typeof awsEndpoint<PutSecretValueRequest & PutParameterRequest>>>;

beforeAll(async () => {
  aws = await awsEndpoint(
    ({ body }) => answers[body.SecretId ?? body.Name ?? ''] ?? refused('ResourceNotFoundException'),
  );
});

afterAll(async () => {
  await aws.close();
  rmSync(baseDir, { recursive: true });
});

const clients = { secretsManager: () => new SecretsManagerClient(aws.config), ssm: () => new SSMClient(aws.config) };

/** A writer and the reader that shares its memory, as they are wired. */
function pair(allowFiles = true) {
  const reader = secretReader({ aws: clients, env: { APP: 'the old one' }, baseDir, allowFiles });
  return { reader, write: secretWriter({ aws: clients, baseDir, allowFiles, stored: reader.remember }) };
}

describe('secretWriter', () => {
  it('puts a new version of a secret, and the reader that knew the old one has it at once', async () => {
    const { reader, write } = pair();
    expect(await reader('secretsmanager:mail-canary/outside')).toBe('the old one');
    await write('secretsmanager:mail-canary/outside', value);
    expect(aws.calls.at(-1)).toMatchObject({
      operation: 'PutSecretValue',
      body: { SecretId: 'mail-canary/outside', SecretString: value, ClientRequestToken: expect.any(String) },
    });
    const before = aws.calls.length;
    expect(await reader('secretsmanager:mail-canary/outside')).toBe(value);
    expect(aws.calls.length).toBe(before);
  });

  it('overwrites a parameter, which stays a SecureString', async () => {
    const { reader, write } = pair();
    await write('ssm:/mail-canary/outside', value);
    expect(aws.calls.at(-1)).toMatchObject({ operation: 'PutParameter' });
    expect(aws.calls.at(-1)?.body).toEqual({
      Name: '/mail-canary/outside',
      Value: value,
      Type: 'SecureString',
      Overwrite: true,
    });
    expect(await reader('ssm:/mail-canary/outside')).toBe(value);
  });

  it('replaces a file as a whole, for its user alone, behind a link as well, and leaves nothing else behind', async () => {
    mkdirSync(join(baseDir, 'files'));
    writeFileSync(join(baseDir, 'files', 'token'), 'the old one\n', { mode: 0o644 });
    symlinkSync('token', join(baseDir, 'files', 'link'));
    const old = statSync(join(baseDir, 'files', 'token')).ino;
    const { reader, write } = pair();
    expect(await reader('file:files/link')).toBe('the old one');
    await write('file:files/link', value);
    expect(readFileSync(join(baseDir, 'files', 'token'), 'utf8')).toBe(`${value}\n`);
    expect(statSync(join(baseDir, 'files', 'token')).mode & 0o777).toBe(0o600);
    // Another file took its place: one that was being read stays whole.
    expect(statSync(join(baseDir, 'files', 'token')).ino).not.toBe(old);
    expect(readdirSync(join(baseDir, 'files')).sort()).toEqual(['link', 'token']);
    expect(await reader('file:files/link')).toBe(value);
    // And a reader that knows nothing yet reads it as it was given.
    expect(await pair().reader('file:files/token')).toBe(value);
  });

  it.each([
    ['env:APP', 'an environment variable cannot be stored; use file:PATH, secretsmanager:NAME or ssm:NAME'],
    ['file:missing', 'there is no such file'],
    ['file:files', 'it is a folder'],
    ['secretsmanager:missing', 'there is no such secret in this account and Region'],
    ['secretsmanager:forbidden', 'access denied: the role may not write it'],
    ['ssm:/forbidden', 'access denied: the role may not write it'],
    ['ssm:/plain', 'the parameter is no SecureString'],
    ['ssm:/repeats', "ValidationException: Value '***' at 'value' failed to satisfy constraint"],
  ])('says why it cannot store %s, and the reader keeps what it knew', async (reference, why) => {
    const { reader, write } = pair();
    const error: unknown = await write(reference, value).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ message: `cannot store secret ${reference}: ${why}` });
    expect(error).not.toHaveProperty('cause');
    await expect(reader(reference).catch(() => 'nothing')).resolves.not.toBe(value);
  });

  it('stores nothing empty, no files where they are not allowed, nothing in AWS where it is not set up', async () => {
    const { write } = pair(false);
    await expect(write('ssm:/mail-canary/outside', '')).rejects.toThrow('the new value is empty');
    await expect(write('file:files/token', value)).rejects.toThrow(
      'cannot store secret file:files/token: files are not written here, use secretsmanager:NAME or ssm:NAME',
    );
    const local = secretWriter({ baseDir, allowFiles: true });
    await expect(local('ssm:/a', value)).rejects.toThrow('cannot store secret ssm:/a: AWS is not set up here');
  });

  it.each(['hunter2', 'https:hunter2', 'toString:hunter2'])('never repeats what is no reference: %s', async (text) => {
    await expect(pair().write(text, value)).rejects.toThrow(
      /^a secret must be a reference env:NAME, file:NAME, secretsmanager:NAME, ssm:NAME, got something else \(not shown\)$/,
    );
  });
});
