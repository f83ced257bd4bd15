/** One IMAP session per mailbox: opened when it is needed, kept, reopened once when it died, with one deadline per use. */
import { Socket } from 'node:net';
import { ImapFlow } from 'imapflow';
import { readCertificate } from '../settings/certificate.ts';
import { type AuthSettings, loginWith } from './auth/index.ts';
import type { AuthContext, LoginWith } from './auth/kind.ts';
import { CannotLook, isLost } from './failure.ts';
import type { ImapSettings } from './settings.ts';

export type SessionSettings = {
  readonly imap: ImapSettings;
  readonly auth: AuthSettings;
  /** For everything that one use of the session does, in milliseconds. */
  readonly timeout: number;
};

/** What is being done, for messages about where it ended. */
export type Progress = { stage: string };

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

/** A client that has not connected yet. TLS is always verified; plain text goes to loopback only. */
const createClient = async ({ imap, timeout }: SessionSettings, auth: LoginWith): Promise<ImapFlow> => {
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
    clientInfo: { name: 'mail-canary' },
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
  return client;
};

/** TCP itself is not up yet. The socket is internal to imapflow; where it is not found the answer is no. */
const isConnecting = (client: ImapFlow | undefined): boolean => {
  const socket: unknown = client === undefined ? undefined : Reflect.get(client, 'socket');
  return socket instanceof Socket && socket.connecting;
};

/** Where a session is that has not been opened yet. */
const openingStage = (client: ImapFlow): string => {
  if (client.tls === undefined) return 'connect';
  return client.greeting === undefined ? 'greeting' : 'login';
};

/** Makes a session that opens when it is used. */
export const createSession = (settings: SessionSettings, context: AuthContext) => {
  let client: ImapFlow | undefined;
  /** The client that logged in; it may have died since. */
  let opened: ImapFlow | undefined;
  /** Counts closings, so that a use which is still opening when `close` comes does not leave a session behind. */
  let closings = 0;
  const secrets = new Set<string>();

  const drop = () => {
    client?.close();
    client = undefined;
  };

  const open = async (progress: Progress, expired: () => boolean): Promise<ImapFlow> => {
    progress.stage = 'secret';
    const auth = await loginWith(settings.auth, context).catch((error: unknown) => {
      throw new CannotLook('unknown', `the secret of mailbox ${context.name} cannot be read: ${error}`, {
        cause: error,
      });
    });
    const credential = 'pass' in auth ? auth.pass : auth.accessToken;
    secrets.add(credential);
    // As SASL PLAIN sends it.
    secrets.add(Buffer.from(`\0${auth.user}\0${credential}`).toString('base64'));
    progress.stage = 'connect';
    const fresh = await createClient(settings, auth);
    // The deadline, or `close`, may have come while the secret was on its way: nobody would close this client.
    if (expired()) throw new CannotLook('timeout-at-stage', 'too late');
    client = fresh;
    await fresh.connect();
    opened = fresh;
    return fresh;
  };

  const stageNow = (progress: Progress): string =>
    client === undefined || client === opened ? progress.stage : openingStage(client);

  /** Runs the work on an open session. A session of an earlier use that turns out to be dead is reopened, once. */
  const attempt = async <T>(work: (client: ImapFlow) => Promise<T>, progress: Progress, expired: () => boolean) => {
    const kept = client?.usable === true ? client : undefined;
    try {
      if (kept !== undefined) return await work(kept);
    } catch (error) {
      if (expired() || !isLost(error)) throw error;
    }
    drop();
    return await work(await open(progress, expired));
  };

  return {
    /** Everything that must not appear in a message. */
    secrets: (): readonly string[] => [...secrets],

    /** Uses the session within the deadline; closes it when the connection is no longer to be trusted. */
    async use<T>(work: (client: ImapFlow) => Promise<T>, progress: Progress): Promise<T> {
      let late = false;
      const begun = closings;
      const expired = () => late || closings !== begun;
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          late = true;
          const stage = stageNow(progress);
          const cause = stage === 'connect' && isConnecting(client) ? 'connect-timeout' : 'timeout-at-stage';
          reject(new CannotLook(cause, `${stage}: no answer within ${settings.timeout} ms`));
          // Only closing settles imapflow's calls; what they fail with then says nothing (FACTS).
          drop();
        }, settings.timeout);
      });
      try {
        return await Promise.race([attempt(work, progress, expired), deadline]);
      } catch (error) {
        progress.stage = stageNow(progress);
        if (client?.usable !== true && closings === begun) drop();
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },

    /** Says goodbye if the server listens, and closes. Never throws. */
    async close(): Promise<void> {
      const leaving = client;
      client = undefined;
      closings += 1;
      if (leaving?.usable === true) {
        let timer: NodeJS.Timeout | undefined;
        const enough = new Promise<void>((resolve) => {
          // LOGOUT is a courtesy and hangs with the server.
          timer = setTimeout(resolve, Math.min(settings.timeout, 2000));
        });
        await Promise.race([leaving.logout().catch(() => {}), enough]);
        clearTimeout(timer);
      }
      leaving?.close();
    },
  };
};

export type Session = ReturnType<typeof createSession>;
