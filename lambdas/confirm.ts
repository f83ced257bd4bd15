/** Every minute, one at a time: looks into the mailboxes, judges, tells. */
import { wireConfirm } from './wiring/confirm.ts';

const run = wireConfirm(process.env);
export const handler = () => run();
