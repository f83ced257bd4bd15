/** The settings: one strict schema, the same at synth, in Lambdas and in the command line tool. */
import * as z from 'zod';
import { isRange } from '../core/origin.ts';
import { type AuthSettings, authKinds } from '../mailbox/auth/index.ts';
import { imap } from '../mailbox/settings.ts';
import { pathKinds } from '../paths/index.ts';
import { network } from './network.ts';
import { isAddress } from './template.ts';
import { address, duration, secretReference } from './types.ts';

/** Names that become part of route ids and ledger keys. */
const name = (what: string) =>
  z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, {
    error: (issue) =>
      `must be a name for a ${what} of lower-case letters, digits and hyphens, got ${JSON.stringify(issue.input)}`,
  });

const hostId = z
  .string({ error: (issue) => `must be the name of a host, got ${JSON.stringify(issue.input)}` })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/, {
    error: (issue) =>
      `must be a host name of letters, digits, dots, hyphens and underscores, got ${JSON.stringify(issue.input)}`,
  });

const text = (what: string) =>
  z
    .string({ error: (issue) => `must be ${what}, got ${JSON.stringify(issue.input)}` })
    .min(1, { error: () => `must be ${what}, got ""` });

const oneOf = (kinds: readonly string[]) => (issue: { input?: unknown }) =>
  `must be one of ${[...kinds].sort().join(', ')}, got ${JSON.stringify(kindOf(issue.input))}`;
const kindOf = (input: unknown): unknown =>
  typeof input === 'object' && input !== null && 'kind' in input ? input.kind : undefined;

/** Fields of every path, whatever its kind. */
const sharedPath = {
  from: address(),
  every: duration({ min: '1 minute', max: '1 day' }).optional(),
  deliverWithin: duration({ min: '1 s' }).optional(),
  timeout: duration({ min: '100 ms', max: '10 minutes' }).default(30_000),
  perDay: z.int().min(1).optional(),
  connections: z.int().min(1).max(200).default(2),
  autoSubmitted: z.boolean().default(true),
  /** From which address the mail must leave; `any` gives the reason why nobody needs to know. */
  origin: z.strictObject({ any: text('the reason why mail may leave from any address') }).optional(),
};

const path = z.discriminatedUnion(
  'kind',
  pathKinds.map((kind) =>
    z.strictObject({ kind: z.literal(kind.kind), ...sharedPath, ...kind.settings }),
  ) as unknown as [z.ZodObject<{ kind: z.ZodLiteral<string> }>],
  { error: oneOf(pathKinds.map(({ kind }) => kind)) },
);

const auth = z.discriminatedUnion(
  'kind',
  authKinds.map((kind) => z.strictObject({ kind: z.literal(kind.kind), ...kind.settings })) as unknown as [
    z.ZodObject<{ kind: z.ZodLiteral<string> }>,
  ],
  { error: oneOf(authKinds.map(({ kind }) => kind)) },
);

