/** Hosts that are told to send (`agent`): the command says nothing, what came of it is asked for later. */
import type { Commanded, Outgoing } from '../../lambdas/core/ports.ts';
import type { Handover, Ms, RouteId } from '../../lambdas/core/words.ts';
import type { Machine } from './machine.ts';
import type { networkOf } from './network.ts';
import type { Truth } from './truth.ts';

/** The path whose hosts are commanded. */
export const agentPath = 'agent';

/** How a run on a host is reported: what the relay answered, or that it never ran. */
const reported = (handover: Handover): Handover => {
  if (handover.state === 'accepted') return { ...handover, state: 'claimed' };
  return handover.state === 'unsent' ? { ...handover, cause: 'agent-offline' } : handover;
};

export const agentsOf = (network: ReturnType<typeof networkOf>, timeout: Ms, truth: Truth) => {
  const outcomes = new Map<string, Handover>();
  let commands = 0;
  return {
    /** The hosts run it whatever becomes of the machine that told them to. */
    command: (canaries: readonly Outgoing[], machine: Machine): Handover[] => {
      commands += 1;
      const command = `command ${commands}`;
      for (const { mail, host } of canaries) {
        const end = (handover: Handover) => outcomes.set(`${command} ${mail.route}`, reported(handover));
        network(mail, host, timeout, machine).then(end, () =>
          end({ state: 'unsent', cause: 'agent-offline', sentAt: mail.sentAt }),
        );
      }
      return canaries.map(({ mail }) => ({ state: 'commanded', sentAt: mail.sentAt, command }));
    },
    ask: (overdue: readonly Commanded[]): Map<RouteId, Handover> => {
      truth.count('outcomes asked');
      return new Map(
        overdue.flatMap(({ route, handover }) => {
          const known = outcomes.get(`${handover.command} ${route}`);
          return known === undefined ? [] : [[route, known] as const];
        }),
      );
    },
  };
};
