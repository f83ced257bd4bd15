/** Where enrolments and the secret for keys are: in the state folder of a watch, or in the table and secret of a stack. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileLedger } from '../../lambdas/adapters/ledger-file.ts';
import { type Items, itemsOf } from '../../lambdas/core/items.ts';
import { localSecrets } from '../../lambdas/wiring/local.ts';
import { UsageError } from '../commands/command.ts';
import { heartbeatSecretIn } from './secret.ts';

export type Place = { readonly items: Items; readonly master: () => Promise<string>; readonly close: () => void };

/** Opens the state of a watch, which may be running. Throws UsageError when no watch has ever run there. */
export const placeOfWatch = (folder: string): Place => {
  if (!existsSync(join(folder, 'key')))
    throw new UsageError(
      `${folder} is no state of a watch: start "watch" with these settings once, name its folder with --state, or the stack's --table and --secret`,
    );
  const ledger = fileLedger(join(folder, 'ledger.sqlite'));
  return { items: itemsOf(ledger), master: async () => heartbeatSecretIn(folder), close: ledger.close };
};

/** Opens what a stack has, with the credentials of this machine. */
export const placeOfStack = async (table: string, secret: string): Promise<Place> => {
  const { DynamoDBClient } = await import('@aws-sdk/client-dynamodb');
  const { dynamoLedger } = await import('../../lambdas/adapters/ledger-dynamodb.ts');
  const client = new DynamoDBClient({});
  const { read } = localSecrets(process.env, process.cwd());
  return {
    items: itemsOf(dynamoLedger({ client, table })),
    master: async () => {
      try {
        return await read(`secretsmanager:${secret}`);
      } catch (error) {
        throw new UsageError(error instanceof Error ? error.message : 'the secret cannot be read', { cause: error });
      }
    },
    close: () => client.destroy(),
  };
};
