/** Hosts as network namespaces with an address each, which run the synthesized step as the SSM agent runs it; needs root. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { addSsmDocument } from '../../lib/ssm-document.ts';
import { freePort } from './dovecot.ts';
import type { Lab } from './postfix.ts';

/** The Linux step as it stands in the template that CloudFormation would get. */
export const synthesizedStep = (): string => {
  const stack = new Stack(new App(), 'Hosts');
  addSsmDocument(stack, 'Document', { monitor: 'lab' });
  const [document] = Object.values(Template.fromStack(stack).findResources('AWS::SSM::Document'));
  type Step = { readonly action: string; readonly inputs: { readonly runCommand: readonly string[] } };
  const steps: readonly Step[] = document?.Properties.Content.mainSteps;
  return `${steps.find(({ action }) => action === 'aws:runShellScript')?.inputs.runCommand.join('\n')}\n`;
};

export type Host = {
  readonly name: string;
  readonly instance: string;
  readonly address: string;
  /** Runs the step; resolves with what it printed and its exit status. */
  run(given: Given): Promise<Ran>;
  /** Starts a Postfix on this host that hands all mail to the relay. Resolves with the environment that leads to it. */
  startMta(extra?: string): Promise<Readonly<Record<string, string>>>;
};

export type Given = {
  /** Parameters of the document, as SendCommand would carry them. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Default: that of this machine. */
  readonly path?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Programs that this host does not have. */
  readonly without?: readonly string[];
};

export type Ran = { readonly output: string; readonly status: number | null };

export type Hosts = {
  readonly relay: { readonly host: string; readonly port: number };
  host(name: string, last: number): Host;
  /** A folder with these programs and the usual tools of a small system, and nothing else: for PATH. */
  only(...programs: readonly string[]): string;
  readonly dir: string;
  stop(): void;
};

