/** What the contract of the `Mailbox` port asks of a server, and what its tests share. */
import type { Ask, Mailbox } from '../../lambdas/core/ports.ts';
import type { Look, MailSeen } from '../../lambdas/core/words.ts';
import type { MailboxSettings } from '../../lambdas/mailbox/reader.ts';

export type StoredMail = { readonly uid: number; readonly flags: readonly string[]; readonly raw: string };

/** A server with one empty mailbox: INBOX, a folder flagged `\Junk`, and Archive. */
export type MailServer = {
  readonly settings: MailboxSettings;
  /** The password behind `settings.auth.secret`. */
  readonly secret: string;
  deliver(
    folder: string,
    raw: string,
    how?: { readonly internalDate?: number; readonly flags?: readonly string[] },
  ): Promise<void>;
  messages(folder: string): Promise<readonly StoredMail[]>;
  createFolder(name: string, specialUse?: string): Promise<void>;
  stop(): Promise<void>;
};

export const hour = 3_600_000;

/** An ask with nothing known; `since` an hour ago. */
export const ask = (part: Partial<Ask> = {}): Ask => ({
  cursor: undefined,
  expected: [],
  lastCall: [],
  digests: [],
  since: Date.now() - hour,
  ...part,
});

/** The look, which must have been one. */
export const looked = (look: Look): Extract<Look, { state: 'looked' }> => {
  if (look.state !== 'looked') throw new Error(`the look is dark: ${look.cause}: ${look.detail}`);
  return look;
};

/** The ids in the Message-IDs. */
export const idsOf = (mails: readonly MailSeen[]) => mails.map(({ messageId }) => messageId?.slice(1, 21)).sort();

/** What a group of contract tests works with; both are fresh in every test. */
export type Bench = {
  readonly server: () => MailServer;
  readonly open: (change?: Partial<MailboxSettings>, secret?: string) => Mailbox;
};

/** A cursor at the beginning of each of these folders: everything is new, and read by range. */
export const rewound = (cursor: Ask['cursor']): Ask['cursor'] =>
  Object.fromEntries(Object.entries(cursor ?? {}).map(([folder, at]) => [folder, { ...at, uidNext: 1 }]));
