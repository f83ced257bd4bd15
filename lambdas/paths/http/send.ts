/** A signed POST that names its host; the endpoint on that host sends the mail with the application's own mailer. */
import type { Send } from '../../core/ports.ts';
import { asEvidence } from '../../core/replies.ts';
import type { CanaryMail, HostFacts } from '../../core/words.ts';
import { readCertificate } from '../../settings/certificate.ts';
import { type PathContext, UnusableAddress } from '../kind.ts';
import { type Asked, handoverOf } from './causes.ts';
import { ask } from './exchange.ts';
import type { HttpSettings } from './settings.ts';
import { sign } from './sign.ts';

const urlFor = (filled: string): URL => {
  const url = URL.parse(filled);
  if (url === null) throw new UnusableAddress(`not a URL: ${filled}`);
  return url;
};

const bodyFor = (mail: CanaryMail, host: HostFacts): string => {
  const { id, key, from, to, subject, messageId, headers, text } = mail;
  // An endpoint answers an id that it knows from memory: without the key, a check would get what another monitor was told.
  return JSON.stringify({ host: host.id, id: `${id}.${key}`, from, to, subject, messageId, headers, text });
};

/** Opens the path: nothing is connected until a mail is sent. */
export const openHttp =
  (settings: HttpSettings, context: PathContext): Send =>
  async (mail, host, deadline) => {
    let url: URL;
    let secret: string;
    let ca: string | undefined;
    try {
      url = urlFor(context.fill(settings.url, host));
      secret = await context.secret(settings.secret);
      ca = settings.tls?.ca === undefined ? undefined : await readCertificate(settings.tls.ca);
    } catch (error) {
      const evidence = asEvidence(error instanceof Error ? error.message : String(error));
      return { state: 'unsent', cause: 'sender-failed', sentAt: mail.sentAt, evidence };
    }
    if (deadline.aborted) {
      const evidence = 'the deadline had passed before the attempt began';
      return { state: 'unsent', cause: 'sent-too-late', sentAt: mail.sentAt, evidence };
    }
    const body = bodyFor(mail, host);
    const timestamp = Math.floor(mail.sentAt / 1000);
    const headers = {
      'content-type': 'application/json',
      // For logs; the signed body says it, too.
      'x-mail-canary-host': host.id.replace(/[^\x20-\x7e]/g, '?'),
      'x-mail-canary-timestamp': String(timestamp),
      'x-mail-canary-signature': sign(secret, { method: 'POST', path: url.pathname + url.search, timestamp, body }),
    };
    const asked: Asked = {
      sentAt: mail.sentAt,
      host: host.id,
      server: url.host,
      deadline,
      secrets: [secret, Buffer.from(secret).toString('base64')],
    };
    return handoverOf(asked, await ask({ url, headers, body, serverName: settings.serverName, ca }, deadline));
  };
