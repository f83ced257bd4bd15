/** The list of auth kinds, and everything that is derived from it. */

import type { Ms } from '../../core/words.ts';
import type { Need } from '../../paths/kind.ts';
import { googleWorkspace } from './google-workspace.ts';
import type { AuthContext, AuthKind, Login } from './kind.ts';
import { microsoft365 } from './microsoft365.ts';
import { oauth2 } from './oauth2.ts';
import { password } from './password.ts';

export const authKinds = [googleWorkspace, microsoft365, oauth2, password] as const;

type SettingsOf<T> = T extends AuthKind<infer K, infer S> ? { readonly kind: K } & S : never;

/** The `auth` block of a mailbox. */
export type AuthSettings = SettingsOf<(typeof authKinds)[number]>;

const kindOf = (auth: AuthSettings): AuthKind<string, AuthSettings> => {
  const kind = (authKinds as readonly AuthKind<string, never>[]).find((each) => each.kind === auth.kind);
  if (kind === undefined)
    throw new Error(`auth.kind must be one of ${authKinds.map((each) => each.kind).join(', ')}, got "${auth.kind}"`);
  // The kind of this name takes the settings of this name.
  return kind as unknown as AuthKind<string, AuthSettings>;
};

/** Opens the login of a mailbox. Nobody is asked before its credentials are. */
export const openLogin = (auth: AuthSettings, context: AuthContext): Login => kindOf(auth).open(auth, context);

/** Secret references that the block names. */
export const secretsOf = (auth: AuthSettings): readonly string[] => kindOf(auth).secrets(auth);

/** Those of its secret references that are written back. */
export const writesOf = (auth: AuthSettings): readonly string[] => kindOf(auth).writes?.(auth) ?? [];

/** When a credential ends, where the settings say it. */
export const endsOf = (auth: AuthSettings): { readonly what: string; readonly at: Ms } | undefined =>
  kindOf(auth).ends?.(auth);

/** What is wrong with the block, though it parses. */
export const authMistakesOf = (auth: AuthSettings, deployed: boolean) =>
  kindOf(auth).mistakes?.(auth, { deployed }) ?? [];

/** Permissions that the kind needs besides its secrets. */
export const needsOf = (auth: AuthSettings): readonly Need[] => kindOf(auth).needs(auth);

/** Servers besides the IMAP server that a login asks, `host` or `host:port`. */
export const serversOf = (auth: AuthSettings): readonly string[] => kindOf(auth).servers?.(auth) ?? [];
