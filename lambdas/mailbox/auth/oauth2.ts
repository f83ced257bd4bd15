/** Login with OAuth 2 at any provider: a person has once consented for this one mailbox, and its refresh token is stored. */

import { refreshGrant } from '../../oauth/refresh.ts';
import { tokenSource } from '../../oauth/token.ts';
import { secretReference } from '../../settings/types.ts';
import { day, endOf, tokenUrl, user, visible } from './fields.ts';
import { defineAuth, type Refusal } from './kind.ts';
import { tokenLogin } from './token-login.ts';
import { writeBack } from './write-back.ts';

type Oauth2Settings = {
  readonly user: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  readonly refreshToken: string;
  readonly scope?: string | undefined;
  readonly secretEnds?: string | undefined;
};

const settings = {
  user: user(),
  tokenUrl: tokenUrl(),
  clientId: visible('the id of the client'),
  /** Where the client has one. */
  clientSecret: secretReference().optional(),
  /** Written back when the provider replaces it. */
  refreshToken: secretReference(),
  /** Default: what the refresh token was given for. */
  scope: visible('a scope, or several with spaces between').optional(),
  /** The day on which the client secret ends. */
  secretEnds: day().optional(),
} as const;

const explain = (words: string): Refusal | undefined =>
  /authenticated but not connected/i.test(words)
    ? {
        cause: 'imap-consent-missing',
        detail: 'the account of the token may not open this mailbox, IMAP is switched off for it, or it has no licence',
      }
    : {
        cause: 'imap-login-refused',
        detail:
          'the token endpoint has just given this token: compare "user" with the account that consented, and the scope with what IMAP needs',
      };

export const oauth2 = defineAuth({
  kind: 'oauth2',
  settings,
  secrets: ({ clientSecret, refreshToken }: Oauth2Settings) =>
    clientSecret === undefined ? [refreshToken] : [refreshToken, clientSecret],
  writes: ({ refreshToken }) => [refreshToken],
  ends: ({ secretEnds }) => endOf('the client secret', secretEnds),
  mistakes: (given, { deployed }) => [
    ...(deployed && given.tokenUrl.startsWith('http:')
      ? [{ key: 'tokenUrl', message: 'must be https in a stack: http is for tests on this machine' }]
      : []),
    ...(given.secretEnds !== undefined && given.clientSecret === undefined
      ? [{ key: 'secretEnds', message: 'must not stand without "clientSecret": it says when that ends' }]
      : []),
    ...(given.refreshToken === given.clientSecret
      ? [{ key: 'refreshToken', message: 'must be another reference than "clientSecret": it is written to' }]
      : []),
  ],
  needs: () => [],
  servers: (given) => [new URL(given.tokenUrl).host],
  open: (given, context) => {
    const stored = writeBack(given.refreshToken, context);
    const grant = refreshGrant(given, context.secret, stored.rotated);
    const source = tokenSource({ url: given.tokenUrl, grant, now: context.now });
    return tokenLogin({ user: given.user, source, asking: 'refresh', settled: stored.settled, explain });
  },
});
