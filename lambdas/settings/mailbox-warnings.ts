/** What a user should know of the mailboxes, and that is no mistake. */
import { receivingWarnings } from './receiving.ts';
import type { Settings } from './schema.ts';

/** Without a server that is trusted to judge, a forger's word would be as good as anybody's: so nothing is judged. */
const unjudgedWarnings = ({ mailboxes }: Settings): string[] => {
  const names = Object.entries(mailboxes).flatMap(([name, { trustedAuthservId }]) =>
    trustedAuthservId === undefined ? [name] : [],
  );
  const has = names.length === 1 ? `mailbox ${names} has` : `mailboxes ${names.join(', ')} have`;
  return names.length === 0
    ? []
    : [`${has} no trustedAuthservId: whether SPF, DKIM and DMARC hold for a canary is not judged`];
};

/** Warnings about the mailboxes, one line each. */
export const mailboxWarnings = (settings: Settings): string[] => [
  ...unjudgedWarnings(settings),
  ...receivingWarnings(settings),
];
