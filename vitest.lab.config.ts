/** Tests against real servers (Postfix, Dovecot) that .ci/run installs and starts. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/lab/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false },
});
