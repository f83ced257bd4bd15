/** What a path needs of the network, for the people who open firewalls: every kind says it in its `explains`. */
import type { HostFacts } from '../core/words.ts';

/** Who opens a connection, as people read it. */
export const ends = {
  sender: 'this machine',
  host: 'the host itself',
  mta: "the host's own mail server",
  balancer: 'the load balancer',
  ses: 'Amazon SES',
} as const;

export type Connection = {
  readonly from: keyof typeof ends;
  /** The address that it leaves from, where the settings say it. */
  readonly leavesFrom?: string | undefined;
  /** Name or address, `{region}` in it for the Region; in words where only the host's own configuration knows. */
  readonly to: string;
  /** Undefined where only the host's own configuration knows. */
  readonly port?: number | undefined;
  readonly protocol: string;
  readonly why: string;
};

/** The connections of one path on one host. Opens none; throws UnusableAddress for a host that the path cannot use. */
export type Explains<S> = (settings: S, host: HostFacts) => readonly Connection[];

/** Where a URL leads. */
export const toUrl = ({ protocol, hostname, port }: URL): Pick<Connection, 'to' | 'port' | 'protocol'> => ({
  to: hostname.replace(/^\[|\]$/g, ''),
  port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
  protocol: protocol === 'http:' ? 'HTTP' : 'HTTPS',
});

/** What follows a hand-over to a server of the host itself: it is configured there, not here. */
export const onwards: Connection = {
  from: 'mta',
  to: 'its relay',
  protocol: 'SMTP',
  why: "hands the host's mail on",
};

/** An HTTPS call to a service of AWS in the stack's Region. */
export const toAws = (from: Connection['from'], service: string, why: string): Connection => ({
  from,
  to: `${service}.{region}.amazonaws.com`,
  port: 443,
  protocol: 'HTTPS',
  why,
});
