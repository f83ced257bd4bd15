/** The `imap` block of a mailbox in the settings: where it is read, always with verified TLS. */
import * as z from 'zod';
import { port, tls } from '../settings/types.ts';

/** The fields of `imap`. */
export const imapShape = {
  host: z
    .string({ error: (issue) => `must be the host name of an IMAP server, got ${JSON.stringify(issue.input)}` })
    .min(1, { error: () => 'must be the host name of an IMAP server, got ""' }),
  port: port().default(993),
  /** TLS from the first byte. Port 143 begins in plain text and must offer STARTTLS. */
  secure: z.boolean({ error: (issue) => `must be true or false, got ${JSON.stringify(issue.input)}` }).optional(),
  tls: tls().optional(),
} as const;

/** The `imap` block; `secure` follows from the port when it is not said. */
export const imap = () =>
  z.strictObject(imapShape).transform((block) => ({ ...block, secure: block.secure ?? block.port !== 143 }));

/** A parsed `imap` block. */
export type ImapSettings = z.output<ReturnType<typeof imap>>;
