/** The ledger's items: today's writers and readers against the files of format 1, byte for byte. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { format, type Items, itemsOf, UnknownFormat } from '../../lambdas/core/items.ts';
import type { Item, Ledger } from '../../lambdas/core/ports.ts';
import {
  at,
  batch,
  confirmClock,
  enrolment,
  handovers,
  hello,
  host,
  incident,
  lane,
  mailbox,
  note,
  planClock,
  slot,
  tally,
} from './item-values.ts';

const folder = new URL('../fixtures/items/v1/', import.meta.url);
const fixture = (name: string) => readFileSync(new URL(`${name}.json`, folder), 'utf8');

/** Each item: how it is written today, how it is read, and what is read. */
const kinds: {
  readonly [name: string]: {
    readonly write: (items: Items) => Promise<unknown>;
    readonly read: (items: Items) => Promise<unknown>;
    readonly value: unknown;
  };
} = {
  host: { write: (items) => items.putHost(host), read: (items) => items.hosts(), value: [host] },
  batch: {
    write: (items) => items.putBatch(batch, at),
    read: (items) => items.batches(slot),
    value: [{ ...batch, handovers: undefined }],
  },
  handovers: {
    write: (items) => items.putHandovers(batch, handovers, at),
    read: (items) => items.handovers(batch),
    value: handovers,
  },
  lane: {
    write: (items) => items.putLane('app.0', lane, 41, 40),
    read: (items) => items.lanes(),
    value: new Map([['app.0', lane]]),
  },
  tally: { write: (items) => items.putTally(tally, at), read: (items) => items.tallies(40), value: [tally] },
  incident: {
    write: (items) => items.putIncident(incident, 41),
    read: (items) => items.incidents(),
    value: [incident],
  },
  note: {
    write: (items) => items.putNote(note, at),
    read: async (items) => {
      await items.putBatch(batch, at);
      return (await items.batches(slot)).flatMap(({ notes = [] }) => notes);
    },
    value: [note],
  },
  hello: {
    write: (items) => items.putHello(hello),
    read: async (items) => [await items.hello(hello.id, hello.path), await items.hellos()],
    value: [hello, [hello]],
  },
  enrolment: {
    write: (items) => items.putEnrolment(enrolment),
    read: async (items) => [await items.enrolment(enrolment.id), await items.enrolments()],
    value: [enrolment, [enrolment]],
  },
  mailbox: {
    write: (items) => items.putMailbox('outside', mailbox, 41),
    read: (items) => items.mailbox('outside'),
    value: mailbox,
  },
  'clock-plan': {
    write: (items) => items.putPlanClock(planClock),
    read: (items) => items.planClock(),
    value: planClock,
  },
  'clock-confirm': {
    write: (items) => items.putConfirmClock(confirmClock, 'take'),
    read: (items) => items.confirmClock(),
    value: confirmClock,
  },
};

/** What a writer hands to the store. */
const written = async (write: (items: Items) => Promise<unknown>): Promise<Item[]> => {
  const puts: Item[] = [];
  const ledger: Ledger = {
    ...memoryLedger(),
    put: async (item) => {
      puts.push(item);
      return true;
    },
  };
  await write(itemsOf(ledger));
  return puts;
};

const holding = async (item: Item): Promise<Items> => {
  const ledger = memoryLedger();
  await ledger.put(item);
  return itemsOf(ledger);
};

test('there is one file for each kind of item', () => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  expect(files.map((file) => file.replace('.json', '')).sort()).toEqual(Object.keys(kinds).sort());
});

describe.each(Object.entries(kinds))('the item %s', (name, { write, read, value }) => {
  test('is written as in its file, byte for byte', async () => {
    const [item, ...more] = await written(write);
    expect(more).toEqual([]);
    expect(`${JSON.stringify(item, null, 2)}\n`).toBe(fixture(name));
  });

  test('is read from its file', async () => {
    expect(await read(await holding(JSON.parse(fixture(name)) as Item))).toEqual(value);
  });

  test('of a newer format is refused, with the key, the format and what this version can read', async () => {
    const item = JSON.parse(fixture(name)) as Item;
    const newer = await holding({ ...item, v: format + 1 });
    // Handovers are also read with the batches of their slot.
    const reads = name === 'handovers' ? [read(newer), newer.batches(slot)] : [read(newer)];
    for (const reading of reads) {
      const error = await reading.catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(UnknownFormat);
      expect(String(error)).toContain(`${item.pk} / ${item.sk} has format 2, this version reads up to 1`);
    }
  });
});

describe('conditions', () => {
  test('a batch and its handovers are written once, and read together', async () => {
    const items = itemsOf(memoryLedger());
    expect(await items.putBatch(batch, at)).toBe(true);
    expect(await items.putBatch({ ...batch, routes: [] }, at)).toBe(false);
    expect(await items.putHandovers(batch, handovers, at)).toBe(true);
    expect(await items.putHandovers(batch, [], at)).toBe(false);
    expect(await items.batches(slot)).toEqual([{ ...batch, handovers }]);
  });

  test('a lane is written only over an older round', async () => {
    const items = itemsOf(memoryLedger());
    expect(await items.putLane('app.0', lane, 41, 40)).toBe(true);
    expect(await items.putLane('app.0', lane, 41, 40)).toBe(false);
    expect(await items.putLane('app.0', lane, 42, 41)).toBe(true);
  });

  test('a lease is taken by one of two that have the same round', async () => {
    const items = itemsOf(memoryLedger());
    expect(await items.putConfirmClock(confirmClock, 'take')).toBe(true);
    expect(await items.putConfirmClock(confirmClock, 'take')).toBe(false);
    expect(await items.putConfirmClock({ ...confirmClock, ended: 41 }, 'end')).toBe(true);
    expect(await items.putConfirmClock({ ...confirmClock, round: 42 }, 'take')).toBe(true);
    expect(await items.putConfirmClock(confirmClock, 'end')).toBe(false);
  });

  test('tallies are read from a round on, oldest first, however many there are', async () => {
    const items = itemsOf(memoryLedger());
    for (const round of [9, 10, 100, 11]) await items.putTally({ ...tally, round }, at);
    expect((await items.tallies(9)).map(({ round }) => round)).toEqual([10, 11, 100]);
    await items.putTallyDone({ ...tally, round: 10 }, at);
    expect((await items.tallies(9)).map(({ done }) => done)).toEqual([true, false, false]);
  });

  test('a mailbox that nobody has looked into is unproven', async () => {
    expect(await itemsOf(memoryLedger()).mailbox('outside')).toEqual({ unseen: 0 });
  });
});
