/** Login to a mailbox of Google Workspace as a service account with domain-wide delegation, whose key opens every mailbox. */

import * as z from 'zod';
import { googleTokenUrl, serviceAccountGrant } from '../../oauth/jwt-bearer.ts';
import { tokenSource } from '../../oauth/token.ts';
import { address, secretReference } from '../../settings/types.ts';
import { defineAuth } from './kind.ts';
import { tokenLogin } from './token-login.ts';

type GoogleWorkspaceSettings = {
  readonly user: string;
  readonly key: string;
  readonly keyReadsEveryMailbox: true;
};

const settings = {
  /** The mailbox, by its address. */
  user: address(),
  /** The service account's key, the JSON file as it was downloaded. */
  key: secretReference(),
  keyReadsEveryMailbox: z.literal(true, {
    error: (issue) =>
      `must be true, to show that it is known: this key can read every mailbox of the company, where kind oauth2 needs a token of this one mailbox only, got ${JSON.stringify(issue.input)}`,
  }),
} as const;

export const googleWorkspace = defineAuth({
  kind: 'google-workspace',
  settings,
  secrets: ({ key }: GoogleWorkspaceSettings) => [key],
  needs: () => [],
  servers: () => [new URL(googleTokenUrl).host],
  open: ({ user, key }, context) => {
    const grant = serviceAccountGrant({ key, user, scope: 'https://mail.google.com/' }, context.secret, context.now);
    const source = tokenSource({ url: googleTokenUrl, grant, now: context.now });
    return tokenLogin({ user, source, asking: 'service-account' });
  },
});
