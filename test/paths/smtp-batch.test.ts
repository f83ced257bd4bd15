/** A whole batch through the send round and the `smtp` path: a host that hangs keeps nobody waiting but itself. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { keyOf } from '../../lambdas/core/canary.ts';
import { send } from '../../lambdas/core/send.ts';
import { parseSettings } from '../../lambdas/settings/load.ts';
import { monitorOf } from '../../lambdas/settings/monitor.ts';
import { gateFor } from '../../lambdas/wiring/gate.ts';
import { sendersOf } from '../../lambdas/wiring/senders.ts';
import { pathContext } from './context.ts';
import { relay } from './smtp-harness.ts';

const deadline = 4000;

/** Takes connections and says nothing, at an address of its own. */
const hanging = async (host: string, port: number): Promise<void> => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  }).listen(port, host);
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
};

test('49 of 50 canaries are taken while one host hangs, which is refused at its deadline', async () => {
  const gateway = await relay({ trusted: ['127.0.0.1'] });
  await hanging('127.0.0.2', gateway.port);
  const hosts = Array.from({ length: 50 }, (_, index) => ({
    id: `web-${index}`,
    address: index === 7 ? '127.0.0.2' : '127.0.0.1',
    paths: ['mta'],
  }));
  const imap = { host: 'imap.supplier.example' };
  const { settings } = parseSettings(
    stringify({
      mailboxes: {
        outside: {
          address: 'canary@supplier.example',
          imap,
          auth: { kind: 'password', user: 'canary', secret: 'env:UNUSED' },
        },
      },
      paths: {
        mta: {
          kind: 'smtp',
          host: '{host.address}',
          port: gateway.port,
          from: 'orders@example.test',
          timeout: `${deadline} ms`,
        },
      },
      hosts,
    }),
    'settings.yaml',
    'local',
  );
  const monitor = monitorOf(settings);
  const { secret, aws, hello } = pathContext();
  const slot = 29_000_000;
  const ports = {
    ledger: memoryLedger(),
    now: () => slot * 60_000,
    sender: sendersOf(settings.paths, { monitor: 'test', secret, aws, hello, allowLocal: true }),
    // As the function has it.
    gate: gateFor(100),
    deadline: (after: number) => AbortSignal.timeout(after),
  };
  const routes = hosts.map(({ id }) => `${id}/mta/outside`);
  const key = keyOf('k'.repeat(32));

  const began = performance.now();
  const handovers = await send(ports, monitor, key, {
    slot,
    name: 'mta.0',
    path: 'mta',
    routes,
    hosts: settings.hosts,
  });
  const took = performance.now() - began;

  expect(handovers?.map(({ state }) => state)).toEqual(hosts.map((_, index) => (index === 7 ? 'refused' : 'accepted')));
  expect(handovers?.[7]).toMatchObject({ cause: 'timeout-at-stage', stage: 'banner' });
  await gateway.close();
  expect(gateway.delivered).toHaveLength(49);
  expect(took).toBeGreaterThanOrEqual(deadline - 50);
  // The promise is one second; a noisy machine gets three.
  expect(took).toBeLessThan(deadline + 3000);
});
