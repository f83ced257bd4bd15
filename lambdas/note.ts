/** For each telling of a host, and each event of SES: what it says of a canary, written down. */
import { wireNote } from './wiring/note.ts';

const run = wireNote(process.env);

export const handler = (event: object) => run(event);
