/** Random mailboxes: what lies in them, in which folders and under which flags, and what fails while a round is at them. */
import fc from 'fast-check';
import type { Faults } from '../../demo/servers/imap/options.ts';
import { foreignKinds, forms } from './foreign-mails.ts';
import { hosts, type MailDrawn, type Story } from './foreign-rounds.ts';
import { foldersDrawn } from './foreign-world.ts';

const keysOf = <T extends object>(table: T) => Object.keys(table) as (keyof T)[];

/** One thing that anybody may have written. */
const words = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
const place = {
  folder: fc.oneof(
    { arbitrary: fc.constantFrom(...foldersDrawn), weight: 1 },
    { arbitrary: fc.constant('INBOX'), weight: 2 },
  ),
  flags: fc.subarray(['\\Seen', '\\Deleted', '\\Flagged', '\\Answered', '$Label1']),
  age: fc.integer({ min: 0, max: 40 }),
} as const;
const theirs = fc.record({
  ...place,
  foreign: fc.constantFrom(...keysOf(foreignKinds)),
  of: fc.nat({ max: hosts.length - 1 }),
  words,
});
const ours = fc.record({
  ...place,
  own: fc.constantFrom(...keysOf(forms)),
  of: fc.oneof(
    { arbitrary: fc.nat({ max: hosts.length - 1 }), weight: 6 },
    { arbitrary: fc.constantFrom('stray' as const, 'early' as const), weight: 1 },
  ),
});
const mail = fc.oneof({ arbitrary: theirs, weight: 2 }, { arbitrary: ours, weight: 1 }) as fc.Arbitrary<MailDrawn>;

/** Those first to which a failing story shrinks. */
const faults: fc.Arbitrary<Faults> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 5 },
  { arbitrary: fc.constant({ without: ['UIDPLUS', 'MOVE'] }), weight: 4 },
  { arbitrary: fc.constant({ without: ['MOVE'] }), weight: 1 },
  { arbitrary: fc.constant({ readOnly: true }), weight: 2 },
  { arbitrary: fc.constant({ keeps: 'all' as const }), weight: 1 },
  { arbitrary: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }).map((keeps) => ({ keeps })), weight: 1 },
  {
    arbitrary: fc
      .record({
        command: fc.constantFrom('UID STORE', 'UID EXPUNGE', 'EXPUNGE', 'SELECT', 'UID SEARCH'),
        said: fc.constantFrom('[NOPERM] not yours', '[CANNOT] on hold', 'no'),
        bare: fc.boolean(),
      })
      .map(({ command, said, bare }) => ({ no: { [command]: said }, ...(bare && { without: ['UIDPLUS'] }) })),
    weight: 3,
  },
  {
    arbitrary: fc
      .record({
        dropAt: fc.constantFrom('UID STORE', 'UID EXPUNGE', 'EXPUNGE', 'SELECT', 'UID SEARCH', 'UID FETCH', 'EXAMINE'),
        bare: fc.boolean(),
      })
      .map(({ dropAt, bare }) => ({ dropAt, ...(bare && { without: ['UIDPLUS'] }) })),
    weight: 2,
  },
  { arbitrary: fc.nat({ max: 6 }).map((dropAfter) => ({ dropAfter })), weight: 1 },
);

/** Mailboxes, and what goes wrong in them. */
export const stories: fc.Arbitrary<Story> = fc.record({
  mails: fc.array(mail, { maxLength: 10, size: 'max' }),
  faults,
  gmail: fc.oneof({ arbitrary: fc.constant(false), weight: 4 }, { arbitrary: fc.constant(true), weight: 1 }),
  senders: fc.oneof({ arbitrary: fc.constant(false), weight: 5 }, { arbitrary: fc.constant(true), weight: 1 }),
  archive: fc.boolean(),
  again: fc.oneof({ arbitrary: fc.constant(false), weight: 4 }, { arbitrary: fc.constant(true), weight: 1 }),
  known: fc.oneof({ arbitrary: fc.constant(true), weight: 7 }, { arbitrary: fc.constant(false), weight: 1 }),
});
