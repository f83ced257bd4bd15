/** From the settings of the file to what the stack needs to know: needs and secrets of the kinds in use, and the layer. */
import { needsOf, secretsOf, writesOf } from '../lambdas/mailbox/auth/index.ts';
import { kindOf } from '../lambdas/settings/checks.ts';
import { deployedOf } from '../lambdas/settings/deployed.ts';
import type { Settings } from '../lambdas/settings/schema.ts';
import type { StackSettings } from './stack-settings.ts';

/** Derives what `MailCanary` takes from settings that were loaded for a stack (`loadSettings(file, 'stack')`). */
export const stackSettingsOf = (settings: Settings): StackSettings => {
  const paths = Object.values(settings.paths);
  const mailboxes = [...Object.values(settings.mailboxes), ...Object.values(settings.bounces)];
  return {
    name: settings.name,
    alarms: settings.alarms,
    pathNeeds: paths.flatMap((path) => kindOf(path.kind).needs(path)),
    pathSecrets: paths.flatMap((path) => kindOf(path.kind).secrets(path)),
    outcomeNeeds: paths.flatMap((path) => kindOf(path.kind).outcomeNeeds?.(path) ?? []),
    parts: [...new Set(paths.flatMap((path) => kindOf(path.kind).parts?.(path) ?? []))].sort(),
    network: settings.network,
    mailboxNeeds: mailboxes.flatMap(({ auth }) => needsOf(auth)),
    mailboxSecrets: mailboxes.flatMap(({ auth }) => secretsOf(auth)),
    mailboxWrites: mailboxes.flatMap(({ auth }) => writesOf(auth)),
    json: deployedOf(settings),
  };
};
