/** The Teller port over EventBridge: each version of an incident is an event that anything can be attached to. */
import { type EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import type { Incident, IncidentEvent } from '../core/incident.ts';
import type { Teller } from '../core/ports.ts';
import { fullCalls } from './full-calls.ts';

export const source = 'mail-canary';

/** What rules match on. */
export const detailTypes = {
  opened: 'Incident Opened',
  changed: 'Incident Changed',
  closed: 'Incident Closed',
} as const satisfies Record<IncidentEvent['kind'], string>;

/**
 * An incident as an event: `key` is the event's (drop repetitions by it), the incident's own key is `group`.
 * The routes after the hundredth may be left out, and are then counted.
 */
export type IncidentDetail = Incident & { readonly group: string; readonly routesOmitted?: number };

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html */
const maxPerCall = 10;
const maxBytes = 262_144;
/** What source, detail type and the name of the bus take at most. */
const envelopeBytes = 512;

const keptRoutes = 100;
const keptEntries = 10;
const keptText = 300;

const cut = (text: string) => text.slice(0, keptText).toWellFormed();

function fewerRoutes(detail: IncidentDetail): IncidentDetail {
  const routes = Object.entries(detail.routes);
  const routesOmitted = Math.max(0, routes.length - keptRoutes);
  return {
    ...detail,
    routes: Object.fromEntries(routes.slice(0, keptRoutes)),
    ...(routesOmitted && { routesOmitted }),
  };
}

/** What no real incident needs: servers' words, lists and texts that are all overlong. The ledger has them whole. */
function fewerWords(detail: IncidentDetail): IncidentDetail {
  const few = (texts: readonly string[]) => texts.slice(0, keptEntries).map(cut);
  const { answeredBy, evidence } = detail;
  return {
    ...detail,
    name: cut(detail.name),
    summary: cut(detail.summary),
    remedy: cut(detail.remedy),
    group: cut(detail.group),
    ...(answeredBy && { answeredBy: cut(answeredBy) }),
    ...(evidence && { evidence: cut(evidence) }),
    inCommon: few(detail.inCommon),
    facts: few(detail.facts),
    services: few(detail.services),
    customers: few(detail.customers),
    openings: detail.openings.slice(-keptEntries),
    timeline: detail.timeline.slice(-keptEntries).map(({ at, text }) => ({ at, text: cut(text) })),
    routes: Object.fromEntries(
      Object.entries(detail.routes).map(([id, { since, verdict, cause }]) => [id, { since, verdict, cause }]),
    ),
  };
}

function detailText({ key, incident }: IncidentEvent): string {
  let detail: IncidentDetail = { ...incident, key, group: incident.key };
  for (const shorten of [fewerRoutes, fewerWords]) {
    const text = JSON.stringify(detail);
    if (Buffer.byteLength(text) + envelopeBytes <= maxBytes) return text;
    detail = shorten(detail);
  }
  return JSON.stringify(detail);
}

type Entry = PutEventsRequestEntry & { readonly Detail: string };

const sizeOf = ({ Detail }: Entry) => Buffer.byteLength(Detail) + envelopeBytes;

/**
 * Tells incidents to an event bus (the default one, unless `bus` names another). Throws, naming the codes, when any
 * event was not taken, so that `told` stays; the others are put all the same, and repeating them does no harm.
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
export function eventBridgeTeller({
  client,
  bus,
}: {
  readonly client: EventBridgeClient;
  readonly bus?: string | undefined;
}): Teller {
  return {
    tell: async (events) => {
      const entries = events.map((event) => ({
        Source: source,
        DetailType: detailTypes[event.kind],
        Detail: detailText(event),
        ...(bus !== undefined && { EventBusName: bus }),
      }));
      const codes: string[] = [];
      for (const Entries of fullCalls(entries, sizeOf, { entries: maxPerCall, bytes: maxBytes })) {
        const answer = await client.send(new PutEventsCommand({ Entries })).catch((cause: Error) => {
          throw new Error(`eventbridge did not take ${Entries.length} events: ${cause.name}: ${cause.message}`, {
            cause,
          });
        });
        codes.push(...(answer.Entries ?? []).flatMap(({ ErrorCode }) => ErrorCode ?? []));
        // A count without codes is a failure as well.
        if (answer.FailedEntryCount && codes.length === 0) codes.push('no code given');
      }
      if (codes.length > 0)
        throw new Error(`eventbridge did not take ${codes.length} of ${entries.length} events: ${codes.join(', ')}`);
    },
  };
}
