/** One canary with everything that is known of it: notes, outcomes, bounces, origin, attachment. */
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../lambdas/core/attachment.ts';
import { canaryId } from '../../lambdas/core/canary.ts';
import type { OwnMail } from '../../lambdas/core/sighting.ts';
import { type Canary, type Known, weigh } from '../../lambdas/core/weigh.ts';
import type { Handover, Look, MailSeen, Note } from '../../lambdas/core/words.ts';
import { hostOf, limits, minute, monitorOf, pathPlan, slot0 } from './fleet.ts';

const route = 'web-03/app/outside';
const id = canaryId(route, slot0);
const sentAt = slot0 * minute + 20_000;
const due = sentAt + limits.lostAfter;
const complete: Look = { state: 'looked', at: due, complete: true, mails: [], cursor: {} };
const commanded: Handover = { state: 'commanded', sentAt, command: 'c-1' };
const accepted: Handover = { state: 'accepted', sentAt };

const weighed = (canary: Partial<Canary>, known: Partial<Known> = {}) =>
  weigh(
    { id, route, slot: slot0, first: accepted, notes: [], mails: [], ...canary },
    {
      monitor: monitorOf(),
      look: complete,
      host: hostOf('web-03', { address: '10.0.1.17' }),
      asked: { outcomes: new Map(), unasked: new Set() },
      now: due,
      ...known,
    },
  );
const mailOf = (changes: Partial<MailSeen> = {}): OwnMail => ({
  id,
  slot: slot0,
  sentAt,
  stale: false,
  arrivedAt: sentAt + 2000,
  mail: {
    place: { folder: 'INBOX', uidValidity: '1', uid: 1 },
    junk: false,
    internalDate: sentAt + 2000,
    hops: [{ by: 'mail-gw', address: '10.0.1.17' }],
    ...changes,
  },
});
const note = (says: Note['says']): Note => ({ id: 'n', route, slot: slot0, at: sentAt + 1000, says });

describe('a commanded canary', () => {
  const refused: Handover = { state: 'refused', sentAt, cause: 'relay-denied', temporary: false, evidence: '554' };
  const asked = { outcomes: new Map([[id, refused]]), unasked: new Set<string>() };

  test('is what its outcome says, when it is not there', () => {
    expect(weighed({ first: commanded }, { asked, now: sentAt + 3 * minute }).judgement).toMatchObject({
      verdict: 'refused',
      cause: 'relay-denied',
      evidence: '554',
    });
  });

  test('has arrived when it has arrived, whatever its outcome says', () => {
    expect(weighed({ first: commanded, mails: [mailOf()] }, { asked }).judgement.verdict).toBe('delivered');
  });

  test('is not known when nobody could be asked, and not lost', () => {
    const unasked = { outcomes: new Map(), unasked: new Set([id]) };
    expect(weighed({ first: commanded }, { asked: unasked }).judgement).toMatchObject({
      verdict: 'blind',
      cause: 'outcome-unknown',
    });
    expect(weighed({ first: commanded }, { asked: unasked, now: due - 1 }).judgement.verdict).toBe('pending');
  });

  test('is lost without an outcome', () => {
    expect(weighed({ first: commanded }).judgement.verdict).toBe('lost');
  });
});

describe('bounces', () => {
  test('a signed one counts at once', () => {
    const notes = [note({ state: 'bounced', words: '550 no such user', reportedBy: 'mx.example' })];
    expect(weighed({ notes }, { now: sentAt + minute }).judgement).toMatchObject({
      verdict: 'bounced',
      evidence: '550 no such user',
      answeredBy: 'mx.example',
    });
  });

  test('one that nobody signed makes no canary bad, and explains one that is lost', () => {
    const notes = [note({ state: 'bounced', words: '550 no such user', unsigned: true })];
    expect(weighed({ notes }, { now: due - 1 }).judgement.verdict).toBe('pending');
    expect(weighed({ notes }).judgement).toMatchObject({ verdict: 'bounced', evidence: '550 no such user' });
    expect(weighed({ notes, mails: [mailOf()] }).judgement.verdict).toBe('delivered');
  });

  test('a delay notice with our token is no bounce', () => {
    const delay = mailOf({ bounce: { words: '451 later', delayed: true } });
    expect(weighed({ mails: [delay] }, { now: due - 1 }).judgement.verdict).toBe('pending');
  });
});

describe('origin', () => {
  test('confirmed, mismatched, and not asked for where the settings give a reason', () => {
    expect(weighed({ mails: [mailOf()] }).origin).toEqual({ state: 'confirmed', address: '10.0.1.17' });
    const elsewhere = mailOf({ hops: [{ by: 'mail-gw', address: '10.0.1.99' }] });
    expect(weighed({ mails: [elsewhere] }).origin).toEqual({ state: 'mismatched', address: '10.0.1.99' });
    const monitor = monitorOf({ paths: { app: pathPlan({ anyOrigin: 'a NAT gateway' }) } });
    expect(weighed({ mails: [elsewhere] }, { monitor }).origin).toBeUndefined();
    expect(weighed({}).origin).toBeUndefined();
  });
});

describe('the attachment', () => {
  const monitor = monitorOf({ paths: { app: pathPlan({ size: 5000 }) } });
  test.each([
    ['as it was sent', digestOf(id, 5000), undefined],
    ['another one', digestOf(id, 5001), true],
    ['none at all', '', true],
    ['not read in this look', undefined, undefined],
  ])('%s', (_, digest, altered) => {
    const { sighting, judgement } = weighed({ mails: [mailOf({ digest })] }, { monitor });
    expect(judgement.verdict).toBe('delivered');
    expect(sighting.state === 'seen' ? sighting.altered : 'not seen').toBe(altered);
  });
});
