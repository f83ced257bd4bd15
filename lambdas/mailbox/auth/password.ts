/** Login with a user and a password (or an app password): SASL PLAIN, else LOGIN. */
import * as z from 'zod';
import { secretReference } from '../../settings/types.ts';
import { defineAuth } from './kind.ts';

const settings = {
  user: z
    .string({ error: (issue) => `must be the user name of the mailbox, got ${JSON.stringify(issue.input)}` })
    .min(1, { error: () => 'must be the user name of the mailbox, got ""' }),
  secret: secretReference(),
} as const;

export const password = defineAuth({
  kind: 'password',
  settings,
  secrets: ({ secret }: { readonly user: string; readonly secret: string }) => [secret],
  needs: () => [],
  open: ({ user, secret }, context) => ({ credentials: async () => ({ user, pass: await context.secret(secret) }) }),
});
