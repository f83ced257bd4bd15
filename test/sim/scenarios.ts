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
      monitor: monitorWith({ every: 2 * minute, lostAfter: 3 * minute, limits: { window: 10 } }),
      hosts: ['web-1', 'web-2'].map((id) => ({
        id,
        paths: ['app'],
        mailboxes: ['outside'],
        listed: [{ from: 0, to: id === 'web-2' ? at(19) : Number.MAX_SAFE_INTEGER }],
      })),
      faults: [
        faultOf('denied', at(4), at(9), { hosts: ['web-2'] }),
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

/** Every seventh message of the queue is lost. */
export const everySeventhDropped = (): Story => ({
  ...calmStory({ monitor: monitorWith({ every: 2 * minute, paths: ['app', 'machine'] }) }),
  dropEvery: 7,
});

export const deliveredTwice = (): Story => ({ ...calmStory(), noise: { ...base.noise, repeated: 1 } });

export const confirmDeadForAnHour = (): Story =>
  calmStory(
    {
      monitor: monitorWith({ limits: { window: 16 } }),
      faults: [faultOf('confirm-dead', at(10), at(70)), faultOf('dropped', at(30), at(45), { hosts: ['web-1'] })],
    },
    80,
  );

export const planDeadForHalfAnHour = (): Story => calmStory({ faults: [faultOf('plan-dead', at(10), at(40))] }, 55);

export const cloudwatchRefuses = (): Story => calmStory({ faults: [faultOf('cloudwatch', at(5), at(30))] });

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
