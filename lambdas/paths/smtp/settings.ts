/** The settings of the `smtp` path, and what follows from them. */
import { isIP, isIPv6 } from 'node:net';
import * as z from 'zod';
import { isLoopback, isTokenUrl } from '../../oauth/token-url.ts';
import { port, secretReference, size, tls } from '../../settings/types.ts';
import type { PathMistake } from '../kind.ts';

const tokenUrlError =
  'must be the https URL of a token endpoint, such as "https://oauth2.googleapis.com/token" or "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"';

const visible = (what: string) =>
  z.string({ error: (issue) => `must be ${what}, got ${JSON.stringify(issue.input)}` }).regex(/^[\x20-\x7e]+$/, {
    error: () => `must be ${what}, in plain characters`,
  });

const oauth2 = z.strictObject({
  /** Where access tokens come from (RFC 6749 section 3.2). */
  tokenUrl: z
    .string({ error: (issue) => `${tokenUrlError}, got ${JSON.stringify(issue.input)}` })
    .refine(isTokenUrl, { error: (issue) => `${tokenUrlError}, got ${JSON.stringify(issue.input)}` }),
  clientId: visible('the id of the client'),
  /** Where the client has one. */
  clientSecret: secretReference().optional(),
  refreshToken: secretReference(),
  /** Default: what the refresh token was given for. */
  scope: visible('a scope, or several with spaces between').optional(),
});

const auth = z
  .strictObject({
    user: z
      .string({ error: (issue) => `must be the name to log in with, got ${JSON.stringify(issue.input)}` })
      .regex(/^[^\u0000-\u001f\u007f]+$/, {
        error: () => 'must be the name to log in with, without control characters',
      }),
    /** The password; or `oauth2`. */
    secret: secretReference().optional(),
    /** XOAUTH2 with access tokens; or `secret`. */
    oauth2: oauth2.optional(),
  })
  .superRefine(({ secret, oauth2 }, context) => {
    if (secret === undefined && oauth2 === undefined)
      context.addIssue({
        code: 'custom',
        path: ['secret'],
        message:
          'is missing: must be a reference env:NAME, file:PATH, secretsmanager:NAME or ssm:NAME to the password, or give "oauth2" in its place',
      });
    if (secret !== undefined && oauth2 !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['oauth2'],
        message: 'must not stand beside "secret": one login is used',
      });
  });

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
  auth: auth.optional(),
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
  /** Bytes of an attachment that must pass and arrive unaltered. Default: none. */
  size: size().optional(),
  /** The server must refuse this mail: it goes from an outside address to an outside mailbox, for a client that it must not trust. */
  mustRefuse: z
    .literal('openRelay', { error: (issue) => `must be one of openRelay, got ${JSON.stringify(issue.input)}` })
    .optional(),
};

export type SmtpSettings = z.output<z.ZodObject<typeof shape>>;
export type SmtpAuth = NonNullable<SmtpSettings['auth']>;

/** The references that the login needs. */
export const secretsOf = ({ auth }: SmtpSettings): string[] =>
  [auth?.secret, auth?.oauth2?.clientSecret, auth?.oauth2?.refreshToken].filter((one) => one !== undefined);

/** Settings that parse and cannot work. */
export const mistakesOf = (
  { auth, mustRefuse, size }: SmtpSettings,
  { deployed }: { readonly deployed: boolean },
): PathMistake[] => {
  const found = (wrong: boolean, key: keyof typeof shape, message: string): PathMistake[] =>
    wrong ? [{ key, message }] : [];
  const relay = mustRefuse !== undefined;
  return [
    ...found(
      relay && auth !== undefined,
      'auth',
      'must not stand beside "mustRefuse": a server relays for whoever logs in, so the mail must be a stranger\'s',
    ),
    ...found(relay && size !== undefined, 'size', 'must not stand beside "mustRefuse": that mail must never be taken'),
    ...found(
      deployed && auth?.oauth2?.tokenUrl.startsWith('http:') === true,
      'auth',
      'must have an https "tokenUrl" in a stack: http is for tests on this machine',
    ),
  ];
};

/** True when the mail is submitted to a server of the host itself. */
export const isTemplated = (settings: SmtpSettings): boolean => settings.host.includes('{host.');

/** True when the connection begins with TLS. */
export const isSecure = (settings: SmtpSettings): boolean => settings.secure ?? settings.port === 465;

/** The port that is meant when none is given. */
export const portOf = (settings: SmtpSettings): number => settings.port ?? (isSecure(settings) ? 465 : 587);

/** A password or a token must not leave this machine in clear, unless the settings say so. */
export const requiresTls = (settings: SmtpSettings, host: string): boolean =>
  settings.requireTls ?? (settings.auth !== undefined && !isLoopback(host));

/** `address:port`, as people write it. */
export const serverAt = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
