/** One IMAP session per mailbox: opened when it is needed, kept, reopened once when it died, with one deadline per use. */
import { Socket } from 'node:net';
import type { ImapFlow } from 'imapflow';
import { type AuthSettings, openLogin } from './auth/index.ts';
import type { AuthContext, Login, LoginWith } from './auth/kind.ts';
import { createClient } from './client.ts';
import { CannotLook, isLost, refusedLogin } from './failure.ts';
import type { ImapSettings } from './settings.ts';

export type SessionSettings = {
  readonly imap: ImapSettings;
  readonly auth: AuthSettings;
  /** For everything that one use of the session does, in milliseconds. */
  readonly timeout: number;
};

/** What is being done, for messages about where it ended. */
export type Progress = { stage: string };

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

const credentialOf = (login: LoginWith): string => ('pass' in login ? login.pass : login.accessToken);

/** A login as it travels: SASL PLAIN, and XOAUTH2. OAUTHBEARER differs at its ends only, where no token is. */
const composedOf = (login: LoginWith): string =>
  'pass' in login ? `\0${login.user}\0${login.pass}` : `user=${login.user}\x01auth=Bearer ${login.accessToken}\x01\x01`;

/** So many credentials are remembered to be masked: a connection may outlive the token that opened it. */
const remembered = 3;

/** The server took the connection and refuses the login; in the words of the kind, where it knows better what they mean. */
const explained = (error: unknown, login: Login): unknown => {
  const refused = refusedLogin(error);
  if (refused === undefined) return error;
  const better = refused.cause === 'imap-login-refused' ? login.explain?.(refused.words) : undefined;
  const words = better === undefined ? refused.words : `${refused.words}; ${better.detail}`;
  return new CannotLook(better?.cause ?? refused.cause, `login: ${words}`, { cause: error });
};

/** Makes a session that opens when it is used. */
export const createSession = (settings: SessionSettings, context: AuthContext) => {
  const login = openLogin(settings.auth, context);
  let client: ImapFlow | undefined;
  /** The client that logged in; it may have died since. */
  let opened: ImapFlow | undefined;
  /** Counts closings, so that a use which is still opening when `close` comes does not leave a session behind. */
  let closings = 0;
  let shown: readonly LoginWith[] = [];

  const drop = () => {
    client?.close();
    client = undefined;
  };

  const credentials = async (progress: Progress, signal: AbortSignal): Promise<LoginWith> => {
    progress.stage = 'secret';
    try {
      const given = await login.credentials(signal);
      const others = shown.filter((one) => credentialOf(one) !== credentialOf(given));
      shown = [given, ...others].slice(0, remembered);
      return given;
    } catch (error) {
      if (error instanceof CannotLook) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new CannotLook('secret-unreadable', `the secret of mailbox ${context.name} cannot be read: ${why}`, {
        cause: error,
      });
    }
  };

  const connect = async (auth: LoginWith, progress: Progress, expired: () => boolean): Promise<ImapFlow> => {
    progress.stage = 'connect';
    const fresh = await createClient(settings, auth);
    // The deadline, or `close`, may have come while the secret was on its way: nobody would close this client.
    if (expired()) throw new CannotLook('timeout-at-stage', 'too late');
    client = fresh;
    await fresh.connect();
    opened = fresh;
    return fresh;
  };

  /** Logs in; where the server refuses a token that was kept from before, once more with a new one. */
  const open = async (progress: Progress, expired: () => boolean, signal: AbortSignal): Promise<ImapFlow> => {
    const first = await credentials(progress, signal);
    try {
      return await connect(first, progress, expired);
    } catch (error) {
      if (refusedLogin(error)?.cause !== 'imap-login-refused' || login.refused?.(first) !== true || expired())
        throw explained(error, login);
      drop();
      const next = await credentials(progress, signal);
      if (credentialOf(next) === credentialOf(first)) throw explained(error, login);
      try {
        return await connect(next, progress, expired);
      } catch (again) {
        if (refusedLogin(again) !== undefined) login.refused?.(next);
        throw explained(again, login);
      }
    }
  };

  const stageNow = (progress: Progress): string =>
    client === undefined || client === opened ? progress.stage : openingStage(client);

  /** Runs the work on an open session. A session of an earlier use that turns out to be dead is reopened, once. */
  const attempt = async <T>(
    work: (client: ImapFlow) => Promise<T>,
    progress: Progress,
    expired: () => boolean,
    signal: AbortSignal,
  ) => {
    const kept = client?.usable === true ? client : undefined;
    try {
      if (kept !== undefined) return await work(kept);
    } catch (error) {
      if (expired() || !isLost(error)) throw error;
    }
    drop();
    const fresh = await open(progress, expired, signal);
    // Exchange may take a login and refuse what comes next.
    return await work(fresh).catch((error: unknown) => {
      throw explained(error, login);
    });
  };

  return {
    /** Everything that must not appear in a message. */
    secrets: (): readonly string[] =>
      shown.flatMap((one) => [credentialOf(one), Buffer.from(composedOf(one)).toString('base64')]),

    /**
     * Uses the session within the deadline, which holds for secret, token, connection, login and work together; closes it when
     * the connection is no longer to be trusted.
     */
    async use<T>(work: (client: ImapFlow) => Promise<T>, progress: Progress, timeout = settings.timeout): Promise<T> {
      const ending = new AbortController();
      let late = false;
      const begun = closings;
      const expired = () => late || closings !== begun;
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          late = true;
          const stage = stageNow(progress);
          const cause = stage === 'connect' && isConnecting(client) ? 'connect-timeout' : 'timeout-at-stage';
          const tooLate = new CannotLook(cause, `${stage}: no answer within ${timeout} ms`);
          ending.abort();
          // Whoever waits for a token endpoint says so now; of everything else nobody says it better.
          if (stage === 'secret') setImmediate(() => reject(tooLate));
          else reject(tooLate);
          // Only closing settles imapflow's calls; what they fail with then says nothing (FACTS).
          drop();
        }, timeout);
      });
      try {
        return await Promise.race([attempt(work, progress, expired, ending.signal), deadline]);
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
