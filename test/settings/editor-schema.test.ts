/** The JSON Schema for editors is the one of the program, and says what the program says. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { jsonSchema } from '../../bin/commands/schema.ts';
import { pathKinds } from '../../lambdas/paths/index.ts';
import { editorSchema, keysOf, type Node, schemaFile } from './editor-schema.ts';

const example = readFileSync(new URL('../../examples/mail-canary.yaml', import.meta.url), 'utf8');

test('the file is current; otherwise: npm run --silent schema > mail-canary.schema.json', () => {
  expect(readFileSync(schemaFile, 'utf8')).toBe(jsonSchema());
});

test('the example names it for editors', () => {
  expect(example).toContain('# yaml-language-server: $schema=../mail-canary.schema.json\n');
});

test('unknown keys are marked everywhere', () => {
  const open: string[] = [];
  let seen = 0;
  const walk = (node: Node, at: string): void => {
    if (node.properties !== undefined) {
      seen += 1;
      if (node.additionalProperties !== false) open.push(at);
    }
    for (const [key, one] of Object.entries(node)) {
      if (key === 'properties' && typeof one === 'object')
        for (const [name, property] of Object.entries(one ?? {})) walk(property as Node, `${at}.${name}`);
      else if (typeof one === 'object' && one !== null && key !== 'required') walk(one as Node, `${at}/${key}`);
    }
  };
  walk(editorSchema, '');
  expect(seen).toBeGreaterThan(8);
  expect(open).toEqual([]);
});

test('what the program fills in need not be written, and every path kind is offered', () => {
  expect(editorSchema.required).toEqual(['mailboxes', 'paths']);
  for (const { kind } of pathKinds) expect(keysOf(editorSchema, 'paths', '*', kind)).toContain('from');
});

/** Places of a value that the schema does not know, or that it misses. */
const misfits = (value: unknown, node: Node, at: string): string[] => {
  if (Array.isArray(value))
    return node.items === undefined
      ? [at]
      : value.flatMap((one, index) => misfits(one, node.items as Node, `${at}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  const kinds = node.oneOf ?? node.anyOf;
  const kind = 'kind' in value ? value.kind : undefined;
  const shape = kinds?.find(({ properties }) => properties?.kind?.const === kind) ?? node;
  const rest = typeof shape.additionalProperties === 'object' ? shape.additionalProperties : undefined;
  return [
    ...(shape.required ?? []).filter((key) => !(key in value)).map((key) => `${at}.${key} is missing`),
    ...Object.entries(value).flatMap(([key, one]) => {
      const known = shape.properties?.[key] ?? rest;
      return known === undefined ? [`${at}.${key} is not known`] : misfits(one, known, `${at}.${key}`);
    }),
  ];
};

test('the example fits it, and mistakes do not', () => {
  expect(misfits(parse(example), editorSchema, '')).toEqual([]);
  const wrong = parse(example.replace('services:', 'service:').replace('imap: { host: imap.example.com }', ''));
  expect(misfits(wrong, editorSchema, '')).toEqual([
    '.mailboxes.inside.imap is missing',
    '.hosts[0].service is not known',
  ]);
});
