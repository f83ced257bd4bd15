/** Own mail in rounds of confirm: kept as evidence for as long as the settings say, then found by the sweep and removed. */
import { expect, test } from 'vitest';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import { confirm } from '../../lambdas/core/confirm.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import type { Ask, Removal } from '../../lambdas/core/ports.ts';
import type { MailSeen, Place } from '../../lambdas/core/words.ts';
import { hostOf, minute, monitorOf, outside, slot0 } from './fleet.ts';

const keys = { current: keyOf('k'.repeat(64)) };
const route = 'web-01/app/outside';
const hour = 60 * minute;

/** A monitor with one host and one mailbox, in which one canary arrived; rounds at the times that are asked for. */
const world = async (keep: number | undefined, removal: Partial<Removal> = {}) => {
  const ledger = memoryLedger();
  const items = itemsOf(ledger);
  const monitor = monitorOf({ mailboxes: { outside: { ...outside, ...(keep === undefined ? {} : { keep }) } } });
  const sentAt = slot0 * minute + 1000;
  const { headers, messageId } = mint(route, slot0, sentAt, keys.current, {
    from: 'orders@example.com',
    to: outside.address,
    autoSubmitted: true,
  });
  const canary: MailSeen = {
    place: { folder: 'INBOX', uidValidity: '1', uid: 1 },
    junk: false,
    internalDate: sentAt + 2000,
    canary: headers['X-Mail-Canary'],
    messageId,
    hops: [],
  };
  await items.putHost(hostOf('web-01', { since: sentAt - hour }));
  await items.putBatch({ slot: slot0, name: 'app.0', path: 'app', routes: [route] }, sentAt);
  await items.putHandovers(
    { slot: slot0, name: 'app.0', path: 'app', routes: [route] },
    [{ state: 'accepted', sentAt }],
    sentAt,
  );
  let isThere = true;
  let now = sentAt + 10_000;
  const asks: Ask[] = [];
  const removed: Place[] = [];
  const mailbox = {
    look: async (ask: Ask) => {
      asks.push(ask);
      const isNew = (ask.cursor?.INBOX?.uidNext ?? 1) <= 1;
      const isSwept = ask.sweep !== undefined && canary.internalDate < ask.sweep;
      return {
        state: 'looked' as const,
        at: now,
        complete: true,
        mails: isThere && (isNew || isSwept) ? [canary] : [],
        cursor: { INBOX: { uidValidity: '1', uidNext: 2 } },
      };
    },
    remove: async (places: readonly Place[]): Promise<Removal> => {
      if (removal.refused !== undefined) return { removed: 0, ...removal };
      removed.push(...places);
      isThere = false;
      return { removed: places.length };
    },
    close: async () => undefined,
  };
  const ports = {
    ledger,
    mailboxes: { outside: mailbox },
    metrics: { publish: async () => undefined },
    teller: { tell: async () => undefined },
    now: () => now,
  };
  return {
    items,
    asks,
    removed,
    round: async (after: number) => {
      now = sentAt + 10_000 + after;
      return confirm(ports, monitor, keys);
    },
  };
};

test('without keep a canary is removed in the round that judged it', async () => {
  const { round, removed } = await world(undefined);
  expect((await round(0))?.settled).toMatchObject([{ judgement: { verdict: 'delivered' } }]);
  expect(removed).toHaveLength(1);
});

test('with keep it stays, is judged once, and goes when its time is over', async () => {
  const { round, removed, asks } = await world(6 * hour);
  expect((await round(0))?.settled).toHaveLength(1);
  for (const hours of [1, 2, 5]) {
    const done = await round(hours * hour + minute);
    expect(done).toMatchObject({ settled: [], problems: [] });
  }
  expect(removed).toEqual([]);
  await round(6 * hour + 2 * minute);
  await round(7 * hour + 3 * minute);
  expect(removed).toEqual([{ folder: 'INBOX', uidValidity: '1', uid: 1 }]);
  expect(asks.filter(({ sweep }) => sweep !== undefined)).toHaveLength(6);
});

test('a mailbox that may only be read is no failure of the round, and is told', async () => {
  const { round, items } = await world(undefined, { refused: { readOnly: true, detail: 'folder "INBOX": read-only' } });
  const done = await round(0);
  expect(done).toMatchObject({
    problems: [],
    settled: [{ judgement: { verdict: 'delivered' } }],
    incidents: [],
  });
  const next = await round(minute);
  expect(next?.incidents).toMatchObject([
    { severity: 'note', cause: 'mailbox-read-only', evidence: 'folder "INBOX": read-only' },
  ]);
  expect((await items.mailbox('outside')).cursor).toEqual({ INBOX: { uidValidity: '1', uidNext: 2 } });
});
