import { EventBridgeClient, type PutEventsRequest } from '@aws-sdk/client-eventbridge';
import { afterEach, describe, expect, it } from 'vitest';
import { eventBridgeTeller } from '../../lambdas/adapters/events.ts';
import type { Affected, Incident, IncidentEvent } from '../../lambdas/core/incident.ts';
import { type AwsAnswer, type AwsCall, awsEndpoint } from '../servers/aws-endpoint.ts';

const affected: Affected = { since: 29_000_000, verdict: 'refused', cause: 'relay-denied', evidence: '554 5.7.1' };
const incident: Incident = {
  id: '20261106-bcdfg',
  key: 'refused/relay-denied/mail-gw-2',
  finding: 'refused',
  severity: 'page',
  cause: 'relay-denied',
  answeredBy: 'mail-gw-2',
  openedAt: Date.UTC(2026, 10, 6, 12),
  firstSlot: 29_000_000,
  name: 'web-03',
  summary: 'relay-denied by mail-gw-2: web-03 (1 of 6 hosts)',
  inCommon: [],
  facts: [],
  evidence: '554 5.7.1 relay access denied',
  remedy: 'trust 198.51.100.7 on mail-gw-2',
  services: ['purchase-orders'],
  customers: ['Acme'],
  routes: { 'web-03/app/outside': affected },
  openings: [Date.UTC(2026, 10, 6, 12)],
  unstable: false,
  timeline: [],
  version: 1,
  told: 0,
};
const event = (more: Partial<Incident> = {}, kind: IncidentEvent['kind'] = 'opened'): IncidentEvent => {
  const changed = { ...incident, ...more };
  return { kind, key: `${changed.id}/${changed.version}`, incident: changed };
};
const manyRoutes = (count: number, more: Partial<Affected> = {}) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`web-${n}/app/outside`, { ...affected, ...more }] as const),
  );

let close = async () => {};
afterEach(() => close());

describe('eventBridgeTeller', () => {
  type Call = AwsCall<PutEventsRequest>;
  const taken = ({ body }: Call): AwsAnswer => ({
    body: { FailedEntryCount: 0, Entries: body.Entries?.map((_, n) => ({ EventId: String(n) })) },
  });
  async function tellerWith(answer: (call: Call, index: number) => AwsAnswer, bus?: string) {
    const aws = await awsEndpoint(answer);
    close = aws.close;
    return { teller: eventBridgeTeller({ client: new EventBridgeClient(aws.config), bus }), calls: aws.calls };
  }
  const details = (calls: readonly Call[]) =>
    calls.flatMap(({ body }) => body.Entries ?? []).map(({ Detail = '' }) => JSON.parse(Detail));

  it('puts each event with its source, its kind in words, its key and the whole incident', async () => {
    const { teller, calls } = await tellerWith(taken, 'operations');
    await teller.tell([event(), event({ version: 2 }, 'changed'), event({ version: 3 }, 'closed')]);
    expect(calls[0]?.body.Entries).toMatchObject(
      ['Incident Opened', 'Incident Changed', 'Incident Closed'].map((DetailType) => ({
        Source: 'mail-canary',
        DetailType,
        EventBusName: 'operations',
      })),
    );
    expect(details(calls)[1]).toEqual({ ...incident, version: 2, key: '20261106-bcdfg/2', group: incident.key });
  });

  it('fills calls up to ten events', async () => {
    const { teller, calls } = await tellerWith(taken);
    await teller.tell(Array.from({ length: 23 }, (_, version) => event({ version })));
    expect(calls.map(({ body }) => body.Entries?.length)).toEqual([10, 10, 3]);
    expect(details(calls).map(({ version }) => version)).toEqual(Array.from({ length: 23 }, (_, n) => n));
  });

  it('keeps the events of a call under 256 KB together', async () => {
    const { teller, calls } = await tellerWith(taken);
    const routes = manyRoutes(1000);
    await teller.tell(Array.from({ length: 6 }, (_, version) => event({ version, routes })));
    expect(calls.map(({ body }) => body.Entries?.length)).toEqual([2, 2, 2]);
    expect(Object.keys(details(calls)[0].routes)).toHaveLength(1000);
  });

  it('shortens an incident that is too large to its first hundred routes', async () => {
    const { teller, calls } = await tellerWith(taken);
    await teller.tell([event({ routes: manyRoutes(5000) })]);
    const [detail] = details(calls);
    expect(Object.keys(detail.routes)).toHaveLength(100);
    expect(detail).toMatchObject({ routesOmitted: 4900, summary: incident.summary, key: '20261106-bcdfg/1' });
  });

  it('shortens even an incident of which everything is too large', async () => {
    const { teller, calls } = await tellerWith(taken);
    const huge = '\u0000é\u{1f426}'.repeat(1_000);
    const list = Array.from({ length: 100 }, () => huge);
    await teller.tell([
      event({
        ...{ name: huge, summary: huge, remedy: huge, evidence: huge, answeredBy: huge, key: huge },
        ...{ inCommon: list, facts: list, services: list, customers: list },
        timeline: list.map((text, at) => ({ at, text })),
        routes: manyRoutes(300, { evidence: huge, answeredBy: huge }),
      }),
    ]);
    expect(calls[0]?.body.Entries?.[0]?.Detail?.length).toBeLessThan(200_000);
    expect(details(calls)[0]).toMatchObject({ id: incident.id, routesOmitted: 200, severity: 'page' });
  });

  it('throws for events that fail, naming the codes, after putting the others', async () => {
    const { teller, calls } = await tellerWith((call, index) =>
      index === 0
        ? { body: { FailedEntryCount: 1, Entries: [{ EventId: '1' }, { ErrorCode: 'ThrottlingException' }] } }
        : taken(call),
    );
    await expect(teller.tell(Array.from({ length: 12 }, () => event()))).rejects.toThrow(
      'eventbridge did not take 1 of 12 events: ThrottlingException',
    );
    expect(calls).toHaveLength(2);
  });

  it('is tried again by the SDK when throttled, and throws when refused', async () => {
    const { teller, calls } = await tellerWith((call, index) =>
      index === 0
        ? { status: 400, error: 'ThrottlingException', message: 'slow down' }
        : index === 1
          ? taken(call)
          : { status: 400, error: 'AccessDeniedException', message: 'not authorized' },
    );
    await teller.tell([event()]);
    expect(calls).toHaveLength(2);
    await expect(teller.tell([event()])).rejects.toThrow(
      'eventbridge did not take 1 events: AccessDeniedException: not authorized',
    );
  });
});
