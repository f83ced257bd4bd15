/** Removing our own mail: what waits, what is left behind, what is tried again and when. */
import { describe, expect, test } from 'vitest';
import { cleanUp } from '../../lambdas/core/cleaning.ts';
import type { MailboxState } from '../../lambdas/core/items.ts';
import type { Mailbox, Removal } from '../../lambdas/core/ports.ts';
import type { Place } from '../../lambdas/core/words.ts';
import { limits, minute, slot0 } from './fleet.ts';

const now = slot0 * minute;
const places: readonly Place[] = [{ folder: 'INBOX', uidValidity: '1', uid: 7 }];
const detail = 'NO [NOPERM] not allowed';

const mailboxThat = (remove: () => Promise<Removal>) => {
  let calls = 0;
  const mailbox: Mailbox = {
    look: () => Promise.reject(new Error('nobody asked')),
    remove: () => {
      calls += 1;
      return remove();
    },
    close: async () => undefined,
  };
  return { mailbox, calls: () => calls };
};
const refusing = (readOnly: boolean) => mailboxThat(async () => ({ removed: 0, refused: { readOnly, detail } }));

/** As many rounds, a minute apart, each with the same mail. */
const rounds = async (mailbox: Mailbox, count: number, before: MailboxState = { unseen: 0 }) => {
  let state = before;
  let last = await cleanUp(mailbox, places, state, limits, now);
  for (let round = 1; round < count; round += 1) {
    state = { ...state, unremoved: last.unremoved, stuck: last.stuck };
    last = await cleanUp(mailbox, places, state, limits, now + round * minute);
  }
  return last;
};

describe('clean-up', () => {
  test('removes, and forgets that it could not before', async () => {
    const { mailbox } = mailboxThat(async () => ({ removed: 1 }));
    const stuck = { since: now, readOnly: false, detail, rounds: 3, nextTry: now };
    expect(await cleanUp(mailbox, places, { unseen: 0, unremoved: 4, stuck }, limits, now)).toEqual({
      waiting: [],
      unremoved: 0,
      stuck: undefined,
    });
  });

  test('asks nobody when there is nothing to remove', async () => {
    const { mailbox, calls } = refusing(false);
    await cleanUp(mailbox, [], undefined, limits, now);
    expect(calls()).toBe(0);
  });

  test('a server that refuses is asked again, and holds the cursor for some rounds only', async () => {
    const { mailbox, calls } = refusing(false);
    expect(await rounds(mailbox, limits.removals)).toMatchObject({
      waiting: places,
      stuck: { rounds: limits.removals },
    });
    const left = await rounds(mailbox, limits.removals + 1);
    expect(left).toMatchObject({ waiting: [], stuck: { rounds: limits.removals + 1, since: now, detail } });
    expect(left).not.toHaveProperty('error');
    expect(calls()).toBe(2 * limits.removals + 1);
  });

  test('a mailbox that may only be read holds nothing up, and is tried once an hour', async () => {
    const { mailbox, calls } = refusing(true);
    expect((await rounds(refusing(true).mailbox, 1)).waiting).toEqual([]);
    expect(await rounds(mailbox, 60)).toMatchObject({ waiting: [], stuck: { readOnly: true, rounds: 1 } });
    expect(calls()).toBe(1);
    expect(await rounds(mailbox, 62)).toMatchObject({ stuck: { rounds: 2 } });
    expect(calls()).toBe(3);
  });

  test('what failed is a problem of ours, and is tried again', async () => {
    const error = new Error('the connection ended');
    const { mailbox } = mailboxThat(() => Promise.reject(error));
    expect(await rounds(mailbox, 2)).toEqual({ waiting: places, unremoved: 2, stuck: undefined, error });
    expect(await rounds(mailbox, limits.removals + 1)).toMatchObject({ waiting: [], unremoved: limits.removals + 1 });
  });
});
