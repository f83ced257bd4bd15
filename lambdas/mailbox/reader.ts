/** The mailbox adapter: the `Mailbox` port over one IMAP session. */
import type { Mailbox } from '../core/ports.ts';
import type { AuthContext } from './auth/kind.ts';
import { explain, mask } from './failure.ts';
import { takeLook } from './look.ts';
import { removePlaces } from './remove.ts';
import { createSession, type SessionSettings } from './session.ts';
import type { LookProgress } from './task.ts';

export type MailboxSettings = SessionSettings & {
  /** Folders that are read besides INBOX and the one flagged `\Junk`. */
  readonly folders?: readonly string[] | undefined;
  /**
   * The mailbox of a sender, to which bounces go: only reports are looked for, whatever is asked; canaries that lie there
   * are no arrivals, and everything else is somebody's mail.
   */
  readonly bouncesOnly?: boolean | undefined;
};

/**
 * Opens a mailbox; connects with the first `look` and keeps the session until `close`.
 * Each `look` and each `remove` has one deadline, `settings.timeout`. No message contains a secret.
 */
export const openMailbox = (settings: MailboxSettings, context: AuthContext): Mailbox => {
  const session = createSession(settings, context);

  return {
    async look(ask) {
      const at = context.now();
      const progress: LookProgress = { stage: 'connect' };
      const { folders = [], bouncesOnly = false } = settings;
      try {
        const look = await session.use(
          (client) => takeLook({ client, ask, at, now: context.now, folders, bouncesOnly, progress }),
          progress,
        );
        return look.detail === undefined ? look : { ...look, detail: mask(look.detail, session.secrets()) };
      } catch (error) {
        const { why, message } = explain(error, progress.stage);
        const detail = mask(message, session.secrets());
        const { soFar } = progress;
        if (soFar !== undefined) return { ...soFar, detail: mask(`${soFar.detail}: ${detail}`, session.secrets()) };
        return { state: 'dark', cause: why, detail };
      }
    },

    async remove(places) {
      if (places.length === 0) return 0;
      const progress = { stage: 'connect' };
      try {
        return await session.use((client) => removePlaces(client, places, progress), progress);
      } catch (error) {
        const { message } = explain(error, progress.stage);
        // The error of the library stays out: it may repeat the command with its secret.
        throw new Error(`mailbox ${context.name}: ${mask(message, session.secrets())}`);
      }
    },

    close: () => session.close(),
  };
};
