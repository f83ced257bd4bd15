/** Login with an access token (XOAUTH2, or OAUTHBEARER of RFC 7628), wherever the token comes from. */
import { TokenError } from '../../oauth/exchange.ts';
import type { Token, TokenSource } from '../../oauth/token.ts';
import type { Login, Refusal } from './kind.ts';
import { type Asking, withoutToken } from './token-failure.ts';

/** The login of one mailbox by tokens: kept while they are valid, made anew once when the server refuses one that was kept. */
export const tokenLogin = ({
  user,
  source,
  asking,
  settled,
  explain,
}: {
  readonly user: string;
  readonly source: TokenSource;
  readonly asking: Asking;
  /** Waits for what the last answer of the endpoint left to do. Never rejects. */
  readonly settled?: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly explain?: ((words: string) => Refusal | undefined) | undefined;
}): Login => {
  let last: Token | undefined;
  return {
    credentials: async (signal) => {
      try {
        last = await source.token(signal);
      } catch (error) {
        throw error instanceof TokenError ? withoutToken(error, asking) : error;
      }
      await settled?.(signal);
      return { user, accessToken: last.value };
    },
    refused: (used) => {
      if (!('accessToken' in used)) return false;
      source.forget(used.accessToken);
      // One made just now would only be made once more.
      return last?.kept === true && last.value === used.accessToken;
    },
    explain,
  };
};
