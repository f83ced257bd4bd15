/** Opens every mailbox of the settings: those in which canaries arrive, and those that are read for bounces only. */
import type { Mailbox } from '../core/ports.ts';
import type { AuthContext } from '../mailbox/auth/kind.ts';
import { openMailbox } from '../mailbox/reader.ts';
import type { Deployed } from '../settings/deployed.ts';

/** The mailboxes by name. Nothing is connected before the first look. */
export const openMailboxes = (
  { mailboxes, bounces }: Pick<Deployed, 'mailboxes' | 'bounces'>,
  context: Omit<AuthContext, 'name'>,
): Readonly<Record<string, Mailbox>> =>
  Object.fromEntries([
    ...Object.entries(mailboxes).map(
      ([name, settings]) => [name, openMailbox(settings, { ...context, name })] as const,
    ),
    ...Object.entries(bounces).map(
      ([name, settings]) => [name, openMailbox({ ...settings, bouncesOnly: true }, { ...context, name })] as const,
    ),
  ]);
