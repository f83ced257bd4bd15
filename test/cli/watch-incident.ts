/** An incident from the first refusal to recovery, with a webhook that fails at first: everybody is told once. */
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openState } from '../../bin/watch/state.ts';
import type { IncidentEvent } from '../../lambdas/core/incident.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import { appYaml, startCompany, type Test } from './company.ts';
import { wireFast } from './fast-watch.ts';
import { checkSilence } from './tool.ts';
import { resolver, until } from './waiting.ts';

const textOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

export const tellsOnce = async (context: Test): Promise<void> => {
  const company = await startCompany(context);
  company.trust('web-01');
  company.trust('web-02');
  const taken: { readonly key: string; readonly kind: string; readonly routes: readonly string[] }[] = [];
  const refused: string[] = [];
  const hook = await company.listen((request, response) => {
    void textOf(request).then((body) => {
      const event = JSON.parse(body);
      if (refused.length < 3) {
        refused.push(event.key);
        response.writeHead(500).end();
        return;
      }
      taken.push(event);
      response.writeHead(204).end();
    });
  });
  const hosts = await Promise.all(['web-01', 'web-02'].map(company.addHost));
  const file = company.file(
    'settings.yaml',
    `every: 1 minute
deliverWithin: 9 minutes
lostAfter: 10 minutes
mailboxes:
${company.mailboxYaml('outside')}paths:
${appYaml()}channels:
  - { kind: webhook, url: env:HOOK }
hosts:
${hosts.join('')}`,
  );
  const { settings } = loadSettings(join(company.folder, file), 'local');
  const state = openState(join(company.folder, 'state'));
  context.onTestFinished(state.close);
  const shown: IncidentEvent[] = [];
  const problems: string[] = [];
  const fast = wireFast({
    settings,
    secret: resolver(company, { HOOK: `http://127.0.0.1:${hook}/` }),
    state,
    tellers: [{ tell: async (events) => void shown.push(...events) }],
    onProblem: (what, error) => problems.push(`${what}: ${error}`),
  });
  const ending = new AbortController();
  const good = new Set<string>();
  const running = fast.run(ending.signal, ({ settled, problems: ours }) => {
    for (const { route, judgement } of settled) if (judgement.verdict === 'delivered') good.add(route);
    problems.push(...ours.map(({ what, error }) => `${what}: ${error}`));
  });
  await until(() => good.size === 2);
  expect(shown).toEqual([]);
  company.relay.distrust('web-02.example.test');
  await until(() => shown.length > 0);
  expect(shown[0]).toMatchObject({
    kind: 'opened',
    incident: { name: 'web-02', cause: 'relay-denied', severity: 'page', answeredBy: company.relay.name },
  });
  await until(() => taken.length > 0);
  expect(refused.length).toBe(3);
  company.trust('web-02');
  await until(() => taken.some(({ kind }) => kind === 'closed'));
  ending.abort();
  await running;

  const keys = shown.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  expect(taken.map(({ key }) => key)).toEqual(keys);
  expect(shown.map(({ kind }) => kind).filter((kind) => kind !== 'changed')).toEqual(['opened', 'closed']);
  expect(new Set(shown.map(({ incident }) => incident.id)).size).toBe(1);
  expect(taken.every(({ routes }) => routes.join() === 'web-02/app/outside')).toBe(true);
  expect([...new Set(problems)]).toEqual(['telling incidents: Error: webhook: answered 500']);
  checkSilence('events', JSON.stringify([shown, taken]), Object.values(company.secrets));
};
