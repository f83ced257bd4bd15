/** What was said later beside what was said at first: the order in which notes are stored changes nothing. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withNotes } from '../../lambdas/core/noted.ts';
import type { Handover, Note } from '../../lambdas/core/words.ts';
import { minute, slot0 } from './fleet.ts';

const at = slot0 * minute;
const note = (id: string, after: number, says: Note['says']): Note => ({
  id,
  route: 'web-03/cron/outside',
  slot: slot0,
  at: at + after,
  says,
});
const sending: Handover = { state: 'commanded', sentAt: at + 5000 };
const accepted: Handover = { state: 'accepted', sentAt: at + 9000, queueId: '4F2B1' };
const refused: Handover = { state: 'refused', sentAt: at + 9000, cause: 'relay-denied', temporary: false };

const told = note('told', 5000, { state: 'handed', handover: sending });
const done = note('done', 9000, { state: 'handed', handover: refused });
const delayed = note('delayed', 60_000, { state: 'delayed', words: '451 try again later', reportedBy: 'mx.example' });
const bounced = note('bounced', 90_000, { state: 'bounced', words: '550 no such user' });
const hint = note('hint', 80_000, { state: 'bounced', words: '550 says somebody', unsigned: true });

describe('what is known in the end', () => {
  test('without notes: what was said at first', () => {
    expect(withNotes(accepted, [])).toEqual({ handover: accepted });
    expect(withNotes(undefined, [])).toEqual({ handover: undefined });
  });

  test('a host that told is on its way, since it told', () => {
    expect(withNotes(undefined, [told]).handover).toEqual(sending);
  });

  test('what came of it explains, and the attempt began when it was first spoken of', () => {
    expect(withNotes(undefined, [done, told]).handover).toEqual({ ...refused, sentAt: at + 5000 });
  });

  test('"about to send" that comes after the end changes nothing', () => {
    expect(withNotes(accepted, [told]).handover).toEqual(accepted);
  });

  test('a delay notice is evidence of what is pending, and none against a refusal', () => {
    expect(withNotes(accepted, [delayed]).handover).toEqual({
      ...accepted,
      evidence: '451 try again later',
      answeredBy: 'mx.example',
    });
    expect(withNotes(refused, [delayed]).handover).toEqual(refused);
  });

  test('a signed bounce counts more than what nobody signed, whichever comes first', () => {
    expect(withNotes(accepted, [hint])).toMatchObject({ bounce: { words: '550 says somebody' }, unsigned: true });
    expect(withNotes(accepted, [hint, bounced])).toMatchObject({
      bounce: { words: '550 no such user' },
      unsigned: false,
    });
  });
});

test('the order in which notes are read changes nothing', () => {
  const all = [told, done, delayed, bounced, hint];
  const expected = withNotes(undefined, all);
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
      expect(withNotes(undefined, shuffled)).toEqual(expected);
    }),
  );
});
