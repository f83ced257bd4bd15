/** The refresh-token grant (RFC 6749 section 6): a person has once allowed this client to log in for an account. */
import type { Grant } from './token.ts';

export type RefreshSettings = {
  readonly clientId: string;
  /** References to secrets. */
  readonly clientSecret?: string | undefined;
  readonly refreshToken: string;
  readonly scope?: string | undefined;
};

/**
 * The grant of an account. A refresh token that the endpoint puts in place of the one it was shown is used from then on, until it
 * is refused or the stored one changes; `onRotated` is told of it and of the stored one that it replaces, and must not throw.
 */
export const refreshGrant = (
  { clientId, clientSecret, refreshToken, scope }: RefreshSettings,
  secret: (reference: string) => Promise<string>,
  onRotated?: (refreshToken: string, replaced: string) => void,
): Grant => {
  let stored = '';
  let rotated: { readonly of: string; readonly to: string } | undefined;
  let shown = '';
  return {
    what: 'the refresh token',
    ask: async () => {
      stored = await secret(refreshToken);
      const ofClient = clientSecret === undefined ? undefined : await secret(clientSecret);
      shown = rotated?.of === stored ? rotated.to : stored;
      return {
        fields: {
          grant_type: 'refresh_token',
          refresh_token: shown,
          client_id: clientId,
          ...(ofClient !== undefined && { client_secret: ofClient }),
          ...(scope !== undefined && { scope }),
        },
        secrets: [stored, shown, ...(ofClient === undefined ? [] : [ofClient])],
      };
    },
    granted: (answer) => {
      if (answer.refreshToken === undefined || answer.refreshToken === shown) return;
      rotated = { of: stored, to: answer.refreshToken };
      onRotated?.(answer.refreshToken, stored);
    },
    refused: () => {
      rotated = undefined;
    },
  };
};
