/** The settings of the `heartbeat` path, and what follows from them. */
import { BlockList, isIP } from 'node:net';
import * as z from 'zod';
import { isAddress } from '../../settings/template.ts';
import { duration, port } from '../../settings/types.ts';

const minute = 60_000;

/** The cadence of a path that names none: a script on every machine of a company should not be noticed. */
const defaultEvery = 15 * minute;

const inside = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['127.0.0.0', 8],
] as const)
  inside.addSubnet(network, prefix, 'ipv4');
inside.addSubnet('fc00::', 7, 'ipv6');
inside.addAddress('::1', 'ipv6');

const isInside = (name: string): boolean => {
  const bare = name.replace(/^\[|\]$/g, '');
  const family = isIP(bare);
  if (family === 0) return bare === 'localhost' || !bare.includes('.');
  return inside.check(bare, family === 6 ? 'ipv6' : 'ipv4');
};

/** True for a URL to which hosts may tell: https, or http inside the own network. A telling is signed, and holds servers' words. */
export const isNoteUrl = (text: string): boolean => {
  const url = /[{}'"`\\\s]/.test(text) ? null : URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isInside(url.hostname));
};

/** What may come, for messages about such a URL. */
export const noteUrlForm =
  'an https URL without user and fragment (http only to a private address or to a name without dots)';

export const shape = {
  /** The period of the hosts' own clocks. Periods begin where an hour does, so that cron and we count the same ones. */
  every: duration({ min: '1 minute', max: '1 hour' })
    .refine((every) => every % minute === 0 && 60 % (every / minute) === 0, {
      error: () => 'must be whole minutes that divide an hour: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes',
    })
    .default(defaultEvery),
  /** What the script sends with: the host's own `sendmail`, or its relay over SMTP. */
  via: z
    .enum(['sendmail', 'smtp'], { error: (issue) => `must be sendmail or smtp, got ${JSON.stringify(issue.input)}` })
    .default('sendmail'),
  /** The relay for `via: smtp`, as the host's applications use it: it knows hosts by their address, not by a login. */
  relay: z
    .strictObject({
      host: z.string({ error: () => 'must be an IP address or a host name' }).refine(isAddress, {
        error: (issue) => `must be an IP address or a host name, got ${JSON.stringify(issue.input)}`,
      }),
      port: port().default(25),
      /** TLS from the first byte. Default: true on port 465. */
      secure: z.boolean().optional(),
      /** Refuse to go on without STARTTLS; without it no TLS is used. */
      requireTls: z.boolean().optional(),
    })
    .optional(),
  /** Where the script tells what it does: the function URL of `note`, or the port of `watch`. `enroll --note-url` may name it. */
  noteUrl: z
    .string()
    .refine(isNoteUrl, { error: (issue) => `must be ${noteUrlForm}, got ${JSON.stringify(issue.input)}` })
    .optional(),
  /** The script waits a random time up to this, so that hosts do not send together. Default: a third of `every`. */
  delay: duration({ min: '1 s', max: '30 minutes' }).optional(),
};

export type HeartbeatSettings = z.output<z.ZodObject<typeof shape>>;

/** Minutes of a period. */
export const minutesOf = ({ every }: HeartbeatSettings): number => every / minute;

/** The longest random delay, in whole seconds. */
export const delayOf = ({ every, delay }: HeartbeatSettings): number => Math.floor((delay ?? every / 3) / 1000);

/** True when the connection begins with TLS. */
export const isSecure = (relay: NonNullable<HeartbeatSettings['relay']>): boolean => relay.secure ?? relay.port === 465;
