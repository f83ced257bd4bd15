/** The JSON Schema that editors use, as the repository has it, and a way to walk it. */
import { readFileSync } from 'node:fs';

/** As much of JSON Schema as the settings use. */
export type Node = {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly const?: unknown;
  readonly required?: readonly string[];
};

export const schemaFile = new URL('../../mail-canary.schema.json', import.meta.url);
export const editorSchema = JSON.parse(readFileSync(schemaFile, 'utf8')) as Node;

/** One step: a key, `*` for whatever is in a list or a map, or a kind. */
const step = (node: Node, name: string): Node => {
  const within = typeof node.additionalProperties === 'object' ? node.additionalProperties : node.items;
  const kinds = node.oneOf ?? node.anyOf;
  const found =
    name === '*'
      ? within
      : (node.properties?.[name] ?? kinds?.find(({ properties }) => properties?.kind?.const === name));
  if (found === undefined) throw new Error(`the schema has no ${name} here: ${Object.keys(node).join(', ')}`);
  return found;
};

/** The keys of the object at a place; the file's own `$schema` is left out. */
export const keysOf = (schema: Node, ...at: readonly string[]): string[] =>
  Object.keys(at.reduce(step, schema).properties ?? {}).filter((key) => key !== '$schema');
