/** What a ranged FETCH left out without a word: UIDs have holes, sequence numbers have none. */
import { search, uidAt } from './commands.ts';
import { isRefusal } from './failure.ts';
import type { Folder } from './messages.ts';

const highestOf = (numbers: ReadonlySet<number>): number => {
  let highest = 0;
  for (const number of numbers) highest = Math.max(highest, number);
  return highest;
};

/**
 * Keeps count of the messages of an open folder while a range of UIDs is read. Until the server tells of an EXPUNGE, the
 * messages behind a UID carry one sequence number after the other, up to the number of messages (RFC 3501 2.3.1.2).
 */
export const countMessages = (folder: Folder, from: number) => {
  const came = new Set<number>();
  const sequences = new Set<number>();
  let moved = false;
  const shift = () => {
    moved = true;
  };
  folder.client.on('expunge', shift);

  const note = (uid: number, sequence: number): void => {
    if (uid < from) return;
    came.add(uid);
    sequences.add(sequence);
  };

  /** How many messages are known to be there and did not come; undefined when nobody can say by numbers. */
  const missing = async (isEnd: boolean): Promise<number | undefined> => {
    if (moved) return undefined;
    const last = isEnd ? folder.exists : highestOf(sequences);
    let [first, known] = [last + 1, 0];
    for (const sequence of sequences) {
      if (sequence > last) continue;
      first = Math.min(first, sequence);
      known += 1;
    }
    if (first > 1) {
      // The message before the first one: an older one, or one that was left out?
      const before = await uidAt(folder.client, folder, first - 1);
      if (moved || before === undefined || before >= from) return undefined;
    }
    return last - first + 1 - known;
  };

  return {
    /** Takes what a FETCH named. */
    note,
    /** The highest UID that came. */
    highest: (): number => Math.max(from - 1, highestOf(came)),
    /** The server told of an EXPUNGE: the numbers say nothing any more. */
    moved: (): boolean => moved,
    missing,
    /** The UIDs from `from` to `to` that SEARCH knows and that did not come, ascending; undefined when it refuses. */
    named: async (to: number): Promise<readonly number[] | undefined> => {
      try {
        const there = await search(folder.client, folder, { uid: `${from}:${to}` });
        return there.filter((uid) => uid >= from && uid <= to && !came.has(uid));
      } catch (error) {
        if (isRefusal(error)) return undefined;
        throw error;
      }
    },
    stop: (): void => void folder.client.off('expunge', shift),
  };
};
