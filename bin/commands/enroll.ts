/** `enroll`: prints the scheduled script of a host that sends by its own clock, with the host's own key; `--revoke` ends that key. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { fleetId, fleetKey, generationOf, hostKey } from '../../lambdas/core/enrolment.ts';
import { defaultMailboxes, expandMailboxes } from '../../lambdas/core/groups.ts';
import { type HeartbeatSettings, isNoteUrl, noteUrlForm } from '../../lambdas/paths/heartbeat/settings.ts';
import { kindOf } from '../../lambdas/settings/checks.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import type { PathSettings, Settings } from '../../lambdas/settings/schema.ts';
import { type Place, placeOfStack, placeOfWatch } from '../enroll/place.ts';
import { type Platform, sheetOf } from '../enroll/sheet.ts';
import { callersFolder, defaultSettings, knownName, UsageError } from './command.ts';

type Options = {
  readonly settings: string;
  readonly path?: string;
  readonly state?: string;
  readonly table?: string;
  readonly secret?: string;
  readonly noteUrl?: string;
  readonly revoke?: boolean;
  readonly fleet?: boolean;
  readonly linux?: boolean;
  readonly windows?: boolean;
};

/** Who is enrolled: one host, or with a shared key every host of a fleet. */
type Whom = { readonly id: string; readonly paths: readonly string[]; readonly mailboxes: readonly string[] };

const heartbeatPaths = (settings: Settings): string[] => {
  const names = Object.entries(settings.paths).flatMap(([name, { kind }]) => (kindOf(kind).byHost ? [name] : []));
  if (names.length === 0)
    throw new UsageError(
      'the settings have no path of kind heartbeat: add one under "paths", and name it for its hosts',
    );
  return names;
};

const whomOf = async (id: string | undefined, settings: Settings, fleet: boolean, place: Place): Promise<Whom> => {
  const every = {
    id: fleetId,
    paths: heartbeatPaths(settings),
    mailboxes: expandMailboxes(fleetId, defaultMailboxes(settings.mailboxes), settings.mailboxes),
  };
  if (fleet) {
    if (id !== undefined) throw new UsageError(`--fleet is for hosts of any name: leave out "${id}"`);
    return every;
  }
  if (id === undefined) throw new UsageError('enroll needs the name of a host, or --fleet for one script for all');
  const hosts: readonly Whom[] = [...settings.hosts, ...(await place.items.hosts())];
  const known = [...new Set(hosts.map((host) => host.id))];
  const found = hosts.find((host) => host.id === id);
  if (found === undefined) throw new UsageError(`the host must be one of ${known.join(', ')}, got "${id}"`);
  return found;
};

/** The one heartbeat path that is meant. */
const pathOf = (whom: Whom, settings: Settings, asked: string | undefined): string => {
  const names = heartbeatPaths(settings).filter((name) => whom.paths.includes(name));
  if (names.length === 0)
    throw new UsageError(
      `${whom.id} uses no heartbeat path: add one of ${heartbeatPaths(settings).join(', ')} to its "paths"`,
    );
  if (asked !== undefined) return knownName('--path', asked, names);
  const [only = '', ...others] = names;
  if (others.length > 0) throw new UsageError(`--path must say which one: ${names.join(', ')}`);
  return only;
};

const placeOf = async ({ state, table, secret }: Options, settings: Settings): Promise<Place> => {
  if (table === undefined && secret === undefined)
    return placeOfWatch(resolve(callersFolder(), state ?? `.mail-canary/${settings.name}`));
  if (state !== undefined)
    throw new UsageError('--state is for a watch, --table and --secret are for a stack: not both');
  if (table === undefined || secret === undefined)
    throw new UsageError(
      `--${table === undefined ? 'table' : 'secret'} is missing: a stack needs --table and --secret`,
    );
  return placeOfStack(table, secret);
};

const noteUrlOf = (asked: string | undefined, path: PathSettings & HeartbeatSettings): string | undefined => {
  if (asked !== undefined && !isNoteUrl(asked))
    throw new UsageError(`--note-url must be ${noteUrlForm}, got "${asked}"`);
  return asked ?? path.noteUrl;
};

