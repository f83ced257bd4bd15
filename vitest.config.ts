/** Tests that need neither root nor servers from outside npm; the others are in test/lab (vitest.lab.config.ts). */
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The simulation computes the longest: begun last, it would keep one core busy while the other waits. */
class SimulationFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => (moduleId.includes('/test/sim/') ? 0 : 1);
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/lab/**', '.mail-canary/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Many tests wait for a server or a child process more than they compute.
    maxWorkers: 4,
    // Nothing here mocks a module, so files may share the modules of their worker: aws-cdk-lib alone takes seconds to load.
    isolate: false,
    sequence: { sequencer: SimulationFirst },
    // Copies of the core with a bug in them: Node reads them as they are, which saves transforming each of them.
    server: { deps: { external: [/\/\.mail-canary\//] } },
  },
});
