/** Holds a story that came to rest against the truth. Knows no rule of the code: only what was sent, seen, said and stored. */
import { checkTelling } from './check-telling.ts';
import { checkVerdicts, isWatched } from './check-verdicts.ts';
import { minute, type Story } from './story.ts';
import { keyOfCanary } from './truth.ts';
import { runStory, type World, type WorldOptions } from './world.ts';

/** Our own mail is gone in the end, and nothing else is. */
const checkMailboxes = (world: World): void => {
  for (const [name, post] of Object.entries(world.posts)) {
    for (const { folder, mail } of post.inFolders()) {
      const { owner } = mail;
      if (owner === undefined || folder === 'Archive' || mail.arrivedAt > world.story.end - 5 * minute) continue;
      // The sweep of what could not be deleted opens no reports: those stay where a server refused.
      if (mail.bounce !== undefined && post.refused()) continue;
      if (isWatched(world, owner.route, owner.slot))
        world.truth.violate(`mail of ${keyOfCanary(owner.route, owner.slot)} is still in ${name}/${folder}`);
    }
  }
};

/** Runs a story to its end and checks it; what must never happen is in `truth.violations`. */
export const tryStory = async (story: Story, options: WorldOptions = {}): Promise<World> => {
  const world = await runStory(story, options);
  checkVerdicts(world);
  checkTelling(world);
  checkMailboxes(world);
  return world;
};
