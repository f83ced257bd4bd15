/** The ledger in one DynamoDB table with the string keys `pk` and `sk`; the body is JSON text. */
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
} from '@aws-sdk/client-dynamodb';
import type { Item, Ledger, PutCondition } from '../core/ports.ts';
import {
  checkBelow,
  checkKey,
  checkRange,
  type KeyRange,
  readItem,
  type StoredItem,
  storeItem,
} from './ledger-item.ts';

type Attributes = Record<string, AttributeValue>;

const key = (pk: string, sk: string): Attributes => ({ pk: { S: pk }, sk: { S: sk } });

const attributes = ({ pk, sk, v, order, expires, body }: StoredItem): Attributes => ({
  ...key(pk, sk),
  v: { N: String(v) },
  ...(order !== undefined && { order: { N: String(order) } }),
  ...(expires !== undefined && { expires: { N: String(expires) } }),
  body: { S: body },
});

function stored({ pk, sk, v, order, expires, body }: Attributes): StoredItem {
  if (!pk?.S || !sk?.S || !v?.N || body?.S === undefined) throw new Error('an item there is not one of Mail Canary');
  return {
    pk: pk.S,
    sk: sk.S,
    v: Number(v.N),
    ...(order?.N !== undefined && { order: Number(order.N) }),
    ...(expires?.N !== undefined && { expires: Number(expires.N) }),
    body: body.S,
  };
}

/** The condition in DynamoDB's words; `order` is one of its reserved words, so it gets a placeholder. */
function expression(below: number | undefined) {
  if (below === undefined) return { ConditionExpression: 'attribute_not_exists(pk)' };
  return {
    // A comparison with an attribute that is missing does not hold: an item without an order is not below anything.
    ConditionExpression: 'attribute_not_exists(pk) OR #order < :below',
    ExpressionAttributeNames: { '#order': 'order' },
    ExpressionAttributeValues: { ':below': { N: String(below) } },
  };
}

function keyCondition(pk: string, { from, to }: KeyRange) {
  const sk = [...(from ? ['sk >= :from'] : []), ...(to ? ['sk <= :to'] : [])];
  return {
    // A query takes one condition on the sort key, so both bounds make a BETWEEN.
    KeyConditionExpression: ['pk = :pk', ...(sk.length === 2 ? ['sk BETWEEN :from AND :to'] : sk)].join(' AND '),
    ExpressionAttributeValues: {
      ':pk': { S: pk },
      ...(from && { ':from': { S: from } }),
      ...(to && { ':to': { S: to } }),
    },
  };
}

const same = (a: StoredItem, b: StoredItem) =>
  a.v === b.v && a.order === b.order && a.expires === b.expires && a.body === b.body;

/**
 * The ledger of the Lambdas. Every read is strongly consistent and follows all pages. Set the table's TTL to `expires`;
 * DynamoDB deletes expired items within days, so they may still be read.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
 */
export function dynamoLedger({ client, table }: { readonly client: DynamoDBClient; readonly table: string }): Ledger {
  const TableName = table;

  async function attempt<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
      throw new Error(`table ${table}: ${what}: ${why}`, { cause });
    }
  }

  async function read(pk: string, sk: string): Promise<StoredItem | undefined> {
    const { Item: found } = await client.send(
      new GetItemCommand({ TableName, Key: key(pk, sk), ConsistentRead: true }),
    );
    return found && stored(found);
  }

  async function putIf(item: StoredItem, below: number | undefined): Promise<boolean> {
    try {
      await client.send(new PutItemCommand({ TableName, Item: attributes(item), ...expression(below) }));
      return true;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // When the answer to the first attempt was lost, the SDK's second one meets our own item.
      if ((error.$metadata.attempts ?? 1) === 1) return false;
      const winner = await read(item.pk, item.sk);
      return winner !== undefined && same(winner, item);
    }
  }

  return {
    get: async (pk, sk) => {
      checkKey(pk, sk);
      const found = await attempt(`get ${pk} ${sk}`, () => read(pk, sk));
      return found && readItem(found);
    },
    list: async (pk, range) => {
      const bounds = checkRange(pk, range);
      if (bounds === 'nothing') return [];
      return attempt(`list ${pk}`, async () => {
        const items: Item[] = [];
        const query = { TableName, ConsistentRead: true, ...keyCondition(pk, bounds) };
        // A page ends after 1 MB, and may be empty with more to come.
        for await (const page of paginateQuery({ client }, query))
          items.push(...(page.Items ?? []).map((found) => readItem(stored(found))));
        return items;
      });
    },
    put: async (item: Item, condition?: PutCondition) => {
      const ready = storeItem(item);
      const below = condition && checkBelow(item, condition);
      return attempt(`put ${item.pk} ${item.sk}`, async () => {
        if (condition) return putIf(ready, below);
        await client.send(new PutItemCommand({ TableName, Item: attributes(ready) }));
        return true;
      });
    },
    remove: async (pk, sk) => {
      checkKey(pk, sk);
      await attempt(`remove ${pk} ${sk}`, () => client.send(new DeleteItemCommand({ TableName, Key: key(pk, sk) })));
    },
  };
}
