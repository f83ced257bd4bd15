/** `check --explain`: which connections every route needs, for firewall requests. Nothing is sent and nobody is asked. */
import type { HostFacts } from '../../lambdas/core/words.ts';
import type { Connection } from '../../lambdas/paths/explain.ts';
import { ends } from '../../lambdas/paths/explain.ts';
import { kindOf } from '../../lambdas/settings/checks.ts';
import type { MailboxSettings, Settings } from '../../lambdas/settings/schema.ts';
import { columns } from './columns.ts';

/** The machine that runs this: what leaves from it leaves from these addresses. */
export type Machine = {
  readonly name: string;
  readonly addresses: readonly string[];
  /** The Region of AWS, where it is known. */
  readonly region?: string | undefined;
};

export type Needed = {
  /** The path's host; null for the reading of a mailbox. */
  readonly host: string | null;
  readonly path: string | null;
  readonly kind: string | null;
  /** The mailboxes whose routes need it. */
  readonly mailboxes: readonly string[];
  /** Who connects. */
  readonly from: string;
  /** From which addresses, as far as the settings or this machine know them. */
  readonly addresses: readonly string[];
  readonly to: string;
  /** Null where only the host's own configuration knows. */
  readonly port: number | null;
  readonly protocol: string;
  readonly why: string;
};

export type Explanation = { readonly connections: readonly Needed[]; readonly remarks: readonly string[] };

const unknownRegion = 'REGION';

/** From which addresses a connection leaves; none where nobody here knows. */
const addressesOf = ({ from, leavesFrom }: Connection, host: HostFacts, machine: Machine): readonly string[] => {
  if (leavesFrom !== undefined) return [leavesFrom];
  if (from === 'sender') return machine.addresses;
  return from === 'host' || from === 'mta'
    ? [...(host.address === undefined ? [] : [host.address]), ...(host.egress ?? [])]
    : [];
};

const reading = (name: string, { imap }: Pick<MailboxSettings, 'imap'>, machine: Machine, why: string): Needed => ({
  host: null,
  path: null,
  kind: null,
  mailboxes: [name],
  from: ends.sender,
  addresses: machine.addresses,
  to: imap.host,
  port: imap.port,
  protocol: imap.secure ? 'IMAP over TLS' : 'IMAP with STARTTLS',
  why,
});

/** The connections of every route of these settings, and of reading their mailboxes. */
export const explanationOf = (settings: Settings, machine: Machine): Explanation => {
  const sending = settings.hosts.flatMap((host) =>
    host.paths.flatMap((name) => {
      const path = settings.paths[name];
      if (path === undefined) return [];
      return kindOf(path.kind)
        .explains(path, host)
        .map(
          (connection): Needed => ({
            host: host.id,
            path: name,
            kind: path.kind,
            mailboxes: host.mailboxes,
            from: ends[connection.from],
            addresses: addressesOf(connection, host, machine),
            to: connection.to.replaceAll('{region}', machine.region ?? unknownRegion),
            port: connection.port ?? null,
            protocol: connection.protocol,
            why: connection.why,
          }),
        );
    }),
  );
  const read = new Set(settings.hosts.flatMap(({ mailboxes }) => mailboxes));
  const connections = [
    ...sending,
    ...Object.entries(settings.mailboxes)
      .filter(([name]) => read.has(name))
      .map(([name, mailbox]) => reading(name, mailbox, machine, 'reads the mailbox: did the canaries arrive?')),
    ...Object.entries(settings.bounces).map(([name, mailbox]) =>
      reading(name, mailbox, machine, 'reads the mailbox: were canaries returned?'),
    ),
  ];
  return {
    connections,
    remarks: [
      `"${ends.sender}" is ${machine.name}, for check and watch; in a stack it is a function of Lambda, whose address is not fixed, or that of the NAT gateway for a function in a "network"`,
      ...(connections.some(({ port }) => port === null)
        ? ['a server without a port is configured on the host itself: look it up there']
        : []),
      ...(machine.region === undefined && connections.some(({ to }) => to.includes(unknownRegion))
        ? [`${unknownRegion} stands for the Region of the stack; AWS_REGION fills it in`]
        : []),
    ],
  };
};

const server = ({ to, port }: Needed): string => {
  if (port === null) return to;
  return to.includes(':') ? `[${to}]:${port}` : `${to}:${port}`;
};

/** As a table, one line for each connection. */
export const explanationText = ({ connections, remarks }: Explanation, width: number): string => {
  const rows = connections.map((one) => [
    one.host ?? '',
    one.path === null ? `mailbox ${one.mailboxes.join(', ')}` : `${one.path} (${one.kind})`,
    one.from,
    one.addresses.length === 0 ? 'not known here' : one.addresses.join('\n'),
    server(one),
    one.protocol,
    one.why,
  ]);
  const head = ['host', 'path', 'from', 'address', 'to', 'protocol', 'why'];
  const taken = head
    .slice(0, -1)
    .reduce(
      (sum, word, index) =>
        sum +
        Math.max(word.length, ...rows.flatMap((row) => (row[index] ?? '').split('\n').map((line) => line.length))) +
        4,
      0,
    );
  return `${[columns(head, rows, Math.max(30, width - taken)), '', ...remarks].join('\n')}\n`;
};
