/** What the schema cannot say of mailboxes: groups that must exist, logins that must be possible, verdicts that somebody must give. */
import { groupsOf } from '../core/groups.ts';
import { authMistakesOf } from '../mailbox/auth/index.ts';
import type { Mistake } from './checks.ts';
import type { Settings } from './schema.ts';

/** Mistakes in the mailboxes, their groups and their logins. */
export const mailboxMistakesOf = ({ mailboxes, bounces }: Settings, deployed: boolean): Mistake[] => [
  ...(['mailboxes', 'bounces'] as const).flatMap((where) =>
    Object.entries(where === 'mailboxes' ? mailboxes : bounces).flatMap(([name, { auth }]) =>
      authMistakesOf(auth, deployed).map(({ key, message }) => ({
        at: [where, name, 'auth', ...(key === undefined ? [] : [key])],
        message,
      })),
    ),
  ),
  ...Object.entries(mailboxes).flatMap(([name, { group, mustAuthenticate, trustedAuthservId }]): Mistake[] => [
    ...(group !== undefined && Object.hasOwn(mailboxes, group)
      ? [
          {
            at: ['mailboxes', name, 'group'],
            message: `must have another name than a mailbox, got ${JSON.stringify(group)}`,
          },
        ]
      : []),
    ...(mustAuthenticate && trustedAuthservId === undefined
      ? [
          {
            at: ['mailboxes', name, 'mustAuthenticate'],
            message: 'needs "trustedAuthservId": without a server that is trusted, nobody judges the sender',
          },
        ]
      : []),
  ]),
];

/** What a host may name under "mailboxes": mailboxes, and groups of them. */
export const nameable = ({ mailboxes }: Pick<Settings, 'mailboxes'>): string[] => [
  ...Object.keys(mailboxes),
  ...groupsOf(mailboxes).keys(),
];
