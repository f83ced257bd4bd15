/** A small company for one test: a relay, two mailboxes, web hosts, and settings for them in a folder of their own. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Report } from '../../bin/check/report.ts';
import { startImapServer } from '../../demo/servers/imap/server.ts';
import { type RelayOptions, startRelay } from '../../demo/servers/relay.ts';
import { mailCanaryHandler } from '../../examples/web-host/mail-canary-host.mjs';
import { checkReport } from './report.ts';
import { type Ended, tool } from './tool.ts';

export const addresses = { inside: 'canary@example.test', outside: 'canary@supplier.test' } as const;

/** Something that runs code when the test is over: vitest's test context. */
export type Test = { readonly onTestFinished: (task: () => void | Promise<void>) => void };

export type Tls = { readonly key: string; readonly cert: string };

export type CompanyOptions = {
  readonly relay?: Partial<RelayOptions>;
  /** Puts a mail into the mailbox; default: into INBOX as it is. */
  readonly deliver?: RelayOptions['deliver'];
  readonly tls?: Tls;
};

export const random = () => randomBytes(12).toString('hex');

/** A folder that goes with the test. */
export const temporaryFolder = ({ onTestFinished }: Test): string => {
  const folder = mkdtempSync(join(tmpdir(), 'mail-canary-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Starts everything on free ports of the loopback interface; the end of the test stops it. */
export const startCompany = async (test: Test, { relay: relayOptions, deliver, tls }: CompanyOptions = {}) => {
  const secrets = { INSIDE: random(), OUTSIDE: random(), APP: random() };
  const folder = temporaryFolder(test);
  const imap = await startImapServer({
    users: { [addresses.inside]: secrets.INSIDE, [addresses.outside]: secrets.OUTSIDE },
    ...(tls && { tls }),
  });
  const relay = await startRelay({
    // By the name in EHLO: not every system has more than one loopback address.
    clientOf: ({ hostNameAppearsAs }) => hostNameAppearsAs,
    deliver: deliver ?? ((recipient, raw) => void imap.store.deliver(recipient, 'INBOX', raw)),
    ...(tls && { tls }),
    ...relayOptions,
  });
  const servers: Server[] = [];
  test.onTestFinished(async () => {
    for (const server of servers) server.closeAllConnections();
    await Promise.all([
      relay.close(),
      imap.close(),
      ...servers.map((server) => new Promise((done) => server.close(done))),
    ]);
  });

  const listen = async (listener: RequestListener): Promise<number> => {
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const mailboxYaml = (name: keyof typeof addresses, port = imap.port, more = '') =>
    `  ${name}:
    address: ${addresses[name]}
    imap: { host: 127.0.0.1, port: ${port}, ${tls === undefined ? 'secure: false' : 'secure: true'}${more} }
    auth: { kind: password, user: ${addresses[name]}, secret: env:${name.toUpperCase()} }
`;
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  const check = (settings: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
    tool(['check', '--settings', settings, ...args], {
      cwd: folder,
      env: { ...secrets, ...env },
      secrets: Object.values(secrets),
    });
  return {
    secrets,
    folder,
    imap,
    relay,
    listen,
    file,
    mailboxYaml,
    /** A web host that sends with its own mailer through the relay; answers its line for the settings. */
    addHost: async (id: string): Promise<string> => {
      const name = `${id}.example.test`;
      const transport = createTransport({ host: relay.host, port: relay.port, name, ignoreTLS: true });
      const port = await listen(
        mailCanaryHandler({
          host: id,
          secret: secrets.APP,
          transport: { sendMail: (mail) => transport.sendMail(mail), options: { host: relay.name } },
          recipients: Object.values(addresses),
          perMinute: 600,
        }),
      );
      return hostYaml(id, port);
    },
    trust: (id: string) => relay.trust(`${id}.example.test`),
    check,
    /** `check --json`, its one document parsed and compared with the documented shape. */
    report: async (settings: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
      const ended: Ended = await check(settings, ['--json', ...args], env);
      if (ended.stdout === '') throw new Error(`no report: ${ended.stderr}`);
      const report: Report = checkReport(ended.stdout);
      return { ...ended, report, row: (route: string) => report.verdicts.find((row) => row.route === route) };
    },
  };
};

export type Company = Awaited<ReturnType<typeof startCompany>>;

export const hostYaml = (id: string, port: number, paths = 'app') =>
  `  - { id: ${id}, address: 127.0.0.1, paths: [${paths}], labels: { port: ${port} } }\n`;

export const appYaml = (more = '') =>
  `  app: { kind: http, url: "http://{host.address}:{host.labels.port}/mail-canary", from: orders@example.test, secret: env:APP${more} }\n`;

/** A path from this machine to a server, under a name of its own in EHLO. */
export const smtpYaml = (name: string, port: number, more = '') =>
  `  ${name}: { kind: smtp, host: 127.0.0.1, port: ${port}, name: ${name}.example.test, from: ${name}@example.test${more} }\n`;
