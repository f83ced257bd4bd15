/** A scripted SMTP server that is well behaved up to one stage, and there hangs, drips, resets, ends, or answers what it is told. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

/** `tls` is the handshake after STARTTLS was answered; `body` is the reply after the final dot. */
export const faultyStages = ['banner', 'ehlo', 'starttls', 'tls', 'auth', 'mail', 'rcpt', 'data', 'body'] as const;
export type FaultyStage = (typeof faultyStages)[number];

/** `{ say }` answers with these lines and goes on as a real server would; `{ say, end: true }` then ends the connection. */
export type Fault = 'hang' | 'drip' | 'reset' | 'end' | { readonly say: string; readonly end?: boolean };

export type FaultyOptions = {
  readonly at?: FaultyStage;
  readonly does?: Fault;
  readonly banner?: string;
  /** The lines of the EHLO reply without codes; the first is the greeting. */
  readonly ehlo?: readonly string[];
  /** The reply after the final dot. */
  readonly taken?: string;
  readonly key?: Buffer;
  readonly cert?: Buffer;
};

export type FaultySmtp = {
  readonly port: number;
  /** Every line that clients said, and the mails that came through. */
  readonly lines: readonly string[];
  readonly mails: readonly string[];
  /** Connections so far. */
  readonly connections: () => number;
  /** Connections that are open now. */
  readonly open: () => number;
  readonly close: () => Promise<void>;
};

const usual: Readonly<Record<FaultyStage, string>> = {
  banner: '220 faulty.example.test ESMTP',
  ehlo: '',
  starttls: '220 2.0.0 Ready to start TLS',
  tls: '',
  auth: '235 2.7.0 Authentication successful',
  mail: '250 2.1.0 Ok',
  rcpt: '250 2.1.5 Ok',
  data: '354 End data with <CR><LF>.<CR><LF>',
  body: '250 2.0.0 Ok: queued as FAULTY1',
};

const commands: readonly (readonly [RegExp, FaultyStage])[] = [
  [/^(EHLO|HELO)/i, 'ehlo'],
  [/^STARTTLS/i, 'starttls'],
  [/^AUTH/i, 'auth'],
  [/^MAIL/i, 'mail'],
  [/^RCPT/i, 'rcpt'],
  [/^DATA/i, 'data'],
];

/** Starts it on 127.0.0.1; STARTTLS is offered when key and certificate are given. */
export const startFaultySmtp = async (options: FaultyOptions = {}): Promise<FaultySmtp> => {
  const lines: string[] = [];
  const mails: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const serve = (raw: Socket) => {
    let socket: Socket = raw;
    let buffered = '';
    let inBody = false;
    let deaf = false;
    const greet = options.ehlo ?? ['faulty.example.test', 'SIZE 10240000', 'AUTH PLAIN LOGIN', 'DSN'];

    /** True when the conversation goes on as usual after this stage. */
    const misbehave = (stage: FaultyStage): boolean => {
      const { at, does } = options;
      if (at !== stage || does === undefined) return true;
      if (typeof does === 'object') {
        socket.write(`${does.say}\r\n`);
        if (does.end) socket.end();
        return false;
      }
      deaf = true;
      // Not at once: a reset before the client noticed the connection would be another stage.
      if (does === 'reset') setTimeout(() => raw.resetAndDestroy(), 10);
      if (does === 'end') socket.end();
      if (does === 'drip') {
        // In a handshake the beginning of a long record, elsewhere of a reply: nothing that is wrong before it ends.
        const bytes = stage === 'tls' ? [22, 3, 3, 63, 255, 2] : [];
        const timer = setInterval(() => raw.write(Buffer.of(bytes.shift() ?? 50)), 20);
        raw.once('close', () => clearInterval(timer));
      }
      return false;
    };
    const answer = (stage: FaultyStage) => {
      if (!misbehave(stage)) return;
      if (stage === 'ehlo') {
        const offered = [...greet, ...(options.cert && socket === raw ? ['STARTTLS'] : [])];
        socket.write(offered.map((line, i) => `250${i === offered.length - 1 ? ' ' : '-'}${line}\r\n`).join(''));
      } else if (stage === 'banner') socket.write(`${options.banner ?? usual.banner}\r\n`);
      else if (stage === 'body') socket.write(`${options.taken ?? usual.body}\r\n`);
      else socket.write(`${usual[stage]}\r\n`);
      if (stage === 'data') inBody = true;
      if (stage === 'starttls') upgrade();
    };
    const upgrade = () => {
      raw.removeAllListeners('data');
      if (!misbehave('tls')) return;
      const { key, cert } = options;
      const secureContext = createSecureContext({ ...(key && { key }), ...(cert && { cert }) });
      socket = new TLSSocket(raw, { isServer: true, secureContext });
      socket.on('error', () => {});
      socket.on('data', hear);
    };
    const hear = (chunk: Buffer) => {
      buffered += chunk.toString('latin1');
      while (!deaf) {
        const end = buffered.indexOf(inBody ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + (inBody ? 5 : 2));
        if (inBody) {
          inBody = false;
          mails.push(line);
          answer('body');
          continue;
        }
        lines.push(line);
        if (/^QUIT/i.test(line)) return void socket.end('221 2.0.0 Bye\r\n');
        answer(commands.find(([pattern]) => pattern.test(line))?.[1] ?? 'auth');
      }
    };
    raw.on('data', hear);
    // One that hangs does not close either: only a client that let go of its socket resets what still comes.
    raw.once('end', () => (deaf ? raw.write('2', () => setTimeout(() => raw.write('2'), 20)) : raw.end()));
    answer('banner');
  };

  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    lines,
    mails,
    connections: () => connections,
    open: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};
