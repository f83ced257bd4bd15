/** What the tests of the core are about: a small monitor, its hosts, and memories made of records. */
import { nothing, type Record, type RouteMemory, setRecord } from '../../lambdas/core/lane.ts';
import { type Limits, limitsFor } from '../../lambdas/core/limits.ts';
import type { MailboxPlan, Monitor, PathPlan } from '../../lambdas/core/monitor.ts';
import type { Host, Ms, Slot } from '../../lambdas/core/words.ts';

export const minute: Ms = 60_000;

export const limits: Limits = limitsFor({ lostAfter: 15 * minute });

/** A slot in November 2026, at 09:00 UTC. */
export const slot0: Slot = Date.UTC(2026, 10, 17, 9) / minute;

export const pathPlan = (changes: Partial<PathPlan> = {}): PathPlan => ({
  every: 10 * minute,
  deliverWithin: 2 * minute,
  timeout: 30_000,
  from: 'orders@example.com',
  autoSubmitted: true,
  connections: 2,
  ...changes,
});

export const outside: MailboxPlan = { address: 'canary@mailbox-elsewhere.example', inside: false };
export const inside: MailboxPlan = { address: 'canary@example.com', inside: true };

export const monitorOf = (changes: Partial<Monitor> = {}): Monitor => ({
  name: 'production',
  limits,
  paths: { app: pathPlan() },
  mailboxes: { outside },
  ...changes,
});

/** A host of that monitor; `web-03` gets seat 3 unless said otherwise. */
export const hostOf = (id: string, changes: Partial<Host> = {}): Host => ({
  id,
  address: `10.0.1.${Number(id.replace(/\D/g, ''))}`,
  paths: ['app'],
  mailboxes: ['outside'],
  services: ['purchase-orders'],
  customers: ['Acme'],
  labels: {},
  seat: Number(id.replace(/\D/g, '')),
  since: 0,
  missing: 0,
  ...changes,
});

/** `web-01` to `web-0n`. */
export const hostsOf = (count: number, changes: Partial<Host> = {}): Host[] =>
  Array.from({ length: count }, (_, index) => hostOf(`web-${String(index + 1).padStart(2, '0')}`, changes));

/** The memory that these records leave; nothing is folded away before `open`. */
export const remembered = (records: readonly Record[], open: Slot = 0): RouteMemory =>
  records.reduce((memory, record) => setRecord(memory, record, open, limits), nothing);
