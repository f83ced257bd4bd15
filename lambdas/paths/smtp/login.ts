/** How a canary logs in: with a password, or with an access token (XOAUTH2, as Google and Microsoft describe it). */
import type SMTPTransport from 'nodemailer/lib/smtp-transport/index.js';
import { asEvidence } from '../../core/replies.ts';
import type { Handover } from '../../core/words.ts';
import { TokenError } from '../../oauth/exchange.ts';
import { maskOf } from '../../oauth/mask.ts';
import { refreshGrant } from '../../oauth/refresh.ts';
import { tokenSource } from '../../oauth/token.ts';
import type { PathContext } from '../kind.ts';
import type { SmtpAuth } from './settings.ts';

type Mask = (words: string) => string;

/** What one attempt needs. */
export type Login = {
  readonly options: SMTPTransport.Options;
  /** Takes what was shown to the server out of its words. */
  readonly mask: Mask;
};

/** Masks cost more than a canary: each secret's is kept, that of a token that was replaced goes. */
const keepMasks = (composed: (secret: string) => string): ((secrets: readonly string[]) => Mask) => {
  let last: { readonly of: string; readonly mask: Mask } | undefined;
  return (secrets) => {
    const of = secrets.join('\0');
    if (last?.of !== of) last = { of, mask: maskOf(secrets, secrets.map(composed)) };
    return last.mask;
  };
};

// Not called XOAUTH2: under that name the transport prefers whatever else the server offers.
const bearer = 'BEARER';

/**
 * Prepares logins: the result resolves with one, and rejects when a secret cannot be looked up, or with a TokenError. Secrets are
 * looked up with each mail: the caller caches them, and a rotated one is used at once.
 */
export const keepLogin = (
  auth: SmtpAuth | undefined,
  context: Pick<PathContext, 'secret'>,
  now: () => number = Date.now,
): ((deadline: AbortSignal) => Promise<Login>) => {
  if (auth === undefined) return async () => ({ options: {}, mask: maskOf([]) });
  const { user, secret, oauth2 } = auth;
  if (oauth2 === undefined) {
    const masks = keepMasks((pass) => `\0${user}\0${pass}`);
    return async () => {
      const pass = await context.secret(secret ?? '');
      // Without forceAuth a server that offers no login would be asked to relay without one, and blamed for refusing.
      return { options: { auth: { user, pass }, forceAuth: true }, mask: masks([pass]) };
    };
  }

  const tokens = tokenSource({ url: oauth2.tokenUrl, grant: refreshGrant(oauth2, context.secret), now });
  const composed = (token: string) => `user=${user}\x01auth=Bearer ${token}\x01\x01`;
  const masks = keepMasks(composed);
  return async (deadline) => {
    const first = await tokens.token(deadline);
    const shown = [first.value];
    const options: SMTPTransport.Options = {
      auth: { type: 'custom', method: bearer, user, pass: '' },
      forceAuth: true,
      customAuth: {
        [bearer]: async ({ sendCommand }) => {
          const offer = async (token: string) => {
            const reply = await sendCommand(`AUTH XOAUTH2 ${Buffer.from(composed(token)).toString('base64')}`);
            // A server that does not take the token says why, and wants an empty line before it refuses.
            return reply.status === 334 ? sendCommand('') : reply;
          };
          let reply = await offer(first.value);
          if (reply.status === 535) {
            tokens.forget(first.value);
            // One that was kept may have been withdrawn before its time; a login with one made just now would only fail again.
            const next = first.kept ? await tokens.token(deadline).catch(() => undefined) : undefined;
            if (next !== undefined && next.value !== first.value) {
              shown.push(next.value);
              reply = await offer(next.value);
              if (reply.status === 535) tokens.forget(next.value);
            }
          }
          if (reply.status < 200 || reply.status > 299) throw new Error('Invalid login');
        },
      },
    };
    return { options, mask: (words) => masks(shown)(words) };
  };
};

/** The server was not called, since no login could be prepared. Where our credentials are refused, the account cannot send. */
export const notBegun = (sentAt: number, error: unknown): Handover => {
  const evidence = asEvidence(error instanceof Error ? error.message : String(error));
  if (!(error instanceof TokenError) || (error.cause !== 'grant-refused' && error.cause !== 'client-refused'))
    return { state: 'unsent', cause: 'sender-failed', sentAt, evidence };
  const answeredBy = error.endpoint;
  return { state: 'refused', cause: 'auth-failed', temporary: false, sentAt, stage: 'auth', answeredBy, evidence };
};
