/** `watch` at a pace at which a minute lasts one second: as a function for tests, and as a program that can be killed. */
import { readSettings } from '../../bin/commands/command.ts';
import { runLoop } from '../../bin/watch/loop.ts';
import { openState, type State } from '../../bin/watch/state.ts';
import { everybody, webhooksOf } from '../../bin/watch/tellers.ts';
import type { Confirmed } from '../../lambdas/core/confirm.ts';
import type { Teller } from '../../lambdas/core/ports.ts';
import { monitorOf, staticHosts } from '../../lambdas/settings/monitor.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { wireLocal } from '../../lambdas/wiring/local.ts';

export type FastOptions = {
  readonly settings: Settings;
  readonly secret: (reference: string) => Promise<string>;
  readonly state: State;
  readonly tellers: readonly Teller[];
  readonly onProblem: (what: string, error: unknown) => void;
};

export const pace = 1 / 60;

/** Wires what `watch` wires. */
export const wireFast = ({ settings, secret, state, tellers, onProblem }: FastOptions) => {
  const monitor = monitorOf(settings, pace);
  const local = wireLocal({
    settings,
    monitor,
    keys: { current: state.key },
    ledger: state.ledger,
    metrics: { publish: async () => undefined },
    teller: everybody([...tellers, ...webhooksOf(settings, secret)]),
    secret,
    sources: [staticHosts(settings)],
    onProblem,
  });
  return {
    monitor,
    local,
    run: (signal: AbortSignal, onRound: (round: Confirmed) => void = () => undefined) =>
      runLoop({ local, monitor, signal, onRound, onProblem }),
  };
};

/** `node fast-watch.ts SETTINGS STATE`: until it is killed. */
const main = async (file: string, folder: string): Promise<void> => {
  const { settings, secret } = await readSettings(file);
  const state = openState(folder);
  const onProblem = (what: string, error: unknown) => console.log(`! ${what}: ${error}`);
  const fast = wireFast({ settings, secret, state, tellers: [], onProblem });
  console.log(`resumed ${await fast.local.resume()}`);
  await fast.run(new AbortController().signal, ({ settled }) => {
    for (const { route, slot, judgement } of settled) console.log(`${route} ${slot} ${judgement.verdict}`);
  });
};

if (import.meta.main) await main(process.argv[2] ?? '', process.argv[3] ?? '');
