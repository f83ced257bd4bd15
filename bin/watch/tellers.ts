/** Who is told of incidents in local runs: the terminal, and the webhooks of the settings. */
import { webhookTeller } from '../../lambdas/adapters/webhook.ts';
import type { IncidentEvent } from '../../lambdas/core/incident.ts';
import type { Teller } from '../../lambdas/core/ports.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';

const timeout = 10_000;

/** Tells each event to everybody who did not take it yet: a webhook that fails does not repeat the others. */
export const everybody = (tellers: readonly Teller[]): Teller => {
  const taken = tellers.map(() => new Set<string>());
  return {
    tell: async (events) => {
      const results = await Promise.allSettled(
        tellers.map(async (teller, index) => {
          // One by one: an event that is refused must not keep the next ones from being told.
          let refusal: unknown;
          for (const event of events.filter(({ key }) => !taken[index]?.has(key))) {
            try {
              await teller.tell([event]);
              taken[index]?.add(event.key);
            } catch (error) {
              refusal ??= error;
            }
          }
          if (refusal !== undefined) throw refusal;
        }),
      );
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
};

export const webhooksOf = (settings: Settings, secret: (reference: string) => Promise<string>): Teller[] =>
  settings.channels.map(({ url, preset }) => webhookTeller({ url: () => secret(url), timeout, preset }));

export const terminalTeller = (show: (event: IncidentEvent) => void): Teller => ({
  tell: async (events) => events.forEach(show),
});
