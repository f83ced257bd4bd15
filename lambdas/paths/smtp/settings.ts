/** The settings of the `smtp` path, and what follows from them. */
import { isIP, isIPv6 } from 'node:net';
import * as z from 'zod';
import { port, secretReference, tls } from '../../settings/types.ts';

export const shape = {
  /** Where to submit; `{host.…}` makes it the host's own mail server. */
  host: z.string({ error: () => 'must be a host name or a template such as "{host.address}"' }).min(1),
  /** Default: 465 with `secure`, else 587. */
  port: port().optional(),
  /** TLS from the first byte. Default: true on port 465. */
  secure: z.boolean().optional(),
  /** Refuse to go on without STARTTLS. Default: true when there is a login and the host is not loopback. */
  requireTls: z.boolean().optional(),
  /** Do not use STARTTLS though it is offered, for applications that do not either. Without effect where TLS is required. */
  ignoreTls: z.boolean().optional(),
  tls: tls().optional(),
  auth: z.strictObject({ user: z.string().min(1), secret: secretReference() }).optional(),
  /** What we call ourselves in EHLO. Default: this machine's full name, else its address. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9.:_[\]-]+$/, { error: (issue) => `must be a host name, got ${JSON.stringify(issue.input)}` })
    .optional(),
  /** The address of this machine from which to connect, where it has several. */
  localAddress: z
    .string()
    .refine((text) => isIP(text) !== 0, {
      error: (issue) => `must be an IP address, got ${JSON.stringify(issue.input)}`,
    })
    .optional(),
};

export type SmtpSettings = z.output<z.ZodObject<typeof shape>>;

/** True when the mail is submitted to a server of the host itself. */
export const isTemplated = (settings: SmtpSettings): boolean => settings.host.includes('{host.');

/** True when the connection begins with TLS. */
export const isSecure = (settings: SmtpSettings): boolean => settings.secure ?? settings.port === 465;

/** The port that is meant when none is given. */
export const portOf = (settings: SmtpSettings): number => settings.port ?? (isSecure(settings) ? 465 : 587);

const isLoopback = (host: string): boolean =>
  /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|::1)$/i.test(host.replace(/\.$/, ''));

/** A password must not leave this machine in clear, unless the settings say so. */
export const requiresTls = (settings: SmtpSettings, host: string): boolean =>
  settings.requireTls ?? (settings.auth !== undefined && !isLoopback(host));

/** `address:port`, as people write it. */
export const serverAt = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
