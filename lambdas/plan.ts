/** Every minute: which routes are due, stored as expected and queued. */
import { wirePlan } from './wiring/plan.ts';

const run = wirePlan(process.env);
export const handler = (event: { readonly time?: string }) => run(event);
