/** `watch`: the whole monitor on this machine, with the embedded ledger: for a company without AWS. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { listenForTellings, type NoteHandler, type NoteServer, noteHandler } from '../../lambdas/adapters/note-http.ts';
import { conditionFinding } from '../../lambdas/core/conditions.ts';
import type { IncidentEvent } from '../../lambdas/core/incident.ts';
import { monitorOf, staticHosts } from '../../lambdas/settings/monitor.ts';
import { wireLocal } from '../../lambdas/wiring/local.ts';
import { changesOf, clockIn, terminalMetrics } from '../watch/changes.ts';
import { runLoop } from '../watch/loop.ts';
import { openState } from '../watch/state.ts';
import { everybody, terminalTeller, webhooksOf } from '../watch/tellers.ts';
import { callersFolder, defaultSettings, readSettings, UsageError } from './command.ts';

type Options = {
  readonly settings: string;
  readonly state?: string;
  readonly metrics?: boolean;
  readonly listen?: string;
};

/** An incident in a few lines: what, proof, next step. */
const linesOf = ({ kind, incident }: IncidentEvent): string[] => [
  `INCIDENT ${kind} (${incident.severity}) ${incident.id}: ${incident.summary}`,
  ...(kind === 'closed'
    ? [`  ended: ${incident.ending ?? 'not known'}`]
    : [
        ...incident.facts.map((fact) => `  ${fact}`),
        ...(incident.evidence === undefined
          ? []
          : [`  ${incident.finding === conditionFinding ? 'seen' : 'server said'}: ${incident.evidence}`]),
        `  next step: ${incident.remedy}`,
        ...(incident.look ?? []).map((command) => `  look: ${command}`),
        ...(incident.lostMails ?? []).map((command) => `  mails lost besides: ${command}`),
      ]),
];

const watch = async (options: Options): Promise<number> => {
  const { settings, warnings, secret, putSecret } = await readSettings(options.settings);
  const state = openState(resolve(callersFolder(), options.state ?? `.mail-canary/${settings.name}`));
  const clock = clockIn(settings.timezone);
  const print = (line: string) => process.stdout.write(`${clock(Date.now())} ${line}\n`);
  const onProblem = (what: string, error: unknown) =>
    print(`! ${what} failed: ${error instanceof Error ? error.message : 'unknown error'}; it is tried again`);
  const monitor = monitorOf(settings);
  const terminal = terminalTeller((event) => linesOf(event).forEach(print));
  const local = wireLocal({
    settings,
    monitor,
    keys: { current: state.key, heartbeat: state.heartbeat },
    ledger: state.ledger,
    metrics: terminalMetrics(options.metrics ? print : undefined),
    teller: everybody([terminal, ...webhooksOf(settings, secret)]),
    secret,
    putSecret,
    sources: [staticHosts(settings)],
    onProblem,
  });
  const tellings = await listening(options.listen, () =>
    noteHandler({ ledger: state.ledger, now: Date.now, master: async () => state.heartbeat }, monitor, (error) =>
      onProblem('noting a telling', error),
    ),
  );
  const ending = new AbortController();
  const end = () => ending.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    for (const warning of warnings) print(`warning ${warning}`);
    print(
      `watching ${settings.hosts.length} hosts over ${Object.keys(settings.paths).length} paths to ${Object.keys(settings.mailboxes).length} mailboxes; Ctrl-C ends it`,
    );
    if (tellings !== undefined) print(`listening for tellings of heartbeat hosts on port ${tellings.port}`);
    const again = await local.resume();
    if (again > 0) print(`${again} canaries that were stored and not sent are sent now`);
    await runLoop({ local, monitor, signal: ending.signal, onRound: changesOf(print), onProblem });
    print('ended; what is under way is judged at the next start');
    return 0;
  } finally {
    await tellings?.close();
    state.close();
  }
};

/** Where `--listen` says: a port on loopback, or `address:port`. */
const listening = async (where: string | undefined, handler: () => NoteHandler): Promise<NoteServer | undefined> => {
  if (where === undefined) return undefined;
  const [, host = '127.0.0.1', port = ''] = /^(?:(.+):)?(\d{1,5})$/.exec(where) ?? [];
  if (port === '' || Number(port) > 65535)
    throw new UsageError(`--listen must be PORT or ADDRESS:PORT such as 0.0.0.0:8025, got ${JSON.stringify(where)}`);
  try {
    return await listenForTellings(handler(), { host: host.replace(/^\[|\]$/g, ''), port: Number(port) });
  } catch (error) {
    throw new UsageError(
      `--listen ${where} cannot be opened: ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'}`,
      { cause: error },
    );
  }
};

export const register = (program: Command, end: (status: number) => void): void => {
  program
    .command('watch')
    .description('watch from this machine until Ctrl-C: the whole monitor, with an embedded ledger')
    .option('--settings <file>', 'the settings', defaultSettings)
    .option('--state <folder>', 'where ledger and key are kept (default: .mail-canary/NAME)')
    .option('--listen <port>', 'take what heartbeat hosts tell: PORT on loopback, or ADDRESS:PORT')
    .option('--metrics', 'print every metric as well')
    .addHelpText(
      'after',
      `
It can be killed at any time: what was expected is settled at the next start, and nothing counts twice.

Examples:
  npm run watch -- --settings mail-canary.yaml
  npm run watch -- --state /var/lib/mail-canary --metrics
  npm run watch -- --listen 10.0.1.5:8025`,
    )
    .action(async (options: Options) => end(await watch(options)));
};
