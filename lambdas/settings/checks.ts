/** What the schema cannot say: names that must exist, templates that must be fillable, and what a deployed stack must not hold. */
import { pathKinds } from '../paths/index.ts';
import type { PathKind } from '../paths/kind.ts';
import { tooMany } from './providers.ts';
import type { HostSettings, Settings } from './schema.ts';
import { isPlaceholder, placeholdersOf } from './template.ts';

/** A mistake at a place in the settings: keys and indexes from the top. */
export type Mistake = { readonly at: readonly PropertyKey[]; readonly message: string };

/** The pseudo-host of paths whose mail leaves from the machine that runs the round. */
export const monitorHost = 'monitor';

/** The kind of a path, as the list has it. */
export const kindOf = (name: string): PathKind<string, unknown> => {
  const kind = (pathKinds as readonly PathKind<string, unknown>[]).find((one) => one.kind === name);
  if (kind === undefined) throw new Error(`no path kind is called ${name}`);
  return kind;
};

const strings = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(strings)
      : [];

const quoted = (names: readonly string[]) => names.join(', ');

const hostMistakes = (host: HostSettings, index: number, settings: Settings): Mistake[] => {
  const at = ['hosts', index] as const;
  const unknown = (key: 'paths' | 'mailboxes', names: readonly string[], defined: readonly string[]): Mistake[] =>
    names.flatMap((name, position) =>
      defined.includes(name)
        ? []
        : [
            {
              at: [...at, key, position],
              message: `names no ${key === 'paths' ? 'path' : 'mailbox'} of the settings: must be one of ${quoted(defined)}, got ${JSON.stringify(name)}`,
            },
          ],
    );
  const twice = settings.hosts.findIndex(({ id }) => id === host.id);
  const missing = host.paths.flatMap((name, position) => {
    const path = settings.paths[name];
    const needed = path === undefined ? [] : strings(path).flatMap(placeholdersOf);
    return needed.flatMap((placeholder): Mistake[] => {
      if (placeholder === 'host.address' && host.address === undefined)
        return [{ at, message: `needs an "address", since path ${name} uses {host.address}` }];
      const label = /^host\.labels\.(.+)$/.exec(placeholder)?.[1];
      if (label !== undefined && !Object.hasOwn(host.labels, label))
        return [
          {
            at: [...at, 'paths', position],
            message: `needs the label "${label}" on host ${host.id}, since path ${name} uses {${placeholder}}`,
          },
        ];
      return [];
    });
  });
  return [
    ...(twice < index
      ? [{ at: [...at, 'id'], message: `must be unique, got ${JSON.stringify(host.id)} a second time` }]
      : []),
    ...(host.paths.length === 0
      ? [{ at, message: `must name at least one path in "paths": ${quoted(Object.keys(settings.paths))}` }]
      : []),
    ...unknown('paths', host.paths, Object.keys(settings.paths)),
    ...unknown('mailboxes', host.mailboxes ?? [], Object.keys(settings.mailboxes)),
    ...missing,
  ];
};

/** Mistakes that are mistakes everywhere. */
export const mistakesOf = (settings: Settings): Mistake[] => {
  const paths = Object.entries(settings.paths).flatMap(([name, path]): Mistake[] => {
    const wrong = strings(path)
      .flatMap(placeholdersOf)
      .filter((placeholder) => !isPlaceholder(placeholder));
    return [
      ...wrong.map((placeholder) => ({
        at: ['paths', name],
        message: `has an unknown placeholder: must be {host.id}, {host.address} or {host.labels.NAME}, got {${placeholder}}`,
      })),
      ...(name === 'again'
        ? [{ at: ['paths', name], message: 'must not be called "again", which is the name of our own second tries' }]
        : []),
      ...((path.deliverWithin ?? 0) > settings.lostAfter
        ? [{ at: ['paths', name, 'deliverWithin'], message: 'must not be longer than lostAfter' }]
        : []),
    ];
  });
  const late =
    settings.deliverWithin > settings.lostAfter
      ? [{ at: ['deliverWithin'], message: 'must not be longer than lostAfter' }]
      : [];
  const none =
    settings.hosts.length === 0
      ? [{ at: ['hosts'], message: 'must name at least one host: with none, nothing would be watched' }]
      : [];
  return [
    ...late,
    ...paths,
    ...none,
    ...tooMany(settings),
    ...settings.hosts.flatMap((host, index) => hostMistakes(host, index, settings)),
  ];
};

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
    return port === 25
      ? [
          {
            at: ['paths', name, 'port'],
            message:
              'must not be 25 in a stack: outbound port 25 is blocked from Lambda; use 587 or 465, or run "watch" on a machine inside the network',
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

const unprovenWarnings = (settings: Settings, inside: (mailbox: string) => boolean): string[] => {
  const outside = Object.keys(settings.mailboxes).filter((name) => !inside(name));
  if (outside.length === 0)
    return [
      'not proven: mail to customers. Every mailbox is inside our own domains, and a mail server takes mail for those from anybody; add a mailbox outside',
    ];
  const unproven = settings.hosts
    .filter(({ mailboxes }) => !mailboxes.some((name) => outside.includes(name)))
    .map(({ id }) => id);
  return unproven.length === 0 ? [] : [`not proven: mail to customers from ${unproven.join(', ')}: no mailbox outside`];
};

/** Addresses that a function outside a VPC cannot reach. */
const privateAddress = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:)/i;

const stackWarnings = ({ hosts, channels }: Settings): string[] => {
  const unreachable = hosts.filter(({ address }) => address !== undefined && privateAddress.test(address));
  return [
    ...(unreachable.length === 0
      ? []
      : [
          `${unreachable.map(({ id, address }) => `${id} (${address})`).join(', ')}: a private address cannot be reached from Lambda, which runs outside your network; run "watch" on a machine inside it`,
        ]),
    ...(channels.length === 0
      ? []
      : ['channels are told by "watch" only; the stack puts incidents on EventBridge and rings its SNS topics']),
  ];
};

/** Things that a user should know and that are no mistakes. */
export const warningsOf = (
  settings: Settings,
  inside: (mailbox: string) => boolean,
  mode: 'local' | 'stack',
): string[] => [...unprovenWarnings(settings, inside), ...(mode === 'stack' ? stackWarnings(settings) : [])];
