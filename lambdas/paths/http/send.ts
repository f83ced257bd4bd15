/** A signed POST that names its host; the endpoint on that host sends the mail with the application's own mailer. */
import { attachmentName, attachmentOf } from '../../core/attachment.ts';
import type { Send } from '../../core/ports.ts';
import { asEvidence } from '../../core/replies.ts';
import type { CanaryMail, HostFacts, Ms } from '../../core/words.ts';
import { readCertificate } from '../../settings/certificate.ts';
import { type PathContext, UnusableAddress } from '../kind.ts';
import { askThroughBalancer } from './balancer.ts';
import { type Asked, handoverOf } from './causes.ts';
import { ask } from './exchange.ts';
import type { HttpSettings } from './settings.ts';
import { sign } from './sign.ts';

const urlFor = (filled: string): URL => {
  const url = URL.parse(filled);
  if (url === null) throw new UnusableAddress(`not a URL: ${filled}`);
  return url;
};

const attached = (id: string, size: number) => ({
  name: attachmentName,
  type: 'application/octet-stream',
  base64: attachmentOf(id, size).toString('base64'),
});

const bodyFor = (mail: CanaryMail, host: HostFacts): string => {
  const { id, key, from, to, subject, messageId, headers, text, size } = mail;
  const attachment = size === undefined ? {} : { attachment: attached(id, size) };
  // An endpoint answers an id that it knows from memory: without the key, a check would get what another monitor was told.
  return JSON.stringify({
    host: host.id,
    id: `${id}.${key}`,
    from,
    to,
    subject,
    messageId,
    headers,
    text,
    ...attachment,
  });
};

/** A host that answers is announced again after this time, and after a restart. */
const announceAgain: Ms = 10 * 60_000;

/** Announces each name once in a while. */
const announcer = ({ name: path, hello }: PathContext) => {
  const announced = new Map<string, Ms>();
  return async (id: string): Promise<void> => {
    const now = Date.now();
    if (now - (announced.get(id) ?? Number.NEGATIVE_INFINITY) < announceAgain) return;
    if (announced.size >= 1000) announced.clear();
    announced.set(id, now);
    await hello({ id, path });
  };
};

/** Opens the path: nothing is connected until a mail is sent. `timeout` is the one of every path. */
export const openHttp = (settings: HttpSettings & { readonly timeout?: Ms }, context: PathContext): Send => {
  const announce = announcer(context);
  return async (mail, host, deadline) => {
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
    const requestSignature = sign(secret, { method: 'POST', path: url.pathname + url.search, timestamp, body });
    const headers = {
      'content-type': 'application/json',
      // For logs; the signed body says it, too.
      'x-mail-canary-host': host.id.replace(/[^\x20-\x7e]/g, '?'),
      'x-mail-canary-timestamp': String(timestamp),
      'x-mail-canary-signature': requestSignature,
    };
    const asked: Asked = {
      sentAt: mail.sentAt,
      host: host.id,
      to: mail.to,
      server: url.host,
      deadline,
      secrets: [secret, Buffer.from(secret).toString('base64')],
    };
    const question = { url, headers, body, serverName: settings.serverName, ca };
    if (settings.through !== 'balancer') return handoverOf(asked, await ask(question, deadline));
    const each = (settings.timeout ?? 30_000) / 3;
    return askThroughBalancer({ question, asked, secret, requestSignature, each, announce });
  };
};
