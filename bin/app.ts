/** The CDK app: reads the settings, bundles the functions, one stack. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { loadSettings, SettingsError } from '../lambdas/settings/load.ts';
import { bundle } from '../lib/bundles.ts';
import { stackSettingsOf } from '../lib/from-settings.ts';
import { MailCanary } from '../lib/mail-canary.ts';
import { packageRoot } from '../lib/package-root.ts';

/** Where the caller stands: bin/cdk.ts says so for npm scripts; a direct `cdk` is run from there. */
const caller = process.env.MAIL_CANARY_CALLER ?? process.cwd();

/** The settings: those that were named, else the caller's own, else (for `npm run synth` only) the example. */
const settingsFile = (app: App): string => {
  const named: unknown = app.node.tryGetContext('settings');
  if (typeof named === 'string') return resolve(caller, named);
  const own = resolve(caller, 'mail-canary.yaml');
  const example: unknown = app.node.tryGetContext('example');
  if (existsSync(own) || typeof example !== 'string') return own;
  process.stderr.write(`no mail-canary.yaml here: this is the stack of ${example}; name yours with -c settings=FILE\n`);
  return resolve(packageRoot, example);
};

const main = async (): Promise<void> => {
  const app = new App();
  const { settings, warnings } = loadSettings(settingsFile(app), 'stack', caller);
  for (const warning of warnings) process.stderr.write(`warning ${warning}\n`);
  await bundle();
  const stack = new Stack(app, `mail-canary-${settings.name}`, {
    description: 'Mail Canary: watches that web hosts can send mail',
  });
  new MailCanary(stack, 'MailCanary', { settings: stackSettingsOf(settings) });
  app.synth();
};

try {
  await main();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
