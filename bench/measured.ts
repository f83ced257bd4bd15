/** The clock of both programs: what one piece of work took, from its first line to its last. */
import type { Run, Scenario } from './scenario.ts';

/** The work of this process. */
export const scenarioOf = <S = Scenario>(argv: readonly string[]): S => JSON.parse(argv[2] ?? '{}') as S;

/** What a program did; `draw` is timed by itself, and no part of the wall time. */
export type Done = { readonly arrived: number; readonly draw?: () => unknown };

/** Runs the work, tells the parent what it took, and leaves. Modules are loaded before: start-up is no part of the number. */
export const measured = async (work: () => Promise<Done>): Promise<void> => {
  const cpuBefore = process.cpuUsage();
  const begun = performance.now();
  const { arrived, draw } = await work();
  const wallMs = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpuBefore);
  draw?.();
  const run: Run = {
    wallMs,
    cpuMs: (user + system) / 1000,
    drawMs: performance.now() - begun - wallMs,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    arrived,
  };
  process.send?.(run);
  process.disconnect?.();
};
