/** Login to a mailbox of Microsoft 365 as an application (client credentials), with a client secret or a certificate. */

import * as z from 'zod';
import { clientGrant } from '../../oauth/client-credentials.ts';
import { tokenSource } from '../../oauth/token.ts';
import { isTokenUrl } from '../../oauth/token-url.ts';
import { address, secretReference } from '../../settings/types.ts';
import { day, endOf, visible } from './fields.ts';
import { defineAuth, type Refusal } from './kind.ts';
import { tokenLogin } from './token-login.ts';

type Microsoft365Settings = {
  readonly user: string;
  readonly tenant: string;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  readonly certificate?: string | undefined;
  readonly secretEnds?: string | undefined;
  readonly authority?: string | undefined;
  readonly scope?: string | undefined;
};

const tenantError = 'must be the directory id of Microsoft Entra or a domain of it, such as "example.onmicrosoft.com"';

const authorityError = 'must be the https URL of a sign-in service, such as "https://login.microsoftonline.us"';

const settings = {
  /** The mailbox, by its address. */
  user: address(),
  tenant: z
    .string({ error: (issue) => `${tenantError}, got ${JSON.stringify(issue.input)}` })
    .regex(/^(?!(?:common|organizations|consumers)$)[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/, {
      error: (issue) => `${tenantError}, got ${JSON.stringify(issue.input)}`,
    }),
  clientId: z
    .string({ error: (issue) => `must be the application (client) id, a GUID, got ${JSON.stringify(issue.input)}` })
    .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i, {
      error: () => 'must be the application (client) id, a GUID, got something else (not shown)',
    }),
  /** The value of a client secret; or `certificate`. */
  clientSecret: secretReference().optional(),
  /** A PEM text with an RSA private key and the certificate that is registered; or `clientSecret`. */
  certificate: secretReference().optional(),
  /** The day on which the client secret or the certificate ends. */
  secretEnds: day().optional(),
  /** Where tenants sign in. Default: "https://login.microsoftonline.com"; national clouds have others. */
  authority: z
    .string({ error: (issue) => `${authorityError}, got ${JSON.stringify(issue.input)}` })
    .refine((text) => isTokenUrl(text) && new URL(text).pathname === '/' && new URL(text).search === '', {
      error: (issue) => `${authorityError}, without a path, got ${JSON.stringify(issue.input)}`,
    })
    .optional(),
  /** Default: "https://outlook.office365.com/.default"; national clouds have others. */
  scope: visible('a scope that ends in "/.default"').optional(),
} as const;

/** Where tokens of the tenant come from. */
const tokenUrlOf = ({ tenant, authority = 'https://login.microsoftonline.com' }: Microsoft365Settings): string =>
  new URL(`/${tenant}/oauth2/v2.0/token`, authority).href;

/** Both are said only where the token itself was good. */
const explain = (words: string): Refusal | undefined => {
  if (/authenticated but not connected/i.test(words))
    return {
      cause: 'imap-consent-missing',
      detail:
        'the application is known to Exchange and may not open this mailbox: Add-MailboxPermission is missing, IMAP is switched off for it, or it has no licence',
    };
  if (/\bAUTHENTICATE failed\b/i.test(words))
    return {
      cause: 'imap-consent-missing',
      detail:
        'Exchange does not know the application, or no such mailbox: IMAP.AccessAsApp or its consent is missing, or New-ServicePrincipal was not run, or was given the object id of the app registration',
    };
  return undefined;
};

export const microsoft365 = defineAuth({
  kind: 'microsoft365',
  settings,
  secrets: ({ clientSecret, certificate }: Microsoft365Settings) =>
    [clientSecret, certificate].filter((reference) => reference !== undefined),
  ends: ({ certificate, secretEnds }) =>
    endOf(certificate === undefined ? 'the client secret' : 'the certificate of the application', secretEnds),
  mistakes: ({ clientSecret, certificate, authority }, { deployed }) => [
    ...(clientSecret === undefined && certificate === undefined
      ? [
          {
            key: 'clientSecret',
            message:
              'is missing: must be a reference env:NAME, file:PATH, secretsmanager:NAME or ssm:NAME, or give "certificate" in its place',
          },
        ]
      : []),
    ...(clientSecret !== undefined && certificate !== undefined
      ? [{ key: 'certificate', message: 'must not stand beside "clientSecret": one credential is used' }]
      : []),
    ...(deployed && authority?.startsWith('http:') === true
      ? [{ key: 'authority', message: 'must be https in a stack: http is for tests on this machine' }]
      : []),
  ],
  needs: () => [],
  servers: (given) => [new URL(tokenUrlOf(given)).host],
  open: (given, context) => {
    const tokenUrl = tokenUrlOf(given);
    const scope = given.scope ?? 'https://outlook.office365.com/.default';
    const grant = clientGrant({ ...given, tokenUrl, scope }, context.secret, context.now);
    const source = tokenSource({ url: tokenUrl, grant, now: context.now });
    return tokenLogin({ user: given.user, source, asking: 'application', explain });
  },
});
