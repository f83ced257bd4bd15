/** What travels to the functions as a Lambda layer: plain data, derived from the settings at synth, secrets still references. */
import { readFileSync } from 'node:fs';
import type { Monitor } from '../core/monitor.ts';
import type { HostFacts } from '../core/words.ts';
import { monitorOf } from './monitor.ts';
import type { BounceMailboxSettings, MailboxSettings, PathSettings, Settings } from './schema.ts';

export type Deployed = {
  readonly monitor: Monitor;
  readonly hosts: readonly HostFacts[];
  readonly paths: Readonly<Record<string, PathSettings>>;
  readonly mailboxes: Readonly<Record<string, MailboxSettings>>;
  readonly bounces: Readonly<Record<string, BounceMailboxSettings>>;
};

/** A CA file of this machine does not exist in a Lambda: its text travels instead. */
const withCertificates = <T>(value: T, read: (file: string) => string): T => {
  if (Array.isArray(value)) return value.map((one) => withCertificates(one, read)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) =>
      key === 'ca' && typeof one === 'string' && one.startsWith('file:')
        ? [key, read(one.slice('file:'.length))]
        : [key, withCertificates(one, read)],
    ),
  ) as T;
};

/** Derives the layer. Reads the CA files that the settings name. */
export const deployedOf = (settings: Settings): Deployed => {
  const read = (file: string) => readFileSync(file, 'utf8');
  return {
    monitor: monitorOf(settings),
    hosts: settings.hosts,
    paths: withCertificates(settings.paths, read),
    mailboxes: withCertificates(settings.mailboxes, read),
    bounces: withCertificates(settings.bounces, read),
  };
};
