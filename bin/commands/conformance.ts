/** `conformance`: asks a live endpoint of the `http` path what the protocol asks for, and says what to change. */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import { http } from '../../lambdas/paths/http/index.ts';
import type { HttpSettings } from '../../lambdas/paths/http/settings.ts';
import { UnusableAddress } from '../../lambdas/paths/kind.ts';
import { readCertificate } from '../../lambdas/settings/certificate.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import type { PathSettings } from '../../lambdas/settings/schema.ts';
import { fill } from '../../lambdas/settings/template.ts';
import { secretReference, size } from '../../lambdas/settings/types.ts';
import { localSecrets } from '../../lambdas/wiring/local.ts';
import type { Facts } from '../conformance/requests.ts';
import { type Connection, runChecks, statusOf } from '../conformance/run.ts';
import { textOf } from '../conformance/table.ts';
import { callersFolder, defaultSettings, knownName, UsageError } from './command.ts';

type Options = {
  readonly secret?: string;
  readonly settings?: string;
  readonly path?: string;
  readonly host?: string;
  readonly send?: string;
  readonly largest?: string;
  readonly json?: boolean;
};

type Target = Pick<Facts, 'url' | 'host' | 'mail'> & { readonly secret: string } & Connection;

const random = () => randomBytes(12).toString('hex');

const urlOf = (text: string): URL => {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`the URL must be an http or https URL such as "https://10.0.1.11/mail-canary", got "${text}"`);
  return url;
};

const resolved = async (what: string, reference: string): Promise<string> => {
  try {
    return await localSecrets(process.env, callersFolder()).read(reference);
  } catch (error) {
    throw new UsageError(`${what} cannot be resolved: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
};

const hostName = (host: string | undefined): string => {
  if (host !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/.test(host)) return host;
  throw new UsageError('--host must be the id under which the endpoint knows itself, such as web-03');
};

/** From the command line alone: nothing is sent, since no recipient is known. */
const targetOfUrl = async (url: string, options: Options): Promise<Target> => {
  for (const option of ['settings', 'path', 'send'] as const)
    if (options[option] !== undefined)
      throw new UsageError(`--${option} goes with the settings: leave --secret out, which is in the path's settings`);
  const reference = secretReference().safeParse(options.secret);
  // What came may be the secret itself.
  if (!reference.success) throw new UsageError(`--secret ${reference.error.issues[0]?.message}`);
  return { url: urlOf(url), host: hostName(options.host), secret: await resolved('--secret', reference.data) };
};

const targetOfSettings = async (url: string | undefined, options: Options): Promise<Target> => {
  const folder = callersFolder();
  const { settings } = loadSettings(resolve(folder, options.settings ?? defaultSettings), 'local', folder);
  const names = Object.entries(settings.paths).flatMap(([name, { kind }]) => (kind === http.kind ? [name] : []));
  if (names.length === 0) throw new UsageError('the settings have no path of kind http');
  const [only] = names;
  if (options.path === undefined && names.length > 1) throw new UsageError(`--path must be one of ${names.join(', ')}`);
  const name = knownName('--path', options.path ?? only ?? '', names);
  const path = settings.paths[name] as PathSettings & HttpSettings;
  const host = settings.hosts.find(({ id }) => id === options.host);
  if (host === undefined) {
    const ids = settings.hosts.filter(({ paths }) => paths.includes(name)).map(({ id }) => id);
    throw new UsageError(`--host must be one of ${ids.join(', ')}${options.host ? `, got "${options.host}"` : ''}`);
  }
  if (path.through === 'balancer' && url === undefined)
    throw new UsageError(`path ${name} leads to a load balancer: give the URL of ${host.id} itself as well`);
  let own = url;
  try {
    own ??= fill(path.url, host, { allowLocal: true });
  } catch (error) {
    if (error instanceof UnusableAddress) throw new UsageError(error.message);
    throw error;
  }
  const mailbox =
    options.send === undefined ? undefined : knownName('--send', options.send, Object.keys(settings.mailboxes));
  const to = mailbox === undefined ? undefined : settings.mailboxes[mailbox]?.address;
  const slot = Math.floor(Date.now() / 60_000);
  // A key of this run: whoever reads the mailbox sees somebody else's canary, and leaves it alone.
  const canary =
    to === undefined
      ? undefined
      : mint(`${host.id}/${name}/${mailbox}`, slot, Date.now(), keyOf(random()), { ...path, to });
  const mail =
    canary === undefined
      ? undefined
      : (({ id, key, from, subject, messageId, headers, text }) => ({
          ...{ host: host.id, id: `${id}.${key}`, from, to, subject, messageId, headers, text },
        }))(canary);
  const { serverName, tls } = path;
  return {
    url: urlOf(own),
    host: host.id,
    secret: await resolved(`paths.${name}.secret`, path.secret),
    mail,
    serverName,
    ca: tls?.ca === undefined ? undefined : await readCertificate(tls.ca),
  };
};

const conformance = async (given: string | undefined, options: Options): Promise<number> => {
  const largest = size().safeParse(options.largest ?? '16 KiB');
  if (!largest.success) throw new UsageError(`--largest ${largest.error.issues[0]?.message}`);
  if (given === undefined && options.secret !== undefined)
    throw new UsageError('with --secret the URL of the endpoint must be given');
  const target =
    given !== undefined && options.secret !== undefined
      ? await targetOfUrl(given, options)
      : await targetOfSettings(given, options);
  const { url, host, mail, secret, serverName, ca } = target;
  const facts = { url, host, mail, secret, largest: largest.data, random, now: Math.floor(Date.now() / 1000) };
  const rows = await runChecks(facts, { serverName, ca });
  const status = statusOf(rows);
  if (options.json)
    process.stdout.write(`${JSON.stringify({ url: url.href, host, ok: status === 0, checks: rows }, null, 2)}\n`);
  else process.stdout.write(textOf(url.href, host, rows, process.stdout.columns ?? 160));
  return status;
};

export const register = (program: Command, end: (status: number) => void): void => {
  program
    .command('conformance')
    .description('ask a live endpoint of the http path what the protocol asks for, and say what to change')
    .argument('[url]', 'the endpoint; default: the one of --host in the settings')
    .option('--secret <reference>', 'env:NAME or file:PATH of the shared secret, in place of settings')
    .option('--settings <file>', `the settings (default: "${defaultSettings}")`)
    .option('--path <name>', 'the path of kind http (default: the only one)')
    .option('--host <id>', 'the id under which the endpoint knows itself')
    .option('--send <mailbox>', 'send one real canary to this mailbox of the settings; it stays there')
    .option('--largest <size>', 'the body that the endpoint takes, where it was told to take more than 16 KiB')
    .option('--json', 'print one JSON document on standard output and nothing else')
    .addHelpText(
      'after',
      `
Without --send no request could lead to a mail: wrong signatures, wrong hosts, and a recipient that cannot exist.
That no second mail is sent for one id, and at most one a minute, is for the mailbox to show.

Exit status:
  0  every check that was run passed
  1  some failed
  2  bad settings or wrong usage

Examples:
  npm run conformance -- https://10.0.1.11/mail-canary --secret env:MAIL_CANARY_SECRET --host web-03
  npm run conformance -- --settings mail-canary.yaml --path app --host web-03 --send outside
  npm run --silent conformance -- --host web-03 --json | jq '.checks[] | select(.outcome == "fail")'`,
    )
    .action(async (url: string | undefined, options: Options) => end(await conformance(url, options)));
};
