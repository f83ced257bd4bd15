/** One attempt on one connection within one deadline: no retry, no fallback, no recipient but the mailbox. */
import type { Socket } from 'node:net';
import { isIP, isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { createTransport } from 'nodemailer';
import type { Send } from '../../core/ports.ts';
import { asEvidence } from '../../core/replies.ts';
import type { PathContext } from '../kind.ts';
import { type Attempt, accepted, failed } from './causes.ts';
import { connect } from './connect.ts';
import { mimeOf } from './message.ts';
import { isSecure, isTemplated, portOf, requiresTls, type SmtpSettings, serverAt } from './settings.ts';
import { keepTranscript } from './transcript.ts';
import { keepTrust } from './trust.ts';

/** The secret in every form in which a server could send it back. */
const forms = (user: string, pass: string): readonly string[] => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return [base64(`\0${user}\0${pass}`), base64(pass), pass];
};

/** RFC 5321 4.1.4: the full name of this machine, or an address literal; the address is known only once connected. */
const ourName = (settings: SmtpSettings, socket: Socket): string => {
  if (settings.name !== undefined) return settings.name;
  if (hostname().includes('.')) return hostname();
  const address = socket.localAddress ?? '127.0.0.1';
  return isIPv6(address) ? `[IPv6:${address}]` : `[${address}]`;
};

/** Opens the path: nothing is connected until a mail is sent. */
export const openSmtp = (settings: SmtpSettings, context: PathContext): Send => {
  const trust = keepTrust(settings.tls?.ca);
  // Secrets are looked up with each mail: the caller caches them, and a rotated one is used at once.
  const prepare = async () => ({
    pass: settings.auth === undefined ? undefined : await context.secret(settings.auth.secret),
    secureContext: await trust(),
  });
  return async (mail, host, deadline) => {
    const unsent = (error: unknown) => ({
      state: 'unsent' as const,
      cause: 'sender-failed' as const,
      sentAt: mail.sentAt,
      evidence: asEvidence(error instanceof Error ? error.message : String(error)),
    });
    let server: string;
    let prepared: Awaited<ReturnType<typeof prepare>>;
    try {
      server = context.fill(settings.host, host);
      prepared = await prepare();
    } catch (error) {
      return unsent(error);
    }
    if (deadline.aborted)
      return { ...unsent('the deadline had passed before the attempt began'), cause: 'sent-too-late' };

    const { pass, secureContext } = prepared;
    const { auth } = settings;
    const transcript = keepTranscript();
    const port = portOf(settings);
    const servername = settings.tls?.serverName ?? (isIP(server) === 0 ? server : undefined);
    // Certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    const tls = { rejectUnauthorized: true, secureContext, ...(servername && { servername }) };
    let remote: string | undefined;
    let local: string | undefined;
    let name = settings.name ?? '';
    const attempt: Attempt = {
      sentAt: mail.sentAt,
      transcript,
      called: serverAt(server, port),
      remote: () => remote,
      local: () => local,
      name: () => name,
      ownServer: isTemplated(settings),
      requireTls: requiresTls(settings, server),
      deadline,
      secrets: auth === undefined || pass === undefined ? [] : forms(auth.user, pass),
    };
    const transport = createTransport({
      host: server,
      port,
      secure: isSecure(settings),
      requireTLS: attempt.requireTls,
      ignoreTLS: settings.ignoreTls === true && !attempt.requireTls,
      tls,
      // Without forceAuth a server that offers no login would be asked to relay without one, and blamed for refusing.
      ...(auth !== undefined && pass !== undefined && { auth: { user: auth.user, pass }, forceAuth: true }),
      socketCloseTimeout: 0,
      maxResponseSize: 64 * 1024,
      logger: transcript.logger,
      transactionLog: true,
      getSocket: (_options, done) => {
        const to = { host: server, port, secure: isSecure(settings), tls, localAddress: settings.localAddress };
        connect(to, deadline, transcript.reached, (error, socket) => {
          if (socket?.remoteAddress !== undefined) remote = serverAt(socket.remoteAddress, port);
          if (error !== null || socket === undefined) return done(error ?? new Error('no connection'));
          local = socket.localAddress;
          name = ourName(settings, socket);
          done(null, { connection: socket, secured: isSecure(settings), name });
        });
      },
    });
    try {
      const info = await transport.sendMail({
        raw: mimeOf(mail),
        // It is in the raw mail; without it here the transport would make up another one to answer with.
        messageId: mail.messageId,
        envelope: { from: mail.from, to: [mail.to] },
        // RFC 3461; left out by the transport where the server does not offer DSN.
        dsn: { id: mail.id, return: 'headers', notify: 'failure' },
        disableFileAccess: true,
        disableUrlAccess: true,
        signal: deadline,
      });
      return accepted(attempt, info.response);
    } catch (error) {
      return failed(attempt, error instanceof Error ? error : new Error(String(error)));
    }
  };
};