const revoke = async (whom: Whom, generation: number, place: Place): Promise<string> => {
  const next = generation + 1;
  await place.items.putEnrolment({ id: whom.id, generation: next, changedAt: Date.now() });
  const isFleet = whom.id === fleetId;
  const whose = isFleet ? 'the fleet' : whom.id;
  return [
    `The key of ${whose}, generation ${generation}, is revoked: its tellings are refused, and its canaries count no longer.`,
    `Next: run "npm run enroll -- ${isFleet ? '--fleet' : whom.id}", and install the new script${isFleet ? ' on every host' : ''}. Until then ${isFleet ? 'they are' : 'it is'} not watched.`,
    '',
  ].join('\n');
};

/** Both, where both can be; a path without an SMTP relay is none for Windows. */
const platformsOf = ({ linux, windows }: Options, { via }: HeartbeatSettings): Platform[] => {
  if (linux || windows) return [...(linux ? (['linux'] as const) : []), ...(windows ? (['windows'] as const) : [])];
  return via === 'smtp' ? ['linux', 'windows'] : ['linux'];
};

const enroll = async (id: string | undefined, options: Options): Promise<number> => {
  const folder = callersFolder();
  // Their secrets are not needed: this machine may have none of them.
  const { settings } = loadSettings(resolve(folder, options.settings), 'local', folder);
  heartbeatPaths(settings);
  const place = await placeOf(options, settings);
  try {
    const whom = await whomOf(id, settings, options.fleet === true, place);
    const generation = generationOf(whom.id, await place.items.enrolments());
    if (options.revoke) {
      process.stdout.write(await revoke(whom, generation, place));
      return 0;
    }
    const name = pathOf(whom, settings, options.path);
    // Found by its kind, so it has been parsed as one of that kind.
    const path = settings.paths[name] as PathSettings & HeartbeatSettings;
    const master = await place.master();
    const enrolled = {
      monitor: settings.name,
      path: name,
      settings: path,
      key: whom.id === fleetId ? fleetKey(master, generation) : hostKey(master, whom.id, generation),
      generation,
      mailboxes: Object.entries(settings.mailboxes)
        .filter(([mailbox]) => whom.mailboxes.includes(mailbox))
        .map(([mailbox, { address }]) => [mailbox, address] as const),
      noteUrl: noteUrlOf(options.noteUrl, path),
    };
    process.stdout.write(sheetOf(enrolled, platformsOf(options, path)));
    return 0;
  } finally {
    place.close();
  }
};

export const register = (program: Command, end: (status: number) => void): void => {
  program
    .command('enroll')
    .description('print the scheduled script of a heartbeat host, with its own key; or revoke that key')
    .argument('[host]', 'the name of the host')
    .option('--settings <file>', 'the settings', defaultSettings)
    .option('--path <name>', 'which heartbeat path, where the host uses several')
    .option('--state <folder>', 'the state of a watch (default: .mail-canary/NAME)')
    .option('--table <name>', 'the table of a stack, in place of --state')
    .option('--secret <arn>', 'the heartbeat secret of a stack')
    .option('--note-url <url>', 'where the script tells what it does (default: noteUrl of the path)')
    .option('--linux', 'for Linux only')
    .option('--windows', 'for Windows only')
    .option('--fleet', 'one script with a shared key; hosts that nobody listed register themselves')
    .option('--revoke', 'end the key that was printed last')
    .addHelpText(
      'after',
      `
What it prints holds a secret key: who reads it can speak for that host, and for no other.

Examples:
  npm run --silent enroll -- web-01 --linux > enroll-web-01
  npm run --silent enroll -- --fleet --note-url https://abc.lambda-url.eu-west-1.on.aws/
  npm run --silent enroll -- web-01 --revoke
  npm run --silent enroll -- web-01 --table mail-canary --secret arn:aws:secretsmanager:...`,
    )
    .action(async (id: string | undefined, options: Options) => end(await enroll(id, options)));
};
