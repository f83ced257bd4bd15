import { DynamoDBClient, type QueryInput } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { dynamoLedger } from '../../lambdas/adapters/ledger-dynamodb.ts';
import { awsEndpoint } from '../servers/aws-endpoint.ts';

describe('dynamodb ledger', () => {
  const table = 'mail-canary';
  const put = { pk: 'clock', sk: 'confirm', v: 1, order: 8, body: { lease: 'mine' } };
  const endpointFor = (winner: unknown) =>
    awsEndpoint(({ operation }, index) => {
      if (operation === 'GetItem')
        return { body: { Item: { ...key, v: { N: '1' }, order: { N: '8' }, body: winner } } };
      return index === 0 ? { hangUp: true } : { status: 400, error: 'ConditionalCheckFailedException' };
    });
  const key = { pk: { S: 'clock' }, sk: { S: 'confirm' } };

  it.each([
    ['wins', { S: '{"lease":"mine"}' }, true],
    ['does not win over another', { S: '{"lease":"theirs"}' }, false],
  ])('a conditional put whose answer was lost %s', async (_, winner, expected) => {
    const aws = await endpointFor(winner);
    const ledger = dynamoLedger({ client: new DynamoDBClient(aws.config), table });
    expect(await ledger.put(put, { below: 8 })).toBe(expected);
    expect(aws.calls.map(({ operation }) => operation)).toEqual(['PutItem', 'PutItem', 'GetItem']);
    await aws.close();
  });

  it('reads with strong consistency, and goes on after an empty page', async () => {
    const stored = { ...key, v: { N: '1' }, body: { S: '1' } };
    const aws = await awsEndpoint<QueryInput>((_, index) => ({
      body: index === 0 ? { Items: [], LastEvaluatedKey: key } : { Items: [stored] },
    }));
    const ledger = dynamoLedger({ client: new DynamoDBClient(aws.config), table });
    expect(await ledger.list('clock')).toEqual([{ pk: 'clock', sk: 'confirm', v: 1, body: 1 }]);
    expect(aws.calls.map(({ body }) => body.ConsistentRead)).toEqual([true, true]);
    await aws.close();
  });

  it('tries again when throttled, and then throws with the cause', async () => {
    const aws = await awsEndpoint(() => ({ status: 400, error: 'ThrottlingException', message: 'slow down' }));
    const ledger = dynamoLedger({ client: new DynamoDBClient(aws.config), table });
    const failure = await ledger.put(put, { absent: true }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      message: 'table mail-canary: put clock confirm: ThrottlingException: slow down',
      cause: { name: 'ThrottlingException' },
    });
    expect(aws.calls).toHaveLength(3);
    await aws.close();
  });

  it('throws for an item that is not ours', async () => {
    const aws = await awsEndpoint(() => ({ body: { Item: { ...key, data: { S: '' } } } }));
    const ledger = dynamoLedger({ client: new DynamoDBClient(aws.config), table });
    await expect(ledger.get('clock', 'confirm')).rejects.toThrow('an item there is not one of Mail Canary');
    await aws.close();
  });
});
