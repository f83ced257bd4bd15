/** The queue between plan and send: drops, repeats, delays, redelivers what died, and buries what died too often. */
import type { Queue } from '../../lambdas/core/ports.ts';
import type { BatchMessage, Ms } from '../../lambdas/core/words.ts';
import type { Clock } from './clock.ts';
import type { Ending, Machine } from './machine.ts';
import type { Random } from './random.ts';
import { minute, type Story } from './story.ts';
import type { Truth } from './truth.ts';

export type QueueOptions = {
  readonly story: Story;
  readonly clock: Clock;
  readonly random: Random;
  readonly truth: Truth;
  /** True when this batch lies in the ledger. */
  readonly isStored: (batch: BatchMessage) => boolean;
  readonly isThrottled: () => boolean;
  readonly startSend: (batch: BatchMessage) => Promise<Ending>;
};

/** A message that was received this often without success is a dead letter. */
const receives = 4;

export const queueOf = (options: QueueOptions) => {
  const { story, clock, random, truth } = options;
  const { noise } = story;
  const dropped: BatchMessage[] = [];
  let sent = 0;
  const redelivery: Ms = random.pick([0.5, 1, 1.5]) * minute;

  const deliver = async (batch: BatchMessage, received: number): Promise<void> => {
    if (received > receives) {
      truth.count('dead letters');
      truth.tell(() => `batch ${batch.name} of slot ${batch.slot} is a dead letter`);
      return;
    }
    if (received > 1) truth.count('redeliveries');
    const ending: Ending = options.isThrottled() ? { how: 'died' } : await options.startSend(batch);
    if (ending.how !== 'ended') clock.at(clock.now() + redelivery, () => void deliver(batch, received + 1));
  };

  const take = (batch: BatchMessage, delay: Ms) => {
    sent += 1;
    if (!options.isStored(batch))
      truth.violate(`batch ${batch.name} of slot ${batch.slot} was queued before it was stored`);
    const isNoisy = clock.now() < story.calm;
    const drop = isNoisy && ((story.dropEvery > 0 && sent % story.dropEvery === 0) || random.chance(noise.dropped));
    if (drop) {
      truth.count('messages dropped');
      truth.tell(() => `the queue drops batch ${batch.name} of slot ${batch.slot}`);
      dropped.push(batch);
      return;
    }
    const late = isNoisy && random.chance(noise.delayed) ? random.whole(5000, 200_000) : random.whole(5, 300);
    if (late > 300) truth.count('messages delayed');
    clock.at(clock.now() + delay + late, () => void deliver(batch, 1));
    if (isNoisy && random.chance(noise.repeated)) {
      truth.count('messages delivered twice');
      clock.at(clock.now() + delay + random.whole(5, 100_000), () => void deliver(batch, 1));
    }
  };

  return {
    dropped,
    queueFor: (machine: Machine): Queue => ({
      send: (messages) =>
        machine.call('queue', () => {
          for (const { batch, delay } of messages) take(batch, delay);
        }),
    }),
  };
};
