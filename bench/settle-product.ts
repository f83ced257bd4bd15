/** One confirm round that settles all canaries of a slot: ledger in memory, one mailbox, everything stored before the clock starts. */
import { once } from 'node:events';
import { memoryLedger } from '../lambdas/adapters/ledger-memory.ts';
import { confirm } from '../lambdas/core/confirm.ts';
import { itemsOf } from '../lambdas/core/items.ts';
import { limitsFor } from '../lambdas/core/limits.ts';
import { laneWidth } from '../lambdas/core/monitor.ts';
import { openMailbox } from '../lambdas/mailbox/reader.ts';
import { measured, scenarioOf } from './measured.ts';
import { loopback, mailbox, sender } from './scenario.ts';
import { hostOf, key, minute, routeOf, type SettleScenario, sentAtOf } from './settle-scenario.ts';

const { canaries, slot, earlier, port, user, password, ca } = scenarioOf<SettleScenario>(process.argv);

const monitor = {
  name: 'bench',
  limits: limitsFor({ lostAfter: 15 * minute }),
  paths: {
    mta: {
      every: 10 * minute,
      deliverWithin: 2 * minute,
      timeout: minute,
      from: sender,
      autoSubmitted: true,
      connections: 2,
    },
  },
  mailboxes: { outside: { address: mailbox.address, inside: false } },
};
const ledger = memoryLedger();
const items = itemsOf(ledger);

const storeHosts = async (): Promise<void> => {
  for (let index = 0; index < canaries; index += 1)
    await items.putHost({
      id: hostOf(index),
      address: `10.0.${index >> 8}.${index & 255}`,
      paths: ['mta'],
      mailboxes: ['outside'],
      services: [],
      customers: [],
      labels: {},
      seat: index,
      since: (slot - 60) * minute,
      missing: 0,
    });
};

/** The batch of each lane at a slot, with what was said of its canaries. */
const store = async (count: number, at: number): Promise<void> => {
  const indexes = Array.from({ length: count }, (_, index) => index);
  for (let first = 0; first < count; first += laneWidth) {
    const mine = indexes.slice(first, first + laneWidth);
    const batch = { slot: at, name: `mta.${first / laneWidth}`, path: 'mta', routes: mine.map(routeOf) };
    await items.putBatch(batch, at * minute);
    const handovers = mine.map((index) => ({
      state: 'accepted' as const,
      sentAt: sentAtOf(at, index),
      evidence: `250 2.0.0 Ok: queued as 4XyY${index}`,
      answeredBy: 'mail-gw-2.example.test',
      queueId: `4XyY${index}`,
    }));
    await items.putHandovers(batch, handovers, at * minute);
  }
};

const outside = openMailbox(
  {
    imap: {
      host: loopback,
      port,
      secure: ca !== undefined,
      ...(ca === undefined ? {} : { tls: { ca: `file:${ca}` } }),
    },
    auth: { kind: 'password', user, secret: 'env:PASSWORD' },
    timeout: minute,
    trustedAuthservId: 'mx.supplier.test',
  },
  { name: 'outside', now: Date.now, secret: async () => password },
);
const round = () =>
  confirm(
    {
      ledger,
      mailboxes: { outside },
      metrics: { publish: async () => {} },
      teller: { tell: async () => {} },
      now: Date.now,
    },
    monitor,
    { current: key },
  );

const told = async () => {
  process.send?.('ready');
  await once(process, 'message');
};

await storeHosts();
await store(earlier, slot - 1);
await told();
// Every round but the first has a cursor.
await round();
await outside.close();
await store(canaries, slot);
await told();
await measured(async () => {
  const done = await round();
  await outside.close();
  for (const { what, error } of done?.problems ?? []) console.error(what, error);
  for (const [name, { detail }] of done?.dark ?? []) console.error(name, detail);
  return { arrived: done?.settled.filter(({ judgement }) => judgement.verdict === 'delivered').length ?? 0 };
});
