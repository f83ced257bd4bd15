/** What an IMAP server shows of itself under TLS. */
import { TLSSocket } from 'node:tls';
import type { ImapFlow } from 'imapflow';
import type { Certificate } from '../core/words.ts';
import { shownBy } from '../tls/shown.ts';
import type { ImapSettings } from './settings.ts';

/**
 * The certificate of the open session, with TLS from the first byte and after STARTTLS; its server is `host:port` of the
 * settings. The socket is internal to imapflow: undefined where it is not found, has ended, or speaks no TLS.
 */
export const certificateOf = (client: ImapFlow, { host, port, tls }: ImapSettings): Certificate | undefined => {
  const socket: unknown = Reflect.get(client, 'socket');
  const server = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return socket instanceof TLSSocket ? shownBy(socket, server, tls?.serverName ?? host) : undefined;
};
