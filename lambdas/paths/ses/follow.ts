/** Follows one HTTP request of an SDK client, so that whatever ends it, it is known how far it came. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Stage } from '../../core/words.ts';

/** How far the request came. */
export type Followed = {
  /** From now on the next request is ours; before, it may be the SDK's own, for credentials. */
  readonly begin: (to: { readonly hostname: string; readonly secure: boolean }) => void;
  readonly begun: () => boolean;
  readonly stage: () => Stage;
  /** The whole request is out: from here on the service may have done what it asks. */
  readonly sent: () => boolean;
};

// Node tells of every request that it makes: an SDK client shows neither its request nor its socket.
const created = 'http.client.request.created';

/** Runs a task that makes one request, and resolves or rejects as it does. `followed` is valid at any time. */
export const follow = async <T>(task: (followed: Followed) => Promise<T>): Promise<T> => {
  const mine = new AsyncLocalStorage<true>();
  let begun = false;
  let sent = false;
  let secure = false;
  let stage: Stage = 'dns';

  const onSocket = (socket: Socket) => {
    const connected = () => {
      stage = secure ? 'tls' : 'http';
    };
    if (!socket.connecting) stage = 'http';
    socket.once('lookup', () => {
      stage = 'connect';
    });
    socket.once('connect', connected);
    socket.once('secureConnect', () => {
      stage = 'http';
    });
  };
  const onCreated = (message: unknown) => {
    const request: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'request') : null;
    if (!begun || mine.getStore() === undefined || !(request instanceof ClientRequest)) return;
    request.once('socket', onSocket);
    request.once('finish', () => {
      sent = true;
    });
  };
  subscribe(created, onCreated);
  try {
    return await mine.run(true, () =>
      task({
        begin: (to) => {
          begun = true;
          secure = to.secure;
          stage = isIP(to.hostname.replace(/^\[|\]$/g, '')) === 0 ? 'dns' : 'connect';
        },
        begun: () => begun,
        stage: () => stage,
        sent: () => sent,
      }),
    );
  } finally {
    unsubscribe(created, onCreated);
  }
};
