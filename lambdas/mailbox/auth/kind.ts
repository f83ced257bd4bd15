/** What an auth kind is: one file that describes itself completely; auth/index.ts is the list of them. */
import type { z } from 'zod';
import type { Cause } from '../../core/causes.ts';
import type { Ms } from '../../core/words.ts';
import type { Need } from '../../paths/kind.ts';

/** What a login may use. */
export type AuthContext = {
  /** The mailbox's name in the settings. */
  readonly name: string;
  /** Resolves a secret reference (`env:`, `file:`, `secretsmanager:`, `ssm:`) to its value. Cached by the caller. */
  readonly secret: (reference: string) => Promise<string>;
  /** Stores a new value under a reference of `writes`; rejects with words that hold no value. Undefined where nothing can be stored. */
  readonly putSecret?: ((reference: string, value: string) => Promise<void>) | undefined;
  /** Told of what failed and is no reason to fail: a rotated token that could not be stored. */
  readonly onProblem?: ((what: string, error: unknown) => void) | undefined;
  readonly now: () => Ms;
};

/** What imapflow logs in with. Whatever is in `pass` or `accessToken` is masked in every message. */
export type LoginWith = { readonly user: string } & ({ readonly pass: string } | { readonly accessToken: string });

/** Why nobody can log in, with words that people read and that hold no secret. */
export type Refusal = { readonly cause: Cause; readonly detail: string };

/** The login of one mailbox: opened once, used for every session, so that a token lives as long as it is valid. */
export type Login = {
  /** Credentials of one session. Rejects with a CannotLook (mailbox/failure.ts), or with any error when a secret cannot be read. */
  readonly credentials: (signal: AbortSignal) => Promise<LoginWith>;
  /** The server refused these: true when others can be had, and one more try is worth it. @default never */
  readonly refused?: ((used: LoginWith) => boolean) | undefined;
  /** What a refusal of the IMAP server means for this kind, where its words alone do not say why. @default `imap-login-refused` */
  readonly explain?: ((words: string) => Refusal | undefined) | undefined;
};

/** One way to log in to a mailbox. `S` is what its settings look like after parsing, without `kind`. */
export type AuthKind<K extends string, S> = {
  readonly kind: K;
  readonly settings: z.ZodRawShape;
  /** Secret references that the settings name; they become grants. */
  readonly secrets: (settings: S) => readonly string[];
  /** Those among them that are written back, when the provider replaces what they hold. @default none */
  readonly writes?: ((settings: S) => readonly string[]) | undefined;
  /** When a credential ends, where the settings say it: an incident is opened before. */
  readonly ends?: ((settings: S) => { readonly what: string; readonly at: Ms } | undefined) | undefined;
  /** Settings that parse and cannot work, each at a key of the block. */
  readonly mistakes?:
    | ((
        settings: S,
        where: { readonly deployed: boolean },
      ) => readonly { readonly key?: string; readonly message: string }[])
    | undefined;
  readonly needs: (settings: S) => readonly Need[];
  /** Servers besides the IMAP server that a login asks, `host` or `host:port`. @default none */
  readonly servers?: ((settings: S) => readonly string[]) | undefined;
  /** Opens the login: cheap, asks nobody. */
  readonly open: (settings: S, context: AuthContext) => Login;
};

/** Ties a kind's settings shape to what it is given. */
export const defineAuth = <K extends string, S>(kind: AuthKind<K, S>): AuthKind<K, S> => kind;
