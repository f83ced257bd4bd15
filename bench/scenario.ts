/** What both programs are given to do: so many routes, one relay, one mailbox, all on the loopback interface. */
import { join } from 'node:path';
import { packageRoot } from '../lib/package-root.ts';

export type Scenario = {
  readonly routes: number;
  /** Canaries on their way at one time. */
  readonly atOnce: number;
  readonly startTls: boolean;
  readonly smtpPort: number;
  readonly imapPort: number;
};

/** What one run in a process of its own came to. */
export type Run = {
  readonly wallMs: number;
  /** Of the program alone, user and system, while the wall time ran. */
  readonly cpuMs: number;
  /** Drawing the report as a table for a terminal, after the wall time. */
  readonly drawMs: number;
  /** Of the whole process, its modules and the table included. */
  readonly peakBytes: number;
  /** Canaries that the program found in the mailbox. */
  readonly arrived: number;
};

/** What the servers say of one run. */
export type Counts = {
  readonly logins: number;
  readonly accepted: number;
  readonly left: number;
  /** Of the process of the servers, user and system. */
  readonly cpuMs: number;
};

export const loopback = '127.0.0.1';
export const mailbox = { address: 'canary@supplier.test', password: 'bench' } as const;
export const sender = 'orders@example.test';

const fixture = (name: string) => join(packageRoot, 'test/fixtures/tls', name);

/** A CA and a certificate for 127.0.0.1, made for the tests. */
export const tlsFiles = { ca: fixture('ca.pem'), key: fixture('server.key'), cert: fixture('server.pem') } as const;

/** The settings of the pass: every host has its own mail server, here always the same one. */
export const yamlFor = ({ routes, startTls, smtpPort, imapPort }: Scenario): string => `name: bench
ourDomains: [example.test]
mailboxes:
  outside:
    address: ${mailbox.address}
    imap: { host: ${loopback}, port: ${imapPort}, secure: false }
    auth: { kind: password, user: ${mailbox.address}, secret: env:PASSWORD }
paths:
  mta:
    kind: smtp
    host: "{host.address}"
    port: ${smtpPort}
    from: ${sender}
${startTls ? `    requireTls: true\n    tls: { ca: "file:${tlsFiles.ca}" }` : ''}
hosts:
${Array.from({ length: routes }, (_, index) => `  - { id: web-${String(index + 1).padStart(4, '0')}, address: ${loopback}, paths: [mta], mailboxes: [outside] }`).join('\n')}
`;
