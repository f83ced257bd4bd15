/** Mail that is not ours: people's, replies, other stacks', and forged canaries. */
import { type Key, keyOf, mint } from '../../lambdas/core/canary.ts';
import { hostKey } from '../../lambdas/core/enrolment.ts';
import { slotAt } from '../../lambdas/core/judge.ts';
import { routeId } from '../../lambdas/core/monitor.ts';
import type { Clock } from './clock.ts';
import { cronPath, heartbeat } from './crons.ts';
import type { Post } from './post.ts';
import type { Random } from './random.ts';
import type { Story } from './story.ts';
import type { Truth } from './truth.ts';

const strange: Key = keyOf('the secret of another stack');

type World = {
  readonly story: Story;
  readonly clock: Clock;
  readonly random: Random;
  readonly truth: Truth;
  readonly posts: Readonly<Record<string, Post>>;
  readonly key: Key;
};

export const strangersOf = ({ story, clock, random, truth, posts, key }: World): (() => void) => {
  const { monitor } = story;
  const { limits } = monitor;
  /** Somebody's mail, another stack's, forged, and replayed ones that nobody may take for an arrival in time. */
  return () => {
    const post = random.pick(Object.values(posts) as [Post, ...Post[]]);
    const route = `${story.hosts[0]?.id}/${Object.keys(monitor.paths)[0]}/outside`;
    const slot = slotAt(clock.now(), limits);
    const options = { from: 'a@b.example', to: 'c@d.example', autoSubmitted: true };
    const mail = mint(route, slot, clock.now(), random.chance(0.5) ? key : strange, options);
    const what = random.pick(['foreign', 'reply', 'other stack', 'forged', 'forged Message-ID', 'impostor'] as const);
    truth.count(`mail ${what}`);
    const other = mint(route, slot, clock.now(), strange, options);
    const forged = (text: string) => text.replace(/[0-9a-f]{6}(?=$|@)/, '000000');
    const folder = random.pick(['INBOX', 'INBOX', 'Junk', 'Archive'] as const);
    const internalDate = clock.now();
    // A host that has a key of its own, and uses it for a canary of its neighbour.
    const [own, neighbour] = story.hosts;
    const period = (monitor.paths[cronPath]?.every ?? limits.tick) / limits.tick;
    const impostor = mint(
      routeId(neighbour?.id ?? '', cronPath, 'outside'),
      slot - (slot % period),
      clock.now(),
      hostKey(heartbeat, own?.id ?? '', 1),
      options,
    );
    const headers = {
      foreign: {},
      impostor: { canary: impostor.headers['X-Mail-Canary'], messageId: impostor.messageId, id: impostor.id },
      reply: { id: mail.id, messageId: '<re@b.example>' },
      'other stack': { canary: other.headers['X-Mail-Canary'], messageId: other.messageId, id: other.id },
      forged: {
        canary: forged(mint(route, slot, clock.now(), key, options).headers['X-Mail-Canary'] ?? ''),
        id: mail.id,
      },
      'forged Message-ID': { messageId: forged(mint(route, slot, clock.now(), key, options).messageId) },
    }[what];
    post.deliver(folder, clock.now(), { internalDate, ...headers });
  };
};
