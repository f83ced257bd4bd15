/** Groups of mailboxes that would make it a matter of luck what a canary proves. */
import { groupsOf } from '../core/groups.ts';
import type { Mistake } from './checks.ts';
import type { Settings } from './schema.ts';

/** Groups that are called like a bounces mailbox, and groups of mailboxes inside and outside our own domains. */
export const groupMistakesOf = (
  { mailboxes, bounces }: Pick<Settings, 'mailboxes' | 'bounces'>,
  inside: (mailbox: string) => boolean,
): Mistake[] =>
  [...groupsOf(mailboxes)].flatMap(([group, members]): Mistake[] => {
    const [first = ''] = members;
    const side = (name: string) => (inside(name) ? 'inside' : 'outside');
    const other = members.find((name) => side(name) !== side(first));
    return [
      ...(Object.hasOwn(bounces, group)
        ? [
            {
              at: ['mailboxes', first, 'group'],
              message: `must have another name than a mailbox, got ${JSON.stringify(group)}`,
            },
          ]
        : []),
      ...(other === undefined
        ? []
        : [
            {
              at: ['mailboxes', other, 'group'],
              message: `must not mix mailboxes inside and outside our own domains, or a hash would decide which hosts are proven: ${first} is ${side(first)}, ${other} is ${side(other)}`,
            },
          ]),
    ];
  });
