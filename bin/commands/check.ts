/** `check`: one full pass now, as a table, as JSON or as a monitoring plugin, with an exit status. */
import { hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import ora from 'ora';
import { kindOf } from '../../lambdas/settings/checks.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { asPlugin, usageAsPlugin } from '../check/as-plugin.ts';
import { explanationOf, explanationText, type Machine } from '../check/explain.ts';
import { type Plugin, pluginOf } from '../check/nagios.ts';
import { runPass } from '../check/pass.ts';
import { exitStatus, type Report, reportOf } from '../check/report.ts';
import { textOf } from '../check/table.ts';
import { callersFolder, defaultSettings, durationOf, knownName, readSettings, UsageError } from './command.ts';

type Options = {
  readonly settings: string;
  readonly host?: string;
  readonly path?: string;
  readonly json?: boolean;
  readonly nagios?: boolean;
  readonly explain?: boolean;
  readonly verbose?: boolean;
  readonly wait?: string;
};

/** Only the routes that were asked for. */
const narrowed = (settings: Settings, { host, path }: Options): Settings => {
  if (host !== undefined)
    knownName(
      '--host',
      host,
      settings.hosts.map(({ id }) => id),
    );
  if (path !== undefined) knownName('--path', path, Object.keys(settings.paths));
  const hosts = settings.hosts
    .filter(({ id }) => host === undefined || id === host)
    .map((one) => ({ ...one, paths: one.paths.filter((name) => path === undefined || name === path) }))
    .filter(({ paths }) => paths.length > 0);
  if (hosts.length === 0)
    throw new UsageError(`no route is left: host ${host ?? 'any'} does not use path ${path ?? 'any'}`);
  return { ...settings, hosts };
};

/** Without the routes that nobody can ask for a canary now: their hosts send by their own clock. */
const askable = (settings: Settings): { readonly settings: Settings; readonly warnings: readonly string[] } => {
  const own = Object.entries(settings.paths)
    .filter(([, { kind }]) => kindOf(kind).byHost)
    .map(([name]) => name);
  const left = settings.hosts.filter(({ paths }) => paths.some((name) => own.includes(name))).map(({ id }) => id);
  const hosts = settings.hosts
    .map((one) => ({ ...one, paths: one.paths.filter((name) => !own.includes(name)) }))
    .filter(({ paths }) => paths.length > 0);
  if (hosts.length === 0)
    throw new UsageError(
      `no route can be asked for a canary now: hosts of path ${own.join(', ')} send by their own clock; "watch" waits for them`,
    );
  if (left.length === 0) return { settings, warnings: [] };
  return {
    settings: { ...settings, hosts },
    warnings: [`not asked: ${left.join(', ')} over path ${own.join(', ')}, where hosts send by their own clock`],
  };
};

type Passed = { readonly report: Report; readonly settings: Settings; readonly wait: number };

const pass = async (options: Options): Promise<Passed> => {
  const { settings: all, warnings: known, secret, putSecret } = await readSettings(options.settings);
  const { settings, warnings: unasked } = askable(narrowed(all, options));
  const warnings = [...known, ...unasked];
  const wait = options.wait === undefined ? settings.lostAfter : durationOf('--wait', options.wait);
  const spinner = ora({
    stream: process.stderr,
    isSilent: process.stderr.isTTY !== true || options.json === true || options.nagios === true,
    discardStdin: false,
  });
  spinner.start('sending');
  const begun = Date.now();
  const found = await runPass({
    settings,
    secret,
    putSecret,
    wait,
    progress: ({ routes, sent, settled, dark }) => {
      const waiting = dark.length === 0 ? '' : `, mailbox ${dark.join(', ')} cannot be read`;
      spinner.text = `${sent} of ${routes} canaries sent, ${settled} settled${waiting} (${Math.round((Date.now() - begun) / 1000)} s, waiting up to ${Math.round(wait / 1000)} s)`;
    },
  });
  spinner.stop();
  return { report: reportOf(found, settings, warnings, Date.now()), settings, wait };
};

const look = (options: Options) => ({
  colour: process.stdout.hasColors?.() ?? false,
  width: process.stdout.columns ?? 160,
  verbose: options.verbose === true,
});

const printed = (document: unknown) => `${JSON.stringify(document, null, 2)}\n`;

const check = async (options: Options): Promise<number> => {
  const { report } = await pass(options);
  process.stdout.write(options.json ? printed(report) : textOf(report, look(options)));
  return exitStatus(report);
};

const plugin = async (options: Options): Promise<Plugin> => {
  const { report, settings, wait } = await pass(options);
  return pluginOf(report, { settings, wait });
};

const thisMachine = (): Machine => ({
  name: hostname(),
  addresses: Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ internal, address }) => !internal && !/^fe80:/i.test(address))
    .map(({ address }) => address),
  region: process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION,
});

