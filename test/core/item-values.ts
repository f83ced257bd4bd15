/** One value of each kind of item, as the files in test/fixtures/items/v1 hold them. */
import type { Incident } from '../../lambdas/core/incident.ts';
import type { ConfirmClock, Enrolment, HelloItem, MailboxState, PlanClock, Tally } from '../../lambdas/core/items.ts';
import type { Lane } from '../../lambdas/core/lane.ts';
import type { Batch, Handover, Host, Note } from '../../lambdas/core/words.ts';
import { minute } from './fleet.ts';

export const at = Date.UTC(2026, 10, 17, 9);
export const slot = at / minute;
const routes = ['web-01/app/outside', 'web-03/app/outside'] as const;

export const host: Host = {
  id: 'web-03',
  address: '10.0.1.17',
  paths: ['app'],
  mailboxes: ['outside'],
  services: ['purchase-orders'],
  customers: ['Acme'],
  labels: { subnet: '10.0.1.0/24' },
  seat: 2,
  since: at - 60 * minute,
  missing: 0,
};
export const batch: Batch = { slot, name: 'app.0', path: 'app', routes };
export const handovers: readonly Handover[] = [
  { state: 'accepted', sentAt: at + 4000, evidence: '250 queued as 4F2B1', answeredBy: 'mail-gw', queueId: '4F2B1' },
  {
    state: 'refused',
    cause: 'relay-denied',
    temporary: false,
    sentAt: at + 4001,
    evidence: '554 5.7.1 <canary@mailbox-elsewhere.example>: Relay access denied',
    answeredBy: 'mail-gw',
    seenAs: '198.51.100.7',
    stage: 'rcpt',
  },
];
const refusal = {
  cause: 'relay-denied',
  evidence: '554 5.7.1 Relay access denied',
  answeredBy: 'mail-gw',
  seenAs: '198.51.100.7',
} as const;
export const lane: Lane = {
  routes: {
    [routes[0]]: {
      base: { health: 'healthy', recent: 'gggggggggg' },
      forgotten: slot - 130,
      records: [
        { slot: slot - 20, verdict: 'delivered', took: 2300 },
        { slot: slot - 10, verdict: 'late', took: 190_000, was: 'lost', cause: 'accepted-but-lost', round: 41 },
        { slot, verdict: 'blind', cause: 'imap-login-refused', evidence: 'NO', round: 41 },
      ],
    },
    [routes[1]]: {
      base: { health: 'failing', recent: 'bb', since: slot - 40, failedAt: slot - 30 },
      records: [
        { slot: slot - 10, verdict: 'refused', ...refusal },
        { slot, verdict: 'refused', ...refusal, ownServer: true, round: 41 },
      ],
    },
  },
};
export const tally: Tally = {
  round: 41,
  points: [
    {
      name: 'Canaries',
      dimensions: { Monitor: 'production', Verdict: 'refused' },
      at,
      values: [1],
      counts: [2],
    },
  ],
  done: false,
};
export const incident: Incident = {
  id: '2026-11-17-bcdfg',
  key: 'relay-denied|mail-gw',
  finding: 'failing',
  severity: 'page',
  cause: 'relay-denied',
  answeredBy: 'mail-gw',
  openedAt: at,
  firstSlot: slot - 10,
  name: 'web-03',
  summary: 'relay-denied by mail-gw: web-03; the other 1 delivered within the last 3 min',
  inCommon: ['subnet 10.0.7.0/24'],
  facts: ["mail-gw takes web-03's mail for example.com but does not relay it"],
  evidence: '554 5.7.1 Relay access denied',
  remedy: 'trust 198.51.100.7 on mail-gw',
  services: ['purchase-orders'],
  customers: ['Acme'],
  routes: { [routes[1]]: { since: slot - 10, verdict: 'refused', ...refusal } },
  openings: [at],
  unstable: false,
  timeline: [{ at, text: 'opened with 1 route' }],
  version: 1,
  told: 0,
};
export const mailbox: MailboxState = {
  provenAt: at,
  unseen: 0,
  unremoved: 1,
  cursor: { INBOX: { uidValidity: '1700000000', uidNext: 412 } },
  dark: {
    since: at,
    cause: 'imap-login-refused',
    detail: 'NO [AUTHENTICATIONFAILED]',
    tries: 2,
    nextTry: at + 5 * minute,
  },
};
export const planClock: PlanClock = { planned: slot, day: '2026-11-17', spent: { app: 108 }, skipped: 3 };
export const confirmClock: ConfirmClock = {
  round: 41,
  leaseUntil: at + 90_000,
  open: slot - 19,
  ended: 40,
  published: 40,
  skipped: 3,
};
export const note: Note = {
  id: 'tell.done.bcdfghjklmnpqrstvwxz',
  route: routes[1],
  slot,
  at: at + 9000,
  says: {
    state: 'handed',
    handover: { state: 'refused', cause: 'relay-denied', temporary: false, sentAt: at + 5000, evidence: '554 5.7.1' },
  },
};
export const hello: HelloItem = { id: 'web-09', path: 'cron', address: '10.0.1.9', first: at, last: at + 60 * minute };
export const enrolment: Enrolment = { id: 'web-03', generation: 2, changedAt: at };
