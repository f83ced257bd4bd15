/** The company of the demo: a mail server with a trust list, two mailboxes, and web hosts that run the example handler. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTransport } from 'nodemailer';
import { mailCanaryHandler } from '../examples/web-host/mail-canary-host.mjs';
import { addressesFor } from './addresses.ts';
import { startImapServer } from './servers/imap/server.ts';
import { startRelay } from './servers/relay.ts';

/** The port that the server got, or nothing where it is taken. */
const listen = (server: Server, address: string, port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const taken = () => resolve(undefined);
    server.once('error', taken);
    server.listen(port, address, () => {
      server.off('error', taken);
      resolve((server.address() as AddressInfo).port);
    });
  });

export const relayName = 'mail-gw.example.test';
const inside = 'canary@example.test';
const outside = 'canary@supplier.test';

/** Starts everything on free ports of the loopback interface. Hosts are added one by one, as companies do. */
export const startWorld = async (hosts: readonly string[]) => {
  const secrets = new Map(
    ['app', 'inside', 'outside'].map((name) => [`env:${name.toUpperCase()}`, randomBytes(12).toString('hex')]),
  );
  const secret = async (reference: string) =>
    secrets.get(reference) ?? Promise.reject(new Error(`${reference} is not a secret of the demo`));
  const addresses = await addressesFor(hosts);
  const imap = await startImapServer({
    users: { [inside]: await secret('env:INSIDE'), [outside]: await secret('env:OUTSIDE') },
  });
  const relay = await startRelay({
    name: relayName,
    hosted: ['example.test'],
    // Where all hosts share an address, the relay tells them apart by the name in their EHLO.
    ...(addresses.own ? {} : { clientOf: ({ hostNameAppearsAs }) => hostNameAppearsAs }),
    deliver: (recipient, raw) => {
      imap.store.deliver(recipient, 'INBOX', raw);
    },
  });
  const known = (host: string) => (addresses.own ? addresses.of(host) : `${host}.example.test`);
  const servers: Server[] = [];
  let port = 0;

  const startHost = async (host: string) => {
    const address = addresses.of(host);
    const transport = createTransport({
      host: relay.host,
      port: relay.port,
      name: `${host}.example.test`,
      ignoreTLS: true,
      ...(addresses.own ? { localAddress: address } : {}),
    });
    const handler = mailCanaryHandler({
      host,
      secret: await secret('env:APP'),
      // An application knows its mail server by name; in the demo there is no DNS.
      transport: { sendMail: (mail) => transport.sendMail(mail), options: { host: relayName } },
      recipients: [inside, outside],
      perMinute: 600,
    });
    const server = createServer(handler);
    servers.push(server);
    // The same port on every host, as in a company; where that one is taken, or the address is shared, another.
    port = (await listen(server, address, port)) ?? (await listen(server, address, 0)) ?? 0;
    return { address, port };
  };

  return {
    secret,
    imap: { host: imap.host, port: imap.port },
    mailboxes: { inside, outside },
    ownAddresses: addresses.own,
    startHost,
    /** Puts a host on the relay's trust list. */
    trust: (host: string) => relay.trust(known(host)),
    trusted: known,
    stop: async () => {
      for (const server of servers) server.closeAllConnections();
      await Promise.all([
        relay.close(),
        imap.close(),
        ...servers.map((server) => new Promise((resolve) => server.close(resolve))),
      ]);
    },
  };
};

export type World = Awaited<ReturnType<typeof startWorld>>;