const mailbox = z.strictObject({
  address: address(),
  imap: imap(),
  auth,
  /** Folders besides INBOX and the one flagged \Junk. */
  folders: z.array(text('a folder name')).default([]),
  timeout: duration({ min: '1 s', max: '30 s' }).default(20_000),
  /**
   * Whose `Authentication-Results` are trusted (RFC 8601): its id, `*.example.net` for all servers of a domain,
   * `protection.outlook.com` for Microsoft 365.
   */
  trustedAuthservId: z
    .string({ error: (issue) => `must be an authserv-id, got ${JSON.stringify(issue.input)}` })
    .regex(/^(?:\*(?:\.[A-Za-z0-9-]+){2,}|[^\s*;"()]+)$/, {
      error: (issue) =>
        `must be an authserv-id such as mx.example.net, or *.example.net for all servers of a domain, got ${JSON.stringify(issue.input)}`,
    })
    .optional(),
  /** A canary counts as bad when SPF, DKIM or DMARC speak against its sender, and none for it. */
  mustAuthenticate: z.boolean().default(false),
  /** Hosts that name the group are spread over its mailboxes, each always on the same one. */
  group: name('group').optional(),
  /** How long canaries stay in the mailbox as evidence. */
  keep: duration({ max: '90 days' }).optional(),
  /** It holds somebody's mail as well. */
  shared: z.boolean().default(false),
});

/** A mailbox that is read for returned mail only: where the path's `from` gets its mail. */
const ofCanaries = {
  address: true,
  trustedAuthservId: true,
  mustAuthenticate: true,
  group: true,
  keep: true,
  shared: true,
} as const;
const bounceMailbox = mailbox.omit(ofCanaries);

const host = z.strictObject({
  id: hostId,
  address: z
    .string({ error: (issue) => `must be an IP address or a host name, got ${JSON.stringify(issue.input)}` })
    .refine(isAddress, {
      error: (issue) => `must be an IP address or a host name, got ${JSON.stringify(issue.input)}`,
    })
    .optional(),
  /** Addresses or CIDRs from which its mail may leave besides its own: NAT, a proxy. */
  egress: z
    .array(
      z.string().refine(isRange, {
        error: (issue) => `must be an IP address or a CIDR such as 198.51.100.0/28, got ${JSON.stringify(issue.input)}`,
      }),
    )
    .default([]),
  paths: z.array(z.string()).default([]),
  mailboxes: z.array(z.string()).optional(),
  services: z.array(text('the name of a service')).default([]),
  customers: z.array(text('the name of a customer')).default([]),
  labels: z
    .record(
      z.string().regex(/^[A-Za-z0-9_.-]+$/, {
        error: () => 'must be the name of a label: letters, digits, dots, hyphens and underscores',
      }),
      z
        .union([z.string(), z.number(), z.boolean()], {
          error: (issue) => `must be a text, got ${JSON.stringify(issue.input)}`,
        })
        .transform(String),
    )
    .default({}),
});

const topicArn = z.string().regex(/^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+(\.fifo)?$/, {
  error: (issue) => `must be the ARN of an SNS topic, got ${JSON.stringify(issue.input)}`,
});

const channel = z.strictObject({
  kind: z.literal('webhook', { error: (issue) => `must be one of webhook, got ${JSON.stringify(issue.input)}` }),
  preset: z
    .enum(['json', 'slack'], { error: (issue) => `must be one of json, slack, got ${JSON.stringify(issue.input)}` })
    .default('json'),
  url: secretReference(),
});

const timezone = z.string().refine(
  (zone) => {
    try {
      new Intl.DateTimeFormat('en', { timeZone: zone });
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  },
  { error: (issue) => `must be a time zone such as Europe/London, got ${JSON.stringify(issue.input)}` },
);

export const settingsSchema = z.strictObject({
  /** For editors: where the JSON Schema is. */
  $schema: z.string().optional(),
  name: name('monitor').default('mail-canary'),
  timezone: timezone.default('UTC'),
  every: duration({ min: '1 minute', max: '1 day' }).default(600_000),
  deliverWithin: duration({ min: '1 s' }).optional(),
  lostAfter: duration({ min: '1 s', max: '4 hours' }).default(900_000),
  ourDomains: z.array(text('a domain')).optional(),
  mailboxes: z
    .record(name('mailbox'), mailbox)
    .refine((all) => Object.keys(all).length > 0, { error: () => 'must hold at least one mailbox' }),
  bounces: z.record(name('mailbox'), bounceMailbox).default({}),
  paths: z
    .record(name('path'), path)
    .refine((all) => Object.keys(all).length > 0, { error: () => 'must hold at least one path' }),
  hosts: z.array(host).default([]),
  /** Where functions run inside a VPC. */
  network: network().optional(),
  alarms: z
    .strictObject({
      runbook: z.url({ error: (issue) => `must be a URL, got ${JSON.stringify(issue.input)}` }).optional(),
      page: z.array(topicArn).optional(),
      ticket: z.array(topicArn).optional(),
    })
    .default({}),
  channels: z.array(channel).default([]),
});

/** A path after parsing: the shared fields, and its kind's own, which only its kind reads. */
export type PathSettings = { readonly kind: string } & Readonly<{
  [key in keyof typeof sharedPath]: z.output<(typeof sharedPath)[key]>;
}>;
export type MailboxSettings = Omit<z.output<typeof mailbox>, 'auth'> & { readonly auth: AuthSettings };
export type BounceMailboxSettings = Omit<MailboxSettings, keyof typeof ofCanaries>;
/** A host, with the mailboxes that it names or gets. */
export type HostSettings = Omit<z.output<typeof host>, 'mailboxes'> & { readonly mailboxes: readonly string[] };

/** The settings as the program uses them: every default filled in, every duration in milliseconds. */
export type Settings = Omit<
  z.output<typeof settingsSchema>,
  'paths' | 'mailboxes' | 'bounces' | 'ourDomains' | 'deliverWithin' | 'hosts'
> & {
  readonly paths: Readonly<Record<string, PathSettings>>;
  readonly mailboxes: Readonly<Record<string, MailboxSettings>>;
  readonly bounces: Readonly<Record<string, BounceMailboxSettings>>;
  readonly ourDomains: readonly string[];
  readonly deliverWithin: number;
  readonly hosts: readonly HostSettings[];
};
