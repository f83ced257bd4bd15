/** What the README tells people to write is what the program reads. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseSettings } from '../lambdas/settings/load.ts';

const page = readFileSync('README.md', 'utf8');

test('the settings in the README are settings, without a mistake or a warning', () => {
  const examples = [...page.matchAll(/```yaml\n(mailboxes:[^`]+)```/g)].map(([, text = '']) => text);
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) expect(parseSettings(example, 'README.md', 'local').warnings).toEqual([]);
});

test('every npm script that the README names is there', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly scripts: Record<string, string> };
  const named = [...page.matchAll(/npm run (?:--silent )?([a-z]+)/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(5);
  for (const name of new Set(named)) expect(scripts).toHaveProperty(name);
});
