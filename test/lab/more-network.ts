/** Programs run on a host that is a network namespace (ssm-hosts.ts), and the way from there to the mailboxes on loopback. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Report } from '../../bin/check/report.ts';
import { type Ended, ended } from './more-tool.ts';
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

/** Lets the host that has this address look for everybody else at that one, as a default route does. */
export const routeOver = (address: string, gateway: string): void => {
  ip('-n', spaceOf(address), 'route', 'add', 'default', 'via', gateway);
};

export type As = { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string };

/** Runs a program to its end on the host that has this address, with this environment and nothing else. */
export const runOn = (address: string, command: readonly string[], { env = {}, cwd = '/' }: As = {}): Promise<Ended> =>
  ended(
    spawn('/usr/sbin/ip', ['netns', 'exec', spaceOf(address), ...command], {
      cwd,
      env: { ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );

/** Runs `check --json` with these settings on the host that has this address. */
export const checkOn = async (
  address: string,
  dir: string,
  settings: unknown,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly status: number | null; readonly report: Report }> => {
  const cwd = mkdtempSync(join(dir, 'on-host-'));
  writeFileSync(join(cwd, 'settings.yaml'), stringify(settings));
  const check = [process.execPath, join(root, 'bin/mail-canary.ts'), 'check', '--settings', 'settings.yaml', '--json'];
  const { status, stdout, stderr } = await runOn(address, check, {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  rmSync(cwd, { recursive: true });
  if (stdout === '') throw new Error(`check on ${address} ended with ${status}: ${stderr}`);
  return { status, report: JSON.parse(stdout) };
};

/** A free port on an address of this machine. */
export const freePortOn = async (address: string): Promise<number> => {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (typeof bound !== 'object' || bound === null) throw new Error('no free port');
  return bound.port;
};
