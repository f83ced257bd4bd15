/** Through Amazon SES with one identity and configuration set: the account's own way out, sent as the pseudo-host `monitor`. */
import { definePath } from '../kind.ts';
import { explains } from './explain.ts';
import { openSes } from './send.ts';
import { configurationSetOf, mistakesOf, needsOf, type SesSettings, shape } from './settings.ts';

export const ses = definePath({
  kind: 'ses',
  settings: shape,
  leavesFromHost: () => false,
  // One account has one sending rate, whatever the identity.
  sharedServer: (_settings: SesSettings) => 'ses',
  secrets: () => [],
  needs: needsOf,
  parts: (settings: SesSettings) => {
    const set = configurationSetOf(settings, '{monitor}');
    return set === undefined ? [] : [`ses-events:${set}` as const];
  },
  explains,
  mistakes: mistakesOf,
  open: openSes,
});
