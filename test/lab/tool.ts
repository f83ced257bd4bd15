/** The command line tool as people run it: by npm, as a process of its own, from a folder that is theirs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImapFlow } from 'imapflow';
import { stringify } from 'yaml';
import type { Report, Row } from '../../bin/check/report.ts';
import type { Lab } from './postfix.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export type Checked = { readonly status: number | null; readonly report: Report; readonly row: (route: string) => Row };

export type Tool = {
  /** Begins `npm run COMMAND` with these settings in a folder of its own (`folder`: where an earlier one ran). */
  start(command: string, settings: unknown, how?: How): { readonly child: ChildProcess; readonly folder: string };
  /** Runs `check --json` to its end. */
  check(settings: unknown, how?: How): Promise<Checked>;
  /** Everything that any process has printed, byte for byte. */
  printed(): Buffer;
};

export type How = {
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly folder?: string;
};

/** The tool with the mailboxes' password in its environment, as MAILBOX_PASSWORD. */
export const toolFor = (lab: Lab): Tool => {
  const chunks: Buffer[] = [];
  const start: Tool['start'] = (command, settings, { env = {}, args = [], folder } = {}) => {
    const cwd = folder ?? mkdtempSync(join(lab.dir, 'run-'));
    writeFileSync(join(cwd, 'settings.yaml'), stringify(settings));
    // Nothing of the npm that runs these tests: INIT_CWD would be its caller's.
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(
      'npm',
      ['--prefix', root, 'run', '--silent', command, '--', '--settings', 'settings.yaml', ...args],
      {
        cwd,
        env: { PATH, HOME, MAILBOX_PASSWORD: lab.imap.password, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, so that a kill reaches what npm has started.
        detached: true,
      },
    );
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    return { child, folder: cwd };
  };
  return {
    start,
    check: async (settings, how = {}) => {
      const { child, folder } = start('check', settings, { ...how, args: ['--json', ...(how.args ?? [])] });
      const text: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const)
        child[name]?.on('data', (chunk: Buffer) => {
          text[name] += chunk.toString();
        });
      const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
      rmSync(folder, { recursive: true });
      if (text.stdout === '') throw new Error(`check ended with ${status}: ${text.stderr}`);
      const report: Report = JSON.parse(text.stdout);
      return {
        status,
        report,
        row: (route) => {
          const found = report.verdicts.find((row) => row.route === route);
          if (found === undefined) throw new Error(`no route ${route} in ${text.stdout}`);
          return found;
        },
      };
    },
    printed: () => Buffer.concat(chunks),
  };
};

/** Those of the secrets that stand somewhere in these bytes: in plain text, or within base64 at any of its three offsets. */
export const leaked = (bytes: Buffer, secrets: readonly string[]): string[] =>
  secrets.filter((secret) => {
    const encoded = [0, 1, 2].map((offset) =>
      Buffer.from(`${'-'.repeat(offset)}${secret}`)
        .toString('base64')
        .replace(/=+$/, '')
        // Letters at the ends mix with the bytes beside them.
        .slice(offset === 0 ? 0 : offset + 1, -1),
    );
    return [secret, ...encoded].some((form) => bytes.includes(form));
  });

/** Kills what `start` began, at once, npm and all. */
export const killAll = async ({ child }: { readonly child: ChildProcess }, signal: NodeJS.Signals): Promise<void> => {
  const ended = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('close', () => resolve());
  });
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, signal);
  await ended;
};

/** The `mailboxes` of settings: both of them, read with the certificate of the lab unless `tls` says otherwise. */
export const mailboxesOf = ({ imap, mailboxes }: Lab, tls: unknown = { ca: `file:${imap.ca}` }) =>
  Object.fromEntries(
    Object.entries(mailboxes).map(([name, address]) => [
      name,
      {
        address,
        imap: { host: imap.host, port: imap.port, tls },
        auth: { kind: 'password', user: address, secret: 'env:MAILBOX_PASSWORD' },
      },
    ]),
  );

/** A session of our own, beside the tool. */
export const visit = async <T>({ imap }: Lab, user: string, task: (client: ImapFlow) => Promise<T>): Promise<T> => {
  const { host, port, password: pass } = imap;
  const tls = { ca: readFileSync(imap.ca) };
  const client = new ImapFlow({ host, port, secure: true, tls, auth: { user, pass }, logger: false });
  client.on('error', () => {});
  await client.connect();
  try {
    return await task(client);
  } finally {
    await client.logout();
  }
};

/** Every message of every folder, with flags, time of arrival and bytes. */
export const everythingIn = (lab: Lab, user: string) =>
  visit(lab, user, async (client) => {
    const found = [];
    for (const { path } of await client.list()) {
      await client.mailboxOpen(path, { readOnly: true });
      const query = { flags: true, source: true, internalDate: true };
      for (const { uid, flags, source, internalDate } of await client.fetchAll('1:*', query, { uid: true }))
        found.push({
          folder: path,
          uid,
          // \Recent belongs to the session, not to the message.
          flags: [...(flags ?? [])].filter((flag) => flag !== '\\Recent').sort(),
          internalDate,
          raw: source?.toString('latin1') ?? '',
        });
    }
    return found;
  });
