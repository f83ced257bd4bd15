/**
 * Opens the one connection of a canary. The transport could do it, but it remembers addresses and goes on with an old one
 * when the name server fails; here every canary asks the system as the application does, and each stage is known.
 */
import { connect as connectTcp, isIP, isIPv6, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Stage } from '../../core/words.ts';

export type Destination = {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly tls: ConnectionOptions;
  readonly localAddress?: string | undefined;
};

/** Calls back once, with a socket that nobody has read from; after an abort never. `reached` is told each stage as it begins. */
export const connect = (
  to: Destination,
  deadline: AbortSignal,
  reached: (stage: Stage) => void,
  done: (error: Error | null, socket?: Socket) => void,
): void => {
  reached(isIP(to.host) === 0 ? 'dns' : 'connect');
  const plain = connectTcp({
    host: to.host,
    port: to.port,
    // A socket bound to an address of one family cannot reach the other one.
    ...(to.localAddress === undefined
      ? {}
      : { localAddress: to.localAddress, family: isIPv6(to.localAddress) ? 6 : 4 }),
  });
  let socket: Socket = plain;
  const end = (error: Error | null) => {
    deadline.removeEventListener('abort', aborted);
    for (const each of new Set([plain, socket])) each.off('error', end).off('close', closed);
    // An error between here and the transport's own listeners, or after the end, must not be an unhandled one.
    socket.on('error', ignore);
    if (error !== null) socket.destroy();
    done(error, socket);
  };
  const aborted = () => {
    plain.off('error', end).off('close', closed).on('error', ignore).destroy();
    if (socket !== plain) socket.off('error', end).off('close', closed).on('error', ignore).destroy();
  };
  const closed = () => end(Object.assign(new Error('connection closed'), { code: 'ECONNRESET' }));
  deadline.addEventListener('abort', aborted, { once: true });
  plain.on('error', end).on('close', closed);
  plain.once('lookup', (error) => {
    if (error === null) reached('connect');
  });
  plain.once('connect', () => {
    if (!to.secure) {
      reached('banner');
      return end(null);
    }
    reached('tls');
    plain.off('close', closed);
    socket = connectTls({ ...to.tls, socket: plain, host: to.host }, () => {
      reached('banner');
      end(null);
    });
    socket.on('error', end).on('close', closed);
  });
};

const ignore = () => {};
