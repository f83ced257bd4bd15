/** The list of auth kinds, and everything that is derived from it. */
import type { Need } from '../../paths/kind.ts';
import type { AuthContext, AuthKind, LoginWith } from './kind.ts';
import { password } from './password.ts';

export const authKinds = [password] as const;

type SettingsOf<T> = T extends AuthKind<infer K, infer S> ? { readonly kind: K } & S : never;

/** The `auth` block of a mailbox. */
export type AuthSettings = SettingsOf<(typeof authKinds)[number]>;

const kindOf = (auth: AuthSettings): AuthKind<string, AuthSettings> => {
  const kind = authKinds.find((each) => each.kind === auth.kind);
  if (kind === undefined)
    throw new Error(`auth.kind must be one of ${authKinds.map((each) => each.kind).join(', ')}, got "${auth.kind}"`);
  return kind;
};

/** Resolves the credentials of a mailbox. Throws when its secret cannot be read. */
export const loginWith = (auth: AuthSettings, context: AuthContext): Promise<LoginWith> =>
  kindOf(auth).login(auth, context);

/** Secret references that the block names. */
export const secretsOf = (auth: AuthSettings): readonly string[] => kindOf(auth).secrets(auth);

/** Permissions that the kind needs besides its secrets. */
export const needsOf = (auth: AuthSettings): readonly Need[] => kindOf(auth).needs(auth);
