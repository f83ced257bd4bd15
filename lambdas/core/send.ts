/** The send round: each canary of a batch once, side by side, one attempt and one deadline each; then the handovers. */
import { type Key, mint } from './canary.ts';
import { itemsOf } from './items.ts';
import { slotStart } from './judge.ts';
import { type Monitor, parseRoute } from './monitor.ts';
import type { Ledger, Send, Sender, Wave } from './ports.ts';
import type { BatchMessage, CanaryMail, Handover, HostFacts, Ms, RouteId } from './words.ts';

export type SendPorts = {
  readonly ledger: Ledger;
  readonly now: () => Ms;
  /** The sender of a path. Undefined when the settings no longer have it. */
  readonly sender: (path: string) => Sender | undefined;
  /** Runs a task when the shared server (if there is one) has a connection free; keeps no order across servers. */
  readonly gate: <T>(server: string | undefined, connections: number, task: () => Promise<T>) => Promise<T>;
  readonly deadline: (after: Ms) => AbortSignal;
  /** How long the machine lets one batch run; canaries that cannot begin in time are `unsent`. Default: no limit. */
  readonly budget?: Ms;
};

const unsent = (sentAt: Ms, cause: 'sent-too-late' | 'sender-failed', evidence: string): Handover => ({
  state: 'unsent',
  sentAt,
  cause,
  evidence,
});

/** Never called: without a sender no canary is ready. */
const noSender: Send = () => Promise.reject(new Error('no sender'));

/** A conversation is long, and equal failures have equal ones: one of each kind is kept; so is one certificate of each server. */
const specimens = (handovers: readonly Handover[]): Handover[] => {
  const seen = new Set<string>();
  const isNew = (what: string) => seen.size !== seen.add(what).size;
  return handovers.map(({ conversation, certificate, ...handover }) => {
    const kind = `${handover.state} ${'cause' in handover ? handover.cause : ''} ${handover.answeredBy ?? ''}`;
    return {
      ...handover,
      ...(conversation !== undefined && isNew(`said ${kind}`) && { conversation }),
      ...(certificate !== undefined && isNew(`shown ${certificate.server} ${certificate.until}`) && { certificate }),
    } as Handover;
  });
};

/** An attempt without this much time left would only measure our own haste. */
const shortest: Ms = 1000;

/**
 * Sends a batch. If its handovers exist it is a redelivery, and done; without them it is sent again with the same ids.
 * Resolves with what was said, in the order of the batch; undefined for a redelivery.
 */
export const send = async (
  ports: SendPorts,
  monitor: Monitor,
  key: Key,
  batch: BatchMessage,
): Promise<readonly Handover[] | undefined> => {
  const items = itemsOf(ports.ledger);
  if ((await items.handovers(batch)) !== undefined) return undefined;
  const begun = ports.now();
  const path = monitor.paths[batch.path];
  const sender = ports.sender(batch.path);
  const latest = slotStart(batch.slot, monitor.limits) + monitor.limits.sendBy;
  const hosts = new Map(batch.hosts.map((host) => [host.id, host]));

  /** The canary of a route, or why it cannot be sent. */
  const ready = (id: RouteId): { mail: CanaryMail; host: HostFacts; left: Ms } | Handover => {
    const sentAt = ports.now();
    const route = parseRoute(id);
    const host = hosts.get(route.host);
    const mailbox = monitor.mailboxes[route.mailbox];
    if (path === undefined || sender === undefined || mailbox === undefined || host === undefined)
      return unsent(
        sentAt,
        'sender-failed',
        `the settings of this sender have no ${path === undefined ? `path ${batch.path}` : mailbox === undefined ? `mailbox ${route.mailbox}` : `host ${route.host}`}`,
      );
    const left = ports.budget === undefined ? path.timeout : Math.min(path.timeout, begun + ports.budget - sentAt);
    if (sentAt > latest || left < Math.min(shortest, path.timeout))
      return unsent(
        sentAt,
        'sent-too-late',
        `its slot began ${Math.round((sentAt - latest + monitor.limits.sendBy) / 1000)} s before it could be sent`,
      );
    const { from, autoSubmitted, size } = path;
    const mail = mint(id, batch.slot, sentAt, key, { from, to: mailbox.address, autoSubmitted, size });
    return { mail, host, left };
  };
  /** A sender resolves whatever the network does; that it rejects is a bug of ours, never a fact about the host. */
  const ourFault = (error: unknown): Handover =>
    unsent(
      ports.now(),
      'sender-failed',
      `our own sender failed: ${error instanceof Error ? error.name : 'unknown error'}`,
    );
  const gate = <T>(task: () => Promise<T>) => ports.gate(path?.sharedServer, path?.connections ?? 1, task);

  const each = (one: Send): Promise<Handover[]> =>
    Promise.all(
      batch.routes.map((id) =>
        gate(async () => {
          const canary = ready(id);
          if ('state' in canary) return canary;
          try {
            return await one(canary.mail, canary.host, ports.deadline(canary.left));
          } catch (error) {
            return ourFault(error);
          }
        }),
      ),
    );
  const together = ({ wave }: Wave): Promise<Handover[]> =>
    gate(async () => {
      const all = batch.routes.map(ready);
      const canaries = all.flatMap((one) => ('state' in one ? [] : [one]));
      if (canaries.length === 0) return all as Handover[];
      const left = Math.min(...canaries.map((canary) => canary.left));
      let said: readonly Handover[];
      try {
        said = await wave(canaries, ports.deadline(left));
      } catch (error) {
        said = canaries.map(() => ourFault(error));
      }
      const byRoute = new Map(canaries.map(({ mail }, index) => [mail.route, said[index] ?? ourFault(undefined)]));
      return all.map((one) => ('state' in one ? one : (byRoute.get(one.mail.route) ?? ourFault(undefined))));
    });

  const told = typeof sender === 'object' ? await together(sender) : await each(sender ?? noSender);
  const handovers = specimens(told);
  await items.putHandovers(batch, handovers, ports.now());
  return handovers;
};
