/** The note round: who may say what of which canary, and what it leaves in the ledger. */
import { describe, expect, test } from 'vitest';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { canaryId, type HostKey } from '../../lambdas/core/canary.ts';
import { fleetId, fleetKey, hostKey, signTelling } from '../../lambdas/core/enrolment.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { clockTolerance, newNamesPerHour, note } from '../../lambdas/core/note.ts';
import type { Ledger } from '../../lambdas/core/ports.ts';
import type { Telling } from '../../lambdas/core/telling.ts';
import { hostOf, inside, minute, monitorOf, outside, pathPlan, slot0 } from './fleet.ts';

const master = 'the master secret';
const every = 15 * minute;
const monitor = monitorOf({
  paths: { app: pathPlan(), cron: pathPlan({ every, byHost: true }) },
  mailboxes: { outside, inside },
});
/** Three minutes into a period. */
const begins = slot0 * minute;
const now = begins + 3 * minute + 500;
const route = 'web-01/cron/outside';

const sending: Telling = {
  phase: 'sending',
  host: 'web-01',
  path: 'cron',
  fleet: false,
  generation: 1,
  slot: slot0,
  at: now - 2000,
  address: '10.0.1.1',
  mailboxes: ['outside'],
};
const done: Telling = {
  ...sending,
  phase: 'done',
  mailbox: 'outside',
  via: 'smtp',
  exit: 0,
  said: '< 220 mail-gw.example.test ESMTP Postfix\n> EHLO web-01\n< 250 mail-gw\n> MAIL FROM:<a@b>\n< 250 Ok\n> RCPT TO:<c@d>\n< 250 Ok\n> DATA\n< 354 go\n< 250 2.0.0 Ok: queued as 4F2B1\n',
  leftFrom: '10.0.1.1',
};

type Given = { readonly at?: number; readonly key?: HostKey; readonly timestamp?: number; readonly signature?: string };

const world = async () => {
  const ledger = memoryLedger();
  const asked: string[] = [];
  const watched: Ledger = {
    ...ledger,
    get: (pk, sk) => {
      asked.push(`${pk} ${sk}`);
      return ledger.get(pk, sk);
    },
    list: (pk, range) => {
      asked.push(`${pk} ${range?.from ?? ''}`);
      return ledger.list(pk, range);
    },
  };
  const items = itemsOf(ledger);
  await items.putHost(hostOf('web-01', { paths: ['app', 'cron'] }));
  await items.putHost(hostOf('web-02', { paths: ['cron'], mailboxes: ['outside', 'inside'] }));
  await items.putHost(hostOf('web-03', { paths: ['app'] }));
  const tell = (telling: Telling, { at = now, timestamp, key, signature }: Given = {}) => {
    const own = telling.fleet
      ? fleetKey(master, telling.generation)
      : hostKey(master, telling.host, telling.generation);
    const signed = { path: '/', timestamp: timestamp ?? Math.floor(at / 1000), body: JSON.stringify(telling) };
    return note({ ledger: watched, now: () => at, master: async () => master }, monitor, {
      telling,
      signed,
      signature: signature ?? signTelling((key ?? own).secret, signed),
    });
  };
  /** Notes of a slot, as confirm reads them. */
  const notes = async (...routes: readonly string[]) => {
    await items.putBatch({ slot: slot0, name: 'cron.0', path: 'cron', routes }, now);
    return (await items.batches(slot0)).flatMap((batch) => batch.notes ?? []);
  };
  return { items, tell, notes, asked };
};

