/** What the commands of the tool share: reading settings, finding the caller's files, and how they end. */
import { resolve } from 'node:path';
import ms from 'ms';
import { type Loaded, loadSettings, SettingsError } from '../../lambdas/settings/load.ts';
import { localSecrets } from '../../lambdas/wiring/local.ts';

/** Wrong words on the command line, or bad settings: exit status 2, the message alone. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** npm runs scripts in the package's folder and says in INIT_CWD where the caller stands: relative paths are the caller's. */
export const callersFolder = (): string => process.env.INIT_CWD ?? process.cwd();

export const defaultSettings = 'mail-canary.yaml';

/** Reads the settings of the caller and every secret that they name, so that a missing one is found before any mail is sent. */
export const readSettings = async (
  file: string,
): Promise<
  Loaded & {
    readonly secret: (reference: string) => Promise<string>;
    readonly putSecret: (reference: string, value: string) => Promise<void>;
  }
> => {
  const folder = callersFolder();
  const loaded = loadSettings(resolve(folder, file), 'local', folder);
  const { read: secret, write: putSecret } = localSecrets(process.env, folder);
  const failures = await Promise.all(
    loaded.secrets.map(async ({ at, reference }) => {
      try {
        await secret(reference);
        return [];
      } catch (error) {
        return [
          loaded.complain({
            at,
            message: `cannot be resolved: ${error instanceof Error ? error.message : 'unknown error'}`,
          }),
        ];
      }
    }),
  );
  if (failures.flat().length > 0) throw new SettingsError(failures.flat().join('\n'));
  return { ...loaded, secret, putSecret };
};

/** A duration of the command line ("90s", "10 minutes"). */
export const durationOf = (option: string, text: string): number => {
  const value = /\d\s*[a-z]+\s*$/i.test(text) ? ms(text as ms.StringValue) : undefined;
  if (value === undefined || !(value > 0))
    throw new UsageError(`${option} must be a duration such as "90s" or "10 minutes", got "${text}"`);
  return value;
};

/** A name of the settings. */
export const knownName = (option: string, name: string, names: readonly string[]): string => {
  if (!names.includes(name)) throw new UsageError(`${option} must be one of ${names.join(', ')}, got "${name}"`);
  return name;
};
