/** Reading `mail-canary.yaml`: every mistake is one line that says where, what came and what may come. */
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { defaultMailboxes, expandMailboxes } from '../core/groups.ts';
import { kindMistakesOf, kindOf, type Mistake, mistakesOf, monitorHost, mustRefuse, warningsOf } from './checks.ts';
import { explain, mistakesFrom } from './explain.ts';
import { groupMistakesOf } from './groups.ts';
import { mailboxMistakesOf } from './mailbox-checks.ts';
import { type Settings, settingsSchema } from './schema.ts';
import { stackMistakesOf, stackWarnings } from './stack-checks.ts';

/** The settings cannot be used; the message has one line per mistake. */
export class SettingsError extends Error {
  override name = 'SettingsError';
}

/** Parsed settings with what is known about them. */
export type Loaded = {
  readonly settings: Settings;
  readonly warnings: readonly string[];
  /** Every reference to a secret or to a certificate file, with its place. */
  readonly secrets: readonly { readonly at: readonly PropertyKey[]; readonly reference: string }[];
  /** "paths.app.secret … (mail-canary.yaml:14)" for a mistake found later. */
  readonly complain: (mistake: Mistake) => string;
};

const largest = 1024 * 1024;

const dotted = (at: readonly PropertyKey[]): string =>
  at.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`),
    '',
  );

/** The line of a place, or of the nearest place above it that exists in the file. */
const lineOf = (document: Document, lines: LineCounter, at: readonly PropertyKey[]): number => {
  for (let length = at.length; length > 0; length -= 1) {
    const parent: unknown = length === 1 ? document.contents : document.getIn(at.slice(0, length - 1), true);
    const last = at[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => (isScalar(key) ? key.value : key) === last);
      if (isScalar(pair?.key) && pair.key.range) return lines.linePos(pair.key.range[0]).line;
    }
    const node: unknown = document.getIn(at.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return lines.linePos(Number(node.range[0])).line;
  }
  return 1;
};

/** Paths whose mail leaves from here and that no host names are bound to the pseudo-host `monitor`, with every mailbox. */
const withMonitor = (settings: Settings): Settings => {
  const named = new Set(settings.hosts.flatMap(({ paths }) => paths));
  const own = Object.entries(settings.paths).filter(
    ([name, path]) => !named.has(name) && !kindOf(path.kind).leavesFromHost(path),
  );
  if (own.length === 0 || settings.hosts.some(({ id }) => id === monitorHost)) return settings;
  const host = {
    id: monitorHost,
    paths: own.map(([name]) => name),
    mailboxes: defaultMailboxes(settings.mailboxes),
    services: [],
    customers: [],
    labels: {},
    egress: [],
  };
  return { ...settings, hosts: [...settings.hosts, host] };
};

/** The keys whose values refer to something outside the file. */
const referenceKeys: readonly string[] = ['secret', 'url', 'ca', 'refreshToken', 'clientSecret', 'certificate', 'key'];

const references = (value: unknown, at: readonly PropertyKey[] = []): Loaded['secrets'] => {
  if (typeof value === 'string')
    return referenceKeys.includes(String(at.at(-1))) && /^(env|file|secretsmanager|ssm):/.test(value)
      ? [{ at, reference: value }]
      : [];
  if (Array.isArray(value)) return value.flatMap((one, index) => references(one, [...at, index]));
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, one]) => references(one, [...at, key]))
    : [];
};

/** `file:` references made absolute, so that it no longer matters where the program runs. */
const withAbsoluteFiles = <T>(value: T, baseDir: string): T => {
  if (Array.isArray(value)) return value.map((one) => withAbsoluteFiles(one, baseDir)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      referenceKeys.includes(key) && typeof one === 'string' && one.startsWith('file:')
        ? `file:${resolve(baseDir, one.slice('file:'.length))}`
        : withAbsoluteFiles(one, baseDir),
    ]),
  ) as T;
};

/** True for a mailbox in a domain that our own mail servers host: it proves nothing about relaying. */
export const isInside = (address: string, ourDomains: readonly string[]): boolean =>
  ourDomains.some((domain) => domain.toLowerCase() === address.split('@')[1]?.toLowerCase());

/** Parses the text of a settings file. `stack` adds the rules of a deployed stack; `file:` is relative to `baseDir`. Throws SettingsError. */
export const parseSettings = (
  source: string,
  file: string,
  mode: 'local' | 'stack',
  baseDir = process.cwd(),
): Loaded => {
  const fileName = basename(file);
  if (source.length > largest)
    throw new SettingsError(`${fileName} is ${source.length} bytes long; settings may have up to ${largest}`);
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const fail = (messages: readonly string[]): never => {
    throw new SettingsError(messages.join('\n'));
  };
  if (document.errors.length > 0)
    fail(
      document.errors.map(
        (error) =>
          `the settings are not YAML: ${error.code === 'MULTIPLE_DOCS' ? 'a second document begins here' : error.message.split('\n')[0]?.toLowerCase()} (${fileName}:${lines.linePos(error.pos[0]).line})`,
      ),
    );
  let input: unknown;
  try {
    input = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    fail([`${fileName} cannot be read: ${error instanceof Error ? error.message.toLowerCase() : 'too many aliases'}`]);
  }
  if (input === null || input === undefined) fail([`${fileName} is empty: it must hold mailboxes, paths and hosts`]);
  const complain = ({ at, message }: Mistake) =>
    `${dotted(at) || 'the settings'} ${message} (${fileName}:${lineOf(document, lines, at)})`;
  const parsed = settingsSchema.safeParse(input, { error: explain });
  if (!parsed.success)
    return fail([...new Set(parsed.error.issues.flatMap((issue) => mistakesFrom(issue, input)).map(complain))]);
  const raw = parsed.data;
  const paths = raw.paths as unknown as Settings['paths'];
  const ourDomains = raw.ourDomains ?? [
    ...new Set(
      Object.values(paths)
        .filter((path) => !mustRefuse(path))
        .map(({ from }) => from.split('@')[1] ?? ''),
    ),
  ];
  const named = withMonitor({
    ...raw,
    paths,
    mailboxes: raw.mailboxes as unknown as Settings['mailboxes'],
    bounces: raw.bounces as unknown as Settings['bounces'],
    ourDomains,
    deliverWithin: raw.deliverWithin ?? Math.min(120_000, raw.lostAfter),
    hosts: raw.hosts.map((host) => ({ ...host, mailboxes: host.mailboxes ?? defaultMailboxes(raw.mailboxes) })),
  });
  const secrets = references(input);
  const inside = (name: string) => isInside(named.mailboxes[name]?.address ?? '', ourDomains);
  const mistakes = [
    ...mistakesOf(named),
    ...kindMistakesOf(named, mode === 'stack'),
    ...mailboxMistakesOf(named, mode === 'stack'),
    ...groupMistakesOf(named, inside),
    ...(mode === 'stack'
      ? stackMistakesOf(
          named,
          secrets.filter(({ at }) => at.at(-1) !== 'ca'),
        )
      : []),
  ];
  if (mistakes.length > 0) fail(mistakes.map(complain));
  const spread = named.hosts.map((host) => ({
    ...host,
    mailboxes: expandMailboxes(host.id, host.mailboxes, named.mailboxes),
  }));
  const settings = { ...named, hosts: spread };
  return {
    settings: withAbsoluteFiles(settings, baseDir),
    warnings: [...warningsOf(settings, inside), ...(mode === 'stack' ? stackWarnings(settings) : [])],
    secrets,
    complain,
  };
};

/** Reads and parses a settings file. A missing file is an error, never "no hosts". Throws SettingsError. */
export const loadSettings = (file: string, mode: 'local' | 'stack', baseDir = process.cwd()): Loaded => {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : code;
    throw new SettingsError(
      `the settings ${file} cannot be read: ${why}; name them with ${mode === 'stack' ? '-c settings=FILE' : '--settings FILE'}, examples/mail-canary.yaml shows how they look`,
      { cause: error },
    );
  }
  return parseSettings(source, file, mode, baseDir);
};
