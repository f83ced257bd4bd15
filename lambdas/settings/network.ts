/** The `network` block: functions that run inside a VPC, and what they need there, which synth can say but not look up. */
import * as z from 'zod';
import { needsOf, secretsOf, serversOf } from '../mailbox/auth/index.ts';
import type { Need } from '../paths/kind.ts';
import { kindOf } from './checks.ts';
import type { Settings } from './schema.ts';

/** The functions that may run inside a VPC. */
export const networkFunctions = ['plan', 'send', 'confirm', 'note'] as const;
export type NetworkFunction = (typeof networkFunctions)[number];

/** The id of an EC2 resource: eight hexadecimal digits in old accounts, seventeen in all others. */
const id = (prefix: string, what: string) =>
  z
    .string({
      error: (issue) => `must be the id of ${what} such as ${prefix}-0a1b2c3d, got ${JSON.stringify(issue.input)}`,
    })
    .regex(new RegExp(`^${prefix}-[0-9a-f]{8}([0-9a-f]{9})?$`), {
      error: (issue) => `must be the id of ${what} such as ${prefix}-0a1b2c3d, got ${JSON.stringify(issue.input)}`,
    });

const zoneMessage = (issue: { readonly input?: unknown }) =>
  `must be an availability zone such as eu-west-1a, got ${JSON.stringify(issue.input)}`;

/** At least one, and none twice. */
const several = <T extends z.ZodType<string>>(one: T, what: string) =>
  z
    .array(one)
    .min(1, { error: () => `must name at least one ${what}` })
    .refine((all) => new Set(all).size === all.length, { error: () => `must not name one ${what} twice` });

/** The block; ids are written down, since nothing is looked up at synth. */
export const network = () =>
  z
    .strictObject({
      vpcId: id('vpc', 'a VPC'),
      /** Private subnets: a function has no public address, not even in a public one. */
      subnetIds: several(id('subnet', 'a subnet'), 'subnet'),
      /** The zone of each subnet, in the same order. */
      availabilityZones: z.array(
        z.string({ error: zoneMessage }).regex(/^[a-z]{2}(-[a-z]{1,20}){1,4}-\d[a-z]$/, { error: zoneMessage }),
      ),
      /** Default: the stack makes one for each function. */
      securityGroupIds: several(id('sg', 'a security group'), 'security group').optional(),
      /** Which functions run in the VPC. */
      for: several(
        z.enum(networkFunctions, {
          error: (issue) => `must be one of ${networkFunctions.join(', ')}, got ${JSON.stringify(issue.input)}`,
        }),
        'function',
      ).default(['send']),
    })
    .superRefine(({ subnetIds, availabilityZones }, context) => {
      if (subnetIds.length === availabilityZones.length) return;
      context.addIssue({
        code: 'custom',
        path: ['availabilityZones'],
        message: `must name the zone of each subnet in the order of subnetIds: ${subnetIds.length}, got ${availabilityZones.length}`,
      });
    });

export type Network = z.output<ReturnType<typeof network>>;

/** Dollars; us-east-1 (https://aws.amazon.com/privatelink/pricing/, https://aws.amazon.com/vpc/pricing/). */
const prices = { endpointAndZone: 7.3, endpointPerGb: 0.01, nat: 33, natPerGb: 0.045 } as const;

/** Services whose endpoint has another name than the prefix of their actions. */
const endpointOf: Readonly<Record<string, string>> = { ses: 'email', cloudwatch: 'monitoring' };

/** What each function calls besides what the kinds in use need. `send` is fed from the queue by Lambda itself, outside the VPC. */
const ownCalls: Readonly<Record<NetworkFunction, readonly string[]>> = {
  plan: ['sqs'],
  send: ['secretsmanager'],
  confirm: ['secretsmanager', 'cloudwatch', 'events'],
  note: ['secretsmanager'],
};

type Asked = {
  readonly needs: readonly Need[];
  readonly secrets: readonly string[];
  /** Servers that are none of AWS. */
  readonly servers: readonly string[];
};

