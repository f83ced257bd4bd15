/** The private CA of a `tls` block: a file of this machine, or (in a Lambda, where no such file is) its text. */
import { readFile } from 'node:fs/promises';

/** Reads `file:PATH`, or passes PEM text through. Rejects with the path and why it cannot be read. */
export const readCertificate = async (ca: string): Promise<string> => {
  if (!ca.startsWith('file:')) return ca;
  const path = ca.slice('file:'.length);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new Error(`the certificate file ${path} cannot be read: ${code}`, { cause: error });
  }
};
