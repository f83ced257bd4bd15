/** How the cdk command runs this app. */
import { createRequire } from 'node:module';
import recommendedFlags from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { expect, test } from 'vitest';
import { cdkJson } from './stack.ts';

test('cdk.json has every recommended flag of this aws-cdk-lib, and runs the sources', () => {
  expect(cdkJson.context).toEqual(recommendedFlags);
  expect(cdkJson.app).toBe('npx node bin/app.ts');
});

test('the aws-cdk command is version 2: version 3 is an accidental publish', () => {
  const { version } = createRequire(import.meta.url)('aws-cdk/package.json') as { readonly version: string };
  expect(version).toMatch(/^2\./);
});
