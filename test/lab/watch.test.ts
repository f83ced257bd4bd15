/** `watch` as a process of its own, killed twice at bad moments: everything that was expected is settled, and once. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileLedger } from '../../lambdas/adapters/ledger-file.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { type Lab, startLab } from './postfix.ts';
import { everythingIn, killAll, leaked, mailboxesOf, type Tool, toolFor } from './tool.ts';

const address = '127.0.0.11';
const minute = 60_000;
let lab: Lab;
let tool: Tool;
const children: ChildProcess[] = [];

beforeAll(async () => {
  lab = await startLab();
  tool = toolFor(lab);
  await lab.trust([address]);
});

afterAll(async () => {
  for (const child of children) await killAll({ child }, 'SIGKILL');
  await lab?.stop();
});

const until = async (what: string, seconds: number, holds: () => Promise<boolean> | boolean): Promise<void> => {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`in vain until ${what}: ${tool.printed()}`);
    await sleep(100);
  }
};

/** What the ledger holds at this moment; other processes may write at the same time. */
const ledgerIn = async (folder: string, slots: readonly number[]) => {
  const ledger = fileLedger(join(folder, '.mail-canary/lab/ledger.sqlite'));
  try {
    const items = itemsOf(ledger);
    const batches = (await Promise.all(slots.map((slot) => items.batches(slot)))).flat();
    const expected = batches.flatMap(({ slot, routes }) => routes.map((route) => `${route} ${slot}`));
    const records = [...(await items.lanes()).values()].flatMap(({ routes }) =>
      Object.entries(routes).flatMap(([route, { records }]) =>
        records.map((record) => ({ ...record, canary: `${route} ${record.slot}` })),
      ),
    );
    return { batches, expected, records, tallies: await items.tallies(0), clock: await items.confirmClock() };
  } finally {
    ledger.close();
  }
};

test('killed while it sends, and killed before it has seen what arrived', { timeout: 420_000 }, async () => {
  const settings = {
    name: 'lab',
    every: '1 minute',
    deliverWithin: '45 s',
    lostAfter: '45 s',
    mailboxes: mailboxesOf(lab),
    paths: {
      relay: {
        kind: 'smtp',
        host: lab.relay.host,
        port: lab.relay.port,
        from: 'orders@example.test',
        localAddress: address,
        requireTls: true,
        tls: { ca: `file:${lab.imap.ca}` },
      },
    },
    hosts: [{ id: 'web-01', address, paths: ['relay'] }],
  };
  const first = Math.floor(Date.now() / minute);
  const slots = () => Array.from({ length: Math.floor(Date.now() / minute) - first + 1 }, (_, index) => first + index);
  const watch = (folder?: string) => {
    const started = tool.start('watch', settings, folder === undefined ? {} : { folder });
    children.push(started.child);
    return started;
  };
  const taken = () => lab.log().split('status=sent').length - 1;

  lab.rule({ 'orders@example.test': 'slow' });
  const begun = watch();
  const { folder } = begun;
  // A regular batch leaves up to 45 s after it was planned.
  await until(
    'both canaries are on their way',
    75,
    () => lab.log().split(`connect from unknown[${address}]`).length > 2,
  );
  // A round that is killed keeps its lease for 90 s; that is right, and too long for a test.
  const resting = async () => (await ledgerIn(folder, [])).clock?.leaseUntil === 0;
  await until('the first round has ended', 10, resting);
  await killAll(begun, 'SIGKILL');
  const stored = await ledgerIn(folder, slots());
  expect(stored.expected.length).toBeGreaterThan(1);
  expect(stored.batches.map(({ handovers }) => handovers)).toEqual(stored.batches.map(() => undefined));
  expect(stored.records).toEqual([]);
  expect(taken()).toBe(0);

  lab.rule({});
  const second = watch(folder);
  await until('the relay has delivered', 30, () => taken() >= 2);
  await until('the round has ended', 10, resting);
  await killAll(second, 'SIGKILL');
  expect(tool.printed().toString()).toContain('2 canaries that were stored and not sent are sent now');

  const third = watch(folder);
  let done: Awaited<ReturnType<typeof ledgerIn>> | undefined;
  await until('two minutes are settled', 240, async () => {
    // Of the minute that is under way, canaries may be pending at any moment.
    const now = await ledgerIn(folder, slots().slice(0, -1));
    const settled = new Set(now.records.map(({ canary }) => canary));
    const minutes = new Set(now.records.map(({ slot }) => slot));
    if (minutes.size < 2 || !now.expected.every((canary) => settled.has(canary))) return false;
    done = now;
    return true;
  });
  await killAll(third, 'SIGTERM');
  expect(tool.printed().toString()).toContain('ended; what is under way is judged at the next start');

  const { records, tallies } = await ledgerIn(folder, slots());
  const expected = done?.expected ?? [];
  expect(expected).toEqual(expect.arrayContaining(stored.expected));
  const mine = records.filter(({ canary }) => expected.includes(canary));
  expect(mine.map(({ canary }) => canary).sort()).toEqual([...expected].sort());
  expect(mine.filter(({ verdict, was }) => verdict !== 'delivered' || was !== undefined)).toEqual([]);
  // What CloudWatch would have got: each canary once, under every set of dimensions.
  const counted = tallies
    .flatMap(({ points }) => points)
    .filter(({ name, dimensions }) => name === 'Canaries' && dimensions.Path !== undefined)
    .flatMap(({ counts }) => counts)
    .reduce((sum, count) => sum + count, 0);
  expect(counted).toBe(records.length);
  expect(tallies.every(({ done }) => done)).toBe(true);
  expect(tool.printed().toString()).not.toMatch(/INCIDENT|failed|cannot be read/);

  const settled = new Set(mine.map(({ slot }) => String(slot)));
  for (const user of Object.values(lab.mailboxes)) {
    const left = (await everythingIn(lab, user)).map(({ raw }) => /^X-Mail-Canary: .*\bs=(\d+);/m.exec(raw)?.[1]);
    expect(left.filter((slot) => slot === undefined || settled.has(slot))).toEqual([]);
  }
  expect(leaked(tool.printed(), [lab.imap.password])).toEqual([]);
});
