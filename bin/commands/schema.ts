/** `schema`: the JSON Schema of the settings, for editors. */
import type { Command } from 'commander';
import * as z from 'zod';
import { settingsSchema } from '../../lambdas/settings/schema.ts';

/** The schema of a settings file as people write it: durations as text, defaults not required. */
export const jsonSchema = (): string =>
  `${JSON.stringify({ ...z.toJSONSchema(settingsSchema, { io: 'input', unrepresentable: 'any' }), title: 'Mail Canary settings' }, null, 2)}\n`;

export const register = (program: Command, end: (status: number) => void): void => {
  program
    .command('schema')
    .description('print the JSON Schema of the settings (mail-canary.schema.json)')
    .addHelpText('after', '\nExample:\n  npm run --silent schema > mail-canary.schema.json')
    .action(() => {
      process.stdout.write(jsonSchema());
      end(0);
    });
};
