/** What the README tells people to write is what the program reads. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { authKinds } from '../lambdas/mailbox/auth/index.ts';
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

test('the recipes of mailboxes are settings, one at least of every kind of login', () => {
  const recipes = [...page.matchAll(/```yaml\n((?:inside|outside):\n[^`]+)```/g)].map(([, text = '']) => text);
  const kinds = recipes.flatMap((recipe) => {
    const mailboxes = recipe.replaceAll(/^/gm, '  ');
    const rest =
      'paths: { mta: { kind: smtp, host: "{host.address}", from: orders@example.com } }\nhosts: [{ id: web-01, address: web-01.example.com, paths: [mta] }]\n';
    const { settings } = parseSettings(`mailboxes:\n${mailboxes}\n${rest}`, 'README.md', 'stack');
    return Object.values(settings.mailboxes).map(({ auth }) => auth.kind);
  });
  expect(recipes.length).toBeGreaterThan(6);
  expect([...new Set(kinds)].sort()).toEqual(authKinds.map(({ kind }) => kind).sort());
});
