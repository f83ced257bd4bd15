/** Stories with names: the faults that the design promises to survive, one at a time. */
import { calmStory, faultOf, minute, monitorWith, type Story } from './story.ts';

const base = calmStory();
const at = (minutes: number) => base.start + minutes * minute;

/** A host that mail servers stop to trust, found, told, repaired: what the monitor exists for. */
export const outage = (minutes = 40): Story =>
  calmStory(
    {
      monitor: monitorWith({ every: 3 * minute, lostAfter: 4 * minute, limits: { window: 12 } }),
      faults: [faultOf('denied', at(6), at(27), { hosts: ['web-2'] })],
    },
    minutes,
  );

/** A short outage with everything in it: refused, lost, returned, late, dark; small enough to die at every call. */
export const crashStory = (): Story =>
  calmStory(
    {
      monitor: monitorWith({
        every: 2 * minute,
        lostAfter: 3 * minute,
        paths: ['app', 'agent', 'cron'],
        limits: { window: 12 },
      }),
      hosts: ['web-1', 'web-2', 'web-3'].map((id) => ({
        id,
        paths: id === 'web-3' ? ['agent', 'cron'] : ['app'],
        mailboxes: ['outside'],
        listed: [{ from: 0, to: id === 'web-2' ? at(19) : Number.MAX_SAFE_INTEGER }],
      })),
      faults: [
        faultOf('denied', at(4), at(9), { hosts: ['web-2', 'web-3'] }),
        faultOf('dropped', at(7), at(12), { hosts: ['web-1'] }),
        faultOf('dark', at(12), at(14)),
        faultOf('slow', at(14), at(16), { delay: 4 * minute }),
        faultOf('cloudwatch', at(8), at(10)),
        faultOf('teller', at(7), at(8)),
      ],
      discoverEvery: 4 * minute,
    },
    20,
  );

/** Hosts that are told to send, one of which is refused, one offline, and nobody who could say so for a while. */
export const nobodyToAsk = (): Story =>
  calmStory({
    monitor: monitorWith({ every: 2 * minute, paths: ['agent'] }),
    faults: [
      faultOf('denied', at(6), at(16), { hosts: ['web-1'] }),
      faultOf('unasked', at(8), at(18), { hosts: ['web-2'] }),
      faultOf('dropped', at(10), at(20), { hosts: ['web-3'] }),
      faultOf('outcomes', at(12), at(30)),
    ],
  });

/** Hosts that send by their own clock: refused, silent, lost, and while confirm is dead. */
export const ownClocks = (): Story =>
  calmStory(
    {
      monitor: monitorWith({ every: 5 * minute, paths: ['cron', 'app'] }),
      faults: [
        faultOf('denied', at(6), at(20), { hosts: ['web-1'] }),
        faultOf('unasked', at(6), at(26), { hosts: ['web-2'], path: 'cron' }),
        faultOf('dropped', at(20), at(40), { hosts: ['web-3'] }),
        faultOf('confirm-dead', at(28), at(36)),
      ],
    },
    50,
  );

/** Hosts whose own clock is slower than mail may be: they have the whole of their period. */
export const slowClocks = (): Story =>
  calmStory({ monitor: monitorWith({ every: 15 * minute, lostAfter: 3 * minute, paths: ['cron'] }) }, 60);

/** One host uses its own key for its neighbour's canaries, which do not arrive. */
export const impostors = (): Story => ({
  ...calmStory({
    monitor: monitorWith({ every: 4 * minute, paths: ['cron'] }),
    faults: [faultOf('dropped', at(6), at(30), { hosts: ['web-2'] })],
  }),
  noise: { ...base.noise, foreign: 1 },
});

/** Every seventh message of the queue is lost. */
export const everySeventhDropped = (): Story => ({
  ...calmStory({ monitor: monitorWith({ every: 2 * minute, paths: ['app', 'machine'] }) }),
  dropEvery: 7,
});

export const deliveredTwice = (): Story => ({
  ...calmStory({ monitor: monitorWith({ every: 2 * minute }) }),
  noise: { ...base.noise, repeated: 1 },
});

export const confirmDeadForAnHour = (): Story =>
  calmStory(
    {
      monitor: monitorWith({ limits: { window: 16 } }),
      faults: [faultOf('confirm-dead', at(10), at(70)), faultOf('dropped', at(30), at(45), { hosts: ['web-1'] })],
    },
    80,
  );

export const planDeadForHalfAnHour = (): Story => calmStory({ faults: [faultOf('plan-dead', at(10), at(40))] }, 55);

export const cloudwatchRefuses = (): Story =>
  calmStory({ monitor: monitorWith({ limits: { window: 12 } }), faults: [faultOf('cloudwatch', at(5), at(30))] });

export const ledgerRefuses = (): Story =>
  calmStory({ faults: [faultOf('ledger', at(10), at(14)), faultOf('ledger', at(20), at(21))] });

