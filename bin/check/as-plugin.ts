/** Runs a check as a monitoring plugin: whatever goes wrong on our side is UNKNOWN, said on standard output. */
import { CommanderError } from 'commander';
import { type Plugin, unknownPlugin } from './nagios.ts';

const said = ({ text, status }: Plugin): number => {
  process.stdout.write(text);
  return status;
};

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown error');

/** Resolves with the exit status; never rejects. */
export const asPlugin = async (check: () => Promise<Plugin>): Promise<number> => {
  // A bug that nobody awaits would end the process with 1, which a monitoring system reads as WARNING.
  const crashed = (error: unknown) => process.exit(said(unknownPlugin(`it failed: ${wordsOf(error)}`)));
  process.once('uncaughtException', crashed);
  try {
    return said(await check());
  } catch (error) {
    return said(unknownPlugin(wordsOf(error)));
  } finally {
    process.off('uncaughtException', crashed);
  }
};

/** Wrong words on the command line, when the plugin's output was asked for: the error to end with. */
export const usageAsPlugin = ({ code, message, exitCode }: CommanderError): CommanderError =>
  exitCode === 0
    ? new CommanderError(0, code, message)
    : new CommanderError(said(unknownPlugin(message.replace(/^error: /, ''))), code, message);
