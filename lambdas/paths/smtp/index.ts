/** Submission over SMTP: through the host's own mail server (`{host.address}`), or from the machine that runs the round. */
import { definePath } from '../kind.ts';
import { explains } from './explain.ts';
import { openSmtp } from './send.ts';
import { isTemplated, mistakesOf, portOf, type SmtpSettings, secretsOf, serverAt, shape } from './settings.ts';

export const smtp = definePath({
  kind: 'smtp',
  settings: shape,
  leavesFromHost: isTemplated,
  submitted: isTemplated,
  sharedServer: (settings: SmtpSettings) =>
    isTemplated(settings) ? undefined : serverAt(settings.host, portOf(settings)),
  secrets: secretsOf,
  needs: () => [],
  open: openSmtp,
  mistakes: mistakesOf,
  explains,
});
