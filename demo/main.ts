/** `npm start`: the outage that Mail Canary exists for, re-enacted on this machine with the real rounds and real protocols. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runLoop } from '../bin/watch/loop.ts';
import { fileLedger } from '../lambdas/adapters/ledger-file.ts';
import { keyOf } from '../lambdas/core/canary.ts';
import { monitorOf, staticHosts } from '../lambdas/settings/monitor.ts';
import { wireLocal } from '../lambdas/wiring/local.ts';
import { screen } from './screen.ts';
import { type DemoHost, settingsFor } from './settings.ts';
import { storyOf } from './story.ts';
import { startWorld } from './world.ts';

/** A minute of the monitor is two seconds of the demo: time to read, and still a story of half a minute. */
const pace = 1 / 30;

const main = async (): Promise<void> => {
  const show = screen(process.stdout);
  const folder = mkdtempSync(join(tmpdir(), 'mail-canary-demo-'));
  const ending = new AbortController();
  const interrupt = () => ending.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const world = await startWorld(['web-01', 'web-02', 'web-03']);
  const ledger = fileLedger(join(folder, 'ledger.sqlite'));
  try {
    const hosts: DemoHost[] = [];
    const addHost = async (id: string, facts: Pick<DemoHost, 'services' | 'customers' | 'rack'>) => {
      hosts.push({ id, ...(await world.startHost(id)), ...facts });
    };
    await addHost('web-01', { services: 'purchase-orders', customers: 'Acme, Globex', rack: 'a' });
    await addHost('web-02', { services: 'purchase-orders', customers: 'Acme, Globex', rack: 'a' });
    world.trust('web-01');
    world.trust('web-02');
    const { settings } = settingsFor(world, hosts);
    const monitor = monitorOf(settings, pace);
    const story = storyOf({
      show,
      world,
      addHost,
      hostIds: () => hosts.map(({ id }) => id),
      end: () => ending.abort(),
    });
    const local = wireLocal({
      settings,
      monitor,
      keys: { current: keyOf(randomBytes(32).toString('hex')) },
      ledger,
      metrics: { publish: async () => undefined },
      teller: { tell: async (events) => events.forEach(story.told) },
      secret: world.secret,
      // The settings are read anew each time: a host that somebody adds is found within a minute.
      sources: [{ name: 'settings', list: () => staticHosts(settingsFor(world, hosts).settings).list() }],
      onProblem: story.problem,
    });
    story.begin();
    await runLoop({ local, monitor, signal: ending.signal, onRound: story.round, onProblem: story.problem });
    story.finish();
  } finally {
    await world.stop();
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  }
};

await main();