const ip = (...args: readonly string[]) => execFileSync('/usr/sbin/ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });

const usual = 'sh id uname tr cut sed grep tail head cat mktemp mkdir rm chmod sleep timeout env runuser printf'.split(
  ' ',
);

const nullClient = (dir: string, relay: Hosts['relay'], extra: string) => `
compatibility_level = 3.6
queue_directory = ${dir}/spool
data_directory = ${dir}/data
maillog_file = ${dir}/mail.log
maillog_file_prefixes = ${dir}
myhostname = host.example.test
mydestination =
alias_maps =
inet_protocols = ipv4
inet_interfaces = 127.0.0.1
relayhost = [${relay.host}]:${relay.port}
disable_dns_lookups = yes
smtp_tls_security_level = none
# Bounces stay here, and go nowhere.
bounce_notice_recipient = root
notify_classes =
transport_maps = inline:{ example.test=discard: }
${extra}
`;

const services = [
  'pickup unix n - n 1 1 pickup',
  'cleanup unix n - n - 0 cleanup',
  'qmgr unix n - n 300 1 qmgr',
  'rewrite unix - - n - - trivial-rewrite',
  ...['bounce', 'defer', 'trace'].map((service) => `${service} unix - - n - 0 bounce`),
  'flush unix n - n 1000? 0 flush',
  'proxymap unix - - n - - proxymap',
  'smtp unix - - n - - smtp',
  'relay unix - - n - - smtp',
  'showq unix n - n - - showq',
  'error unix - - n - - error',
  'retry unix - - n - - error',
  'discard unix - - n - - discard',
  'anvil unix - - n - 1 anvil',
  'scache unix - - n - 1 scache',
  'postlog unix-dgram n - n - 1 postlogd',
  '',
].join('\n');

/** A bridge with the lab's relay on it; every host is a namespace of its own behind it. */
export const startHosts = async (lab: Lab): Promise<Hosts> => {
  const dir = mkdtempSync(join(lab.dir, 'hosts-'));
  chmodSync(dir, 0o755);
  const tag = `mc${process.pid % 100_000}`;
  const net = `10.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}`;
  const relay = { host: `${net}.1`, port: await freePort() };
  const stops: (() => void)[] = [() => ip('link', 'del', tag)];
  ip('link', 'add', tag, 'type', 'bridge');
  ip('addr', 'add', `${relay.host}/24`, 'dev', tag);
  ip('link', 'set', tag, 'up');
  const service = `${relay.host}:${relay.port}`;
  const config = join(lab.dir, 'postfix', 'etc');
  execFileSync('/usr/sbin/postconf', [
    '-c',
    config,
    '-M',
    `${service}/inet=${service} inet n - n - - smtpd -o max_use=1`,
  ]);
  const step = join(dir, '_script.sh');
  writeFileSync(step, synthesizedStep(), { mode: 0o755 });

  const host = (name: string, last: number): Host => {
    const space = `${tag}-${last}`;
    const address = `${net}.${last}`;
    const instance = `i-${String(last).padStart(17, '0')}`;
    const inside = ['netns', 'exec', space];
    ip('netns', 'add', space);
    stops.push(() => ip('netns', 'del', space));
    ip('link', 'add', `${tag}v${last}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
    ip('link', 'set', `${tag}v${last}`, 'master', tag, 'up');
    ip('-n', space, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    ip('-n', space, 'link', 'set', 'eth0', 'up');
    ip('-n', space, 'link', 'set', 'lo', 'up');
    return {
      name,
      instance,
      address,
      run: ({ parameters, path = process.env.PATH ?? '', env = {}, without = [] }) => {
        const variables = Object.fromEntries(Object.entries(parameters).map(([key, value]) => [`SSM_${key}`, value]));
        // The agent runs `sh -c SCRIPT`; a mount namespace takes programs away from this host alone.
        const hide = without.map((file) => `mount --bind /dev/null ${file} && `).join('');
        const command =
          without.length === 0
            ? [...inside, 'sh', '-c', step]
            : [...inside, 'unshare', '-m', 'sh', '-c', `${hide}exec sh -c "$0"`, step];
        const child = spawn('/usr/sbin/ip', command, {
          cwd: dir,
          env: { ...env, ...variables, PATH: path, AWS_SSM_INSTANCE_ID: instance },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let output = '';
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
        return new Promise((resolve) => child.once('close', (status) => resolve({ output, status })));
      },
      startMta: async (extra = '') => {
        const own = join(dir, `mta-${last}`);
        for (const folder of [own, join(own, 'etc'), join(own, 'spool'), join(own, 'data')])
          mkdirSync(folder, { mode: 0o755 });
        const id = (...args: string[]) => Number(execFileSync('id', args, { encoding: 'utf8' }));
        chownSync(join(own, 'data'), id('-u', 'postfix'), id('-g', 'postfix'));
        writeFileSync(join(own, 'etc', 'main.cf'), nullClient(own, relay, extra));
        writeFileSync(join(own, 'etc', 'master.cf'), services);
        const postfix = (command: string) => ip(...inside, '/usr/sbin/postfix', '-c', join(own, 'etc'), command);
        postfix('start');
        // Before its namespace and its folder go.
        stops.unshift(() => postfix('stop'));
        const deadline = Date.now() + 10_000;
        while (!readFileSync(join(own, 'mail.log'), 'utf8').includes('daemon started')) {
          if (Date.now() > deadline) throw new Error(`postfix on ${name} does not start`);
          await sleep(50);
        }
        return { MAIL_CONFIG: join(own, 'etc') };
      },
    };
  };
  return {
    relay,
    host,
    dir,
    only: (...programs) => {
      const folder = mkdtempSync(join(dir, 'bin-'));
      chmodSync(folder, 0o755);
      for (const program of new Set([...usual, ...programs])) {
        const at = execFileSync('which', ['-a', program], { encoding: 'utf8' })
          .split('\n')
          .find((file) => file.startsWith('/usr/') || file.startsWith('/bin/'));
        if (at !== undefined) symlinkSync(at, join(folder, program));
        else if (program !== 'printf') throw new Error(`this machine has no ${program}`);
      }
      return folder;
    },
    stop: () => {
      for (const stop of stops) stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
