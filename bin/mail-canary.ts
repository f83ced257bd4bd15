#!/usr/bin/env node
/** The command line tool. Each command is one file; this is the list of them, and how a run ends. */
import { Command, CommanderError } from 'commander';
import { SettingsError } from '../lambdas/settings/load.ts';
import * as check from './commands/check.ts';
import { UsageError } from './commands/command.ts';
import * as conformance from './commands/conformance.ts';
import * as enroll from './commands/enroll.ts';
import * as schema from './commands/schema.ts';
import * as watch from './commands/watch.ts';

const commands = [check, watch, enroll, conformance, schema];

/** Commander's words as one line, like every other mistake of the caller. */
const oneLine = (text: string): string =>
  `${text
    .replace(/^error: /, '')
    .trim()
    .replace(/\.?\s*\n/g, ' ')
    .replace(/\.$/, '')} (add --help for usage and examples)\n`;

const main = async (): Promise<number> => {
  let status = 0;
  const program = new Command('mail-canary')
    .description("Sends canary mails through each host's own way of sending mail and confirms that they arrive.")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) });
  const end = (code: number) => {
    status = code;
  };
  for (const { register } of commands) register(program, end);
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 1 ? 2 : error.exitCode;
    if (error instanceof SettingsError || error instanceof UsageError) {
      process.stderr.write(`${error.message}\n`);
      return 2;
    }
    throw error;
  }
  return status;
};

// A reader that has seen enough (`| head`) closes the pipe.
process.stdout.on('error', (error) => {
  if (!('code' in error && error.code === 'EPIPE')) throw error;
  process.exit();
});
process.exitCode = await main();
