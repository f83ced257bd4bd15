/** A mail relay with a trust list, as companies run them: takes its own domains from anybody, relays only for those it trusts. */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createTransport } from 'nodemailer';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';

/** What the relay knows of a mail besides its bytes. */
export type RelayedMail = {
  readonly queueId: string;
  readonly from: string;
  readonly client: string;
  readonly at: Date;
};

export type RelayOptions = {
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  readonly port?: number;
  /** What the banner and `Received` say. Default: mail-gw.example.test. */
  readonly name?: string;
  /** Domains whose mail is taken from anybody and handed to `deliver`. */
  readonly hosted?: readonly string[];
  /** Client addresses that may send to every other domain; changed while running by `trust` and `distrust`. */
  readonly trusted?: Iterable<string>;
  /** The next server for a domain that is not hosted; without one its mail goes to `deliver`, too. */
  readonly relayTo?: (domain: string) => { readonly host: string; readonly port: number } | undefined;
  readonly deliver: (recipient: string, raw: Buffer, mail: RelayedMail) => void | Promise<void>;
  /** Who may log in; a client that has is trusted. */
  readonly auth?: { readonly user: string; readonly pass: string };
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer; readonly implicit?: boolean };
  readonly behaviour?: RelayBehaviour;
  /** What a client is trusted by. Default: its address. */
  readonly clientOf?: (session: SMTPServerSession) => string;
};

/** What may be wrong with it; changed while running by `behave`. */
export type RelayBehaviour = {
  /** Refuses the first try of each sender and recipient with 451. */
  readonly greylist?: boolean;
  /** Answers 250 and throws the mail away. */
  readonly discard?: boolean;
  /** Delivers this many milliseconds after answering. */
  readonly delay?: number;
};

export type Relay = {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly trust: (address: string) => void;
  readonly distrust: (address: string) => void;
  readonly behave: (behaviour: RelayBehaviour) => void;
  /** Mails that were accepted, and those whose delivery failed afterwards. */
  readonly counted: () => { readonly accepted: number; readonly failed: number };
  /** Stops listening and waits for deliveries under way; those that are only due later are dropped. */
  readonly close: () => Promise<void>;
};

/** A refusal in the words of Postfix. */
const refusal = (code: number, words: string) => Object.assign(new Error(words), { responseCode: code });

const domainOf = (address: string) => address.slice(address.lastIndexOf('@') + 1).toLowerCase();

const received = (name: string, session: SMTPServerSession, queueId: string, at: Date) =>
  [
    `Received: from ${session.hostNameAppearsAs} ([${session.remoteAddress}])`,
    `\tby ${name} with ${session.transmissionType} id ${queueId};`,
    `\t${at.toUTCString().replace('GMT', '+0000')}`,
    '',
  ].join('\r\n');

/** Starts a relay on a free port unless one is given. */
export const startRelay = async (options: RelayOptions): Promise<Relay> => {
  const { host = '127.0.0.1', name = 'mail-gw.example.test', hosted = ['example.test'], auth, tls } = options;
  const { clientOf = (session: SMTPServerSession) => session.remoteAddress } = options;
  const trusted = new Set(options.trusted);
  const greeted = new Set<string>();
  const underWay = new Set<Promise<void>>();
  const timers = new Set<NodeJS.Timeout>();
  const count = { accepted: 0, failed: 0 };
  let behaviour = options.behaviour ?? {};

  const handOn = async (recipient: string, raw: Buffer, mail: RelayedMail) => {
    const domain = domainOf(recipient);
    const next = hosted.includes(domain) ? undefined : options.relayTo?.(domain);
    if (next === undefined) return options.deliver(recipient, raw, mail);
    const envelope = { from: mail.from, to: [recipient] };
    await createTransport({ ...next, name, localAddress: host, ignoreTLS: true }).sendMail({ envelope, raw });
  };
  const take = (recipients: readonly string[], raw: Buffer, mail: RelayedMail) => {
    count.accepted += 1;
    if (behaviour.discard) return;
    const begin = () => {
      const work = Promise.all(recipients.map((recipient) => handOn(recipient, raw, mail))).then(
        () => {},
        () => {
          count.failed += 1;
        },
      );
      underWay.add(work);
      void work.finally(() => underWay.delete(work));
    };
    if (behaviour.delay === undefined) return begin();
    const timer = setTimeout(() => {
      timers.delete(timer);
      begin();
    }, behaviour.delay);
    timers.add(timer);
  };

  const rules: SMTPServerOptions = {
    onAuth: (login, _session, done) =>
      auth !== undefined && login.username === auth.user && login.password === auth.pass
        ? done(null, { user: auth.user })
        : done(refusal(535, '5.7.8 Error: authentication failed')),
    onRcptTo: ({ address }, session, done) => {
      const mayRelay = trusted.has(clientOf(session)) || session.user !== undefined;
      if (!hosted.includes(domainOf(address)) && !mayRelay)
        return done(refusal(554, `5.7.1 <${address}>: Relay access denied`));
      const from = session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address;
      const triplet = `${session.remoteAddress} ${from} ${address}`;
      if (behaviour.greylist && !greeted.has(triplet)) {
        greeted.add(triplet);
        return done(refusal(451, `4.7.1 <${address}>: Recipient address rejected: Greylisted, try again later`));
      }
      done();
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('error', done);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const at = new Date();
        const queueId = randomBytes(5).toString('hex').toUpperCase();
        const raw = Buffer.concat([Buffer.from(received(name, session, queueId, at)), ...chunks]);
        const from = session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address;
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        take(recipients, raw, { queueId, from, client: session.remoteAddress, at });
        done(null, `2.0.0 Ok: queued as ${queueId}`);
      });
    },
  };
  const server = new SMTPServer({
    ...rules,
    name,
    banner: 'Postfix',
    heloResponse: '%s',
    secure: tls?.implicit ?? false,
    ...(tls === undefined ? { hideSTARTTLS: true } : { key: tls.key, cert: tls.cert }),
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: auth === undefined ? ['AUTH'] : [],
    disableReverseLookup: true,
    closeTimeout: 50,
    logger: false,
  });
  // A client that breaks off in the middle is no failure of the relay.
  server.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  return {
    host,
    port: (server.server.address() as AddressInfo).port,
    name,
    trust: (address) => void trusted.add(address),
    distrust: (address) => void trusted.delete(address),
    behave: (next) => {
      behaviour = next;
    },
    counted: () => ({ ...count }),
    close: async () => {
      for (const timer of timers) clearTimeout(timer);
      await new Promise<void>((resolve) => void server.close(resolve));
      await Promise.all(underWay);
    },
  };
};
