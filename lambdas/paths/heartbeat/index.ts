/** By the host's own clock: a scheduled script on a host that nothing can reach sends the canary, and tells what came of it. */
import type { Send } from '../../core/ports.ts';
import { definePath, type PathMistake } from '../kind.ts';
import { explains } from './explain.ts';
import { type HeartbeatSettings, shape } from './settings.ts';

const mistakes = (settings: HeartbeatSettings): PathMistake[] => [
  ...(settings.via === 'smtp' && settings.relay === undefined
    ? [{ key: 'relay', message: 'is missing: "via: smtp" needs the relay that the hosts use' }]
    : []),
  ...(settings.via === 'sendmail' && settings.relay !== undefined
    ? [
        {
          key: 'relay',
          message: 'must not be set with "via: sendmail", which uses the relay that the host is set up with',
        },
      ]
    : []),
  ...(settings.delay !== undefined && settings.delay > settings.every / 2
    ? [{ key: 'delay', message: 'must not be longer than half of "every": the canary would leave in the next period' }]
    : []),
];

export const heartbeat = definePath({
  kind: 'heartbeat',
  settings: shape,
  byHost: true,
  leavesFromHost: () => true,
  sharedServer: () => undefined,
  secrets: () => [],
  needs: () => [],
  parts: () => ['note-url'],
  mistakes,
  explains,
  open: (): Send => () =>
    Promise.reject(new Error('hosts of a heartbeat path send by their own clock: nobody sends for them')),
});
