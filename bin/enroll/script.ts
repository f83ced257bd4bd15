/** A host's script from its template: every value that goes in is quoted for the language, and checked to be what it must be. */
import { readFileSync } from 'node:fs';
import type { HostKey } from '../../lambdas/core/canary.ts';
import { delayOf, type HeartbeatSettings, isSecure, minutesOf } from '../../lambdas/paths/heartbeat/settings.ts';
import { UsageError } from '../commands/command.ts';

export type Enrolled = {
  readonly monitor: string;
  /** The name of the path, and its settings. */
  readonly path: string;
  readonly settings: HeartbeatSettings & {
    readonly from: string;
    readonly timeout: number;
    readonly autoSubmitted: boolean;
  };
  readonly key: HostKey;
  readonly generation: number;
  /** Name and address of each mailbox. */
  readonly mailboxes: readonly (readonly [name: string, address: string])[];
  readonly noteUrl: string | undefined;
};

const template = (name: 'heartbeat.sh' | 'heartbeat.ps1'): string =>
  readFileSync(new URL(`../../lambdas/paths/heartbeat/scripts/${name}`, import.meta.url), 'utf8');

const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/@([a-z][A-Za-z]*)@/g, (whole, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new Error(`the template of a script has the unknown placeholder ${whole}`);
    return value;
  });

/** One word of a POSIX shell, whatever it holds. */
const forShell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** One literal of PowerShell, to which typographic quotes are quotes as well. */
const forPowerShell = (text: string): string => `'${text.replace(/['\u2018-\u201b]/g, '$&$&')}'`;

/** The key's block of HMAC-SHA256 (RFC 2104) combined with a byte, as printf of any shell reads it. */
const block = (secret: string, pad: number): string =>
  [...Buffer.alloc(64, secret)].map((byte) => `\\${(byte ^ pad).toString(8).padStart(3, '0')}`).join('');

/** Mailers take what begins with a hyphen for an option. */
const checkAddress = (address: string): string => {
  if (!/^[A-Za-z0-9][\x21-\x7e]{0,250}$/.test(address))
    throw new UsageError(`addresses in a script must begin with a letter or digit, got "${address}"`);
  return address;
};

const facts = (of: Enrolled) => {
  const { settings, key } = of;
  const pairs = of.mailboxes.map(([name, address]) => `${name}=${checkAddress(address)}`);
  const from = checkAddress(settings.from);
  return {
    pairs,
    from,
    domain: from.split('@')[1] ?? '',
    host: key.host === 'every' ? '' : key.host,
    common: {
      path: of.path,
      monitor: of.monitor,
      whose: key.host === 'every' ? 'EVERY host of the fleet' : key.host,
      generation: String(of.generation),
      minutes: String(minutesOf(settings)),
      delay: String(delayOf(settings)),
      timeout: String(Math.max(1, Math.round(settings.timeout / 1000))),
    },
  };
};

/** The script for `sh`. Holds the key. */
export const shellScript = (of: Enrolled): string => {
  const { settings, key } = of;
  const { pairs, from, domain, host, common } = facts(of);
  const { relay } = settings;
  const url = of.noteUrl === undefined ? undefined : new URL(of.noteUrl);
  const server = relay?.host.includes(':') ? `[${relay.host}]` : relay?.host;
  return fill(template('heartbeat.sh'), {
    ...common,
    needs: settings.via === 'smtp' ? 'curl' : 'sendmail (and curl to tell)',
    host: forShell(host),
    pathName: forShell(of.path),
    fleet: String(key.host === 'every'),
    key: forShell(key.id),
    inner: block(key.secret, 0x36),
    outer: block(key.secret, 0x5c),
    from: forShell(from),
    domain: forShell(domain),
    autoSubmitted: settings.autoSubmitted ? 'yes' : 'no',
    mailboxes: forShell(pairs.join(' ')),
    via: settings.via,
    relay: forShell(relay === undefined ? '' : `${isSecure(relay) ? 'smtps' : 'smtp'}://${server}:${relay.port}`),
    tls: relay?.requireTls ? '--ssl-reqd' : '',
    noteUrl: forShell(url?.href ?? ''),
    notePath: forShell(url === undefined ? '' : url.pathname + url.search),
  });
};

/** The script for Windows PowerShell 5.1. Holds the key. Throws UsageError for a path that needs a sendmail. */
export const powerShellScript = (of: Enrolled): string => {
  const { settings, key } = of;
  const { pairs, from, domain, host, common } = facts(of);
  const { relay } = settings;
  if (settings.via !== 'smtp' || relay === undefined)
    throw new UsageError(
      `Windows has no sendmail: path ${of.path} needs "via: smtp" with the relay that its hosts use`,
    );
  const truth = (value: boolean) => (value ? '$true' : '$false');
  return fill(template('heartbeat.ps1'), {
    ...common,
    host: forPowerShell(host),
    pathName: forPowerShell(of.path),
    fleet: truth(key.host === 'every'),
    key: forPowerShell(key.id),
    secret: forPowerShell(key.secret),
    from: forPowerShell(from),
    domain: forPowerShell(domain),
    autoSubmitted: truth(settings.autoSubmitted),
    mailboxes: `@(${pairs.map(forPowerShell).join(', ')})`,
    relayHost: forPowerShell(relay.host),
    relayPort: String(relay.port),
    secure: truth(isSecure(relay)),
    requireTls: truth(relay.requireTls === true),
    noteUrl: forPowerShell(of.noteUrl === undefined ? '' : new URL(of.noteUrl).href),
  });
};
