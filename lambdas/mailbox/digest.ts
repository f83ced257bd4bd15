/** The attachment of a sized canary: found by its name in the structure of the mail, streamed into a hash, bounded. */
import { createHash } from 'node:crypto';
import type { ImapFlow, MessageStructureObject } from 'imapflow';
import { attachmentName } from '../core/attachment.ts';
import { type Opened, stillOpen } from './commands.ts';
import { Refused } from './failure.ts';

/** How many attachments one look reads; the others wait for the next. */
export const digestsPerLook = 10;

/** Bytes as they were sent. No server takes a mail of this size. */
const longest = 50 * 1024 * 1024;
/** A megabyte at a time costs few round trips and little memory. */
const chunkSize = 1024 * 1024;

/** How much of its size in transit a part has at least, by its transfer encoding. */
const leastOf: Readonly<Record<string, number>> = { base64: 0.6, 'quoted-printable': 0.25 };

/** The part that carries the name; gateways wrap what they get into further multiparts. */
const attachmentIn = (node: MessageStructureObject): MessageStructureObject | undefined => {
  const name = node.dispositionParameters?.filename ?? node.parameters?.name;
  if (name?.toLowerCase() === attachmentName) return node;
  for (const child of node.childNodes ?? []) {
    const found = attachmentIn(child);
    if (found !== undefined) return found;
  }
  return undefined;
};

/**
 * Hex SHA-256 of the attachment of this message of the open folder; empty when it has none, or one longer than any that is
 * sent. Undefined when the message is no longer there. Throws when the server does not show it.
 */
export const readDigest = async (client: ImapFlow, folder: Opened, uid: number): Promise<string | undefined> => {
  const byUid = { uid: true } as const;
  const message = await client.fetchOne(String(uid), { uid: true, bodyStructure: true }, byUid);
  stillOpen(client, folder.path);
  if (message === false || message === undefined) return undefined;
  const refused = () => new Refused(`folder "${folder.path}": the server does not show the attachment of UID ${uid}`);
  if (message.bodyStructure === undefined) throw refused();
  const part = attachmentIn(message.bodyStructure);
  const size = part?.size ?? 0;
  // Base64 takes four bytes for three, and two more for each line of 76.
  if (part === undefined || size > longest * 1.4) return '';

  const { content } = await client.download(String(uid), part.part ?? '1', { ...byUid, chunkSize, maxBytes: longest });
  stillOpen(client, folder.path);
  if (content === undefined) throw refused();
  const hash = createHash('sha256');
  let length = 0;
  for await (const bytes of content as AsyncIterable<Buffer>) {
    hash.update(bytes);
    length += bytes.length;
  }
  stillOpen(client, folder.path);
  // imapflow ends quietly where a server stops in the middle. Sizes are not exact everywhere (Exchange estimates them).
  if (length < size * (leastOf[part.encoding?.toLowerCase() ?? ''] ?? 0.8)) throw refused();
  return hash.digest('hex');
};
