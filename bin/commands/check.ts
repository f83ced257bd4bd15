/** `check`: one full pass now, as a table or as JSON, with an exit status. */
import type { Command } from 'commander';
import ora from 'ora';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { runPass } from '../check/pass.ts';
import { exitStatus, reportOf } from '../check/report.ts';
import { textOf } from '../check/table.ts';
import { defaultSettings, durationOf, knownName, readSettings, UsageError } from './command.ts';

type Options = {
  readonly settings: string;
  readonly host?: string;
  readonly path?: string;
  readonly json?: boolean;
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

const check = async (options: Options): Promise<number> => {
  const { settings: all, warnings, secret } = await readSettings(options.settings);
  const settings = narrowed(all, options);
  const wait = options.wait === undefined ? settings.lostAfter : durationOf('--wait', options.wait);
  const spinner = ora({
    stream: process.stderr,
    isSilent: process.stderr.isTTY !== true || options.json === true,
    discardStdin: false,
  });
  spinner.start('sending');
  const begun = Date.now();
  const pass = await runPass({
    settings,
    secret,
    wait,
    progress: ({ routes, sent, settled, dark }) => {
      const waiting = dark.length === 0 ? '' : `, mailbox ${dark.join(', ')} cannot be read`;
      spinner.text = `${sent} of ${routes} canaries sent, ${settled} settled${waiting} (${Math.round((Date.now() - begun) / 1000)} s, waiting up to ${Math.round(wait / 1000)} s)`;
    },
  });
  spinner.stop();
  const report = reportOf(pass, settings, warnings, Date.now());
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else
    process.stdout.write(
      textOf(report, { colour: process.stdout.hasColors?.() ?? false, width: process.stdout.columns ?? 160 }),
    );
  return exitStatus(report);
};

export const register = (program: Command, end: (status: number) => void): void => {
  program
    .command('check')
    .description('send a canary on every route now, wait for the arrivals, and say what works')
    .option('--settings <file>', 'the settings', defaultSettings)
    .option('--host <id>', 'only this host')
    .option('--path <name>', 'only this path')
    .option('--json', 'print one JSON document on standard output and nothing else')
    .option('--wait <duration>', 'how long to wait for arrivals (default: lostAfter of the settings)')
    .addHelpText(
      'after',
      `
Exit status:
  0  every canary arrived
  1  some were refused, returned, lost or not sent, or have not arrived yet
  2  bad settings or wrong usage
  3  none failed, but a mailbox could not be read: not known

Examples:
  npm run check -- --settings mail-canary.yaml
  npm run check -- --host web-03 --wait 60s
  npm run --silent check -- --json | jq '.verdicts[] | select(.verdict != "delivered")'`,
    )
    .action(async (options: Options) => end(await check(options)));
};