describe('what a host tells of its own canary', () => {
  test('"about to send" is commanded, by our clock, from its address', async () => {
    const { tell, notes } = await world();
    expect(await tell(sending)).toEqual({ status: 200, body: { noted: 1 } });
    expect(await notes(route)).toEqual([
      {
        id: `tell.sending.${canaryId(route, slot0)}`,
        route,
        slot: slot0,
        at: now,
        // Told 2 s after it began, by its own clock, which counts whole seconds.
        says: { state: 'handed', handover: { state: 'commanded', sentAt: now - 1500, leftFrom: '10.0.1.1' } },
      },
    ]);
  });

  test('a host whose clock is 4 minutes slow is noted at our time', async () => {
    const { tell, notes } = await world();
    const slow = { ...sending, at: now - 4 * minute };
    expect(await tell(slow, { timestamp: Math.floor((now - 4 * minute) / 1000) + 1 })).toMatchObject({ status: 200 });
    const [{ says } = { says: undefined }] = await notes(route);
    expect(says).toMatchObject({ handover: { sentAt: expect.closeTo(now, -4) } });
  });

  test('what came of it, with queue id and server', async () => {
    const { tell, notes } = await world();
    expect(await tell(done)).toEqual({ status: 200, body: { noted: 1 } });
    expect(await notes(route)).toMatchObject([
      {
        id: `tell.done.${canaryId(route, slot0)}`,
        says: {
          handover: {
            state: 'accepted',
            queueId: '4F2B1',
            answeredBy: 'mail-gw.example.test',
            product: 'postfix',
            leftFrom: '10.0.1.1',
            ownServer: false,
          },
        },
      },
    ]);
  });

  test('told again, or otherwise, it changes nothing', async () => {
    const { tell, notes } = await world();
    await tell(sending);
    await tell(done);
    const before = await notes(route);
    expect(await tell(sending, { at: now + 1000 })).toEqual({ status: 200, body: { noted: 1 } });
    expect(await tell({ ...done, exit: 7, said: '' }, { at: now + minute })).toMatchObject({ status: 200 });
    expect(await notes(route)).toEqual(before);
    expect(before).toHaveLength(2);
  });

  test('of mailboxes that it does not send to, nothing', async () => {
    const { tell, notes } = await world();
    const names = ['outside', 'inside', 'constructor', 'outside', 'gone'];
    expect(await tell({ ...sending, mailboxes: names })).toEqual({
      status: 200,
      body: { noted: 1, unknownMailboxes: ['inside', 'constructor', 'gone'] },
    });
    expect(await notes(route, 'web-01/cron/inside')).toHaveLength(1);
  });

  test('one host is read, not the registry', async () => {
    const { tell, asked } = await world();
    await tell(sending);
    expect(asked).toEqual(['enrolment web-01', 'host web-01']);
  });
});

describe('what is not believed', () => {
  const answerTo = async (telling: Telling, status: number, words: RegExp, given: Given = {}) => {
    const { tell, notes, items } = await world();
    const answer = await tell(telling, given);
    expect(answer).toEqual({ status, body: expect.objectContaining({ error: expect.stringMatching(words) }) });
    expect(await notes(`${telling.host}/cron/outside`)).toEqual([]);
    expect(await items.hellos()).toEqual([]);
    return answer;
  };
  const refused = async (...given: Parameters<typeof answerTo>): Promise<void> => {
    await answerTo(...given);
  };

  test('the key of web-01 for web-02', () =>
    refused({ ...sending, host: 'web-02' }, 401, /not one of web-02/, { key: hostKey(master, 'web-01', 1) }));

  test('a host’s key for the fleet', () =>
    refused({ ...sending, fleet: true }, 401, /not one of the fleet/, { key: hostKey(master, 'web-01', 1) }));

  test.each(['', 'v1=', `v1=${'0'.repeat(64)}`, `v1=${'é'.repeat(64)}`])('the signature %j', (signature) =>
    refused(sending, 401, /signature/, { signature }),
  );

  test.each([1, -1])('a clock that is wrong by more than is allowed: it is told the time', async (sign) => {
    const timestamp = Math.floor((now + sign * (clockTolerance + 2000)) / 1000);
    const answer = await answerTo(sending, 401, sign > 0 ? /5 minutes ahead/ : /5 minutes behind/, { timestamp });
    expect(answer.body).toMatchObject({ time: new Date(now).toISOString() });
  });

  test('an old generation after a revocation, and one that is not there yet', async () => {
    const { tell, items } = await world();
    await items.putEnrolment({ id: 'web-01', generation: 2, changedAt: now });
    await items.putEnrolment({ id: fleetId, generation: 5, changedAt: now });
    for (const generation of [1, 3])
      expect(await tell({ ...sending, generation })).toMatchObject({
        status: 401,
        body: { error: expect.stringMatching(/web-01 was revoked/) },
      });
    expect(await tell({ ...sending, generation: 2 })).toMatchObject({ status: 200 });
    expect(await tell({ ...sending, fleet: true, generation: 4 })).toMatchObject({ status: 401 });
    expect(await tell({ ...sending, fleet: true, generation: 5 })).toMatchObject({ status: 200 });
  });

  test.each(['app', 'gone', 'constructor', 'toString'])('the path %s, which is no heartbeat path', (path) =>
    refused({ ...sending, path }, 403, /no heartbeat path/),
  );

  test('a host that nobody listed, with its own key', () =>
    refused({ ...sending, host: 'web-09' }, 403, /no host is called web-09/));

  test('a host that does not use this path', () =>
    refused({ ...sending, host: 'web-03' }, 403, /web-03 does not use path cron/));

  test('a slot that begins no period: the script knows another cadence', () =>
    refused({ ...sending, slot: slot0 + 5 }, 409, /has 15 minutes: enroll web-01 again/));

  test.each([-30, 15, 100 * 365 * 24 * 60])('the period %i minutes from this one', (minutes) =>
    refused({ ...sending, slot: slot0 + minutes - (minutes % 15) }, 409, /is not of now/),
  );

  test('a signature that does not fit asks the ledger nothing', async () => {
    const { tell, asked } = await world();
    await tell(sending, { signature: `v1=${'0'.repeat(64)}` });
    expect(asked).toEqual([]);
  });

  test('the period that has just ended still counts: the random delay and the mail take their time', async () => {
    const { tell } = await world();
    expect(await tell({ ...sending, slot: slot0 - 15 })).toMatchObject({ status: 200 });
  });
});

