/** Programs that a web host needs, started in a folder of their own and ended by their process groups. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './tool.ts';

export const examples = join(root, 'examples/web-host');

export type Site = {
  readonly folder: string;
  /** Starts a program whose words stay in memory, for the message when it does not start. */
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): void;
  /** Lets every user of the machine use the folder: a server may run as one that owns nothing. */
  share(): void;
  /** Waits until this answers anything at all. */
  answers(url: string): Promise<void>;
  stop(): Promise<void>;
};

const endOf = async (child: ChildProcess): Promise<void> => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  process.kill(-child.pid, 'SIGTERM');
  await Promise.race([ended, sleep(500)]);
  if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
};

/** A folder with these files, and what runs in it. */
export const siteOf = (files: Readonly<Record<string, string>>): Site => {
  const folder = mkdtempSync(join(tmpdir(), 'mail-canary-site-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const children: ChildProcess[] = [];
  let said = '';
  return {
    folder,
    run: (command, args, env = {}) => {
      const { PATH = '', HOME = '' } = process.env;
      const child = spawn(command, args, {
        cwd: folder,
        env: { PATH, HOME, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      child.on('error', (error) => {
        said += `${error.message}\n`;
      });
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => {
          said = `${said}${chunk.toString()}`.slice(-4000);
        });
      children.push(child);
    },
    share: () => chmodSync(folder, 0o777),
    answers: async (url) => {
      const deadline = Date.now() + 40_000;
      for (;;) {
        const answered = await fetch(url, { signal: AbortSignal.timeout(20_000) }).then(
          // A front server that waits for its back says so with 502.
          ({ status }) => status !== 502,
          () => false,
        );
        if (answered) return;
        if (Date.now() > deadline) throw new Error(`nothing answers at ${url}:\n${said}`);
        await sleep(100);
      }
    },
    stop: async () => {
      await Promise.all(children.map(endOf));
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** nginx in the foreground, as one process, in front of a FastCGI server. */
export const nginxConf = (folder: string, port: number, back: number): string => `
daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log;
events {}
http {
  access_log off;
  client_max_body_size 42m;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/nginx-${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    location / {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_pass 127.0.0.1:${back};
    }
  }
}
`;
