import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GetSecretValueRequest, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type GetParameterRequest, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secretReader } from '../../lambdas/adapters/secrets.ts';
import { type AwsAnswer, awsEndpoint } from '../servers/aws-endpoint.ts';

const baseDir = mkdtempSync(join(tmpdir(), 'mail-canary-secrets-'));
const refused = (error: string): AwsAnswer => ({ status: 400, error, message: 'in the words of AWS' });
const secrets: Readonly<Record<string, AwsAnswer>> = {
  'mail-canary/outside': { body: { SecretString: 'from secrets manager' } },
  'arn:aws:secretsmanager:eu-west-1:111122223333:secret:a': { body: { SecretString: '{"whole":"string"}' } },
  binary: { body: { SecretBinary: 'AAAA' } },
  forbidden: refused('AccessDeniedException'),
  odd: refused('InvalidRequestException'),
  '/mail-canary/slack': { body: { Parameter: { Value: 'from ssm' } } },
  '/forbidden': refused('AccessDeniedException'),
};
let aws: Awaited<ReturnType<typeof awsEndpoint<GetSecretValueRequest & GetParameterRequest>>>;
let made: string[] = [];

beforeAll(async () => {
  writeFileSync(join(baseDir, 'password'), ' secret of a file \n');
  writeFileSync(join(baseDir, 'empty'), '\n');
  mkdirSync(join(baseDir, 'folder'));
  aws = await awsEndpoint(({ operation, body }) => {
    const missing = operation === 'GetParameter' ? 'ParameterNotFound' : 'ResourceNotFoundException';
    return secrets[body.SecretId ?? body.Name ?? ''] ?? refused(missing);
  });
});

afterAll(async () => {
  await aws.close();
  rmSync(baseDir, { recursive: true });
});

function reader(more: Partial<Parameters<typeof secretReader>[0]> = {}) {
  made = [];
  const clients = {
    secretsManager: () => {
      made.push('secretsManager');
      return new SecretsManagerClient(aws.config);
    },
    ssm: async () => {
      made.push('ssm');
      return new SSMClient(aws.config);
    },
  };
  return secretReader({ aws: clients, env: { APP: 'from env', EMPTY: '' }, baseDir, allowFiles: true, ...more });
}

describe('secretReader', () => {
  it.each([
    ['env:APP', 'from env', []],
    ['file:password', ' secret of a file ', []],
    [`file:${join(baseDir, 'password')}`, ' secret of a file ', []],
    ['secretsmanager:mail-canary/outside', 'from secrets manager', ['secretsManager']],
    ['secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:a', '{"whole":"string"}', ['secretsManager']],
    ['ssm:/mail-canary/slack', 'from ssm', ['ssm']],
  ])('reads %s, making only the client that it needs', async (reference, value, clients) => {
    expect(await reader()(reference)).toBe(value);
    expect(made).toEqual(clients);
  });

  it('decrypts parameters', async () => {
    await reader()('ssm:/mail-canary/slack');
    expect(aws.calls.at(-1)?.body).toEqual({ Name: '/mail-canary/slack', WithDecryption: true });
  });

  it.each([
    ['env:MISSING', 'this environment variable is not set'],
    ['env:EMPTY', 'it is empty or not text'],
    ['file:empty', 'it is empty or not text'],
    ['file:missing', 'there is no such file'],
    ['file:folder', 'it is a folder'],
    ['secretsmanager:binary', 'it is empty or not text'],
    ['secretsmanager:missing', 'there is no such secret in this account and Region'],
    ['secretsmanager:forbidden', 'access denied: the role may not read it'],
    ['secretsmanager:odd', 'InvalidRequestException: in the words of AWS'],
    ['ssm:/missing', 'there is no such parameter in this account and Region'],
    ['ssm:/forbidden', 'access denied: the role may not read it'],
  ])('says why it cannot read %s', async (reference, why) => {
    await expect(reader()(reference)).rejects.toThrow(`cannot read secret ${reference}: ${why}`);
  });

  it('refuses files where they are not allowed, and AWS where it is not set up', async () => {
    await expect(reader({ allowFiles: false })('file:password')).rejects.toThrow(
      'cannot read secret file:password: files are not read here, use secretsmanager:NAME or ssm:NAME',
    );
    const local = secretReader({ env: {}, baseDir, allowFiles: true });
    await expect(local('ssm:/a')).rejects.toThrow('cannot read secret ssm:/a: AWS is not set up here');
    await expect(local('secretsmanager:a')).rejects.toThrow('AWS is not set up here');
  });

  it.each(['hunter2', 'https:hunter2', 'toString:hunter2', 'env:', ''])(
    'never repeats what is no reference: %s',
    async (text) => {
      await expect(reader()(text)).rejects.toThrow(
        /^a secret must be a reference env:NAME, file:NAME, secretsmanager:NAME, ssm:NAME, got something else \(not shown\)$/,
      );
    },
  );

  it('asks once for readers at the same time, and again only after the time to live', async () => {
    let now = 0;
    const read = reader({ now: () => now });
    const before = aws.calls.length;
    await Promise.all(Array.from({ length: 20 }, () => read('ssm:/mail-canary/slack')));
    now = 299_999;
    await read('ssm:/mail-canary/slack');
    expect(aws.calls.length - before).toBe(1);
    now = 300_000;
    await read('ssm:/mail-canary/slack');
    expect(aws.calls.length - before).toBe(2);
  });

  it('has what was stored anew at once, also while the old value is still on its way', async () => {
    let now = 0;
    const read = reader({ now: () => now });
    const old = read('ssm:/mail-canary/slack');
    read.remember('ssm:/mail-canary/slack', 'stored anew');
    expect(await old).toBe('from ssm');
    expect(await read('ssm:/mail-canary/slack')).toBe('stored anew');
    now = 300_000;
    expect(await read('ssm:/mail-canary/slack')).toBe('from ssm');
  });

  it('does not remember a failure', async () => {
    const env: Record<string, string> = {};
    const read = reader({ env });
    await expect(read('env:LATE')).rejects.toThrow('not set');
    env.LATE = 'here now';
    expect(await read('env:LATE')).toBe('here now');
  });
});