describe('the key of a fleet', () => {
  const unknown: Telling = {
    ...sending,
    host: 'new-77',
    fleet: true,
    address: '10.9.0.77',
    mailboxes: ['outside', 'inside'],
  };

  test('registers a name that nobody knows, and notes what it says', async () => {
    const { tell, notes, items } = await world();
    expect(await tell(unknown)).toEqual({ status: 200, body: { noted: 2, registered: true } });
    expect(await items.hellos()).toEqual([{ id: 'new-77', path: 'cron', address: '10.9.0.77', first: now, last: now }]);
    expect(await notes('new-77/cron/outside', 'new-77/cron/inside')).toHaveLength(2);
  });

  test('announces a listed host that does not use the path yet, and speaks for one that does without a hello', async () => {
    const { tell, items } = await world();
    expect(await tell({ ...sending, fleet: true })).toEqual({ status: 200, body: { noted: 1 } });
    expect(await items.hellos()).toEqual([]);
    expect(await tell({ ...sending, fleet: true, host: 'web-03' })).toMatchObject({ body: { registered: true } });
    expect(await items.hello('web-03', 'cron')).toMatchObject({ path: 'cron', first: now });
  });

  test('keeps the first time, and writes the last at most once an hour', async () => {
    const { tell, items } = await world();
    await tell(unknown);
    await items.putHost(hostOf('new-77', { paths: ['cron'], mailboxes: ['outside'] }));
    const later = async (minutes: number) => {
      const at = now + minutes * minute;
      const slot = slot0 + Math.floor((minutes + 3) / 15) * 15;
      expect(await tell({ ...unknown, slot, at, mailboxes: ['outside'] }, { at })).toEqual({
        status: 200,
        body: { noted: 1 },
      });
      return items.hello('new-77', 'cron');
    };
    expect(await later(45)).toMatchObject({ first: now, last: now });
    expect(await later(75)).toMatchObject({ first: now, last: now + 75 * minute, address: '10.9.0.77' });
    // What came of a mail says no address: the known one stays.
    const at = now + 135 * minute;
    await tell({ ...done, host: 'new-77', fleet: true, slot: slot0 + 135, at }, { at });
    expect(await items.hello('new-77', 'cron')).toMatchObject({ last: at, address: '10.9.0.77' });
  });

  test('a stolen one registers no more than so many names an hour; known hosts go on', async () => {
    const { tell, items } = await world();
    await tell(unknown);
    for (let index = 1; index < newNamesPerHour; index += 1)
      await items.putHello({ id: `evil-${index}`, path: 'cron', first: now - minute, last: now - minute });
    expect(await tell({ ...unknown, host: 'one-more' })).toMatchObject({
      status: 429,
      body: { error: expect.stringMatching(/one-more may try again/) },
    });
    expect(await items.hello('one-more', 'cron')).toBeUndefined();
    expect(await tell(unknown)).toMatchObject({ status: 200 });
    expect(await tell({ ...sending, fleet: true })).toMatchObject({ status: 200 });
    const at = now + 60 * minute;
    expect(await tell({ ...unknown, host: 'one-more', slot: slot0 + 60, at }, { at })).toMatchObject({ status: 200 });
  });
});

describe('whatever it says, what is kept is plain, short, and holds no key', () => {
  test('words of strangers', async () => {
    const { tell, notes } = await world();
    const { secret } = hostKey(master, 'web-01', 1);
    const said = `< 220 mail-gw\u001b[31m.example ESMTP\r\n> EHLO web-01\n< 554 5.7.1 \u202e${secret} Relay access denied \u0000${'x'.repeat(6000)}\n`;
    await tell({ ...done, exit: 55, said, queue: undefined });
    const kept = JSON.stringify(await notes(route));
    expect(kept).toContain('relay-denied');
    expect(kept).not.toContain(secret);
    expect(kept).not.toMatch(/[\u0000-\u001f\u202e]|\\u00/);
    expect(kept.length).toBeLessThan(2500);
  });
});
