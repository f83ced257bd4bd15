/** What an auth kind is: one file that describes itself completely; auth/index.ts is the list of them. */
import type { z } from 'zod';
import type { Ms } from '../../core/words.ts';
import type { Need } from '../../paths/kind.ts';

/** What a login may use. */
export type AuthContext = {
  /** The mailbox's name in the settings. */
  readonly name: string;
  /** Resolves a secret reference (`env:`, `file:`, `secretsmanager:`, `ssm:`) to its value. Cached by the caller. */
  readonly secret: (reference: string) => Promise<string>;
  readonly now: () => Ms;
};

/** What imapflow logs in with. Whatever is in `pass` or `accessToken` is masked in every message. */
export type LoginWith = { readonly user: string } & ({ readonly pass: string } | { readonly accessToken: string });

/** One way to log in to a mailbox. `S` is what its settings look like after parsing, without `kind`. */
export type AuthKind<K extends string, S> = {
  readonly kind: K;
  readonly settings: z.ZodRawShape;
  /** Secret references that the settings name; they become grants. */
  readonly secrets: (settings: S) => readonly string[];
  readonly needs: (settings: S) => readonly Need[];
  /** Resolves the credentials, at most once per session. Throws when they cannot be had. */
  readonly login: (settings: S, context: AuthContext) => Promise<LoginWith>;
};

/** Ties a kind's settings shape to what it is given. */
export const defineAuth = <K extends string, S>(kind: AuthKind<K, S>): AuthKind<K, S> => kind;
