import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoLedger } from '../../lambdas/adapters/ledger-dynamodb.ts';
import { fileLedger } from '../../lambdas/adapters/ledger-file.ts';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import type { Ledger } from '../../lambdas/core/ports.ts';
import { ledgerContract } from './ledger-contract.ts';

/** dynalite has no types of its own. */
const dynalite: (options: { createTableMs: number }) => Server = createRequire(import.meta.url)('dynalite');

const table = 'mail-canary';
const server = dynalite({ createTableMs: 0 });
const folder = mkdtempSync(join(tmpdir(), 'mail-canary-ledger-'));
const files: { close(): void }[] = [];
let client: DynamoDBClient;

function openFile() {
  const ledger = fileLedger(join(folder, `ledger-${files.length}.db`));
  files.push(ledger);
  return ledger;
}

beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
    }),
  );
});

afterAll(async () => {
  for (const file of files) file.close();
  client.destroy();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  rmSync(folder, { recursive: true });
});

ledgerContract('memory', memoryLedger);
ledgerContract('file', openFile);
ledgerContract('dynamodb', () => dynamoLedger({ client, table }));

describe('all ledgers', () => {
  const sk = fc.oneof(
    fc.constantFrom('a', 'b', 'a!', '\uffff', '\u{1f426}'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  );
  // dynalite compares the two bounds of a BETWEEN as UTF-16, DynamoDB as UTF-8: bounds on which both agree.
  const bound = fc.oneof(
    fc.constantFrom('a', 'b', 'é'),
    fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 3 }),
  );
  const order = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined });
  const condition = fc.oneof(
    fc.constant(undefined),
    fc.constant({ absent: true } as const),
    fc.record({ below: fc.integer({ min: 0, max: 6 }) }),
  );
  const operation = fc.oneof(
    fc.record({ sk, order, body: fc.jsonValue(), condition }).map(
      ({ condition, ...item }) =>
        (ledger: Ledger, pk: string) =>
          ledger.put({ pk, v: 1, ...item }, condition),
    ),
    sk.map((sk) => (ledger: Ledger, pk: string) => ledger.get(pk, sk)),
    sk.map((sk) => (ledger: Ledger, pk: string) => ledger.remove(pk, sk)),
    fc
      .record({ from: bound, to: bound }, { requiredKeys: [] })
      .map((range) => (ledger: Ledger, pk: string) => ledger.list(pk, range)),
  );

  it('answer the same to the same operations', async () => {
    const ledgers = [memoryLedger(), openFile(), dynamoLedger({ client, table })];
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 30 }), async (operations) => {
        const pk = `same#${run++}`;
        const answers = await Promise.all(
          ledgers.map(async (ledger) => {
            const said: unknown[] = [];
            for (const operate of operations) said.push(await operate(ledger, pk));
            return [...said, await ledger.list(pk)];
          }),
        );
        expect(answers[1]).toStrictEqual(answers[0]);
        expect(answers[2]).toStrictEqual(answers[0]);
      }),
      { numRuns: 50 },
    );
  });
});
