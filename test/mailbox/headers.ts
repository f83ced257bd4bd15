/** The headers in test/fixtures/headers: as servers write them, with example domains. */
import { readdirSync, readFileSync } from 'node:fs';
import { type Field, parseFields } from '../../lambdas/mailbox/header.ts';

const folder = new URL('../fixtures/headers/', import.meta.url);

/** The names of all files, without `.txt`. */
export const allHeaders = (): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .map((file) => file.slice(0, -4))
    .sort();

/** One header, one character per byte, with line ends as they come over IMAP. */
export const headerOf = (name: string): string =>
  readFileSync(new URL(`${name}.txt`, folder), 'latin1').replaceAll('\n', '\r\n');

/** Its fields. */
export const fieldsOf = (name: string): Field[] => parseFields(headerOf(name));
