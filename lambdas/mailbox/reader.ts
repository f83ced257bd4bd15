/** The mailbox adapter: the `Mailbox` port over one IMAP session. */
import type { ImapFlow } from 'imapflow';
import type { Mailbox } from '../core/ports.ts';
import type { Certificate } from '../core/words.ts';
import type { AuthContext } from './auth/kind.ts';
import { certificateOf } from './certificate.ts';
import { explain, mask } from './failure.ts';
import { createLap } from './last-call.ts';
import { takeLook } from './look.ts';
import { removePlaces } from './remove.ts';
import { createSession, type SessionSettings } from './session.ts';
import type { Looked, LookProgress } from './task.ts';

export type MailboxSettings = SessionSettings & {
  /** Folders that are read besides INBOX and the one flagged `\Junk`. */
  readonly folders?: readonly string[] | undefined;
  /** Whose `Authentication-Results` are believed. */
  readonly trustedAuthservId?: string | undefined;
  /**
   * The mailbox of a sender, to which bounces go: only reports are looked for, whatever is asked; canaries that lie there
   * are no arrivals, and everything else is somebody's mail.
   */
  readonly bouncesOnly?: boolean | undefined;
};

/** The part of the deadline after which no further folder is begun. */
const forFolders = 0.7;

/**
 * Opens a mailbox; connects with the first `look` and keeps the session until `close`.
 * Each `look` and each `remove` has one deadline, `settings.timeout`, or the shorter one that is asked for. No message contains a secret.
 */
export const openMailbox = (settings: MailboxSettings, context: AuthContext): Mailbox => {
  const session = createSession(settings, context);
  const lap = createLap();

  return {
    async look(ask) {
      const at = context.now();
      const timeout = Math.min(settings.timeout, ask.within ?? settings.timeout);
      const until = at + timeout * forFolders;
      const progress: LookProgress = { stage: 'connect' };
      const { folders = [], bouncesOnly = false, trustedAuthservId } = settings;
      let certificate: Certificate | undefined;
      const work = (client: ImapFlow) => {
        certificate = certificateOf(client, settings.imap);
        const { now } = context;
        return takeLook({ client, ask, at, now, until, folders, bouncesOnly, trustedAuthservId, lap, progress });
      };
      const told = (look: Looked): Looked => ({
        ...look,
        ...(look.detail !== undefined && { detail: mask(look.detail, session.secrets()) }),
        ...(certificate && { certificate }),
      });
      try {
        return told(await session.use(work, progress, timeout));
      } catch (error) {
        const { why, message } = explain(error, progress.stage);
        const { soFar, whole } = progress;
        if (whole !== undefined) return told(whole);
        if (soFar !== undefined) return told({ ...soFar, detail: `${soFar.detail}: ${message}` });
        return { state: 'dark', cause: why, detail: mask(message, session.secrets()) };
      }
    },

    async remove(places) {
      if (places.length === 0) return { removed: 0 };
      const progress = { stage: 'connect' };
      try {
        const { removed, refused } = await session.use((client) => removePlaces(client, places, progress), progress);
        if (refused === undefined) return { removed };
        return { removed, refused: { ...refused, detail: mask(refused.detail, session.secrets()) } };
      } catch (error) {
        const { message } = explain(error, progress.stage);
        // The error of the library stays out: it may repeat the command with its secret.
        throw new Error(`mailbox ${context.name}: ${mask(message, session.secrets())}`);
      }
    },

    close: () => session.close(),
  };
};
