/** What a record keeps of how a canary arrived, besides when: where it left from, who stands for its sender, what filters and rules did. */
import { failedWords, standing } from './authentication.ts';
import { slowestHop } from './hop-times.ts';
import type { Judgement } from './judge.ts';
import type { Record } from './lane.ts';
import type { Origin, Sighting } from './words.ts';

const short = (words: string | undefined): string | undefined => words?.slice(0, 160);

type Arriving = Pick<Record, 'leftFrom' | 'moved' | 'unauthenticated' | 'shown' | 'altered'>;

/**
 * The fields of a record that say how it arrived; those that say nothing are left out. Without `isTimed` the arrival is when
 * we looked, and no server held it for so long.
 */
export const arriving = (
  sighting: Sighting,
  verdict: Judgement['verdict'],
  origin: Origin | undefined,
  isTimed = true,
): Arriving => {
  if (sighting.state !== 'seen') return {};
  const { authentication, altered, moved, folder, spam, hops, sentAt, arrivedAt } = sighting;
  const doubted = authentication !== undefined && standing(authentication) === 'fail';
  const shown =
    verdict === 'junked' ? spam : verdict === 'late' && isTimed ? slowestHop(hops, { sentAt, arrivedAt }) : undefined;
  return {
    ...(origin?.state === 'mismatched' ? { leftFrom: origin.address } : {}),
    ...(moved ? { moved: short(folder) } : {}),
    ...(doubted ? { unauthenticated: failedWords(authentication) } : {}),
    ...(shown === undefined ? {} : { shown: short(shown) }),
    ...(altered ? { altered } : {}),
  };
};
