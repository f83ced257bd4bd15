/** Programs run on a host that is a network namespace (ssm-hosts.ts), and the way from there to the mailboxes on loopback. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Report } from '../../bin/check/report.ts';
import { ended } from './more-tool.ts';
import { root } from './tool.ts';

const ip = (...args: readonly string[]) => execFileSync('/usr/sbin/ip', args, { encoding: 'utf8' });

/** The namespace that has this address. */
export const spaceOf = (address: string): string => {
  const names = ip('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name !== '');
  const found = names.find((name) => ip('-n', name, '-4', '-o', 'addr', 'show').includes(` ${address}/`));
  if (found === undefined) throw new Error(`none of the namespaces ${names.join(', ')} has the address ${address}`);
  return found;
};

export type Forward = { readonly port: number; readonly close: () => Promise<void> };

/** Takes connections on an address of this machine, and hands them to a port on loopback. */
export const forwardTo = async (port: number, address: string): Promise<Forward> => {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const onwards = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [client, onwards],
      [onwards, client],
    ] as const) {
      sockets.add(one);
      one
        .on('error', () => other.destroy())
        .once('close', () => sockets.delete(one))
        .pipe(other);
    }
  }).listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('the forward has no port');
  return {
    port: bound.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};

/** Runs `check --json` with these settings in the namespace that has this address: as a person on that host would. */
export const checkOn = async (
  address: string,
  dir: string,
  settings: unknown,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly status: number | null; readonly report: Report }> => {
  const cwd = mkdtempSync(join(dir, 'on-host-'));
  writeFileSync(join(cwd, 'settings.yaml'), stringify(settings));
  const tool = [process.execPath, join(root, 'bin/mail-canary.ts'), 'check', '--settings', 'settings.yaml', '--json'];
  const child = spawn('/usr/sbin/ip', ['netns', 'exec', spaceOf(address), ...tool], {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { status, stdout, stderr } = await ended(child);
  rmSync(cwd, { recursive: true });
  if (stdout === '') throw new Error(`check on ${address} ended with ${status}: ${stderr}`);
  return { status, report: JSON.parse(stdout) };
};
