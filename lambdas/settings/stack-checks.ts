/** What is wrong only in a deployed stack, where the mail leaves from Lambda and files of this machine do not exist. */
import { kindOf, type Mistake, monitorHost } from './checks.ts';
import { mailboxWarnings } from './mailbox-warnings.ts';
import { networkAdvice } from './network.ts';
import type { Settings } from './schema.ts';

/** A canary's deadline in a stack; `send` may run for a minute. */
const longestInStack = 45_000;

/** Mistakes only in a deployed stack, where the mail leaves from Lambda and files of this machine do not exist. */
export const stackMistakesOf = (
  settings: Settings,
  secrets: readonly { readonly at: readonly PropertyKey[]; readonly reference: string }[],
): Mistake[] => [
  ...secrets
    .filter(({ reference }) => /^(env|file):/.test(reference))
    .map(({ at, reference }) => ({
      at,
      message: `must be secretsmanager:NAME or ssm:NAME in a stack, got "${reference.split(':')[0]}:", which exists on this machine only`,
    })),
  ...Object.entries(settings.paths).flatMap(([name, path]): Mistake[] => {
    const port = 'port' in path ? path.port : undefined;
    if (path.timeout > longestInStack)
      return [
        {
          at: ['paths', name, 'timeout'],
          message: `must not be longer than ${longestInStack / 1000} s in a stack: a function sends a whole batch within a minute`,
        },
      ];
    const inVpc = settings.network?.for.includes('send') === true;
    return port === 25 && !inVpc
      ? [
          {
            at: ['paths', name, 'port'],
            message:
              'must not be 25 in a stack: outbound port 25 is blocked from Lambda outside a VPC; use 587 or 465, put "send" into a "network", or run "watch" on a machine inside the network',
          },
        ]
      : [];
  }),
  ...settings.hosts.flatMap(({ id, paths }, index) =>
    paths.flatMap((name, position): Mistake[] => {
      const path = settings.paths[name];
      if (path === undefined || id === monitorHost || kindOf(path.kind).leavesFromHost(path)) return [];
      return [
        {
          at: ['hosts', index, 'paths', position],
          message: `must not be "${name}": from a stack its mail leaves from Lambda and proves the relay, not ${id}; use {host.address} in its host, or name it for the pseudo-host "${monitorHost}"`,
        },
      ];
    }),
  ),
];

/** Addresses that a function outside a VPC cannot reach. */
const privateAddress = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:)/i;

/** What a user should know of a stack: what it cannot reach, what its network needs and costs. */
export const stackWarnings = (settings: Settings): string[] => {
  const { hosts, channels, network } = settings;
  const isInside = network?.for.includes('send') === true;
  const unreachable = hosts.filter(({ address }) => !isInside && address !== undefined && privateAddress.test(address));
  return [
    ...(unreachable.length === 0
      ? []
      : [
          `${unreachable.map(({ id, address }) => `${id} (${address})`).join(', ')}: a private address cannot be reached from Lambda, which runs outside your network; put "send" into a "network", or run "watch" on a machine inside it`,
        ]),
    ...(channels.length === 0
      ? []
      : ['channels are told by "watch" only; the stack puts incidents on EventBridge and rings its SNS topics']),
    ...mailboxWarnings(settings),
    ...networkAdvice(settings, network),
  ];
};
