/** An IMAP client that has not connected yet: imapflow, told to do nothing by itself. */
import { ImapFlow } from 'imapflow';
import { readCertificate } from '../settings/certificate.ts';
import type { LoginWith } from './auth/kind.ts';
import { CannotLook } from './failure.ts';
import type { ImapSettings } from './settings.ts';

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

const caOf = async (reference: string): Promise<string> => {
  try {
    return await readCertificate(reference);
  } catch (error) {
    throw new CannotLook('tls-untrusted', error instanceof Error ? error.message : 'imap.tls.ca cannot be read', {
      cause: error,
    });
  }
};

/**
 * What imapflow sends by itself and a look has no use for: LIST tells the paths as they are, whatever NAMESPACE says of their
 * prefix, and ID changes nothing. There is no option for either (2.1.2), but its table of commands is a property, and a command
 * that is not in the table is passed over. Should another version have no such table, a round costs three commands more.
 */
const withoutSmallTalk = (client: ImapFlow): void => {
  const table: unknown = Reflect.get(client, 'commands');
  if (!(table instanceof Map)) return;
  // All clients share one table.
  const own = new Map<unknown, unknown>(table);
  for (const name of ['ID', 'NAMESPACE']) own.delete(name);
  Reflect.set(client, 'commands', own);
};

/** A client that has not connected yet. TLS is always verified; plain text goes to loopback only. */
export const createClient = async (
  { imap, timeout }: { readonly imap: ImapSettings; readonly timeout: number },
  auth: LoginWith,
): Promise<ImapFlow> => {
  const { host, port, secure, tls } = imap;
  const ca = tls?.ca === undefined ? {} : { ca: await caOf(tls.ca) };
  // A `tls` block on loopback says that TLS is wanted there as well.
  const plain = isLoopback(host) && tls === undefined;
  const client = new ImapFlow({
    host,
    port,
    secure,
    ...(secure ? {} : { doSTARTTLS: !plain }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2', ...ca },
    auth: { ...auth },
    logger: false,
    disableAutoIdle: true,
    disableAutoEnable: true,
    disableIMAP4rev2: true,
    disableCompression: true,
    // The deadline of the use is shorter or equal; these only keep imapflow's own, longer ones out of the way.
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    maxLiteralSize: 64 * 1024 * 1024,
  });
  // Without a listener an error between two calls ends the process; the next call tells it anyway.
  client.on('error', () => {});
  withoutSmallTalk(client);
  return client;
};