/** Secrets are not looked up: a firewall request is often written where they are not. */
const explain = (options: Options): number => {
  const folder = callersFolder();
  const { settings } = loadSettings(resolve(folder, options.settings), 'local', folder);
  const explanation = explanationOf(narrowed(settings, options), thisMachine());
  process.stdout.write(options.json ? printed(explanation) : explanationText(explanation, look(options).width));
  return 0;
};

const run = async (options: Options): Promise<number> => {
  if (options.nagios) return asPlugin(() => plugin(options));
  return options.explain ? explain(options) : check(options);
};

export const register = (program: Command, end: (status: number) => void): void => {
  const isPlugin = () => process.argv.includes('--nagios');
  program
    .command('check')
    .description('send a canary on every route now, wait for the arrivals, and say what works')
    .option('--settings <file>', 'the settings', defaultSettings)
    .option('--host <id>', 'only this host')
    .option('--path <name>', 'only this path')
    .option('--json', 'print one JSON document on standard output and nothing else')
    .addOption(
      new Option('--nagios', 'print the output of a monitoring plugin, and end with its statuses').conflicts([
        'json',
        'explain',
        'verbose',
      ]),
    )
    .addOption(
      new Option('--explain', 'send nothing: print what connects from where to where, for firewalls').conflicts([
        'verbose',
        'wait',
      ]),
    )
    .option('--verbose', 'print below the table all that is known of each canary')
    .option('--wait <duration>', 'how long to wait for arrivals (default: lostAfter of the settings)')
    .addHelpText(
      'after',
      `
Exit status:
  0  every canary arrived (of a server that must refuse: was refused)
  1  some were refused, returned, lost, relayed or not sent, or have not arrived yet
  2  bad settings or wrong usage
  3  none failed, but a mailbox could not be read: not known

Exit status with --nagios, the first that holds:
  2  CRITICAL  some were refused, returned, lost or relayed for a stranger
  3  UNKNOWN   some were not sent or could not be looked for, or have not arrived and are not late yet;
               bad settings, wrong usage, or a fault of our own
  1  WARNING   some arrived late or in Junk or are late by now, or there is a warning (such as "not proven")
  0  OK        every canary arrived in time
Let a plugin wait longer than deliverWithin, and the monitoring system longer than the plugin.

Examples:
  npm run check -- --settings mail-canary.yaml
  npm run check -- --host web-03 --wait 60s --verbose
  npm run --silent check -- --json | jq '.verdicts[] | select(.verdict != "delivered")'
  npm run --silent check -- --nagios --wait 3m
  npm run --silent check -- --explain --host web-03`,
    )
    .configureOutput({
      outputError: (text, write) => (isPlugin() ? undefined : program.configureOutput().outputError?.(text, write)),
    })
    .exitOverride((error) => {
      throw isPlugin() ? usageAsPlugin(error) : error;
    })
    .action(async (options: Options) => end(await run(options)));
};
