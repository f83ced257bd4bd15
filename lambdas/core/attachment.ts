/** The attachment of a sized canary: made from its id, so that both ends know every byte of it. */
import { createHash, hash } from 'node:crypto';

/** The file name under which it travels. */
export const attachmentName = 'canary.bin';

/** `size` bytes that compress to nothing less and look like no virus: SHAKE256 of the id. */
export const attachmentOf = (id: string, size: number): Buffer =>
  createHash('shake256', { outputLength: size }).update(`mail-canary attachment ${id}`).digest();

/** Hex SHA-256 of the attachment of a canary. */
export const digestOf = (id: string, size: number): string => hash('sha256', attachmentOf(id, size), 'hex');