/** What the kinds in use add to a function. */
const askedBy = (name: NetworkFunction, { paths, mailboxes, bounces }: Settings): Asked => {
  const all = Object.entries(paths).map(([path, settings]) => ({ path, settings, kind: kindOf(settings.kind) }));
  if (name === 'send') {
    const sent = all.filter(({ kind }) => !kind.byHost);
    return {
      needs: sent.flatMap(({ kind, settings }) => kind.needs(settings)),
      secrets: sent.flatMap(({ kind, settings }) => kind.secrets(settings)),
      servers: sent
        .filter(({ kind, settings }) => kind.needs(settings).length === 0)
        .map(({ path, kind, settings }) => `${kind.sharedServer(settings) ?? 'the hosts'} of path ${path}`),
    };
  }
  if (name === 'confirm') {
    const boxes = [...Object.entries(mailboxes), ...Object.entries(bounces)];
    return {
      needs: [
        ...boxes.flatMap(([, { auth }]) => needsOf(auth)),
        ...all.flatMap(({ kind, settings }) => kind.outcomeNeeds?.(settings) ?? []),
      ],
      secrets: boxes.flatMap(([, { auth }]) => secretsOf(auth)),
      servers: boxes.flatMap(([mailbox, { imap, auth }]) => [
        `${imap.host}:${imap.port} of mailbox ${mailbox}`,
        ...serversOf(auth).map((server) => `${server} (tokens of mailbox ${mailbox})`),
      ]),
    };
  }
  return { needs: [], secrets: [], servers: [] };
};

const dollars = (amount: number) => `$${amount.toFixed(2)}`;

/**
 * What must exist in the VPC, and what it costs a month: one sentence each. A function in a VPC has no public address, and
 * reaches only what the subnets route to (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html).
 */
export const networkAdvice = (settings: Settings, block: Network | undefined): string[] => {
  if (block === undefined) return [];
  const asked = block.for.map((name) => ({ name, ...askedBy(name, settings) }));
  const callers = new Map<string, Set<NetworkFunction>>();
  for (const { name, needs, secrets } of asked) {
    const actions = needs.flatMap((need) => need.actions);
    for (const text of [...ownCalls[name], ...actions, ...secrets]) {
      const [prefix = ''] = text.split(':');
      const service = endpointOf[prefix] ?? prefix;
      callers.set(service, (callers.get(service) ?? new Set()).add(name));
    }
  }
  const endpoints = [...callers].sort(([a], [b]) => (a < b ? -1 : 1));
  const zones = new Set(block.availabilityZones).size;
  const cost = endpoints.length * zones * prices.endpointAndZone;
  const listed = endpoints.map(([service, names]) => `${service} (${[...names].join(', ')})`).join(', ');
  const servers = asked.flatMap((one) => one.servers);
  const on25 = block.for.includes('send')
    ? Object.entries(settings.paths).flatMap(([path, one]) => ('port' in one && one.port === 25 ? [path] : []))
    : [];
  return [
    `network: ${block.for.join(', ')} in ${block.vpcId} ${block.for.length === 1 ? 'has' : 'have'} no public address. What ${block.for.length === 1 ? 'it calls' : 'they call'} must be reachable from the subnets, which synth does not look up: a gateway endpoint for dynamodb (free), and interface endpoints for ${listed}: ${endpoints.length} x ${zones} zone${zones === 1 ? '' : 's'} x ${dollars(prices.endpointAndZone)} = ${dollars(cost)} a month and ${dollars(prices.endpointPerGb)} per GB. Or a NAT gateway in place of all of them: about $${prices.nat} a month and $${prices.natPerGb} per GB`,
    ...(servers.length === 0
      ? []
      : [
          `network: no endpoint leads to ${servers.join(', ')}: each of them that lies outside the VPC needs a route (peering, VPN) or, on the internet, the NAT gateway, whose address is then the one that servers see`,
        ]),
    ...(on25.length === 0
      ? []
      : [
          `network: port 25 (path ${on25.join(', ')}) is open to private addresses only, until AWS lifts the block for the account and the address of its NAT gateway: ask with https://console.aws.amazon.com/support/contacts?#/rdns-limits`,
        ]),
  ];
};
