/** Whom a path trusts: the private CA and the TLS context, made once for many mails, since they cost more than the rest of one. */
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Ms } from '../../core/words.ts';
import { readCertificate } from '../../settings/certificate.ts';

/** A renewed CA is used after this at the latest. */
const fresh: Ms = 60_000;

/** Resolves with the context for connections; rejects when the CA cannot be read, and reads it again the next time. */
export const keepTrust = (ca: string | undefined, now: () => Ms = Date.now): (() => Promise<SecureContext>) => {
  let kept: { readonly at: Ms; readonly context: Promise<SecureContext> } | undefined;
  const read = async () => createSecureContext(ca === undefined ? {} : { ca: await readCertificate(ca) });
  return () => {
    if (kept !== undefined && now() < kept.at + fresh) return kept.context;
    const made = { at: now(), context: read() };
    kept = made;
    made.context.catch(() => {
      if (kept === made) kept = undefined;
    });
    return made.context;
  };
};
