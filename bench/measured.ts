/** The clock of both programs: what one piece of work took, from its first line to its last. */
import type { Run, Scenario } from './scenario.ts';

/** The work of this process. Its modules are loaded before: start-up is no part of either number. */
export const scenarioOf = (argv: readonly string[]): Scenario => JSON.parse(argv[2] ?? '{}') as Scenario;

/** Runs the work, tells the parent what it took, and leaves. */
export const measured = async (work: () => Promise<{ readonly arrived: number }>): Promise<void> => {
  const cpuBefore = process.cpuUsage();
  const begun = performance.now();
  const { arrived } = await work();
  const wallMs = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpuBefore);
  const run: Run = {
    wallMs,
    cpuMs: (user + system) / 1000,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    arrived,
  };
  process.send?.(run);
  process.disconnect?.();
};
