/** What the schema cannot say: names that must exist, templates that must be fillable, and what a deployed stack must not hold. */
import { pathKinds } from '../paths/index.ts';
import type { PathKind } from '../paths/kind.ts';
import { nameable } from './mailbox-checks.ts';
import { tooMany } from './providers.ts';
import type { HostSettings, PathSettings, Settings } from './schema.ts';
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

/** True for a path whose mail the server must refuse (`mustRefuse`). */
export const mustRefuse = (path: PathSettings): boolean => 'mustRefuse' in path && path.mustRefuse !== undefined;

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
    ...unknown('mailboxes', host.mailboxes ?? [], nameable(settings)),
    ...missing,
  ];
};

/** What the kind itself says of its settings. */
export const kindMistakesOf = (settings: Settings, deployed: boolean): Mistake[] =>
  Object.entries(settings.paths).flatMap(([name, path]) =>
    (kindOf(path.kind).mistakes?.(path, { deployed }) ?? []).map(({ key, message }) => ({
      at: ['paths', name, ...(key === undefined ? [] : [key])],
      message,
    })),
  );

/** A relay may take anybody's mail for our own domains: only a stranger's mail to a stranger shows that it relays for all. */
const openRelayMistakes = (settings: Settings): Mistake[] => {
  const ours = (address: string) =>
    settings.ourDomains.some((domain) => domain.toLowerCase() === address.split('@')[1]?.toLowerCase());
  const paths = Object.entries(settings.paths).filter(([, path]) => mustRefuse(path));
  const outside = Object.values(settings.mailboxes).some(({ address }) => !ours(address));
  return paths.flatMap(([name, path]): Mistake[] => [
    ...(ours(path.from)
      ? [
          {
            at: ['paths', name, 'from'],
            message: `must be an address outside our own domains with "mustRefuse: openRelay", got ${JSON.stringify(path.from)}: a relay takes our own mail`,
          },
        ]
      : []),
    ...(outside
      ? []
      : [{ at: ['paths', name, 'mustRefuse'], message: 'needs a mailbox outside our own domains: there is none' }]),
  ]);
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
  const both = Object.keys(settings.bounces)
    .filter((name) => Object.hasOwn(settings.mailboxes, name))
    .map((name) => ({ at: ['bounces', name], message: 'must have another name than a mailbox' }));
  return [
    ...late,
    ...paths,
    ...both,
    ...openRelayMistakes(settings),
    ...none,
    ...tooMany(settings),
    ...settings.hosts.flatMap((host, index) => hostMistakes(host, index, settings)),
  ];
};

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

/** Every reader of settings should know that the mail alone tells less. */
const unaskedWarnings = (settings: Settings): string[] =>
  Object.entries(settings.paths).flatMap(([name, path]) =>
    kindOf(path.kind).byHost && !('noteUrl' in path && path.noteUrl !== undefined)
      ? [
          `path ${name} has no noteUrl: its hosts cannot tell what came of their mail, so a canary that does not arrive only shows that a host is silent`,
        ]
      : [],
  );

/** Things that a user should know and that are no mistakes. */
export const warningsOf = (settings: Settings, inside: (mailbox: string) => boolean): string[] => [
  ...unprovenWarnings(settings, inside),
  ...unaskedWarnings(settings),
];
