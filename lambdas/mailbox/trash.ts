/**
 * Deleting at Gmail. EXPUNGE there only takes a label away, and the message stays in All Mail for ever; what is moved to the
 * folder flagged `\Trash` is deleted. It would vanish from there by itself after 30 days; until then it would fill the quota
 * and be met again by every search of all folders, so it is expunged there as well, where the server says which UIDs it got.
 */
import type { ImapFlow } from 'imapflow';
import { type Opened, stillOpen, toSet } from './commands.ts';
import { counted, expunge, flagDeleted, isAnswer } from './expunge.ts';
import { Refused } from './failure.ts';

/** What was moved: where it lies now, as COPYUID said (RFC 4315 3). */
export type Moved = { readonly uidValidity: string; readonly uids: readonly number[] };

/** Moves these UIDs of the open folder to the trash. Throws `Refused` when the server does not. */
export const moveToTrash = async (
  client: ImapFlow,
  folder: Opened,
  uids: readonly number[],
  trash: string,
  moved: Moved[],
): Promise<{ readonly removed: number; readonly left: number }> =>
  counted(client, folder, uids, async () => {
    // Without it imapflow copies, and then runs an EXPUNGE that may take more than these.
    if (!client.capabilities.has('MOVE')) throw new Refused('the server has no MOVE');
    const answer = await client.messageMove(toSet(uids), trash, { uid: true });
    stillOpen(client, folder.path);
    if (answer === false || answer === undefined)
      throw new Refused(`the server refused to move messages to folder "${trash}"`);
    const { uidValidity, uidMap } = answer;
    if (uidValidity !== undefined && uidMap !== undefined && uidMap.size > 0)
      moved.push({ uidValidity: String(uidValidity), uids: [...uidMap.values()].sort((a, b) => a - b) });
  });

/** Expunges what was moved. A server that refuses changes nothing: it is out of its folder, and Gmail empties the trash. */
export const emptyTrash = async (client: ImapFlow, trash: string, moved: readonly Moved[]): Promise<void> => {
  if (moved.length === 0 || !client.capabilities.has('UIDPLUS')) return;
  try {
    const box = await client.mailboxOpen(trash, { readOnly: false });
    for (const { uidValidity, uids } of moved) {
      if (box?.readOnly !== false || String(box.uidValidity) !== uidValidity) continue;
      await flagDeleted(client, toSet(uids), '+');
      await expunge(client, toSet(uids));
    }
  } catch (error) {
    if (!isAnswer(error)) throw error;
  }
};
