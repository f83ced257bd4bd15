/** Reports of canaries that are still expected become notes, one of each kind a canary. */
import { expect, test } from 'vitest';
import { canaryId } from '../../lambdas/core/canary.ts';
import { hintedBy } from '../../lambdas/core/hinted.ts';
import type { StoredBatch } from '../../lambdas/core/items.ts';
import type { Sorted } from '../../lambdas/core/sighting.ts';
import type { Bounce, MailSeen } from '../../lambdas/core/words.ts';
import { minute, slot0 } from './fleet.ts';

const route = 'web-03/app/outside';
const other = 'web-04/app/outside';
const now = slot0 * minute + 60_000;
const batch: StoredBatch = {
  slot: slot0,
  name: 'app.0',
  path: 'app',
  routes: [route, other],
  handovers: [
    { state: 'accepted', sentAt: now, queueId: '4F2B1' },
    { state: 'accepted', sentAt: now, queueId: '4F2B2' },
  ],
};
const id = canaryId(route, slot0);
const words = '550 5.1.1 no such user';
const everybody = () => true;

const withHints = (...hints: Bounce[]): Map<string, Sorted> => new Map([['outside', { own: [], forged: 0, hints }]]);
const delayNotice = (delayed: true | undefined): Map<string, Sorted> => {
  const mail: MailSeen = {
    place: { folder: 'INBOX', uidValidity: '1', uid: 7 },
    junk: false,
    internalDate: now,
    hops: [],
    bounce: { words, delayed },
  };
  return new Map([
    ['outside', { own: [{ mail, id, slot: slot0, sentAt: now, stale: false, arrivedAt: now }], forged: 0, hints: [] }],
  ]);
};

test('a report with the envelope id is a hint, and says that nobody signed it', () => {
  expect(hintedBy([batch], withHints({ words, envelopeId: id, reportedBy: 'mx.example' }), everybody, now)).toEqual([
    {
      id: `hint.bounced.${id}`,
      route,
      slot: slot0,
      at: now,
      says: { state: 'bounced', words, reportedBy: 'mx.example', unsigned: true },
    },
  ]);
});

test('a report with the queue id under which the relay took it', () => {
  expect(hintedBy([batch], withHints({ words, queueId: '4F2B2' }), everybody, now)).toMatchObject([{ route: other }]);
});

test('a delay notice with our token is signed', () => {
  const [note] = hintedBy([batch], delayNotice(true), everybody, now);
  expect(note).toMatchObject({ id: `report.delayed.${id}`, says: { state: 'delayed', words } });
  expect(note?.says).not.toHaveProperty('unsigned');
});

test('a bounce with our token needs no note: it is settled at once', () => {
  expect(hintedBy([batch], delayNotice(undefined), everybody, now)).toEqual([]);
});

test('reports of nothing that is expected are passed over', () => {
  expect(hintedBy([batch], withHints({ words, queueId: 'nobody' }, { words }), everybody, now)).toEqual([]);
  expect(hintedBy([batch], withHints({ words, envelopeId: id }), () => false, now)).toEqual([]);
});

test('a flood writes one note a canary and kind, and none that is stored already', () => {
  const flood = Array.from({ length: 500 }, (_, index) => ({ words: `${index}`, envelopeId: id }));
  const [note, ...more] = hintedBy([batch], withHints(...flood), everybody, now);
  expect(note?.says).toMatchObject({ words: '0' });
  expect(more).toEqual([]);
  const again = { ...batch, notes: note === undefined ? [] : [note] };
  expect(hintedBy([again], withHints(...flood), everybody, now)).toEqual([]);
});