/** One mailbox cannot be looked into while a host loses its mail to both. */
export const darkDuringAnOutage = (): Story =>
  calmStory({
    faults: [
      faultOf('dark', at(8), at(26), { mailbox: 'outside' }),
      faultOf('dropped', at(10), at(30), { hosts: ['web-3'] }),
    ],
  });

/** A host leaves, and comes back before its old canaries are forgotten. */
export const hostComesBack = (): Story =>
  calmStory({
    monitor: monitorWith({ every: 3 * minute, lostAfter: 7 * minute }),
    hosts: [
      ...base.hosts,
      {
        id: 'web-4',
        paths: ['app'],
        mailboxes: ['outside'],
        listed: [
          { from: 0, to: at(11) },
          { from: at(16), to: Number.MAX_SAFE_INTEGER },
        ],
      },
    ],
    discoverEvery: 2 * minute,
  });

export const everybodyFails = (): Story => calmStory({ faults: [faultOf('down', at(5), at(30))] });

/** Everybody's mail is lost, on two paths whose lanes are due at different times: one incident per mailbox. */
export const everybodyLoses = (): Story =>
  calmStory({
    monitor: monitorWith({ every: 4 * minute, lostAfter: 4 * minute, paths: ['app', 'machine'] }),
    faults: [faultOf('dropped', at(5), at(36))],
  });

/** A rule moves mail out of the folders that are read, while slow machines look for it. */
export const rulesMoveMail = (): Story =>
  calmStory({
    monitor: monitorWith({ every: 2 * minute, lostAfter: 3 * minute }),
    faults: [faultOf('archived', at(3), at(30))],
    noise: { ...base.noise, slow: 0.8 },
  });

/** Junk cannot be read while a host loses its mail and another one's arrives there. */
export const partialLooks = (): Story =>
  calmStory({
    monitor: monitorWith({ every: 2 * minute, lostAfter: 4 * minute }),
    faults: [
      faultOf('partial', at(8), at(24)),
      faultOf('dropped', at(10), at(30), { hosts: ['web-3'] }),
      faultOf('junk', at(5), at(20), { hosts: ['web-1'] }),
    ],
  });

/** Two copies of every mail, seen in the dark, in parts and in whole: only the earliest counts, and only once. */
export const copies = (): Story =>
  calmStory(
    {
      seed: 2,
      monitor: monitorWith({ every: 2 * minute, lostAfter: 2 * minute }),
      faults: [
        faultOf('twice', at(3), at(30)),
        ...[6, 14, 22].flatMap((from) => [
          faultOf('dark', at(from), at(from + 3.5)),
          faultOf('partial', at(from + 3.5), at(from + 5)),
        ]),
      ],
    },
    28,
  );

/** Batches are stored, sent and answered while slow machines are in the middle of their rounds. */
export const slowMachines = (): Story =>
  calmStory({
    seed: 7,
    monitor: monitorWith({ every: minute, lostAfter: 3 * minute, limits: { spread: 0 } }),
    noise: { ...base.noise, slow: 0.9 },
  });

/** Mail of a host comes so late that it is lost before it arrives: what arrives after all heals nobody. */
export const lostThenFound = (): Story =>
  calmStory({
    monitor: monitorWith({ every: 3 * minute, lostAfter: 4 * minute }),
    faults: [faultOf('slow', at(5), at(28), { hosts: ['web-1'], delay: 6 * minute })],
  });

/** A host is refused while nobody can look into the mailbox: a refusal needs no mailbox. */
export const refusedInTheDark = (): Story =>
  calmStory({ faults: [faultOf('denied', at(8), at(26), { hosts: ['web-2'] }), faultOf('dark', at(7), at(28))] });

/** Every message comes twice, and the first is still being sent when the second comes. */
export const twiceAtOnce = (): Story =>
  calmStory({
    faults: [faultOf('hanging', at(5), at(30), { hosts: ['web-1'], share: 0.5 })],
    noise: { ...base.noise, repeated: 1, delayed: 0.5, slow: 0.5 },
  });

/** Machines that are slow, die and are started twice; messages that come late and again. */
const clumsyWith = (seed: number): Story => ({
  ...calmStory({
    seed,
    monitor: monitorWith({ every: 2 * minute, lostAfter: 4 * minute, paths: ['app', 'machine'] }),
    faults: [
      faultOf('dropped', at(6), at(16), { hosts: ['web-2'] }),
      faultOf('slow', at(14), at(22), { hosts: ['web-1'], delay: 5 * minute }),
      faultOf('sender-bug', at(18), at(26), { hosts: ['web-3'] }),
      faultOf('dark', at(24), at(31)),
    ],
  }),
  noise: {
    death: 0.25,
    slow: 0.4,
    dropped: 0.05,
    repeated: 0.4,
    delayed: 0.2,
    doubleTick: 0.3,
    mail: 0.02,
    foreign: 0.5,
  },
});

export const clumsy = (): Story => clumsyWith(2);

/** The same with other dice. */
export const clumsyAgain = (): Story => clumsyWith(1);
