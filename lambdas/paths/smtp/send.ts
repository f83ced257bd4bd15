/** One attempt on one connection within one deadline: no retry, no fallback, no recipient but the mailbox. */
import type { Socket } from 'node:net';
import { isIP, isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import { mimeOf } from '../../core/mime.ts';
import type { Send } from '../../core/ports.ts';
import type { Certificate, Handover } from '../../core/words.ts';
import { tellingIdentity } from '../../tls/shown.ts';
import type { PathContext } from '../kind.ts';
import { type Attempt, accepted, failed } from './causes.ts';
import { connect } from './connect.ts';
import { keepLogin, notBegun } from './login.ts';
import { isSecure, isTemplated, portOf, requiresTls, type SmtpSettings, serverAt } from './settings.ts';
import { keepTranscript } from './transcript.ts';
import { keepTrust } from './trust.ts';

/** In pieces: what is still in our own buffers when the connection ends must not count as sent. */
const inPieces = (raw: Buffer): Readable => {
  const piece = 16 * 1024;
  const count = Math.ceil(raw.length / piece);
  const pieces = Array.from({ length: count }, (_, at) => raw.subarray(at * piece, (at + 1) * piece));
  return Readable.from(pieces, { objectMode: false });
};

/** RFC 5321 4.1.4: the full name of this machine, or an address literal; the address is known only once connected. */
const ourName = (settings: SmtpSettings, socket: Socket): string => {
  if (settings.name !== undefined) return settings.name;
  if (hostname().includes('.')) return hostname();
  const address = socket.localAddress ?? '127.0.0.1';
  return isIPv6(address) ? `[IPv6:${address}]` : `[${address}]`;
};

/**
 * Ends an attempt that the transport would go on with until the deadline: a login between two commands notices nothing when the
 * server goes, and a server may ask for its next step for ever.
 */
const keepEnd = () => {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let settled = false;
  const end = (code: string, words: string) => over.abort(Object.assign(new Error(words), { code }));
  return {
    signal: over.signal,
    endless: () => end('EPROTOCOL', 'the conversation does not come to an end'),
    /** The transport itself has better words for most ends, and says them at once. */
    watch: (socket: Socket) =>
      socket.once('close', () => {
        if (!settled) timer = setTimeout(() => end('ECONNRESET', 'connection closed'), 500);
      }),
    /** What the attempt failed for. */
    reason: (error: unknown): Error => {
      const why: unknown = over.signal.aborted ? over.signal.reason : error;
      return why instanceof Error ? why : new Error(String(why));
    },
    settled: () => {
      settled = true;
      clearTimeout(timer);
    },
  };
};

/** Opens the path: nothing is connected until a mail is sent. */
export const openSmtp = (settings: SmtpSettings, context: PathContext): Send => {
  const trust = keepTrust(settings.tls?.ca);
  const login = keepLogin(settings.auth, context);
  return async (mail, host, deadline) => {
    let server: string;
    let secureContext: Awaited<ReturnType<typeof trust>>;
    let prepared: Awaited<ReturnType<typeof login>>;
    try {
      server = context.fill(settings.host, host);
      secureContext = await trust();
      prepared = await login(deadline);
    } catch (error) {
      return notBegun(mail.sentAt, error);
    }
    if (deadline.aborted) {
      const evidence = 'the deadline had passed before the attempt began';
      return { state: 'unsent', cause: 'sent-too-late', sentAt: mail.sentAt, evidence };
    }

    const { options, mask } = prepared;
    const raw = mimeOf(mail);
    const end = keepEnd();
    const transcript = keepTranscript(end.endless);
    const port = portOf(settings);
    const servername = settings.tls?.serverName ?? (isIP(server) === 0 ? server : undefined);
    let certificate: Certificate | undefined;
    const checkServerIdentity = tellingIdentity(serverAt(server, port), (shown) => {
      certificate = shown;
    });
    // Certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    const tls = { rejectUnauthorized: true, secureContext, checkServerIdentity, ...(servername && { servername }) };
    let remote: string | undefined;
    let local: string | undefined;
    let name = settings.name ?? '';
    const withIt = (handover: Handover): Handover =>
      certificate === undefined ? handover : { ...handover, certificate };
    const attempt: Attempt = {
      sentAt: mail.sentAt,
      transcript,
      recipient: mail.to,
      called: serverAt(server, port),
      remote: () => remote,
      local: () => local,
      name: () => name,
      ownServer: isTemplated(settings),
      requireTls: requiresTls(settings, server),
      deadline,
      bytes: raw.length,
      mask,
    };
    const transport = createTransport({
      host: server,
      port,
      secure: isSecure(settings),
      requireTLS: attempt.requireTls,
      ignoreTLS: settings.ignoreTls === true && !attempt.requireTls,
      tls,
      ...options,
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
          end.watch(socket);
          done(null, { connection: socket, secured: isSecure(settings), name });
        });
      },
    });
    try {
      const info = await transport.sendMail({
        raw: mail.size === undefined ? raw : inPieces(raw),
        // It is in the raw mail; without it here the transport would make up another one to answer with.
        messageId: mail.messageId,
        // The size is named (RFC 1870) where it is what the canary is about; other mails go as an application's.
        envelope: { from: mail.from, to: [mail.to], ...(mail.size !== undefined && { size: raw.length }) },
        // RFC 3461; left out by the transport where the server does not offer DSN.
        dsn: { id: mail.id, return: 'headers', notify: ['failure', 'delay'] },
        disableFileAccess: true,
        disableUrlAccess: true,
        signal: AbortSignal.any([deadline, end.signal]),
      });
      return withIt(accepted(attempt, info.response));
    } catch (error) {
      return withIt(failed(attempt, end.reason(error)));
    } finally {
      end.settled();
    }
  };
};
