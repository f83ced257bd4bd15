import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { type WebhookPreset, webhookTeller } from '../../lambdas/adapters/webhook.ts';
import type { Incident, IncidentEvent } from '../../lambdas/core/incident.ts';

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
  routes: { 'web-03/app/outside': { since: 29_000_000, verdict: 'refused', cause: 'relay-denied' } },
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
let close = async () => {};
afterEach(() => close());

describe('webhookTeller', () => {
  const secretPath = '/services/T000/B000/very-secret';

  /** A webhook that answers with these statuses in turn, the last one for ever; `undefined` never answers. */
  async function webhookWith(
    preset: WebhookPreset,
    statuses: readonly (number | undefined)[] = [200],
    timeout = 5_000,
  ) {
    const requests: { request: IncomingMessage; body: string }[] = [];
    const server = createServer(async (request, response) => {
      requests.push({ request, body: await text(request) });
      const status = statuses[Math.min(requests.length, statuses.length) - 1];
      if (status) response.writeHead(status, { location: '/elsewhere' }).end('ok');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    close = async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    };
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${secretPath}`;
    return { teller: webhookTeller({ url: async () => `${url}\n`, timeout, preset }), requests };
  }
  const failureOf = async (telling: Promise<void>) => {
    const error = await telling.then(
      () => undefined,
      (reason: Error) => reason,
    );
    // Neither the message nor anything that hangs on the error may hold the URL.
    expect(inspect(error, { depth: 5, showHidden: true })).not.toContain('secret');
    return error?.message;
  };

  it('posts each event as JSON, in order', async () => {
    const { teller, requests } = await webhookWith('json');
    const closedAt = incident.openedAt + 60_000;
    await teller.tell([event(), event({ version: 2, closedAt }, 'closed')]);
    expect(requests.map(({ request }) => [request.method, request.url, request.headers['content-type']])).toEqual(
      Array(2).fill(['POST', secretPath, 'application/json; charset=utf-8']),
    );
    const { id, name, severity, cause, summary, evidence, remedy, services, customers } = incident;
    const common = { id, name, severity, cause, summary, evidence, remedy, services, customers };
    const expected = { ...common, routes: ['web-03/app/outside'], openedAt: '2026-11-06T12:00:00.000Z' };
    expect(requests.map(({ body }) => JSON.parse(body))).toEqual([
      { kind: 'opened', key: '20261106-bcdfg/1', ...expected },
      { kind: 'closed', key: '20261106-bcdfg/2', ...expected, closedAt: '2026-11-06T12:01:00.000Z' },
    ]);
  });

  it('tells Slack in lines of words', async () => {
    const { teller, requests } = await webhookWith('slack');
    await teller.tell([event()]);
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({
      text: [
        'Incident opened (page): `web-03`',
        'What: `relay-denied by mail-gw-2: web-03 (1 of 6 hosts)`',
        'Said: `554 5.7.1 relay access denied`',
        'Do: `trust 198.51.100.7 on mail-gw-2`',
        'Services: `purchase-orders`',
        'Customers: `Acme`',
        'Since: `2026-11-06T12:00:00.000Z`',
        'Id: `20261106-bcdfg`',
      ].join('\n'),
    });
  });

  it('keeps what a remote server wrote inside one code span, at most 500 characters of it', async () => {
    const { teller, requests } = await webhookWith('slack');
    const evil =
      '554 ` <!channel> <https://evil.example|click> @here *b* _i_ &lt;\r\nWhat: fine\u0000\u001b[31m\u2028\u202e\u200b\ud800 `x`';
    await teller.tell([event({ evidence: evil + 'y'.repeat(1000), name: evil, summary: evil, remedy: evil })]);
    const lines: string[] = JSON.parse(requests[0]?.body ?? '').text.split('\n');
    expect(lines).toHaveLength(8);
    for (const line of lines) expect(line).toMatch(/^[A-Z][a-z]+[a-z ()]*: `[^`<>@\p{C}\p{Zl}\p{Zp}]+`$/u);
    expect(lines[1]).toBe(
      'What: `554 ˋ &lt;!channel&gt; &lt;https://evil.example|click&gt; ＠here *b* _i_ &amp;lt; What: fine [31m ˋxˋ`',
    );
    expect(lines[2]?.match(/y/g)?.length).toBeGreaterThan(350);
    expect(lines[2]?.replaceAll(/&[a-z]+;/g, '.').length).toBeLessThanOrEqual(500 + 'Said: ``'.length);
  });

  it.each([301, 307, 400, 404, 429, 500])('throws for %i after one attempt, without the URL', async (status) => {
    const { teller, requests } = await webhookWith('json', [status]);
    expect(await failureOf(teller.tell([event(), event()]))).toBe(`webhook: answered ${status}`);
    expect(requests).toHaveLength(1);
  });

  it('has one deadline for all events', async () => {
    const { teller, requests } = await webhookWith('json', [200, undefined], 300);
    const started = performance.now();
    expect(await failureOf(teller.tell([event(), event(), event()]))).toBe('webhook: no answer in time');
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(requests).toHaveLength(2);
  });

  it.each([
    ['a URL that is none', async () => 'hooks.example/secret', 'webhook: its url is not an http(s) URL'],
    ['another scheme', async () => 'file:///secret', 'webhook: its url is not an http(s) URL'],
    ['a URL with a password', async () => 'https://user:secret@hooks.example/', 'webhook: it failed'],
    ['a port where nobody listens', async () => 'http://127.0.0.1:2/secret', 'webhook: no answer (ECONNREFUSED)'],
    ['a URL that never comes', () => new Promise<string>(() => {}), 'webhook: no answer in time'],
  ])('throws for %s, without the URL', async (_, url, message) => {
    expect(await failureOf(webhookTeller({ url, timeout: 300, preset: 'json' }).tell([event()]))).toBe(message);
  });

  it('says why the URL cannot be read', async () => {
    const url = () => Promise.reject(new Error('cannot read secret env:SLACK: this environment variable is not set'));
    await expect(webhookTeller({ url, timeout: 300, preset: 'json' }).tell([event()])).rejects.toThrow('env:SLACK');
  });
});
